"""A real browser works with the review page: watch, jump, correct, undo, save, and find it all again."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.notes import ModelLabels
from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.command_line import main
from pipeline.review.corrections import draft_path, parse_corrections, write_corrections
from pipeline.review.offer import make_offer, take_video
from pipeline.review.pages import write_pages
from pipeline.review.preparation import Preparation
from pipeline.review.run_reading import read_review_run
from pipeline.review.server import address, make_server
from pipeline.review.videos import PENDING, page_video
from tests.browser import BROWSER, needs_browser
from tests.pipeline.review.review_runs import (
    BEHAVIORS,
    FPS,
    N_FRAMES,
    Scene,
    make_review_run,
    write_browser_video,
    write_old_video,
)

pytestmark = needs_browser

MODEL = [("grooming", 20, 60), ("grooming", 120, 150), (BEHAVIORS[1], 200, 240)]
HUMAN = [("grooming", 20, 60), ("grooming", 80, 100), (BEHAVIORS[1], 200, 255)]
# Reads back the number that `review_runs.picture` paints.
READ_PICTURE = """() => {
  const video = document.getElementById("video");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  let number = 0;
  for (let bit = 0; bit < 9; bit += 1) {
    const [level] = context.getImageData(12 + 20 * (bit % 3), 12 + 20 * Math.floor(bit / 3), 1, 1).data;
    if (level > 128) number += 2 ** bit;
  }
  return number;
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab ö")
    recordings = {
        "mouse 1": (Scene(), write_browser_video(folder / "videos" / "mouse 1.mp4")),
        "old": (Scene(human=None, fps=29.97003), write_old_video(folder / "videos" / "old.avi", fps=30000 / 1001)),
        "blind": (Scene(), None),
        "partly": (Scene(unscored=(130, 260)), None),
    }
    make_review_run(folder / "run é", recordings)
    assert main(["review", str(folder / "run é")]) == 0
    return folder


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser):
    made = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    yield made
    made.close()


def open_page(context, url):
    """A page that is ready, with what it complained of and what it asked for."""
    page = context.new_page()
    page.complaints, page.requests = [], []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(url)
    page.wait_for_selector("body[data-ready]", timeout=20000)
    return page


@pytest.fixture
def human_page(context, lab):
    opened = open_page(context, (lab / "run é" / "review" / "mouse 1.html").as_uri())
    yield opened
    assert opened.complaints == []


def begin_from(page, source):
    page.locator("#tab-bouts").click()
    page.locator("#start-from").select_option(source)
    page.locator("#tab-places").click()


@pytest.fixture
def page(human_page):
    """Begun from the model's bouts."""
    begin_from(human_page, "model")
    return human_page


@pytest.fixture(scope="module")
def served(lab):
    run, found = read_review_run(lab / "run é")
    folder = lab / "run é" / "review"
    reviews = [replace(r, video=page_video(r.row, folder, {}, lambda *_: None)) for r in found]
    offer = make_offer(run, reviews, folder, lab / "run é" / "corrections")
    server = make_server(offer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield address(server, offer)
    server.shutdown()
    server.server_close()


def wait_until(page, expression: str) -> None:
    """Playwright's own waiting evaluates text inside the page, which the page's policy forbids."""
    for _ in range(400):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"never came true: {expression}")


def frame(page) -> int:
    return int(page.locator("#now").get_attribute("data-frame"))


def shown_frame(page) -> int:
    """The frame of the video's own time, once it has arrived there."""
    wait_until(page, "!document.getElementById('video').seeking")
    # In its last frame a video may say that it is at its end.
    time_s = page.evaluate("document.getElementById('video').currentTime")
    return min(int(time_s * FPS + 0.001), N_FRAMES - 1)


def bouts(page):
    rows = page.locator("#bouts li[data-id]").evaluate_all("rows => rows.map(r => ({...r.dataset}))")
    return [(row["name"], int(row["start"]), int(row["stop"])) for row in rows]


def spot(page, at_frame, lane="corrected", behavior=0):
    """Where a frame of a lane is on the screen."""
    box = page.locator("#glass").bounding_box()
    first, last = (float(page.locator("#plot").get_attribute(f"data-{end}")) for end in ("first", "last"))
    label = page.locator(".lane-label").nth(behavior).locator(f".source.{lane}").bounding_box()
    x = box["x"] + (at_frame - first) / (last - first) * box["width"]
    return x, label["y"] + label["height"] / 2


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_it_opens_from_the_disk_and_asks_for_nothing_but_its_video(page, lab):
    assert [url for url in page.requests if not url.startswith("data:")] == [
        (lab / "run é" / "review" / "mouse 1.html").as_uri(),
        (lab / "videos" / "mouse 1.mp4").as_uri(),
    ]
    assert page.locator(".lane-label b").all_text_contents() == list(BEHAVIORS)
    assert bouts(page) == MODEL
    overflow = page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth, document.body.scrollHeight - innerHeight]"
    )
    assert max(overflow) <= 0


