"""Names that would do harm: in a real browser nothing of them runs, and as files they stay where they belong.

The pages' own policy is switched off here: what would be run without it must not be there in the first place.
"""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import InputError
from common.tables import read_table, write_table
from pipeline.command_line import main
from pipeline.commands.compare import run_compare_command
from pipeline.report.html import write_report
from pipeline.review.run_reading import read_review_run
from pipeline.review.server import address, make_offer, make_server
from pipeline.review.videos import page_video
from tests.browser import BROWSER, needs_browser
from tests.pipeline.report.report_runs import make_run
from tests.pipeline.review.review_runs import Scene, make_review_run, write_browser_video

PAYLOADS = (
    "<script>window.ran=1</script>",
    "\"><img src=x onerror='window.ran=2'>",
    "'; window.ran=3; '",
    "</script><script>window.ran=4</script>",
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "`${window.ran=5}`",
    '<a href="javascript:window.ran=6">x</a>',
    "<svg/onload=window.ran=7>",
    "../../../evil",
    "..\\..\\evil",
    "\x1b[31mred\x07",
    "\u202egnp.exe",
    "$\\frac{$",
    "__proto__",
    "x" * 300,
)
"""Some could be names of behaviors in other programs, of individuals or of groups."""
RECORDINGS = ("it's &lt;b&gt; {{1}}", "`${window.ran=8}`;#%2e%2e&amp;", "__proto__", "x" * 115 + " é")
"""What may be the name of a recording, and thus of files."""
UNSAFE = ("<script>", "a/b", "../x", "..\\x", 'a"b', "a\x07b", "x" * 300, ".x", "CON", "a:b", " a", "")


@pytest.fixture(scope="module")
def context():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        made = chromium.new_context(bypass_csp=True, accept_downloads=True, viewport={"width": 1280, "height": 800})
        yield made
        made.close()
        chromium.close()


def open_page(context, url: str):
    """A page, with all that it asked for, complained of or showed in a dialog."""
    page = context.new_page()
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("dialog", lambda dialog: page.heard.append(dialog.message) or dialog.dismiss())
    page.on("response", lambda answer: answer.status < 400 or page.heard.append(f"{answer.status} {answer.url}"))
    page.on("request", lambda request: request.url.startswith("data:") or page.heard.append(request.url))
    page.goto(url)
    page.wait_for_timeout(300)
    return page


