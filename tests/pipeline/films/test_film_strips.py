import io
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.errors import InputError
from common.tables import read_table
from features.video.inspection import inspect_video
from pipeline.films.film_strips import (
    STRIP_HEIGHT_PX,
    THUMBNAIL_PX,
    FilmedRecording,
    StripFrame,
    cut_thumbnails,
    draw_strip,
    make_film_strips,
    strip_width_px,
)
from pipeline.run_folder.contents import FILM_STRIPS
from pipeline.run_folder.pictures import read_film_strips, write_film_strips
from pipeline.run_folder.run_dir import STRIP_PICTURES, RunDir
from pipeline.scoring.bouts.choice import SURE_PROBABILITY, BoutChoice, choose_bouts, frames_to_show, plan_strip
from pipeline.scoring.bouts.metrics import bout_counts
from pipeline.scoring.timeline import BehaviorTimeline, Timeline
from tests.pipeline.scoring.lines import bits, line

FPS = 10.0
SIDE_PX = 112
N_BLOCKS = 8
VIDEO_FRAMES = 120
COLOR = "#D55E00"


def frames(name: str, true: str, predicted: str, probability=None, scored: str | None = None, fps: float = FPS):
    guess = bits(predicted)
    value = np.where(guess, 0.9, 0.1) if probability is None else np.asarray(probability, dtype=np.float64)
    return line(bits(true), value, None if scored is None else bits(scored), guess, fps, name)


def chosen(kind: str, *recordings: BehaviorTimeline, n_each: int = 3) -> list[tuple[str, int, int]]:
    picked = [c for c in choose_bouts("rearing", recordings, n_each) if c.kind == kind]
    assert [c.rank for c in picked] == list(range(1, len(picked) + 1))
    return [(c.recording, c.start_frame, c.stop_frame) for c in picked]


def test_the_longest_missed_bouts_come_first_and_overlapped_ones_never():
    a = frames("a", "0110011110011100111", "0001000000000100000")
    assert chosen("missed", a) == [("a", 5, 9), ("a", 16, 19), ("a", 1, 3)]
    assert chosen("missed", a, n_each=1) == [("a", 5, 9)]


def test_missed_bouts_are_compared_in_seconds():
    slow = frames("slow", "011100", "000000", fps=5.0)
    fast = frames("fast", "011111", "000000", fps=30.0)
    assert chosen("missed", fast, slow)[0] == ("slow", 1, 4)


def test_of_equally_long_missed_bouts_the_least_suspected_comes_first():
    a = frames("a", "1100110011", "0000000000", [0.4] * 4 + [0.1] * 4 + [0.3] * 2)
    assert chosen("missed", a) == [("a", 4, 6), ("a", 8, 10), ("a", 0, 2)]
    assert choose_bouts("rearing", [a])[0].mean_probability == pytest.approx(0.1)


def test_equal_bouts_are_taken_from_different_recordings():
    recordings = [frames(name, "110011", "000000") for name in ("a", "b")]
    assert chosen("missed", *recordings) == [("a", 0, 2), ("b", 0, 2), ("a", 4, 6)]


def test_invented_bouts_that_were_long_and_sure_come_first():
    probability = [0.6] * 4 + [0.0] * 2 + [0.99] * 3 + [0.0] * 2 + [0.7, 0.7]
    a = frames("a", "0" * 13, "1111001110011", probability)
    # 4 x .6 = 2.4 loses to 3 x .99 = 2.97.
    assert chosen("invented", a) == [("a", 6, 9), ("a", 0, 4), ("a", 11, 13)]


def test_a_predicted_bout_that_reaches_where_nobody_scored_is_not_called_invented():
    true, predicted, scored = "000000000000", "011110011100", "000111111111"
    assert chosen("invented", frames("a", true, predicted, scored=scored)) == [("a", 7, 10)]


def test_unscored_and_unpredicted_frames_hold_no_missed_bout():
    probability = [0.1] * 8 + [np.nan] * 4
    part = frames("a", "110011001111", "0" * 12, probability, scored="001111111111")
    assert chosen("missed", part) == [("a", 4, 6)]


