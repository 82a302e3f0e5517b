"""What the page says is what the tables of the run folder say; a table that is absent leaves its section out."""

import shutil
from dataclasses import replace
from typing import Any

import pytest

from common.wording import mean_sd, n_decimals_of
from pipeline.commands.evaluation.command import run_evaluate_command
from pipeline.report.figures.catalog import FIGURES
from pipeline.report.figures.rasters import draw_raster
from pipeline.report.figures.style import figure_style
from pipeline.report.html import write_report
from pipeline.report.score_tables import harm_done, score_lines
from pipeline.run_folder.pictures import write_film_strips
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import Tables
from pipeline.scoring.bouts.choice import FilmStrip
from tests.pipeline.report.report_runs import make_run
from tests.pipeline.report.test_report import Page

TABLES = {
    "agreement.csv": {"agreement"},
    "bout_scores.csv": {"bouts"},
    "calibration.csv": {"calibration"},
    "groups.csv": {"groups"},
    "intervals.csv": set[str](),
    "postprocess.csv": {"postprocessing"},
    "protocol.csv": {"protocol"},
    # One of these two fills the section; the other is enough.
    "statistics.csv": set[str](),
    "statistics_agreement.csv": set[str](),
    "statistics_bins.csv": set[str](),
}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "run", n_train=4, n_test=1, n_predict=1, n_frames=1000, n_annotators=3
    )
    # Figures take most of the time, and other tests look at them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})
        write_report(folder)
    return folder


@pytest.fixture(scope="module")
def run(run_dir) -> Any:
    return read_run(run_dir)


def section_text(run_dir, name):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    (part,) = [part for part in text.split("<section ") if part.startswith(f'id="{name}"')]
    return Page("<section " + part.split("</section>")[0] + "</section>").text


def three(value):
    return "n/a" if value is None else f"{value:.3f}"


def test_frame_scores_stand_raw_closed_and_full_side_by_side(run_dir, run):
    text = section_text(run_dir, "scores")
    for row in run.scores:
        for name in ("f1", "precision", "recall", "balanced_accuracy", "cohen_kappa", "mcc", "roc_auc", "accuracy"):
            if row["recording"] == "pooled":
                assert three(row[name]) in text
    line = score_lines(run, "mid_rearing", pooled=True)[0]
    f1 = [three(row["f1"]) for row in line.frames.values()]
    intervals = [line.intervals[variant, "f1"] for variant in line.frames]
    cells = [f"{value} {three(i['low'])}–{three(i['high'])}" for value, i in zip(f1, intervals, strict=True)]
    assert " ".join(cells) in text
    assert text.index("Precision") < text.index("Kappa") < text.index("Accuracy")


def test_bout_scores_and_ends_are_those_of_the_table(run_dir, run):
    text = section_text(run_dir, "bouts")
    for behavior in run.behaviors:
        for variant in ("raw", "closed", "full"):
            row = run.tables.bout_score(behavior, "cross_validation", variant)
            views = [row[f"bout_f1_iou{k}{view}"] for view in ("", "_true_to_predicted") for k in (10, 25, 50)]
            counts = [str(row[name]) for name in ("n_true", "n_predicted")]
            errors = [str(row[name]) for name in ("missed", "split", "invented", "merged")]
            assert " ".join([*counts, *map(three, views), *errors, three(row["edit_score"])]) in text
            ends = [row[name] for name in ("onset_error_s", "onset_shift_s", "offset_error_s", "offset_shift_s")]
            assert " ".join([str(row["n_matched"]), *(f"{end:.2f}" for end in ends)]) in text


def test_intervals_stand_on_the_first_screen(run_dir, run):
    text = section_text(run_dir, "result")
    for behavior in run.behaviors:
        for variant, score in (("raw", "average_precision"), ("full", "f1"), ("full", "bout_f1_iou50")):
            row = run.tables.interval(behavior, "cross_validation", variant, score)
            assert f"{three(row['value'])} {three(row['low'])}–{three(row['high'])}" in text