def test_it_plays_and_the_now_line_moves_with_it(page):
    left = page.locator("#now").bounding_box()["x"]
    press(page, "Space")
    wait_until(page, "Number(document.getElementById('now').dataset.frame) > 15")
    press(page, "Space")
    wait_until(page, "document.getElementById('video').paused")
    assert frame(page) == shown_frame(page) > 15
    assert page.locator("#now").bounding_box()["x"] > left + 20
    assert page.locator("#frame").input_value() == str(frame(page))


def test_speed(page):
    press(page, ">", ">")
    assert page.evaluate("document.getElementById('video').playbackRate") == 2
    page.locator("#speed").select_option("0.25")
    assert page.evaluate("document.getElementById('video').playbackRate") == 0.25
    # The list gives the keyboard back.
    press(page, "ArrowRight")
    assert frame(page) == 1


@pytest.mark.parametrize(("lane", "behavior", "inside", "start"), [
    ("corrected", 0, 130, 120), ("model", 1, 230, 200), ("human", 0, 90, 80),
])  # fmt: skip
def test_a_click_on_a_bout_goes_to_its_beginning(page, lane, behavior, inside, start):
    page.mouse.click(*spot(page, inside, lane, behavior))
    assert frame(page) == start == shown_frame(page)
    assert page.locator("#selection").is_visible() == (lane == "corrected")


def test_a_click_elsewhere_goes_to_that_frame(page):
    page.mouse.click(*spot(page, 100.5, "model"))
    assert frame(page) == 100 == shown_frame(page)


def test_steps_by_frame_and_by_bout(page):
    press(page, "ArrowRight", "ArrowRight", ".", ",")
    assert frame(page) == 2 == shown_frame(page)
    press(page, "Shift+ArrowRight")
    assert frame(page) == 27
    press(page, "n")
    assert frame(page) == 120 == shown_frame(page)
    press(page, "n", "p", "p")
    assert frame(page) == 20
    press(page, "End", "ArrowRight")
    assert frame(page) == N_FRAMES - 1 == shown_frame(page)
    press(page, "Home", "ArrowLeft")
    assert frame(page) == 0
    page.locator("#frame").fill("77")
    press(page, "Enter")
    assert frame(page) == 77 == shown_frame(page)


def test_edit_add_delete_undo(page):
    page.mouse.click(*spot(page, 130))
    press(page, *["ArrowRight"] * 5, "s", *["ArrowRight"] * 3, "e")
    assert bouts(page) == [MODEL[0], ("grooming", 125, 129), MODEL[2]]
    press(page, "2", "a")
    assert (BEHAVIORS[1], 128, 141) in bouts(page)
    press(page, "c")
    # What would touch a bout of its behavior becomes one with it.
    assert bouts(page) == [MODEL[0], ("grooming", 125, 141), MODEL[2]]
    press(page, "Delete")
    assert bouts(page) == [MODEL[0], MODEL[2]]
    press(page, *["Control+z"] * 4, "u")
    assert bouts(page) == MODEL
    press(page, "Control+y", "Control+y", "Control+Shift+z", "Control+y", "Control+y")
    assert bouts(page) == [MODEL[0], MODEL[2]]
    assert page.locator("#state").text_content() == "not downloaded yet"


def test_an_edge_that_would_empty_the_bout_is_refused(page):
    page.mouse.click(*spot(page, 130))
    press(page, *["ArrowLeft"] * 3, "e")
    assert bouts(page) == MODEL
    assert "before the bout's start" in page.locator("#said").text_content()


def drag(page, start, end):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, end[1], steps=3)
    page.mouse.move(*end, steps=3)
    page.mouse.up()


def test_edges_are_dragged_and_bouts_drawn(page):
    drag(page, spot(page, 150), spot(page, 170))
    assert bouts(page)[1] == ("grooming", 120, 170)
    assert frame(page) == 169
    drag(page, spot(page, 20.4), spot(page, 10))
    assert bouts(page)[0] == ("grooming", 10, 60)
    drag(page, spot(page, 80.5, behavior=1), spot(page, 100.5, behavior=1))
    assert (BEHAVIORS[1], 80, 101) in bouts(page)
    first = page.locator("#plot").get_attribute("data-first")
    assert first == "0"