def test_correct_bouts_agree_best_and_are_spread_over_recordings():
    #             perfect, short   IoU .8, long           IoU .5
    a = frames("a", "0110000" + "1111111111000" + "111100", "0110000" + "1111111100000" + "110000")
    b = frames("b", "0011110000", "0011000000")
    picked = choose_bouts("rearing", [a, b])
    correct = [(c.recording, c.start_frame, c.stop_frame, c.iou) for c in picked if c.kind == "correct"]
    assert correct == [("a", 1, 3, 1.0), ("b", 2, 6, 0.5), ("a", 7, 17, 0.8)]


def test_among_equally_good_pairs_the_longest_comes_first_and_a_poor_one_is_not_correct():
    a = frames("a", "0110" + "111110" + "1111111100", "0110" + "111110" + "1110000000")
    assert chosen("correct", a) == [("a", 4, 9), ("a", 1, 3)]


def test_without_labels_the_models_own_bouts_are_shown_sure_and_unsure_ones_apart():
    probability = [0.9] * 4 + [0.0] * 2 + [0.99] * 2 + [0.0] * 2 + [0.6] * 2 + [0.0] + [0.55] * 2 + [np.nan]
    a = frames("a", "0" * 16, "1111001100110111", probability, scored="0" * 16)
    assert chosen("sure", a) == [("a", 0, 4), ("a", 6, 8)]
    # What was not predicted belongs to no bout.
    assert chosen("unsure", a) == [("a", 13, 15), ("a", 10, 12)]
    assert {c.kind for c in choose_bouts("rearing", [a])} == {"sure", "unsure"}
    assert {c.iou for c in choose_bouts("rearing", [a])} == {None}


def test_what_is_not_correct_has_no_iou():
    a = frames("a", "1100000", "0000110")
    assert {c.kind: c.iou for c in choose_bouts("rearing", [a])} == {"missed": None, "invented": None}


def test_no_recording_gives_no_bout_and_timelines_of_two_lengths_are_refused():
    assert choose_bouts("rearing", []) == []
    with pytest.raises(ValueError, match="shape"):
        choose_bouts("rearing", [frames("a", "0011", "001", [0, 0, 1])])


@st.composite
def random_recordings(draw) -> list[BehaviorTimeline]:
    """Timelines whose predictions differ from the truth by a few flipped stretches."""
    made = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        rng = np.random.default_rng(draw(st.integers(0, 10_000)))
        n = int(rng.integers(1, 80))
        true = np.repeat(rng.random(n) < 0.4, rng.integers(1, 6, n))[:n]
        predicted = np.where(np.repeat(rng.random(n) < 0.3, rng.integers(1, 6, n))[:n], ~true, true)
        probability = np.where(rng.random(n) < 0.03, np.nan, rng.random(n))
        made.append(line(true, probability, rng.random(n) < draw(st.sampled_from([0, 0.95])), predicted, FPS, name))
    return made


@settings(max_examples=150, deadline=None)
@given(random_recordings(), st.integers(1, 4))
def test_every_choice_is_what_its_kind_says(recordings, n_each):
    parts = {item.recording: item for item in recordings}
    picked = choose_bouts("rearing", recordings, n_each)
    assert picked == choose_bouts("rearing", recordings, n_each)
    assert len({(c.kind, c.recording, c.start_frame) for c in picked}) == len(picked)
    for choice in picked:
        part, span = parts[choice.recording], slice(choice.start_frame, choice.stop_frame)
        assert choice.mean_probability == pytest.approx(part.probability[span].mean(), nan_ok=False)
        if choice.kind in ("sure", "unsure"):
            assert not part.scored.any()
            assert part.predicted[span].all()
            assert (choice.kind == "sure") == (choice.mean_probability >= SURE_PROBABILITY)
            continue
        assert part.scored[span].all()
        if choice.kind == "missed":
            assert part.true[span].all()
            assert not part.predicted[span].any()
        elif choice.kind == "invented":
            assert part.predicted[span].all()
            assert not part.true[span].any()
            outside = np.concatenate(([False], part.predicted, [False]))
            assert not outside[choice.start_frame]
            assert not outside[choice.stop_frame + 1]
        else:
            assert part.true[span].all()
            assert choice.iou is not None
            # Any pair at this IoU shares at least this part of the human's bout.
            assert part.predicted[span].mean() >= choice.iou - 1e-12 >= 0.5 - 1e-12