def test_human_agreement_is_shown_pair_by_pair_with_means(run_dir, run):
    text = section_text(run_dir, "agreement")
    rows = [row for row in run.tables.agreement if row["recording"] == "pooled"]
    assert rows
    for row in rows:
        measures = [three(row[name]) for name in ("kappa", "f1", "bout_f1_iou50")]
        assert f"{row['first']} – {row['second']}" in text
        assert " ".join(measures) in text
    humans = [
        row["f1"]
        for row in rows
        if (row["behavior"], row["subset"], row["kind"]) == ("grooming", "cross_validation", "human-human")
    ]
    assert f"two humans {three(sum(humans) / 3)}" in section_text(run_dir, "result")


def test_optimism_is_a_number_with_its_interval(run_dir, run):
    text = section_text(run_dir, "protocol")
    for row in run.tables.protocol:
        numbers = f"{three(row['nested'])} {three(row['thesis'])} {row['optimism']:+.3f}"
        assert f"{numbers} {row['low']:+.3f} to {row['high']:+.3f} {three(row['p'])}" in text


def test_publication_statistics_and_groups_are_those_of_the_tables(run_dir, run):
    text = section_text(run_dir, "statistics")
    for row in run.tables.statistics_agreement:
        if row["statistic"] == "total_s" and row["subset"] == "cross_validation":
            names = ("human_mean", "predicted_mean", "bias", "mean_absolute_error")
            cells = " ".join(f"{row[name]:,.2f}" for name in names)
            assert f"{cells} {three(row['pearson_r'])} {row['limit_low']:.2f} to {row['limit_high']:.2f}" in text
    groups = section_text(run_dir, "groups")
    for row in run.tables.groups:
        n = n_decimals_of(row["mean_first"], row["sd_first"], row["mean_second"], row["sd_second"])
        assert f"{mean_sd(row['mean_second'], row['sd_second'], n)} {row['difference']:.{n}f}" in groups
        assert three(row["p"]) in groups


