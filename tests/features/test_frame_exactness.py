"""Frame i that is read is frame i of the video, in every container and codec that labs use.

Every frame carries its number as black and white blocks, which survive lossy compression.
"""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from features.prefetch import run_ahead
from features.video.inspection import inspect_video
from features.video.reading import iter_bgr_frames

N_BITS, BLOCK_PX = 10, 16
N_FRAMES = 300
DATA = Path(__file__).resolve().parents[1] / "data"
NTSC = 30000 / 1001
WRITTEN = [
    (codec, suffix, fps)
    for codec, suffixes in (("MJPG", ("avi", "mkv")), ("mp4v", ("mp4", "mkv", "avi")), ("avc1", ("mp4", "mkv")))
    for suffix in suffixes
    for fps in (NTSC, 250.0)
]
READY_MADE = [(path.name, fps) for fps, name in ((NTSC, "29.97"), (250.0, "250"))
              for path in (DATA / f"numbered_h264_{name}.mp4", DATA / f"numbered_h264_{name}.mkv")]  # fmt: skip


def numbered_frame(number: int) -> NDArray[np.uint8]:
    frame = np.zeros((48, N_BITS * BLOCK_PX, 3), dtype=np.uint8)
    for bit in range(N_BITS):
        if number >> bit & 1:
            frame[:32, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255
    frame[36:, (number * 2) % 140 : (number * 2) % 140 + 20] = (60, 120, number % 200)
    return frame


def number_of(frame: NDArray[np.uint8]) -> int:
    blocks = [frame[8:24, bit * BLOCK_PX + 4 : (bit + 1) * BLOCK_PX - 4].mean() for bit in range(N_BITS)]
    assert all(block < 70 or block > 185 for block in blocks), "the pattern can't be read"
    return sum(1 << bit for bit, block in enumerate(blocks) if block > 127)


def write(path: Path, codec: str, fps: float) -> Path:
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    size = (N_BITS * BLOCK_PX, 48)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), fps, size)
    cv2.utils.logging.setLogLevel(level)
    if not writer.isOpened():
        pytest.skip(f"this OpenCV has no encoder for {codec} in .{path.suffix[1:]}")
    for number in range(N_FRAMES):
        writer.write(numbered_frame(number))
    writer.release()
    return path


def expect_exact(path: Path, fps: float) -> None:
    """Every way of reading gives the frames in order, each once, none left out."""
    video = inspect_video(path)
    assert video.n_frames == N_FRAMES
    assert video.fps == pytest.approx(fps, rel=1e-3)
    assert [number_of(frame) for frame in iter_bgr_frames(path)] == list(range(N_FRAMES))
    for first, step in ((0, 1), (0, 7), (59, 1), (61, 1), (123, 4), (N_FRAMES - 1, 1)):
        read = [number_of(frame) for frame in iter_bgr_frames(path, step, first)]
        assert read == list(range(first, N_FRAMES, step)), f"from {first} by {step}"
    ahead = [number_of(frame) for frame in run_ahead(iter_bgr_frames(path), depth=3)]
    assert all(later == earlier + 1 for earlier, later in pairwise(ahead)) and len(ahead) == N_FRAMES


@pytest.mark.parametrize(("codec", "suffix", "fps"), WRITTEN)
def test_frames_of_a_video_that_opencv_writes(tmp_path, codec, suffix, fps):
    expect_exact(write(tmp_path / f"numbered.{suffix}", codec, fps), fps)


@pytest.mark.parametrize(("name", "fps"), READY_MADE)
def test_frames_of_h264_with_frames_stored_out_of_order(name, fps):
    expect_exact(DATA / name, fps)
    assert inspect_video(DATA / name).codec.lower() in ("h264", "avc1")


def test_numbers_are_read_off_as_they_were_drawn():
    assert [number_of(numbered_frame(number)) for number in range(1 << N_BITS)] == list(range(1 << N_BITS))