@settings(max_examples=100, deadline=None)
@given(random_recordings())
def test_there_are_as_many_missed_and_correct_bouts_as_the_bout_scores_count(recordings):
    everything = choose_bouts("rearing", recordings, n_each=1000)
    for item in recordings:
        own = [c.kind for c in everything if c.recording == item.recording]
        counts = bout_counts(item.true, item.predicted, FPS, item.used_frames())
        assert own.count("missed") == counts.missed
        assert own.count("correct") == counts.predicted_to_true(0.5).tp
        assert own.count("invented") <= counts.invented
    missed = [c.stop_frame - c.start_frame for c in everything if c.kind == "missed"]
    assert missed == sorted(missed, reverse=True)
    assert [c for c in everything if c.rank <= 2] == choose_bouts("rearing", recordings, n_each=2)


def test_frames_are_spread_evenly_from_the_first_to_the_last():
    assert frames_to_show(100, 171, 1000, FPS) == (100, 110, 120, 130, 140, 150, 160, 170)
    assert frames_to_show(100, 110, 1000, FPS, n_shown=4) == (100, 103, 106, 109)


def test_a_short_bout_is_shown_with_what_is_around_it():
    assert frames_to_show(50, 54, 1000, FPS, n_shown=10) == tuple(range(47, 57))
    assert frames_to_show(0, 2, 1000, FPS, n_shown=10) == tuple(range(10))
    assert frames_to_show(998, 1000, 1000, FPS, n_shown=10) == tuple(range(990, 1000))
    assert frames_to_show(2, 3, 5, FPS) == (0, 1, 2, 3, 4)


@settings(max_examples=200)
@given(st.data())
def test_shown_frames_cover_the_bout_and_a_second(data):
    n_frames = data.draw(st.integers(1, 400))
    start = data.draw(st.integers(0, n_frames - 1))
    stop = data.draw(st.integers(start + 1, n_frames))
    fps = data.draw(st.sampled_from([1.0, 9.7, 10.0, 29.97, 120.0]))
    n_shown = data.draw(st.integers(2, 12))
    shown = frames_to_show(start, stop, n_frames, fps, n_shown)
    assert 0 <= shown[0] <= start and stop - 1 <= shown[-1] < n_frames
    assert len(shown) == min(n_shown, max(stop - start, min(int(np.ceil(fps)), n_frames)))
    assert all(a < b for a, b in pairwise(shown))
    assert any(start <= frame < stop for frame in shown)
    if stop - start >= max(fps, 2):
        assert (shown[0], shown[-1]) == (start, stop - 1)
        steps = np.diff(shown)
        assert steps.max() - steps.min() <= 1


def test_a_bout_outside_the_recording_is_refused():
    with pytest.raises(ValueError, match=r"start=8, stop=12"):
        frames_to_show(8, 12, 10, FPS)