def test_calibration_and_settings_are_told(run_dir, run):
    text = section_text(run_dir, "calibration")
    for row in run.tables.calibration:
        assert " ".join(three(row[name]) for name in ("calibration_error", "brier", "log_loss")) in text
    assert "Frames with a probability of at least 0.5 are active" in section_text(run_dir, "postprocessing")


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without figures."""
    monkeypatch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})


def sections_of(folder):
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)
    return {name for name in anchors if not name.startswith("term-")}, page


@pytest.mark.usefixtures("undrawn")
def test_without_a_table_the_page_lacks_its_sections_and_nothing_else(run_dir, tmp_path):
    folder = shutil.copytree(run_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("figures"))
    whole, _ = sections_of(folder)
    for name, own in TABLES.items():
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        assert whole - sections_of(folder)[0] == own, name
        (folder / name).write_bytes(kept)
    for name in TABLES:
        (folder / name).unlink()
    bare, page = sections_of(folder)
    assert whole - bare == set().union(*TABLES.values()) | {"statistics"}
    # Three behaviors in two subsets: frame scores alone are left to be computed again.
    assert "all 6 pooled rows of frame and bout scores were computed again" in page.text


def test_every_figure_can_do_without_the_newer_tables(run):
    bare = replace(run, tables=Tables())
    with figure_style():
        drawn = {name for name, (draw, _, _) in FIGURES.items() if draw(bare) is not None}
        assert draw_raster(bare, bare.recordings[0]) is not None
    missing = {
        "agreement",
        "calibration",
        "ensemble",
        "found",
        "groups",
        "importance",
        "proximity",
        "statistics",
        "time_bins",
        "variants",
    }
    assert set(FIGURES) - drawn == missing


def test_harm_done_by_closing_is_said(run):
    rows = [dict(row) for row in run.scores]
    for row in rows:
        if (row["behavior"], row["subset"], row["recording"]) == ("grooming", "test", "pooled"):
            row["f1"] = {"raw": 0.9, "closed": 0.8, "full": 0.9004}[row["postprocessed"]]
    changed = replace(run, scores=tuple(rows))
    found = [words for words in harm_done(changed) if words.startswith("grooming, test") and "frame" in words]
    assert found == ["grooming, test: frame F1 0.800 by closing alone, 0.900 raw"]
    for row in rows:
        if (row["behavior"], row["subset"], row["recording"]) == ("grooming", "test", "pooled"):
            row["f1"] = {"raw": 0.9, "closed": 0.8, "full": 0.8}[row["postprocessed"]]
    found = [words for words in harm_done(replace(run, scores=tuple(rows))) if words.startswith("grooming, test")]
    assert found[0] == "grooming, test: frame F1 0.800 by closing, 0.900 raw"


@pytest.mark.usefixtures("undrawn")
def test_film_strips_are_embedded_by_kind_and_rank(run_dir, tmp_path):
    folder = shutil.copytree(run_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("figures"))
    common: dict[str, Any] = {"behavior": "grooming", "recording": "mouse_01", "start_frame": 10, "stop_frame": 20}
    common |= {"start_s": 1.0, "stop_s": 2.0, "frames_shown": (10, 12)}
    correct = FilmStrip(kind="correct", rank=1, mean_probability=0.9, iou=0.75, file="film_strips/c.jpg", **common)
    second = FilmStrip(kind="missed", rank=2, mean_probability=0.1, iou=None, file="film_strips/b.jpg", **common)
    first = FilmStrip(kind="missed", rank=1, mean_probability=0.2, iou=None, file="film_strips/a.jpg", **common)
    strips = {correct: b"\xff\xd8c", second: b"\xff\xd8b", first: b"\xff\xd8a"}
    write_film_strips(RunDir(folder), strips)
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    shown = [image for image in page.images if image["src"].startswith("data:image/jpeg")]
    # The last byte of each picture tells which it is: base64 of ff d8 61, 62, 63.
    assert [image["src"][-4:] for image in shown] == ["/9hh", "/9hi", "/9hj"]
    assert shown[0]["alt"] == "Missed bout of grooming: mouse_01, 1.0–2.0 s, mean probability 0.200"
    assert shown[2]["alt"].endswith("mean probability 0.900, IoU 0.750")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    lines = ["frame,human,model"]
    # Two human bouts of 30 frames; the model finds the first and half of the second, in three pieces.
    for frame in range(200):
        human = 20 <= frame < 50 or 100 <= frame < 130
        model = 20 <= frame < 50 or frame in (*range(100, 104), *range(109, 114), *range(120, 126))
        lines.append(f"{frame},{int(human)},{0.9 if model else 0.1 + (frame % 7) / 100}")
    path = folder / "one.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = [str(path), "--behavior", "digging=human,model", "--fps", "10", "--max-gap-s", "0", "--min-bout-s", "0"]
    assert run_evaluate_command([*arguments, "--output", str(folder / "out")]) == 0
    return folder / "out"


def test_an_evaluation_has_a_sensible_page(evaluation):
    page = Page((evaluation / "report.html").read_text(encoding="utf-8"))
    run: Any = read_run(evaluation)
    f1 = run.score("digging", "evaluation", "full")["f1"]
    assert f"Frame F1 {f1:.3f}" in page.text
    assert "Probabilities that another program wrote" in page.text
    assert "Finds the frames but breaks bouts in pieces: 2.0 times as many bouts as the human" in page.text
    assert "only 60 positive frames; only 1 individual shows the behavior" in page.text
    assert not {"training", "cost", "agreement", "groups", "protocol", "strips"} & set(page.ids)
    assert "Cross-validation:" not in page.text
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= set(page.ids)


def test_tables_of_single_recordings_are_closed_at_first(run_dir):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    opened = [part.split("</details>")[0] for part in text.split("<details open")[1:]]
    assert "per recording</summary>" in text and not [part for part in opened if "<table" in part]
