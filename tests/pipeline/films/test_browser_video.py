"""Frame i of the video for a browser is frame i of the original, at i/fps, whatever the original was.

Every frame carries its number as black and white blocks (tests/features/test_frame_exactness.py).
"""

import base64
import math
import os
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from common.errors import InputError
from features.video.files import UnreadableVideoError
from features.video.reading import iter_bgr_frames
from pipeline.films import browser_video
from pipeline.films.browser_video import BrowserVideoWriter, exact_rate, make_browser_video, plays_in_browsers
from tests.browser import BROWSER, needs_browser
from tests.features.test_frame_exactness import DATA, N_BITS, N_FRAMES, NTSC, number_of, numbered_frame, write

ROOT = Path(__file__).resolve().parents[3]
EXACT = {NTSC: Fraction(30000, 1001), 250.0: Fraction(250)}


def ignore(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def write_with_pyav(path, codec, pixels, fps, frames, pts=None, aspect=None, options=None):
    """A video with settings that OpenCV's writer does not offer."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            picture.pts = number if pts is None else pts[number]
            picture.time_base = stream.codec_context.time_base = 1 / Fraction(fps).limit_denominator(1001)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def numbered(n_frames: int = N_FRAMES) -> list[np.ndarray]:
    return [numbered_frame(number) for number in range(n_frames)]


def expect_playable(path: Path, fps: Fraction, n_frames: int) -> None:
    """The times, the codec and the order that a page relies on, as FFmpeg reads them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == fps
        assert stream.frames == n_frames
        assert stream.duration * stream.time_base == n_frames / fps
        assert [packet.pts * packet.time_base for packet in packets] == [number / fps for number in range(n_frames)]
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        assert keys[0] == 0
        assert max(b - a for a, b in pairwise([*keys, n_frames])) <= min(math.ceil(fps), 50)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "the index should come first"
    assert plays_in_browsers(path)


SOURCES = [(codec, suffix, fps) for codec, suffix in (("MJPG", "avi"), ("mp4v", "avi"), ("mp4v", "mkv"))
           for fps in EXACT]  # fmt: skip


@pytest.mark.parametrize(("codec", "suffix", "fps"), SOURCES)
def test_frame_by_frame_from_what_cameras_write(tmp_path, codec, suffix, fps):
    source = write(tmp_path / f"numbered.{suffix}", codec, fps)
    assert not plays_in_browsers(source)
    said: list[tuple[int, int]] = []
    make_browser_video(source, tmp_path / "played.mp4", lambda done, total: said.append((done, total)), fps, N_FRAMES)
    assert [number_of(frame) for frame in iter_bgr_frames(tmp_path / "played.mp4")] == list(range(N_FRAMES))
    expect_playable(tmp_path / "played.mp4", EXACT[fps], N_FRAMES)
    assert said[-1] == (N_FRAMES, N_FRAMES)
    assert all(done <= total for done, total in said)


@pytest.mark.parametrize("fps", EXACT)
def test_frame_by_frame_from_h264_with_full_color(tmp_path, fps):
    source = write_with_pyav(tmp_path / "full.mp4", "libx264", "yuv444p", fps, numbered())
    assert not plays_in_browsers(source)
    make_browser_video(source, tmp_path / "played.mp4", ignore, fps)
    assert [number_of(frame) for frame in iter_bgr_frames(tmp_path / "played.mp4")] == list(range(N_FRAMES))
    expect_playable(tmp_path / "played.mp4", EXACT[fps], N_FRAMES)


@pytest.mark.parametrize(("name", "fps"), [("29.97", NTSC), ("250", 250.0)])
def test_frame_by_frame_from_h264_with_frames_stored_out_of_order(tmp_path, name, fps):
    make_browser_video(DATA / f"numbered_h264_{name}.mkv", tmp_path / "played.mp4", ignore, fps)
    assert [number_of(frame) for frame in iter_bgr_frames(tmp_path / "played.mp4")] == list(range(N_FRAMES))
    expect_playable(tmp_path / "played.mp4", EXACT[fps], N_FRAMES)


def test_odd_sizes_grow_by_a_pixel_and_coordinates_stay(tmp_path):
    frames = [cv2.copyMakeBorder(frame, 0, 1, 0, 1, cv2.BORDER_REPLICATE) for frame in numbered(40)]
    source = write_with_pyav(tmp_path / "odd.mkv", "ffv1", "bgr0", 25, frames)
    assert next(iter_bgr_frames(source)).shape == (49, 161, 3)
    make_browser_video(source, tmp_path / "played.mp4", ignore, 25.0)
    played = list(iter_bgr_frames(tmp_path / "played.mp4"))
    assert [number_of(frame) for frame in played] == list(range(40))
    assert played[0].shape == (50, 162, 3)
    assert np.abs(played[7][:49, :161].astype(int) - frames[7]).mean() < 4


def test_colors_and_brightness_stay(tmp_path):
    patches = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (178, 114, 0), (0, 94, 213), (66, 228, 240), (115, 158, 0)]
    frame = np.concatenate([np.full((32, 32, 3), color, np.uint8) for color in patches], axis=1)
    source = write_with_pyav(tmp_path / "colors.mkv", "ffv1", "bgr0", 25, [frame] * 10)
    make_browser_video(source, tmp_path / "played.mp4", ignore, 25.0)
    played = list(iter_bgr_frames(tmp_path / "played.mp4"))[5]
    for i, color in enumerate(patches):
        assert np.abs(played[8:24, i * 32 + 8 : i * 32 + 24].mean((0, 1)) - color).max() < 4


