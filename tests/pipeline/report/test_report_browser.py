"""A real browser opens the page: nothing fails, every figure is seen, the table of contents leads somewhere."""

import io
import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.report.html import write_report
from pipeline.run_folder.pictures import write_film_strips
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.choice import FilmStrip
from tests.browser import BROWSER, needs_browser
from tests.pipeline.report.report_runs import make_run

pytestmark = needs_browser

# Put into a copy of the page, whose policy forbids scripts: it looks around and writes what it found into the page.
SCRIPT = """
<script>
const failures = [];
const say = event => failures.push("error: " + (event.message || event.target.outerHTML.slice(0, 80)));
window.addEventListener("error", say, true);
document.addEventListener("securitypolicyviolation", event => failures.push("forbidden: " + event.blockedURI));
window.addEventListener("load", () => {
  document.documentElement.style.scrollBehavior = "auto";
  for (const part of document.querySelectorAll("details")) part.open = true;
  const images = [...document.images].map(image => ({
    alt: image.alt, loaded: image.complete && image.naturalWidth > 0, width: image.getBoundingClientRect().width,
  }));
  const contents = [...document.querySelectorAll("nav a")].map(link => {
    link.click();
    const section = document.getElementById(decodeURIComponent(link.hash.slice(1)));
    const top = section && section.getBoundingClientRect().top;
    return {hash: link.hash, arrived: !!section && location.hash === link.hash && top >= -1 && top < innerHeight};
  });
  const loaded = performance.getEntriesByType("resource").map(entry => entry.name);
  const requests = loaded.filter(url => !url.startsWith("data:"));
  const found = {failures, images, contents, requests, overflow: document.documentElement.scrollWidth - innerWidth};
  const result = document.createElement("pre");
  result.id = "found";
  result.textContent = JSON.stringify(found);
  document.body.append(result);
});
</script>
"""


def open_page(page: Path, profile: Path) -> tuple[str, list[str]]:
    """The page as the browser has it once it is loaded, and what it wrote to its console."""
    assert BROWSER is not None
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--window-size=1280,800", "--enable-logging=stderr", f"--user-data-dir={profile}", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=True,
    )  # fmt: skip
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def look_around(page: Path, profile: Path) -> dict[str, Any]:
    """What the script finds in a copy of the page that lies beside it."""
    text = page.read_text(encoding="utf-8")
    allowed = text.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    assert allowed != text
    copy = page.with_name("looked_at.html")
    copy.write_text(allowed.replace("</title>", "</title>" + SCRIPT, 1), encoding="utf-8")
    dom, console = open_page(copy, profile)
    copy.unlink()
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None, dom[-500:]
    return json.loads(unescape(found.group(1))) | {"console": console}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "exp 1 é",
        behaviors=("grooming", "mäuse & $x^$ 行動"),
        n_train=4,
        n_test=1,
        n_predict=1,
        n_frames=1300,
        n_annotators=3,
        note="Another backbone was used.",
    )
    strip = FilmStrip("grooming", "mouse_01", "missed", 1, 10, 20, 0.2, None, 1.0, 2.0, (10, 12), "film_strips/a.jpg")
    write_film_strips(RunDir(folder), {strip: jpeg()})
    write_report(folder)
    return folder


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 60), "#888").save(stream, "jpeg")
    return stream.getvalue()


@pytest.fixture(scope="module")
def found(run_dir, tmp_path_factory):
    return look_around(run_dir / "report.html", tmp_path_factory.mktemp("profile"))


def test_nothing_fails_and_nothing_is_requested(found):
    assert found["failures"] == []
    assert found["console"] == []
    assert found["requests"] == []


def test_every_figure_is_seen(found, run_dir):
    assert [image["alt"] for image in found["images"] if not image["loaded"] or image["width"] < 100] == []
    n_figures = len(list((run_dir / "figures").glob("*.png")))
    assert len(found["images"]) == n_figures + 1
    assert n_figures == 14 + 6


def test_the_table_of_contents_leads_to_every_section(found, run_dir):
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section id="([^"]+)">', text)
    assert [link["hash"] for link in found["contents"]] == [f"#{name}" for name in sections]
    assert [link["hash"] for link in found["contents"] if not link["arrived"]] == []


def test_nothing_sticks_out_of_the_window(found):
    assert found["overflow"] <= 0


def test_the_page_itself_leaves_the_console_empty(run_dir, tmp_path):
    dom, console = open_page(run_dir / "report.html", tmp_path)
    assert console == []
    assert 'id="files"' in dom


def test_a_broken_page_would_be_noticed(run_dir, tmp_path):
    page = tmp_path / "page" / "report.html"
    page.parent.mkdir()
    text = (run_dir / "report.html").read_text(encoding="utf-8")
    text = text.replace('<section id="calibration">', '<section id="elsewhere">')
    text = text.replace('<img src="data:image/svg+xml;base64,', '<img src="data:image/svg+xml;base64,!', 1)
    text = text.replace("<h1>", '<img src="http://127.0.0.1:9/x.png" alt="from elsewhere"><h1>', 1)
    page.write_text(text, encoding="utf-8")
    broken = look_around(page, tmp_path / "profile")
    assert [link["hash"] for link in broken["contents"] if not link["arrived"]] == ["#calibration"]
    assert sum(not image["loaded"] for image in broken["images"]) == 2
    assert any(failure.startswith("forbidden: http://127.0.0.1:9/") for failure in broken["failures"])
    assert broken["console"]