def test_a_class_that_is_set_clears_the_others_there(context, tmp_path):
    folder = make_review_run(tmp_path / "run", {"mouse 1": (Scene(), None)}, task="exclusive")
    assert main(["review", str(folder)]) == 0
    page = open_page(context, (folder / "review" / "mouse 1.html").as_uri())
    begin_from(page, "human")
    before = bouts(page)
    press(page, "2")
    drag(page, spot(page, 30.5), spot(page, 44.5))
    other = BEHAVIORS[1]
    expected = [("grooming", 20, 30), (other, 30, 45), ("grooming", 45, 60), ("grooming", 80, 100), (other, 200, 255)]
    assert bouts(page) == expected
    # An edge that is dragged over another class takes its frames.
    drag(page, spot(page, 45), spot(page, 90))
    expected = [("grooming", 20, 30), (other, 30, 90), ("grooming", 90, 100), (other, 200, 255)]
    assert bouts(page) == expected
    for button, name in (("csv", "mouse 1.csv"), ("boris", "mouse 1.boris")):
        with page.expect_download() as download:
            page.click(f"#download-{button}")
        download.value.save_as(tmp_path / name)
        assert read_back(tmp_path / name) == sorted(expected)
    press(page, "Control+z", "Control+z")
    assert bouts(page) == before
    # The model's version of a place, where it has nothing, is one of all classes.
    press(page, "2")
    drag(page, spot(page, 70.5), spot(page, 89.5))
    assert bouts(page)[1:3] == [(other, 70, 90), ("grooming", 90, 100)]
    page.locator("#places li", has_text="missed").first.click()
    press(page, "Shift+m")
    assert bouts(page) == [("grooming", 20, 60), (other, 70, 80), (other, 200, 255)]
    assert page.complaints == []


def test_zoom_and_the_window_follows_the_video(page):
    page.mouse.move(*spot(page, 100, "model"))
    page.mouse.wheel(0, -600)
    wait_until(page, "Number(document.getElementById('plot').dataset.last) < 280")
    for _ in range(4):
        page.mouse.wheel(0, -600)
    page.wait_for_timeout(500)
    page.mouse.click(*spot(page, 100.5, "model"))
    assert frame(page) == 100
    press(page, "End")
    assert float(page.locator("#plot").get_attribute("data-last")) == N_FRAMES
    press(page, "0")
    assert page.locator("#plot").get_attribute("data-first") == "0"
    page.mouse.click(*spot(page, 200.5, "model", 1))
    assert frame(page) == 200


def read_back(path):
    found = read_annotation(path, N_FRAMES, FPS, video_name="mouse 1.mp4")
    assert isinstance(found, EventList)
    return sorted((bout.behavior, bout.start_frame, bout.stop_frame) for bout in found.bouts)


def test_downloads_read_back_as_shown(page, tmp_path):
    drag(page, spot(page, 150), spot(page, 171))
    press(page, "2", "Home", "a")
    for button, name, form in (("csv", "mouse 1.csv", "bout_csv"), ("boris", "mouse 1.boris", "boris_project")):
        with page.expect_download() as download:
            page.click(f"#download-{button}")
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
        assert read_back(tmp_path / name) == sorted(bouts(page))
        assert read_annotation(tmp_path / name, N_FRAMES, FPS, video_name="mouse 1.mp4").format == form
    assert page.locator("#state").text_content() == "no unsaved changes"
    # Nothing but the model's bouts, and nothing at all, read back too.
    page.locator("#tab-bouts").click()
    page.locator("#start-from").select_option("nothing")
    assert bouts(page) == []
    with page.expect_download() as download:
        page.click("#download-csv")
    download.value.save_as(tmp_path / "none.csv")
    assert read_back(tmp_path / "none.csv") == []


def test_animals_of_one_video_have_boxes_and_lead_to_each_other(context, tmp_path):
    video = write_browser_video(tmp_path / "pair.mp4")
    light = Scene(model=(((100, 130),), ((30, 50),)), human=None)
    animals = ("mäuse, dark", "light")
    make_review_run(tmp_path / "run", {"p dark": (Scene(), video), "p_light": (light, video)}, animals=animals)
    assert main(["review", str(tmp_path / "run")]) == 0
    page = open_page(context, (tmp_path / "run" / "review" / "p dark.html").as_uri() + "#frame=110")
    assert frame(page) == 110
    # Of 64 x 64 px, as large as fits and in the middle; the square's first pixel is 16, 20.
    screen, box = (page.locator(name).bounding_box() for name in ("#screen", ".animal-box.own"))
    scale = min(screen["width"], screen["height"]) / 64
    left = screen["x"] + (screen["width"] - 64 * scale) / 2 + 16 * scale
    assert box["x"] == pytest.approx(left, abs=1) and box["width"] == pytest.approx(20 * scale, abs=1)
    assert page.locator(".animal-box .tag").all_text_contents() == list(animals)
    press(page, "b")
    assert not page.locator(".animal-box.own").is_visible()
    # A click on a bout of the other animal goes there and changes nothing.
    (lane,) = page.locator(".lane-label.other .other-behavior").all()[:1]
    glass, label = page.locator("#glass").bounding_box(), lane.bounding_box()
    page.mouse.click(glass["x"] + 120 / N_FRAMES * glass["width"], label["y"] + 4)
    assert frame(page) == 100 and page.locator("#state").text_content() == "no unsaved changes"
    for suffix in ("csv", "boris"):
        with page.expect_download() as download:
            page.click(f"#download-{suffix}")
        download.value.save_as(tmp_path / f"d.{suffix}")
        choice = AnnotationChoice(animal=animals[0])
        found = read_annotation(tmp_path / f"d.{suffix}", N_FRAMES, FPS, choice=choice, video_name="pair.mp4")
        assert isinstance(found, EventList) and len(found.bouts) == len(bouts(page))
    assert page.locator(".edit-other").get_attribute("href") == "p_light.html"
    press(page, "ArrowRight", "o")
    page.wait_for_url("**/p_light.html*")
    page.wait_for_selector("body[data-ready]")
    assert page.locator("h1").text_content() == "p_light" and frame(page) == 101
    assert page.complaints == []