def require_harmless(page, *expected: str) -> None:
    """Nothing of a name ran, became an element, or was asked for; it is shown as it is."""
    assert page.evaluate("window.ran") is None
    scripts = "script:not([type='application/json']):not([type='module'])"
    dangerous = f"{scripts}, a[href^='javascript:'], [onerror], [onload]"
    own = page.evaluate("Array.from(document.scripts).filter(s => !s.type && s.text.length > 100000).length")
    assert page.locator(dangerous).count() == own
    text = page.evaluate("document.body.textContent")
    for name in expected:
        assert name in text
        assert name.replace("<", "&lt;") == name or name.replace("<", "&lt;") not in text


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A run whose individuals, groups, annotators, files and description are all meant to do harm."""
    folder = tmp_path_factory.mktemp("runs") / "exp"
    make_run(
        folder, behaviors=("grooming", PAYLOADS[1]), n_train=4, n_test=1, n_frames=500, n_annotators=3,
        name=PAYLOADS[0], description=" ".join(PAYLOADS), note=PAYLOADS[2],
    )  # fmt: skip
    rows = read_table(folder / "recordings.csv")
    for i, row in enumerate(rows):
        row |= {"individual": PAYLOADS[i], "group": PAYLOADS[i + 5], "video": PAYLOADS[-1 - i]}
    write_table(folder / "recordings.csv", tuple(rows[0]), rows)
    for name in ("agreement.csv", "groups.csv"):
        text = (folder / name).read_text(encoding="utf-8")
        quoted = '"' + PAYLOADS[1].replace('"', '""') + '"'
        for old, new in ((",A,", f",{PAYLOADS[0]},"), (",B,", f",{quoted},"), (",HD", f",{PAYLOADS[8]}")):
            text = text.replace(old, new)
        (folder / name).write_text(text, encoding="utf-8")
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    provenance |= {"notes": list(PAYLOADS), "doubts": list(PAYLOADS[:2]), "command": PAYLOADS[0], "python": PAYLOADS[1]}
    (folder / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    write_report(folder)
    return folder


class TestInABrowser:
    """What needs one."""

    pytestmark = needs_browser

    def test_a_report_shows_names_and_runs_none(self, context, hostile):
        url = (hostile / "report.html").as_uri()
        page = open_page(context, url)
        require_harmless(page, *PAYLOADS[:3])
        assert page.heard == [url]

    def test_a_comparison_shows_names_and_runs_none(self, context, hostile, tmp_path):
        other = make_run(tmp_path / "b", behaviors=("grooming", PAYLOADS[1]), n_train=4, n_test=1, n_frames=500,
                         name=PAYLOADS[8], noise=2.0)  # fmt: skip
        assert run_compare_command([str(hostile), str(other), "--output", str(tmp_path / "out")]) == 0
        url = (tmp_path / "out" / "comparison.html").as_uri()
        page = open_page(context, url)
        require_harmless(page, PAYLOADS[0], PAYLOADS[1], PAYLOADS[8])
        assert page.heard == [url]

    def test_the_review_shows_names_and_runs_none(self, context, tmp_path):
        video = write_browser_video(tmp_path / "videos" / "it's <b> #1 %41.mp4")
        behaviors = PAYLOADS[:4] + PAYLOADS[6:9] + PAYLOADS[11:]
        scene = Scene(model=(((20, 60), (120, 150)),) * len(behaviors), human=(((20, 60),),) * len(behaviors))
        scenes = {name: (scene, video if i == 0 else None) for i, name in enumerate(RECORDINGS)}
        run_dir = make_review_run(tmp_path / "run", scenes, behaviors, PAYLOADS[0])
        assert main(["review", str(run_dir)]) == 0
        before = sorted(path for path in tmp_path.rglob("*"))
        run, found = read_review_run(run_dir)
        reviews = [replace(r, video=page_video(r.row, run_dir / "review", {}, lambda *_: None)) for r in found]
        offer = make_offer(run, reviews, run_dir / "review", run_dir / "corrections")
        with make_server(offer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = open_page(context, address(server, offer))
            require_harmless(page, *RECORDINGS)
            for i in range(len(RECORDINGS)):
                page = open_page(context, address(server, offer))
                page.locator("main a, table a").nth(i).click()
                page.wait_for_selector("body[data-ready]", timeout=20000)
                require_harmless(page, *behaviors)
                for key in ("j", "Shift+m", "a", "Control+s"):
                    page.keyboard.press(key)
                page.wait_for_timeout(300)
                assert page.locator("#said").text_content().startswith("Saved ")
                require_harmless(page, *behaviors)
                assert [heard for heard in page.heard if not heard.startswith("http://127.0.0.1:")] == []
            server.shutdown()
        new = {path for path in tmp_path.rglob("*") if path not in before}
        assert {path.parent for path in new} <= {run_dir, run_dir / "corrections"}
        assert {path.name for path in new if path.suffix == ".csv"} == {f"{name}.csv" for name in RECORDINGS}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_run_whose_recordings_are_no_file_names_is_refused(tmp_path, name):
    """As somebody else's folder may hold it: nothing is written beside the run."""
    run_dir = make_review_run(tmp_path / "run", {"first": (Scene(), None)})
    rows = read_table(run_dir / "recordings.csv")
    rows[0]["recording"] = name
    write_table(run_dir / "recordings.csv", tuple(rows[0]), rows)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="can be no file name") as error:
        read_review_run(run_dir)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 800
    assert sorted(tmp_path.rglob("*")) == before