def numbered_frame(number: int) -> np.ndarray:
    """Eight stripes, black or white: the frame's number in binary, upper stripe first."""
    stripes = [255 if number >> bit & 1 else 0 for bit in reversed(range(N_BLOCKS))]
    frame = np.repeat(np.array(stripes, dtype=np.uint8), SIDE_PX // N_BLOCKS)
    return np.ascontiguousarray(np.broadcast_to(frame[:, None, None], (SIDE_PX, SIDE_PX, 3)))


def read_number(thumbnail: np.ndarray) -> int:
    height = thumbnail.shape[0] / N_BLOCKS
    rows = [int((i + 0.5) * height) for i in range(N_BLOCKS)]
    return int("".join("1" if thumbnail[row].mean() > 127 else "0" for row in rows), 2)


@pytest.fixture(scope="module")
def numbered_video(tmp_path_factory) -> Path:
    """Frames that carry their number; MPEG-4 stores most of them as what changed since the one before."""
    path = tmp_path_factory.mktemp("vidéo à part") / "souris n° 1.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (SIDE_PX, SIDE_PX))
    for number in range(VIDEO_FRAMES):
        writer.write(numbered_frame(number))
    writer.release()
    return path


def material(
    video: Path | None,
    true: np.ndarray,
    predicted: np.ndarray,
    recording: str = "souris n° 1",
    behavior: str = "rearing",
) -> FilmedRecording:
    centers = None if video is None else np.full((len(true), 2), SIDE_PX / 2)
    probability = np.where(predicted, 0.9, 0.1)
    scored = np.ones(true.shape, dtype=bool)
    timeline = Timeline(recording, FPS, (behavior,), probability, {"full": predicted}, true, scored)
    return FilmedRecording(timeline, video, centers, 80)


def with_runs(n_frames: int, *runs: tuple[int, int]) -> np.ndarray:
    active = np.zeros((n_frames, 1), dtype=bool)
    for start, stop in runs:
        active[start:stop] = True
    return active


def thumbnails_in(picture: bytes) -> list[np.ndarray]:
    """The frames of a strip, cut out of it again."""
    strip = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    gap = strip_width_px(2) - strip_width_px(1)
    first = strip_width_px(1) - THUMBNAIL_PX
    return [strip[:THUMBNAIL_PX, left : left + THUMBNAIL_PX] for left in range(first, strip.shape[1], gap)]


def ignore(*_: int) -> None:
    pass


def test_the_frames_in_a_strip_are_those_that_the_table_names(tmp_path, numbered_video):
    true = with_runs(VIDEO_FRAMES, (10, 45), (70, 73), (90, 110))
    predicted = with_runs(VIDEO_FRAMES, (50, 66), (90, 108))
    run = tmp_path / "essai n° 1"
    reported: list[tuple[int, int]] = []
    notes = make_film_strips(
        RunDir(run),
        [material(numbered_video, true, predicted, behavior="redressé au mur")],
        lambda done, total: reported.append((done, total)),
    )
    assert notes == []
    strips = read_film_strips(RunDir(run))
    assert [(s.kind, s.rank, s.start_frame, s.stop_frame, s.iou) for s in strips] == [
        ("missed", 1, 10, 45, None),
        ("missed", 2, 70, 73, None),
        ("invented", 1, 50, 66, None),
        ("correct", 1, 90, 110, 0.9),
    ]
    assert strips[0].file == "film_strips/redressé au mur_missed_1.jpg"
    for strip in strips:
        picture = (run / strip.file).read_bytes()
        assert Image.open(io.BytesIO(picture)).size == (strip_width_px(len(strip.frames_shown)), STRIP_HEIGHT_PX)
        assert tuple(read_number(thumbnail) for thumbnail in thumbnails_in(picture)) == strip.frames_shown
    assert strips[0].frames_shown == (10, 15, 20, 25, 29, 34, 39, 44)
    # Read once, up to the last frame that is shown.
    assert reported[-1] == (110, 110)
    assert all(a[0] <= b[0] for a, b in pairwise(reported))


def test_the_table_holds_what_the_strips_are(tmp_path, numbered_video):
    true = with_runs(VIDEO_FRAMES, (10, 45))
    make_film_strips(RunDir(tmp_path), [material(numbered_video, true, np.zeros_like(true))], ignore)
    (row,) = read_table(tmp_path / FILM_STRIPS.file)
    assert tuple(row) == FILM_STRIPS.columns
    assert row["frames_shown"] == "10 15 20 25 29 34 39 44"
    assert (float(row["start_s"]), float(row["stop_s"]), float(row["mean_probability"])) == (1.0, 4.5, 0.1)
    assert row["iou"] == ""


def test_the_same_material_gives_the_same_bytes(tmp_path, numbered_video):
    true, predicted = with_runs(VIDEO_FRAMES, (10, 45)), with_runs(VIDEO_FRAMES, (60, 70))
    for name in ("a", "b"):
        make_film_strips(
            RunDir(tmp_path / name),
            [material(numbered_video, true, predicted)],
            ignore,
        )
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.*")) for n in ("a", "b")]
    assert files[0] == files[1]
    assert len(files[0]) == 3
    for file in files[0]:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_strip_with_a_frame_that_cannot_be_read_is_left_out_with_a_note(tmp_path, numbered_video):
    n_frames = VIDEO_FRAMES + 40
    true = with_runs(n_frames, (10, 30), (VIDEO_FRAMES - 5, VIDEO_FRAMES + 25))
    notes = make_film_strips(RunDir(tmp_path), [material(numbered_video, true, np.zeros_like(true))], ignore)
    assert [(s.rank, s.start_frame) for s in read_film_strips(RunDir(tmp_path))] == [(2, 10)]
    (note,) = notes
    assert "souris n° 1 were left out (rearing missed 1)" in note
    # Shown are every fourth frame or so from 115; the video ends with frame 119.
    assert "frame 123 of" in note


@pytest.mark.parametrize("content", [None, b"", b"no video at all"])
def test_a_video_that_is_gone_or_broken_is_noted_once_and_the_others_are_cut(tmp_path, numbered_video, content):
    broken = tmp_path / "broken.mp4"
    if content is not None:
        broken.write_bytes(content)
    true = with_runs(VIDEO_FRAMES, (10, 45), (60, 80))
    items = [
        material(broken, true, np.zeros_like(true), "first"),
        material(numbered_video, true, np.zeros_like(true), "second"),
    ]
    notes = make_film_strips(RunDir(tmp_path), items, ignore)
    assert len(notes) == 1
    with pytest.raises(InputError) as caught:
        inspect_video(broken)
    assert "first" in notes[0] and notes[0].endswith(f": {caught.value}")
    assert {s.recording for s in read_film_strips(RunDir(tmp_path))} == {"second"}


def test_without_a_video_nothing_is_cut_and_the_note_says_so(tmp_path):
    true = with_runs(60, (10, 45))
    items = [material(None, true, np.zeros_like(true), name) for name in ("a", "b")]
    notes = make_film_strips(RunDir(tmp_path), items, ignore)
    assert len(notes) == 1
    assert notes[0].startswith("No film strips of a, b: ")
    assert read_film_strips(RunDir(tmp_path)) == []


def test_bouts_are_chosen_among_recordings_that_have_a_video(tmp_path, numbered_video):
    long, short = with_runs(VIDEO_FRAMES, (10, 90)), with_runs(VIDEO_FRAMES, (10, 30))
    items = [
        material(None, long, np.zeros_like(long), "embedded elsewhere"),
        material(numbered_video, short, np.zeros_like(short), "filmed"),
    ]
    make_film_strips(RunDir(tmp_path), items, ignore)
    assert [(s.recording, s.rank) for s in read_film_strips(RunDir(tmp_path))] == [("filmed", 1)]


def test_a_thumbnail_follows_the_animal_in_color_and_never_leaves_the_frame(tmp_path):
    path = tmp_path / "colors.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (200, 100))
    centers = np.array([[100.0, 50.0], [195.0, 97.0]])
    for x, y in centers.astype(int):
        frame = np.full((100, 200, 3), 120, dtype=np.uint8)
        frame[y - 8 : y + 8, x - 8 : x + 8] = (30, 30, 220)  # red, as OpenCV writes it
        writer.write(frame)
    writer.release()
    still = np.zeros((2, 1), dtype=bool)
    timeline = Timeline("a", FPS, ("rearing",), np.zeros((2, 1)), {"full": still}, still, ~still)
    item = FilmedRecording(timeline, path, centers, 30)
    middle, corner = cut_thumbnails(item, [0, 1], ignore).values()
    for picture in (middle, corner):
        assert picture.shape == (THUMBNAIL_PX, THUMBNAIL_PX, 3)
    # 42 px around the animal (1.4 crops) fill the thumbnail: its 16 px are the middle 40 of 104.
    np.testing.assert_allclose(middle[52, 52], (220, 30, 30), atol=25)
    np.testing.assert_allclose(middle[52, [20, 84]], 120, atol=25)
    # In the corner the square is moved inside, so the animal lies in the thumbnail's corner.
    np.testing.assert_allclose(corner[-8, -8], (220, 30, 30), atol=25)
    np.testing.assert_allclose(corner[:50, :50], 120, atol=25)


def bar_colors(picture: bytes, i: int) -> list[tuple[int, ...]]:
    """Colors of the human's and the model's bar under the i-th frame."""
    strip = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    x = strip_width_px(i + 1) - THUMBNAIL_PX // 2
    return [tuple(strip[y, x]) for y in (THUMBNAIL_PX + 9, THUMBNAIL_PX + 22)]


def test_bars_show_what_human_and_model_said_of_each_frame():
    gray = np.full((THUMBNAIL_PX, THUMBNAIL_PX, 3), 128, dtype=np.uint8)
    said = [(True, False), (False, True), (None, None)]
    shown = [StripFrame(gray, i / FPS, human is True, human, model) for i, (human, model) in enumerate(said)]
    picture = draw_strip(shown, COLOR)
    ink, pale, color, white = (31, 41, 51), (227, 231, 235), (213, 94, 0), (255, 255, 255)
    for i, expected in enumerate([(ink, pale), (pale, color), (white, white)]):
        np.testing.assert_allclose(bar_colors(picture, i), expected, atol=12)


def test_context_that_nobody_scored_or_predicted_has_no_bar(tmp_path, numbered_video):
    true = with_runs(VIDEO_FRAMES, (50, 54))
    item = material(numbered_video, true, np.zeros_like(true))
    assert item.timeline.scored is not None
    item.timeline.scored[55:] = False
    item.timeline.probability[:49] = np.nan
    make_film_strips(RunDir(tmp_path), [item], ignore)
    (strip,) = read_film_strips(RunDir(tmp_path))
    picture = (tmp_path / strip.file).read_bytes()
    is_blank = {
        frame: tuple(min(color) > 245 for color in bar_colors(picture, i)) for i, frame in enumerate(strip.frames_shown)
    }
    assert {47, 50, 53, 56} <= is_blank.keys()
    assert is_blank == {frame: (frame >= 55, frame < 49) for frame in strip.frames_shown}


def test_a_strip_of_a_textured_video_is_light():
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (THUMBNAIL_PX, THUMBNAIL_PX, 3)).astype(np.uint8), (0, 0), 2)
    shown = [StripFrame(np.roll(noise, 9 * i, axis=0).astype(np.uint8), i / FPS, True, True, True) for i in range(8)]
    assert len(draw_strip(shown, COLOR)) < 45_000