def test_corrections_survive_and_leaving_asks(page, context, lab):
    press(page, "a", "j", "Enter")
    expected = bouts(page)
    n_left = page.locator("#n-places").text_content()
    asked = []

    def accept(dialog):
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", accept)
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert asked == ["beforeunload"]
    assert bouts(page) == expected != MODEL
    assert page.locator("#n-places").text_content() == n_left
    assert page.locator("#state").text_content() == "not downloaded yet"
    listed = context.new_page()
    listed.goto((lab / "run é" / "review" / "index.html").as_uri())
    row = listed.locator("tr", has_text="mouse 1").locator(".progress")
    assert "1 of" in row.text_content()
    assert "not saved yet" in row.text_content()


def test_corrections_of_earlier_predictions_are_offered(page, context, lab):
    press(page, "a")
    expected = bouts(page)
    page.evaluate("""() => {
      const key = Object.keys(localStorage).find(name => name.startsWith("rearview-review"));
      localStorage.setItem(key.slice(0, key.lastIndexOf(":")) + ":0123456789abcdef", localStorage.getItem(key));
      localStorage.removeItem(key);
    }""")
    other = open_page(context, page.url)
    assert bouts(other) == HUMAN
    other.get_by_text("Go on with them").click()
    assert bouts(other) == expected
    press(other, "u")
    assert bouts(other) == HUMAN


def test_places_are_gone_through_and_decided(page):
    reasons = page.locator("#places p").all_text_contents()
    assert reasons[:3] == [
        "The model sees 1.2 s (mean probability 0.90), the human none.",
        "The human saw 0.8 s, the model none (probability at most 0.05).",
        "The model ends 0.6 s earlier than the human.",
    ]
    press(page, "j")
    assert frame(page) == 120
    # What is decided leads on to the next place.
    press(page, "h")
    assert bouts(page) == [MODEL[0], MODEL[2]]
    assert frame(page) == 80
    press(page, "h", "Shift+h")
    assert bouts(page) == HUMAN
    assert frame(page) == 240
    assert page.locator("#places li.is-done").count() == 3
    # Undo opens the place again and goes back to it.
    press(page, "j", "u", "u")
    assert frame(page) == 80
    assert bouts(page) == [MODEL[0], MODEL[2]]
    assert page.locator("#places li.is-done").count() == 1
    press(page, "Control+y", "Control+y")
    assert bouts(page) == HUMAN
    assert page.locator("#places li.is-done").count() == 3
    page.locator("#places li").first.locator("input").click()
    press(page, "k")
    assert frame(page) == 120
    press(page, "Shift+m")
    assert ("grooming", 120, 150) in bouts(page)
    assert frame(page) == 120
    page.locator("#filter input").first.uncheck()
    assert page.locator("#places li:visible").count() == 1


def test_a_doubt_of_the_model_is_turned_over(page):
    row = page.locator("#places li", has_text="almost a bout")
    row.click()
    assert frame(page) == 270
    assert page.locator("#place").is_visible()
    row.get_by_text("Model is wrong").click()
    assert ("grooming", 270, 280) in bouts(page)
    # It is the last of the list, so that the page stays there.
    assert frame(page) == 270
    press(page, "m")
    assert bouts(page) == MODEL
    press(page, "x", "u")
    assert bouts(page) == MODEL
    # Where a human disagrees, the opposite of the model's version is the human's.
    page.locator("#places li").first.click()
    press(page, "x")
    assert bouts(page) == [MODEL[0], MODEL[2]]


def test_the_ruler_scrubs_and_another_size_of_window_does_no_harm(page):
    press(page, "n")
    page.set_viewport_size({"width": 1040, "height": 700})
    wait_until(
        page, "document.querySelector('#plot .main-svg').clientWidth === document.getElementById('plot').clientWidth"
    )
    x, _ = spot(page, 100.5, behavior=1)
    box = page.locator("#glass").bounding_box()
    bottom = box["y"] + box["height"] - 8
    page.mouse.move(x, bottom)
    page.mouse.down()
    assert frame(page) == 100
    page.mouse.move(spot(page, 150.5)[0], bottom)
    page.mouse.up()
    assert frame(page) == 150 == shown_frame(page)
    page.mouse.click(*spot(page, 210, behavior=1))
    left = page.locator("#selection").bounding_box()["x"]
    assert abs(left - spot(page, 200)[0]) < 1.5