def test_the_frame_rate_may_be_given(tmp_path):
    make_browser_video(DATA / "numbered_h264_250.mkv", tmp_path / "played.mp4", ignore, 12.5)
    expect_playable(tmp_path / "played.mp4", Fraction(25, 2), N_FRAMES)


@pytest.mark.parametrize(
    ("fps", "rate"),
    [(NTSC, Fraction(30000, 1001)), (29.970030, Fraction(30000, 1001)), (59.94005994, Fraction(60000, 1001)),
     (25.0, Fraction(25)), (12.5, Fraction(25, 2)), (1 / 3, Fraction(1, 3)), (0.0005, Fraction(1, 2000))],
)  # fmt: skip
def test_rates_are_exact(fps, rate):
    assert exact_rate(fps) == rate


@pytest.mark.parametrize(
    "fps", [30.0003, 1000000 / 33333, 29.123457, 14.985014985, 1999.9997, math.pi, 1.0000004, 0.0333]
)
def test_rates_of_odd_cameras_do_not_drift(fps):
    rate = exact_rate(fps)
    n_frames = 400_000
    assert abs(n_frames * fps / float(rate) - n_frames) < 0.5
    assert max(rate.numerator, rate.denominator) < 2**31


def test_a_video_of_an_odd_camera_has_its_times(tmp_path):
    make_browser_video(DATA / "numbered_h264_250.mkv", tmp_path / "played.mp4", ignore, 1000000 / 33333)
    expect_playable(tmp_path / "played.mp4", Fraction(1000000, 33333), N_FRAMES)


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), float("inf"), 1e6])
def test_impossible_rates_are_refused(fps):
    with pytest.raises(InputError, match="frames per second"):
        exact_rate(fps)


def test_a_single_frame_lasts_as_long_as_a_frame(tmp_path):
    with BrowserVideoWriter(tmp_path / "one.mp4", 4.0) as writer:
        writer.write(numbered_frame(5))
    expect_playable(tmp_path / "one.mp4", Fraction(4), 1)


def test_what_plays_as_it_is(tmp_path):
    frames = numbered(30)
    for name in ("250", "29.97"):
        assert plays_in_browsers(DATA / f"numbered_h264_{name}.mp4")
        assert not plays_in_browsers(DATA / f"numbered_h264_{name}.mkv")
    assert plays_in_browsers(write_with_pyav(tmp_path / "vp8.webm", "libvpx", "yuv420p", 25, frames))
    no_webm = write_with_pyav(tmp_path / "vp9.mkv", "libvpx-vp9", "yuv420p", 25, frames)
    assert not plays_in_browsers(no_webm)
    wide = write_with_pyav(tmp_path / "wide.mp4", "libx264", "yuv420p", 25, frames, aspect=Fraction(4, 3))
    assert not plays_in_browsers(wide), "a browser stretches wide pixels, OpenCV does not"
    uneven = [*range(15), *range(20, 35)]
    gaps = write_with_pyav(tmp_path / "gaps.mp4", "libx264", "yuv420p", 25, frames, pts=uneven)
    assert not plays_in_browsers(gaps)
    rare = write_with_pyav(tmp_path / "rare.mp4", "libx264", "yuv420p", 25, numbered(700),
                           options={"g": "100000", "sc_threshold": "0"})  # fmt: skip
    assert not plays_in_browsers(rare), "jumping takes too long"
    assert not plays_in_browsers(DATA / "numbered_h264_250.mp4", 125.0), "frames would not be where the run's rate says"
    (tmp_path / "text.mp4").write_text("no video at all", encoding="utf-8")
    assert not plays_in_browsers(tmp_path / "text.mp4")
    with pytest.raises(UnreadableVideoError, match="no video at"):
        plays_in_browsers(tmp_path / "gone.mp4")


