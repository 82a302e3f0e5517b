"""What is measured of a video while it is decoded, against videos in which it is known."""

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.video.inspection import inspect_video
from features.video.quality import Jump, find_jumps, measure_repeats, measure_times
from tests.features.made_videos import SIZE_PX, time_stamps_s, write_timed_video

DATA = Path(__file__).resolve().parents[1] / "data"


def slower(frame: int) -> float:
    """0.1 s between the first 60 frames, 0.2 s after them."""
    return 0.1 if frame < 60 else 0.2


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_a_constant_rate_is_found_constant(tmp_path: Path, suffix: str):
    times = inspect_video(write_timed_video(tmp_path / f"v.{suffix}", 60)).quality.times
    assert times is not None and not times.is_variable
    assert times.fps == pytest.approx(10, rel=1e-3)
    assert times.max_offset_frames < 0.02
    assert times.span_s == pytest.approx(5.9, abs=0.002)


def test_frames_of_an_avi_that_are_stored_out_of_order_come_at_equal_times(tmp_path: Path):
    source = write_timed_video(tmp_path / "v.mp4", 60)
    with av.open(str(source)) as film, av.open(str(tmp_path / "v.avi"), "w") as copy:
        stream = copy.add_stream("libx264", rate=10, options={"bf": "2", "crf": "16"})
        stream.width = stream.height = SIZE_PX
        for number, frame in enumerate(film.decode(video=0)):
            frame.pts, frame.time_base = number, Fraction(1, 10)
            copy.mux(stream.encode(frame))
        copy.mux(stream.encode(None))
    times = inspect_video(tmp_path / "v.avi").quality.times
    assert times is not None and not times.is_variable and times.max_offset_frames < 0.02


@pytest.mark.parametrize(
    ("suffix", "fps", "max_offset", "at_frame"),
    # The header of an MP4 gives the mean rate: 118 steps of 6 + 11.8 s. At frame 60, 6 s have passed. That of a
    # Matroska file gives the usual one: at the last frame, 17.8 s are 178 frames at 10 frames/s, and not 119.
    [("mp4", 120 / 18, 60 - 6 * 120 / 18, 60), ("mkv", 10, 178 - 119, 119)],
)
def test_a_variable_rate_is_found_with_what_it_does(
    tmp_path: Path, suffix: str, fps: float, max_offset: float, at_frame: int
):
    video = inspect_video(write_timed_video(tmp_path / f"v.{suffix}", 120, slower))
    times = video.quality.times
    assert times is not None and times.is_variable
    assert times.n_irregular == 59
    assert times.fps == pytest.approx(119 / 17.8, rel=1e-3)
    assert (times.usual_step_s, times.longest_step_s) == (pytest.approx(0.1), pytest.approx(0.2, abs=0.002))
    assert video.fps == pytest.approx(fps, rel=0.02)
    assert times.max_offset_frames == pytest.approx(max_offset, rel=0.04)
    assert times.max_offset_frame == at_frame
    assert video.n_missing_frames == 0, "a header that reckons with a constant rate is no cut-off file"


@pytest.mark.parametrize(
    "name",
    ["numbered_h264_250.mkv", "numbered_h264_250.mp4", "numbered_h264_29.97.mkv", "numbered_h264_29.97.mp4", "made"],
)
def test_time_stamps_are_those_that_another_library_reads(tmp_path: Path, name: str):
    path = write_timed_video(tmp_path / "v.mp4", 90, slower) if name == "made" else DATA / name
    video = inspect_video(path)
    times_s = np.array(time_stamps_s(path))
    assert len(times_s) == video.n_frames
    expected, measured = measure_times(times_s, video.fps), video.quality.times
    assert expected is not None and measured is not None
    assert asdict(measured) == pytest.approx(asdict(expected), abs=1e-6)


def test_a_rounded_rate_drifts():
    times = measure_times(np.arange(18_000) * 1001 / 30_000, 30.0)
    assert times is not None and not times.is_variable
    assert times.fps == pytest.approx(29.97, abs=0.001)
    assert times.max_offset_frames == pytest.approx(17_999 * 1001 / 1000 - 17_999)
    assert times.max_offset_frame == 17_999


def test_stamps_in_whole_milliseconds_are_not_taken_for_a_variable_rate():
    for fps in (29.97, 30.0, 240.0, 500.0):
        times = measure_times(np.round(np.arange(3000) / fps, 3), fps)
        assert times is not None and not times.is_variable
        assert times.max_offset_frames <= 0.0005 * fps + 1e-6


@pytest.mark.parametrize("times_s", [[0.0], [0.0, 0.0, 0.0], [2.0, 1.0], [0.0, float("nan")]])
def test_stamps_that_say_nothing(times_s: list[float]):
    assert measure_times(np.array(times_s), 30.0) is None