def test_corrections_begin_as_the_humans_bouts(human_page):
    page = human_page
    assert bouts(page) == HUMAN
    assert page.locator("#start-from").input_value() == "human"
    assert page.locator("#bouts li").evaluate_all("rows => rows.map(row => row.dataset.origin)") == ["human"] * 3
    assert page.locator("#state").text_content() == "no unsaved changes"
    begin_from(page, "model")
    assert bouts(page) == MODEL
    press(page, "Control+z")
    assert bouts(page) == HUMAN
    assert page.locator("#start-from").input_value() == "human"


def test_without_human_labels_they_begin_as_the_models_and_h_says_so(context, lab):
    page = open_page(context, (lab / "run é" / "review" / "old.html").as_uri())
    assert bouts(page) == MODEL
    assert page.locator("#start-from").input_value() == "model"
    press(page, "j", "h")
    assert "no human labels" in page.locator("#said").text_content()
    assert page.locator("#places li.is-done").count() == 0
    with page.expect_download():
        page.click("#download-csv")
    said = page.locator("#said").text_content()
    assert "1 of 1 places was not looked at; what you did not change there stays as the model had it." in said
    assert page.complaints == []


def test_a_download_says_how_much_was_looked_at(human_page, tmp_path):
    page = human_page
    n_places = page.locator("#places li").count()
    press(page, "j", "m")
    with page.expect_download() as download:
        page.click("#download-boris")
    said = page.locator("#said").text_content()
    assert said.startswith(f"Downloaded mouse 1.boris. {n_places - 1} of {n_places} places were not looked at; ")
    assert said.endswith("there stays as the human had it. 30 labels (a behavior in a frame) are the model's.")
    observation = json.loads(Path(download.value.path()).read_bytes())["observations"]["mouse 1"]
    assert "Of 4 bouts: 1 the model's; 3 a human's, unchanged; 0 edited." in observation["description"]
    press(page, *["Enter"] * (n_places - 1))
    with page.expect_download():
        page.click("#download-csv")
    assert f"All {n_places} places were looked at." in page.locator("#said").text_content()


def model_frames(page):
    """Frames with the model's label by behavior, as a downloaded project says, and as its reader counts them."""
    with page.expect_download() as download:
        page.click("#download-boris")
    path = Path(download.value.path())
    description = json.loads(path.read_bytes())["observations"]["mouse 1"]["description"]
    counts = json.loads(description.partition("with the model's label: ")[2])
    notes = read_annotation(path, N_FRAMES, FPS, video_name="mouse 1.mp4").notes
    assert sum(note.n_labels for note in notes if isinstance(note, ModelLabels)) == sum(counts.values())
    return [counts[name] for name in BEHAVIORS]


def origins(page):
    return page.locator("#bouts li[data-id]").evaluate_all("rows => rows.map(row => row.dataset.origin)")


def test_what_was_accepted_from_the_model_is_counted_in_frames(human_page):
    page = human_page
    assert model_frames(page) == [0, 0]
    places = page.locator("#places li").evaluate_all("rows => rows.map(row => row.textContent)")
    # Everywhere: a bout that only the model saw, one that it denies, and the end of one that it sees earlier.
    press(page, *["j", "Shift+m"] * len(places))
    assert bouts(page) == MODEL
    assert origins(page) == ["human", "model", "model"]
    assert model_frames(page) == [30 + 20, 15]
    with page.expect_download() as download:
        page.click("#download-csv")
    rows = [line.split(",") for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()[1:]]
    assert [row[-2:] for row in rows] == [["human", "0"], ["model", "30"], ["model", "0"]]
    press(page, "u")
    assert sum(model_frames(page)) < 65
    press(page, "Control+y")
    assert model_frames(page) == [50, 15]
    # What a hand sets is the hand's; what it does not touch stays the model's.
    drag(page, spot(page, 150), spot(page, 141))
    length = bouts(page)[1][2] - 120
    assert 15 < length < 30
    assert model_frames(page) == [length + 20, 15]
    # The human's version is the human's.
    for row in range(len(places)):
        page.locator("#places li").nth(row).click()
        press(page, "Shift+h")
    assert model_frames(page) == [0, 0]
    begin_from(page, "model")
    assert model_frames(page) == [N_FRAMES, N_FRAMES]