def test_what_is_no_video_is_refused_and_leaves_nothing(tmp_path):
    (tmp_path / "text.avi").write_text("no video at all", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.avi can't be opened as a video"):
        make_browser_video(tmp_path / "text.avi", tmp_path / "out" / "played.mp4", ignore, 25.0)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["text.avi"]


@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_the_source_is_never_written_over(tmp_path, link):
    source = tmp_path / "m1.mp4"
    shutil.copy(DATA / "numbered_h264_250.mp4", source)
    out = source if link is None else tmp_path / "other.mp4"
    if link:
        getattr(out, link)(source)
    before = source.read_bytes()
    with pytest.raises(InputError, match="is an original video"):
        make_browser_video(source, out, ignore, 25.0)
    assert source.read_bytes() == out.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match=r"Cannot write the video .*played\.mp4"):
        make_browser_video(DATA / "numbered_h264_250.mp4", tmp_path / "folder" / "played.mp4", ignore, 25.0)


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "played.mp4"
    path.write_bytes(b"the old one")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_browser_video(DATA / "numbered_h264_250.mp4", path, stop, 25.0)
    assert path.read_bytes() == b"the old one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_no_video_and_its_remains_are_cleared_away_later(tmp_path):
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from pipeline.films.browser_video import BrowserVideoWriter\n"
        "with BrowserVideoWriter(Path(sys.argv[1]), 25.0) as writer:\n"
        "    while True:\n"
        "        writer.write(np.zeros((48, 64, 3), np.uint8))\n"
    )
    path = tmp_path / "played.mp4"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".played.mp4.*")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    (remains,) = tmp_path.iterdir()
    assert remains.name.startswith(".played.mp4.")
    make_browser_video(DATA / "numbered_h264_250.mp4", path, ignore, 250.0)
    assert set(tmp_path.iterdir()) == {path, remains}, "another process might still be writing it"
    os.utime(remains, (0, 0))
    make_browser_video(DATA / "numbered_h264_250.mp4", path, ignore, 250.0)
    assert list(tmp_path.iterdir()) == [path]


def test_a_build_without_h264_writes_another_codec(tmp_path, monkeypatch):
    monkeypatch.setattr(
        browser_video, "ENCODERS", {"none such": {}, "libvpx-vp9": browser_video.ENCODERS["libvpx-vp9"]}
    )
    make_browser_video(DATA / "numbered_h264_29.97.mkv", tmp_path / "played.mp4", ignore, 25.0)
    assert [number_of(frame) for frame in iter_bgr_frames(tmp_path / "played.mp4")] == list(range(N_FRAMES))
    assert plays_in_browsers(tmp_path / "played.mp4")
    monkeypatch.setattr(browser_video, "ENCODERS", {"none such": {}})
    with pytest.raises(InputError, match="none of the video encoders"):
        make_browser_video(DATA / "numbered_h264_29.97.mkv", tmp_path / "other.mp4", ignore, 25.0)
    assert not (tmp_path / "other.mp4").exists()


# Asks for the middle of each frame and reads the number off a canvas. The new picture is there when the
# frame's callback comes; `seeked` alone may come before.
READ_NUMBERS = """async ([times, bits]) => {
  const video = document.querySelector("video"), numbers = [];
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", {willReadFrequently: true});
  for (const time of times) {
    const shown = new Promise(done => video.requestVideoFrameCallback(done));
    await new Promise(done => {
      video.addEventListener("seeked", done, {once: true});
      video.currentTime = time;
    });
    await Promise.race([shown, new Promise(done => setTimeout(done, 2000))]);
    context.drawImage(video, 0, 0);
    const block = canvas.width / bits;
    let number = 0;
    for (let bit = 0; bit < bits; bit++)
      if (context.getImageData(Math.floor((bit + 0.5) * block), 16, 1, 1).data[0] > 127) number |= 1 << bit;
    numbers.push(number);
  }
  return [numbers, video.duration];
}"""


@needs_browser[0]
@needs_browser[1]
@pytest.mark.parametrize(("codec", "suffix", "fps"), [("MJPG", "avi", NTSC), ("mp4v", "avi", 250.0)])
def test_a_browser_shows_frame_i_at_its_time(tmp_path, codec, suffix, fps):
    playwright = pytest.importorskip("playwright.sync_api")
    make_browser_video(write(tmp_path / f"numbered.{suffix}", codec, fps), tmp_path / "played.mp4", ignore, fps)
    wanted = [0, 1, 2, 0, 49, 50, 51, 298, 299, 150, 149, 7, *range(100, 130, 3)]
    content = base64.b64encode((tmp_path / "played.mp4").read_bytes()).decode("ascii")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content(f'<video muted src="data:video/mp4;base64,{content}"></video>')
        page.wait_for_function("document.querySelector('video').readyState >= 2")
        numbers, duration_s = page.evaluate(READ_NUMBERS, [[(i + 0.5) / fps for i in wanted], N_BITS])
        browser.close()
    assert numbers == wanted
    assert duration_s == pytest.approx(N_FRAMES / fps, abs=1e-3)