def strip_of(behavior: str, recording: str, iou: float | None = None):
    return plan_strip(BoutChoice(behavior, recording, "correct", 1, 20, 40, 0.25, iou), 100, FPS, STRIP_PICTURES)


def test_strips_are_read_back_as_they_were_written(tmp_path):
    folder = tmp_path / "Läufe, neu"
    strips = {strip_of("toilettage léger", "souris, n° 1", 0.75): b"one", strip_of("梳理", "b"): b"two"}
    write_film_strips(RunDir(folder), strips)
    assert read_film_strips(RunDir(folder)) == list(strips)
    assert [(folder / strip.file).read_bytes() for strip in strips] == [b"one", b"two"]


def test_a_strip_whose_picture_was_deleted_is_not_read(tmp_path):
    kept, deleted = strip_of("a", "r"), strip_of("b", "r")
    write_film_strips(RunDir(tmp_path), {kept: b"1", deleted: b"2"})
    (tmp_path / deleted.file).unlink()
    assert read_film_strips(RunDir(tmp_path)) == [kept]


def test_a_folder_without_strips_has_none_and_a_damaged_table_is_refused(tmp_path):
    assert read_film_strips(RunDir(tmp_path)) == []
    write_film_strips(RunDir(tmp_path), {strip_of("a", "r"): b"1"})
    table = tmp_path / FILM_STRIPS.file
    table.write_text(table.read_text(encoding="utf-8").replace("correct,1", "perfect,1"), encoding="utf-8")
    with pytest.raises(InputError, match="Received: perfect"):
        read_film_strips(RunDir(tmp_path))