def test_a_bout_that_is_partly_accepted_from_the_model_is_the_models(context, tmp_path):
    """The model's bout begins earlier than the human's: the two become one."""
    scene = Scene(model=(((100, 200),), ()), human=(((150, 260),), ()))
    folder = make_review_run(tmp_path / "run", {"mouse 1": (scene, None)})
    assert main(["review", str(folder)]) == 0
    page = open_page(context, (folder / "review" / "mouse 1.html").as_uri())
    page.locator("#places li", has_text="model").first.click()
    while page.locator("#now").get_attribute("data-frame") != "100":
        press(page, "j")
    press(page, "Shift+m")
    assert bouts(page) == [("grooming", 100, 260)]
    assert origins(page) == ["model"]
    assert model_frames(page) == [50, 0]
    assert page.complaints == []


def test_what_the_page_says_covers_neither_picture_nor_lanes_nor_buttons(page):
    page.mouse.click(*spot(page, 130))
    press(page, "e", "Control+s")
    assert page.locator("#said").text_content().startswith("Downloaded ")
    said = page.locator("#said").bounding_box()
    for other in page.locator("#screen, .transport, .tools, #places, #glass, header").all():
        box = other.bounding_box()
        apart_x = said["x"] + said["width"] <= box["x"] + 1 or box["x"] + box["width"] <= said["x"] + 1
        apart_y = said["y"] + said["height"] <= box["y"] + 1 or box["y"] + box["height"] <= said["y"] + 1
        assert apart_x or apart_y, other


def test_the_row_under_the_playhead_stays_in_the_list(page):
    press(page, "n")
    page.locator("#tab-bouts").click()
    row = page.locator("#bouts li.under-playhead")
    assert row.count() == 1
    assert row.evaluate("row => getComputedStyle(row).position") != "absolute"
    assert row.bounding_box()["height"] < 60


def test_saved_corrections_are_in_pages_from_the_disk(context, tmp_path):
    folder = make_review_run(tmp_path / "run", {"blind": (Scene(), None)})
    run, (review,) = read_review_run(folder)
    corrected = parse_corrections(
        [["grooming", 3, 9, "edited"], [BEHAVIORS[1], 200, 255, "human"]], BEHAVIORS, N_FRAMES
    )
    write_corrections(folder / "corrections", run, review.row, None, corrected)
    assert main(["review", str(folder)]) == 0
    page = open_page(context, (folder / "review" / "blind.html").as_uri())
    assert bouts(page) == [("grooming", 3, 9), HUMAN[2]]
    assert page.locator("#said").text_content().startswith("Your corrections of ")
    assert page.locator("#state").text_content() == "no unsaved changes"
    # Unsaved work in this browser counts more.
    press(page, "n", "Delete")
    again = open_page(context, page.url)
    assert bouts(again) == bouts(page) != [("grooming", 3, 9), HUMAN[2]]
    assert page.complaints == again.complaints == []


def test_what_the_human_did_not_score_stays_as_the_model_has_it(context, lab):
    page = open_page(context, (lab / "run é" / "review" / "partly.html").as_uri())
    # Frames 130 to 259 are unscored: of the model's 120 to 149 the human denies the first ten only.
    mixed = [MODEL[0], ("grooming", 80, 100), ("grooming", 130, 150), MODEL[2]]
    assert bouts(page) == mixed
    rows = page.locator("#bouts li[data-id]").evaluate_all("rows => rows.map(row => row.dataset.origin)")
    assert rows == ["human", "human", "model", "model"]
    begin_from(page, "human")
    assert "where the human did not score, the model's stay" in page.locator("#said").text_content()
    # A doubt wholly within what is unscored.
    page.locator("#tab-places").click()
    page.locator("#places li", has_text="almost a bout").click()
    done = page.locator("#places li.is-done").count()
    page.evaluate("document.activeElement.blur()")
    press(page, "h")
    assert bouts(page) == mixed
    assert page.locator("#places li.is-done").count() == done + 1
    assert page.complaints == []


def test_a_human_who_did_not_score_a_place_has_no_version_of_it(context, lab):
    page_path = lab / "run é" / "review" / "partly.html"
    copy = page_path.with_name("unscored.html")
    # The place at 270 to 279 was not scored either.
    text = page_path.read_text(encoding="utf-8").replace("[130,260]", "[130,290]")
    copy.write_text(text.replace('"model":[[[20,60],[120,150]]', '"model":[[[20,60],[120,150],[265,285]]'), "utf-8")
    page = open_page(context, copy.as_uri())
    copy.unlink()
    before = bouts(page)
    assert ("grooming", 265, 285) in before
    page.locator("#places li", has_text="almost a bout").click()
    press(page, "h")
    assert bouts(page) == before
    assert "did not score this stretch" in page.locator("#said").text_content()
    assert page.locator("#places li.is-done").count() == 0


