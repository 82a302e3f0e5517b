"""The page's arithmetic, run in a real browser: frames and seconds, bouts that are joined and cut, thinned curves."""

import pytest

from pipeline.review.scripts import bundle
from tests.browser import BROWSER, needs_browser

pytestmark = needs_browser


@pytest.fixture(scope="module")
def evaluate():
    """Runs the body of a function that sees all that the named modules export."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()

        def run(names, body):
            return page.evaluate(f"() => {{ {bundle(names)}\n{body} }}")

        yield run
        browser.close()


@pytest.mark.parametrize("rate", [(25, 1), (30000, 1001), (24000, 1001), (60000, 1001), (10, 1), (15, 2), (1000, 1)])
def test_every_frame_is_found_again_from_its_time(evaluate, rate):
    wrong = evaluate(
        ["frames.js"],
        f"""
        const clock = new modules.frames.Clock([{rate[0]}, {rate[1]}], 300000);
        const wrong = [];
        for (let i = 0; i < 300000; i += 1) {{
          const found = [clock.frameAt(clock.middle(i)), clock.frameAt(clock.seconds(i)),
            clock.frameAt(Math.fround(clock.middle(i)))];
          // Time stamps come in microseconds.
          found.push(clock.frameOf(Math.round(clock.seconds(i) * 1e6) / 1e6));
          if (clock.seconds(i) > 100) found.splice(2, 1);
          if (found.some((frame) => frame !== i)) wrong.push([i, ...found]);
        }}
        return wrong.slice(0, 5);
        """,
    )
    assert wrong == []


def test_times_in_words(evaluate):
    words = evaluate(
        ["frames.js"], "return [0, 9.999, 59.996, 61.5, 3661.25].map((second) => modules.frames.timeText(second));"
    )
    assert words == ["0:00.00", "0:10.00", "1:00.00", "1:01.50", "1:01:01.25"]


def test_bouts_stay_apart_and_cover_what_they_should(evaluate):
    """Random edits, against a plain list of frames."""
    faults = evaluate(
        ["bouts.js"],
        """
        const { makeBout, put, replaceSpan, without } = modules.bouts;
        const N = 60;
        let seed = 7;
        const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
        const span = () => { const a = random(N); return [a, a + 1 + random(N - a)]; };
        const faults = [];
        let bouts = [];
        let frames = [new Set(), new Set()];
        for (let step = 0; step < 4000; step += 1) {
          const behavior = random(2);
          const own = frames[behavior];
          const [start, stop] = span();
          const kind = random(3);
          if (kind === 0) {
            bouts = put(bouts, makeBout(behavior, start, stop, "edited")).bouts;
            for (let i = start; i < stop; i += 1) own.add(i);
          } else if (kind === 1 && bouts.length) {
            const gone = bouts[random(bouts.length)];
            bouts = without(bouts, gone.id);
            for (let i = gone.start; i < gone.stop; i += 1) frames[gone.behavior].delete(i);
          } else {
            const half = Math.floor((start + stop) / 2);
            const runs = random(2) ? [[Math.max(0, start - 3), half]].filter(([a, b]) => a < b) : [];
            bouts = replaceSpan(bouts, behavior, start, stop, runs, "human");
            for (let i = start; i < stop; i += 1) own.delete(i);
            for (const [a, b] of runs) for (let i = Math.max(a, start); i < Math.min(b, stop); i += 1) own.add(i);
          }
          for (const which of [0, 1]) {
            const list = bouts.filter((bout) => bout.behavior === which);
            const covered = new Set();
            for (const bout of list) for (let i = bout.start; i < bout.stop; i += 1) covered.add(i);
            const alike = covered.size === frames[which].size && [...covered].every((i) => frames[which].has(i));
            const apart = list.every((bout, i) => bout.start < bout.stop && (i === 0 || list[i - 1].stop < bout.start));
            if (!alike || !apart) faults.push([step, kind, alike, apart]);
          }
          if (bouts.length > 14) { bouts = []; frames = [new Set(), new Set()]; }
        }
        return faults.slice(0, 5);
        """,
    )
    assert faults == []


def test_frames_that_are_the_models_are_those_that_nobody_set(evaluate):
    """Random steps of a document, against a plain list of frames."""
    faults = evaluate(
        ["bouts.js", "document.js"],
        """
        const { boutsFromRuns, changedSpans, joined, makeBout, minus, put, replaceSpan, without } = modules.bouts;
        const N = 60;
        let seed = 11;
        const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
        const span = () => { const a = random(N); return [a, a + 1 + random(N - a)]; };
        const isIn = (i, bouts) => bouts.some((bout) => bout.start <= i && i < bout.stop);
        const labels = (bouts) => Array.from({ length: N }, (_, i) => isIn(i, bouts));
        const model = [[5, 12], [20, 21], [30, 44]];
        const faults = [];
        const doc = new modules.document.CorrectedDocument(boutsFromRuns([model], "model"), "model", [[[0, N]]]);
        let own = new Set(Array(N).keys());
        for (let step = 0; step < 3000; step += 1) {
          const before = { labels: labels(doc.bouts), own: new Set(own), from: JSON.stringify(doc.fromModel) };
          const [start, stop] = span();
          const kind = doc.bouts.length ? random(4) : 0;
          if (kind === 0) doc.change(put(doc.bouts, makeBout(0, start, stop, "edited")).bouts, "");
          else if (kind === 1) doc.change(without(doc.bouts, doc.bouts[random(doc.bouts.length)].id), "");
          else if (kind === 2) {
            const bouts = replaceSpan(doc.bouts, 0, start, stop, model, "model");
            const fromModel = [joined([...doc.fromModel[0], ...changedSpans(doc.bouts, bouts, 0)])];
            doc.change(bouts, "", { fromModel });
          } else {
            const bouts = replaceSpan(doc.bouts, 0, start, stop, [], "human");
            doc.change(bouts, "", { fromModel: [minus(doc.fromModel[0], [[start, stop]])] });
          }
          const after = labels(doc.bouts);
          for (let i = 0; i < N; i += 1) {
            if (kind === 3 && start <= i && i < stop) own.delete(i);
            else if (after[i] !== before.labels[i]) kind === 2 ? own.add(i) : own.delete(i);
          }
          const covered = new Set(doc.fromModel[0].flatMap(([a, b]) => Array.from({ length: b - a }, (_, i) => a + i)));
          const apart = doc.fromModel[0].every(([a, b], i, all) => a < b && (i === 0 || all[i - 1][1] < a));
          if (covered.size !== own.size || ![...own].every((i) => covered.has(i)) || !apart) faults.push([step, kind]);
          if (random(3) === 0 && step % 7) {
            doc.undo();
            if (JSON.stringify(doc.fromModel) !== before.from) faults.push([step, "undo"]);
            doc.redo();
          }
        }
        return faults.slice(0, 5);
        """,
    )
    assert faults == []


def test_the_picture_follows_the_mean_of_where_the_animal_was(evaluate):
    found = evaluate(
        ["dom.js", "box.js"],
        """
        const at = (frame) => (frame < 2 || frame === 5 ? null : [frame * 10, 0, frame * 10 + 4, 8]);
        const { x, y } = modules.box.steadyCenters(at, 8, 1);
        return { x: [...x], y: [...y] };
        """,
    )
    # Middles: 22 until frame 2, then 32, 42, 42 (none of its own), 62, 72.
    middles = [22, 22, 22, 32, 42, 42, 62, 72]
    mean = [22, 22, *(sum(middles[i - 1 : i + 2]) / 3 for i in range(2, 7)), 67]
    assert found["x"] == pytest.approx(mean)
    assert found["y"] == [4] * 8


def test_a_thinned_curve_keeps_every_peak_and_every_gap(evaluate):
    found = evaluate(
        ["decimate.js"],
        """
        const values = new Float32Array(30000).fill(0.25);
        values[12345] = 0.9; values[20000] = 0.01;
        for (let i = 5000; i < 6000; i += 1) values[i] = NaN;
        const { x, y } = modules.decimate.decimate(values, 0, 30000, 500);
        const single = modules.decimate.decimate(values, 12340, 12350, 500);
        const known = y.filter((p) => p !== null);
        const unknown = x.filter((_, i) => y[i] === null);
        return { n: x.length, peak: x[y.indexOf(Math.max(...known))], low: x[y.indexOf(Math.min(...known))],
          gaps: unknown.every((at) => at > 5000 && at < 6000), nulls: unknown.length,
          rising: x.every((at, i) => i === 0 || x[i - 1] < at), single: single.x };
        """,
    )
    assert found["n"] <= 1500
    assert (found["peak"], found["low"]) == (12345.5, 20000.5)
    assert found["gaps"]
    assert found["nulls"] > 10
    assert found["rising"]
    assert found["single"] == [frame + 0.5 for frame in range(12340, 12350)]


def test_probabilities_are_unpacked_as_they_were_packed(evaluate):
    import numpy as np

    from pipeline.review.pages import _packed

    probability = np.array([0.0, 0.5, 1.0, np.nan, 0.123456])
    found = evaluate(["decimate.js"], f"return [...modules.decimate.unpack('{_packed(probability)}')].map(String);")
    assert found[3] == "NaN"
    assert [float(text) for text in found[:3] + found[4:]] == pytest.approx([0, 0.5, 1, 0.123456], abs=1e-5)