def test_lost_frames_that_were_written_twice_are_counted(tmp_path: Path):
    repeats = inspect_video(write_timed_video(tmp_path / "v.mp4", 80, repeats={20, 40, 41, 60})).quality.repeats
    assert (repeats.n_frames, repeats.n_lone, repeats.lone_frames) == (4, 4, (20, 40, 41, 60))
    assert (repeats.longest_frames, repeats.longest_start_frame) == (2, 40)


def test_a_frozen_picture_is_one_long_stretch(tmp_path: Path):
    repeats = inspect_video(write_timed_video(tmp_path / "v.mp4", 80, repeats=range(30, 60))).quality.repeats
    assert (repeats.n_frames, repeats.n_lone) == (30, 0)
    assert (repeats.longest_frames, repeats.longest_start_frame) == (30, 30)


def test_a_video_in_which_all_frames_differ_has_no_repeats(tmp_path: Path):
    repeats = inspect_video(write_timed_video(tmp_path / "v.mp4", 80)).quality.repeats
    assert (repeats.n_frames, repeats.n_lone, repeats.longest_frames) == (0, 0, 0)


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_repeats_are_counted_as_by_hand(same: list[bool]):
    changes = np.array([np.inf] + [0.0 if is_same else 50.0 for is_same in same])
    found = measure_repeats(changes)
    stretches = "".join("x" if is_same else " " for is_same in [False, *same]).split(" ")
    assert found.n_frames == sum(same)
    assert found.longest_frames == max(map(len, stretches))
    amid = stretches[:-1]  # after the last one no motion is seen
    assert found.n_lone == sum(len(stretch) for stretch in amid if len(stretch) <= 3)


def test_brightness_is_that_of_the_pictures(tmp_path: Path):
    brightness = inspect_video(write_timed_video(tmp_path / "v.mp4", 20, level=lambda frame: 120)).quality.brightness
    dark_share = 16 * 16 / 64**2
    assert brightness.mean == pytest.approx(120 - 80 * dark_share, abs=2)
    assert (brightness.n_black, brightness.first_black_frame, brightness.n_jumps) == (0, -1, 0)
    assert brightness.saturated_share == 0


def test_black_and_overexposed_frames_are_found(tmp_path: Path):
    path = write_timed_video(tmp_path / "v.mp4", 40, level=lambda frame: 2 if 10 <= frame < 13 else 255)
    brightness = inspect_video(path).quality.brightness
    assert (brightness.n_black, brightness.first_black_frame) == (3, 10)
    assert brightness.saturated_share == pytest.approx(37 / 40 * (1 - 16 * 16 / 64**2), abs=0.02)


@pytest.mark.parametrize("frame_on", [33, 50, 55, 57])
def test_a_lamp_that_is_switched_on_is_found_at_its_frame(tmp_path: Path, frame_on: int):
    path = write_timed_video(tmp_path / "v.mp4", 90, level=lambda frame: 60 if frame < frame_on else 180)
    brightness = inspect_video(path).quality.brightness
    assert brightness.n_jumps == 1
    (jump,) = brightness.jumps
    assert jump.frame == frame_on
    # One measure of brightness throughout: what is told of the change lies within what is told of the video.
    assert (jump.before, jump.after) == pytest.approx((brightness.darkest, brightness.brightest), abs=3)


def test_a_flash_and_slow_drift_are_no_jumps():
    flash = np.full(300, 100.0)
    flash[[50, 51, 140]] = 250
    for levels in (flash, np.linspace(60, 180, 900)):
        assert find_jumps(levels, levels, 30.0) == []


def test_light_off_and_on_again_are_two_jumps():
    brightness = np.full(300, 100.0)
    brightness[100:200] = 40
    # Found in the medians, told as means, which are those of the audit's table.
    assert find_jumps(brightness, brightness + 7, 30.0) == [Jump(100, 107, 47), Jump(200, 47, 107)]


@given(st.integers(2, 200), st.floats(0, 255), st.floats(1, 120))
def test_even_light_has_no_jumps(n_frames: int, level: float, fps: float):
    levels = np.full(n_frames, level)
    assert find_jumps(levels, levels, fps) == []


@pytest.mark.shared
def test_a_real_video_has_lost_frames_and_a_change_of_light(shared_dir: Path):
    """Seen by looking at the frames: 86 instead of 107 from about 122 to 134; frame 559 equals 558 amid motion."""
    quality = inspect_video(shared_dir / "data" / "mouse_arena" / "arena_1.mp4").quality
    assert quality.times is not None and quality.times.max_offset_frames < 0.01
    assert 559 in quality.repeats.lone_frames and 20 <= quality.repeats.n_lone <= 40
    assert any(120 <= jump.frame <= 124 and jump.after < jump.before - 15 for jump in quality.brightness.jumps)