def test_drafts_of_other_predictions_are_offered_by_the_server(context, served, lab):
    draft = lab / "run é" / "corrections" / "blind.draft.json"
    draft.parent.mkdir(exist_ok=True)
    state = {"version": 1, "changed_at": "2026-01-02T03:04:05Z", "started_from": "model", "unsaved": True, "done": []}
    draft.write_text(json.dumps(state | {"bouts": [["grooming", 3, 9, "edited"]]}), encoding="utf-8")
    page = open_page(context, f"{served}blind.html")
    assert bouts(page) == HUMAN
    page.get_by_text("Go on with them").click()
    assert bouts(page) == [("grooming", 3, 9)]
    assert page.complaints == []


def white_square(page):
    """Left, top, right and bottom of what is white in the picture, on the page."""
    shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_GRAYSCALE)
    screen = page.locator("#screen").bounding_box()
    left, top = round(screen["x"]), round(screen["y"])
    y, x = np.nonzero(shot[top : top + int(screen["height"]), left : left + int(screen["width"])] > 128)
    return left + x.min(), top + y.min(), left + x.max() + 1, top + y.max() + 1


def wait_for_other(page, at_frame):
    """What the mouse says over the first lane of the other animal, once it was corrected."""
    for step in range(200):
        glass, label = page.locator("#glass").bounding_box(), page.locator(".other-behavior").first.bounding_box()
        # It has no place for the moment in which the lanes are drawn again.
        if label is not None:
            page.mouse.move(glass["x"] + (at_frame + step % 2) / N_FRAMES * glass["width"], label["y"] + 4)
        if "corrected" in (words := page.locator("#tip").text_content()):
            return words
        page.wait_for_timeout(50)
    raise AssertionError("it was never seen")


def with_next(route):
    """As a server answers that names the next command."""
    answer = route.fetch()
    route.fulfill(response=answer, json=answer.json() | {"next": "python run_experiment.py run x.yaml"})


@contextmanager
def served_while_prepared(folder, prepare):
    run, found = read_review_run(folder)
    reviews = [review.with_video(PENDING) for review in found]
    write_pages(run, reviews, folder / "review")
    preparation = Preparation([review.row for review in reviews], prepare)
    offer = make_offer(run, reviews, folder / "review", folder / "corrections", preparation)
    server = make_server(offer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with preparation.running(partial(take_video, offer, folder / "review")):
        yield address(server, offer)
    server.shutdown()
    server.server_close()


def test_a_page_opens_before_its_video_zooms_to_the_animal_and_sees_what_others_save(context, tmp_path):
    old, broken = write_old_video(tmp_path / "pair.avi"), tmp_path / "broken.avi"
    broken.write_bytes(b"no video")
    recordings = {"dark": (Scene(), old), "light": (Scene(), old), "bad": (Scene(), broken)}
    folder = make_review_run(tmp_path / "run", recordings, animals=("d", "l", ""))
    gate = threading.Event()

    def prepare(row, progress):
        def wait(done, total):
            progress(done, total)
            assert gate.wait(30)

        return page_video(row, folder / "review", {}, wait)

    with served_while_prepared(folder, prepare) as url:
        page = open_page(context, f"{url}dark.html")
        wait_until(page, "document.getElementById('no-video').textContent.includes('6\u00a0% of 300 frames')")
        assert page.locator("#no-video progress").get_attribute("value") == "20"
        press(page, "n", "Delete")
        page.locator("#frame").fill("16")
        press(page, "Enter")
        assert bouts(page) == HUMAN[1:] and frame(page) == 16
        press(page, "z")
        gate.set()
        wait_until(page, "!document.getElementById('video').hidden")
        wait_until(page, "!document.getElementById('video').seeking")
        assert frame(page) == 16 == page.evaluate(READ_PICTURE)
        # Of the crop of 20 px, 1.6 fit into the height. The animal is at 16.6, 30; its square's first pixel at 7, 20.
        screen, box = (page.locator(name).bounding_box() for name in ("#screen", ".animal-box.own"))
        scale = screen["height"] / (1.6 * 20)
        assert box["width"] == pytest.approx(20 * scale, abs=1)
        assert box["y"] + box["height"] / 2 == pytest.approx(screen["y"] + screen["height"] / 2, abs=1)
        corner = box["x"] - 7 * scale, box["y"] - 20 * scale
        press(page, "b")
        page.wait_for_timeout(100)
        # In frame 16, what is white is the square from 24 to 40.
        expected = [corner[i] + at * scale for at in (24, 40) for i in (0, 1)]
        assert white_square(page) == pytest.approx(expected, abs=0.7 * scale)
        press(page, "z")
        assert page.locator("#video").evaluate("video => video.style.transform") == ""
        # The other animal of the video shares its copy, and is seen here once it is saved.
        assert page.locator(".lane-label.other").count() == 1
        other = open_page(context, f"{url}light.html")
        wait_until(other, "!document.getElementById('video').hidden")
        other.route("**/save/*", with_next)
        press(other, "n", "Delete", "Control+s")
        wait_until(other, "document.querySelector('[data-key=next] code') !== null")
        assert other.locator("[data-key=next] code").text_content() == "python run_experiment.py run x.yaml"
        again = open_page(context, f"{url}dark.html")
        for shown in (page, again):
            shown.bring_to_front()
            assert wait_for_other(shown, 90).startswith("grooming · l · corrected · 0:03.20–0:04.00")
        bad = open_page(context, f"{url}bad.html")
        wait_until(bad, "document.getElementById('no-video').textContent.includes('only the timelines')")
        assert [path.name for path in (folder / "review").iterdir() if path.suffix != ".html"] == ["dark.mp4"]
        assert page.complaints == other.complaints == again.complaints == bad.complaints == []


def test_help_tells_the_keys(page):
    press(page, "?")
    assert page.locator("#help").is_visible()
    assert page.locator("#help dt").count() > 25
    # What stands on buttons is what the help says, and buttons say it to those who can't see them.
    known = {key for text in page.locator("#help dt").all_text_contents() for key in text.split(" or ")}
    on_page = page.locator("main kbd, header kbd")
    assert set(on_page.all_text_contents()) <= known
    assert on_page.count() > 25
    assert page.locator("button:has(kbd):not([aria-keyshortcuts])").count() == 0
    press(page, "Escape")
    assert not page.locator("#help").is_visible()


def test_without_video_the_timelines_work(context, lab):
    page = open_page(context, (lab / "run é" / "review" / "blind.html").as_uri())
    assert "only the timelines" in page.locator("#no-video").text_content()
    press(page, "Space")
    wait_until(page, "Number(document.getElementById('now').dataset.frame) > 5")
    press(page, "Space", "n")
    assert frame(page) == 20
    press(page, "Delete")
    assert bouts(page) == HUMAN[1:]
    assert page.complaints == []


def test_a_video_that_is_gone_is_said(context, lab):
    page_path = lab / "run é" / "review" / "mouse 1.html"
    copy = page_path.with_name("moved.html")
    copy.write_text(page_path.read_text(encoding="utf-8").replace("videos/mouse%201.mp4", "no/such.mp4"), "utf-8")
    page = open_page(context, copy.as_uri())
    copy.unlink()
    assert "can't be played" in page.locator("#no-video").text_content()
    press(page, "n")
    assert frame(page) == 20


@pytest.mark.parametrize(("recording", "n"), [("mouse 1", 25), ("old", 12)])
def test_the_picture_is_the_frame_that_is_named(context, served, recording, n):
    page = open_page(context, f"{served}{recording.replace(' ', '%20')}.html")
    for target in [*range(0, N_FRAMES, N_FRAMES // n), N_FRAMES - 1]:
        page.locator("#frame").fill(str(target))
        press(page, "Enter")
        wait_until(page, "!document.getElementById('video').seeking")
        page.wait_for_timeout(30)
        assert page.evaluate(READ_PICTURE) == target == frame(page)
    press(page, "Home", "Space")
    wait_until(page, "Number(document.getElementById('now').dataset.frame) > 20")
    press(page, "Space")
    wait_until(page, "!document.getElementById('video').seeking")
    page.wait_for_timeout(50)
    assert page.evaluate(READ_PICTURE) == frame(page)


def test_a_served_page_saves_beside_the_run(browser, context, served, lab):
    page = open_page(context, f"{served}mouse%201.html")
    drag(page, spot(page, 150), spot(page, 172))
    press(page, "Control+s")
    wait_until(page, "document.getElementById('said').textContent.startsWith('Saved mouse 1.boris and')")
    assert "places were not looked at" in page.locator("#said").text_content()
    advice = page.locator('[data-key="cell"], [data-key="next"]').text_content()
    assert advice.startswith("Saved. To learn from it")
    folder = lab / "run é" / "corrections"
    assert read_back(folder / "mouse 1.csv") == read_back(folder / "mouse 1.boris") == sorted(bouts(page))
    with page.expect_download() as download:
        page.click("#download-csv")
    assert Path(download.value.path()).read_bytes() == (folder / "mouse 1.csv").read_bytes()
    with page.expect_download() as download:
        page.click("#download-boris")
    trees = [json.loads(path.read_bytes()) for path in (Path(download.value.path()), folder / "mouse 1.boris")]
    assert trees[0] == trees[1]
    press(page, "2", "Home", "a")
    _, (review,) = read_review_run(lab / "run é", ["mouse 1"])
    draft = draft_path(folder, review)
    for _ in range(200):
        if draft.exists() and json.loads(draft.read_text(encoding="utf-8").splitlines()[0])["unsaved"]:
            break
        page.wait_for_timeout(25)
    # Another browser, which kept nothing itself, finds the unfinished work.
    other = browser.new_context()
    again = open_page(other, f"{served}mouse%201.html")
    assert bouts(again) == bouts(page)
    assert again.locator("#state").text_content() == "not saved yet"
    assert page.complaints == again.complaints == []
    other.close()
