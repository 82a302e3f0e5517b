"""A damaged video is read on behind what is lost, each frame under its number; intact ones are as OpenCV has them."""

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from features.video import damage, reading
from features.video.files import UnreadableVideoError
from features.video.inspection import inspect_video
from features.video.reading import glance, iter_bgr_frames, iter_frames
from features.video.survey import survey_video
from pipeline.dataset.findings import video_findings
from pipeline.starter.videos import read_video_header
from tests.features.stage_one import frame_number, write_video

N_FRAMES, KEY_FRAMES = 60, 12
WIDTH_PX, HEIGHT_PX, BLOCK_PX = 160, 96, 20


def numbered(number: int) -> np.ndarray:
    """On top the frame's number in black and white blocks, below noise, so that a packet has some thousand bytes."""
    picture = np.full((HEIGHT_PX, WIDTH_PX, 3), 90, np.uint8)
    for bit in range(8):
        picture[:32, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = 255 * (number >> bit & 1)
    noise = np.random.default_rng(number).integers(0, 255, (10, 32, 3), np.uint8)
    picture[40:90] = noise.repeat(5, 0).repeat(5, 1)
    return picture


def number_of(picture: np.ndarray) -> int:
    blocks = picture[14:18].mean(axis=(0, 2)).reshape(-1, BLOCK_PX)[:, 6:14].mean(axis=1)
    return sum(1 << bit for bit, level in enumerate(blocks) if level > 127)


def make(path: Path, codec: str, n_b_frames: int = 0, pixels: str = "yuv420p", rate: int = 25, **options: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.bit_rate = WIDTH_PX, HEIGHT_PX, 2_000_000
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else pixels
        stream.options = {"g": str(KEY_FRAMES), "bf": str(n_b_frames), **options}
        for number in range(N_FRAMES):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def spoil(path: Path, packets: list[int]) -> Path:
    """Overwrite packets, with what stands before them in the file."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for number in packets:
        place, size = places[number]
        start = place if number == 0 else place - 8  # Before the first one stands the head of them all.
        content[start : place + size - 4] = b"\xff" * (place + size - 4 - start)
    path.write_bytes(content)
    return path


def read(path: Path) -> tuple[list[int], list[int], list[int], list[np.ndarray]]:
    """Numbers, lost and faulty frames, and pictures."""
    frames = [(frame.number, frame.is_lost, frame.is_faulty, frame.picture().copy()) for frame in iter_frames(path)]
    numbers, lost, faulty, pictures = zip(*frames, strict=True)
    marked = [[number for number, is_in in zip(numbers, flags, strict=True) if is_in] for flags in (lost, faulty)]
    return list(numbers), marked[0], marked[1], list(pictures)


@pytest.mark.parametrize("packets", [[0], [1], [30], [59], [20, 40], [10, 11, 12]])
@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv"])
def test_lost_frames_of_mjpeg_are_known_one_by_one(tmp_path: Path, suffix: str, packets: list[int]) -> None:
    path = spoil(make(tmp_path / f"m1.{suffix}", "mjpeg"), packets)
    if suffix == "mkv" and packets == [0]:
        pytest.skip("nothing tells of what was before the first frame that is left")
    numbers, lost, faulty, pictures = read(path)
    if suffix == "mkv" and packets[-1] == N_FRAMES - 1:
        packets, n_frames = [], N_FRAMES - 1  # Nothing in the file is left of its last frame.
    else:
        n_frames = N_FRAMES
    assert numbers == list(range(n_frames))
    assert (lost, faulty) == (packets, [])
    kept = [number for number in numbers if number not in packets]
    assert [number_of(pictures[number]) for number in kept] == kept
    for number in packets:
        before = pictures[number - 1] if number else pictures[1]
        assert np.array_equal(pictures[number], before), "a lost frame shows the picture before"


INTER = [
    ("avi", "mpeg4", 0), ("avi", "libx264", 0), ("avi", "libx264", 2), ("mp4", "libx264", 2), ("mp4", "libx264", 0),
    ("mkv", "libx264", 2), ("mkv", "mpeg4", 0), ("ts", "libx264", 2), ("flv", "libx264", 0), ("mpg", "mpeg2video", 2),
    ("mov", "mpeg4", 0), ("webm", "libvpx-vp9", 0),
]  # fmt: skip


@pytest.mark.parametrize("places", [(0.12,), (0.5,), (0.85,), (0.3, 0.7)])
@pytest.mark.parametrize(("suffix", "codec", "n_b_frames"), INTER)
def test_frames_behind_damage_keep_their_numbers(
    tmp_path: Path, suffix: str, codec: str, n_b_frames: int, places: tuple[float, ...]
) -> None:
    path = make(tmp_path / f"m1.{suffix}", codec, n_b_frames)
    content = bytearray(path.read_bytes())
    for place in places:
        start = int(place * len(content))
        content[start : start + 1500] = b"\xff" * 1500
    path.write_bytes(content)
    numbers, lost, faulty, pictures = read(path)
    assert numbers == list(range(N_FRAMES))
    assert len(lost) < 20
    # Next to what is lost, pictures are built on it; from the next key frame on all is well.
    wrong = [k for k in numbers if k not in lost and k not in faulty and number_of(pictures[k]) != k]
    assert len(wrong) <= 8 * len(places)
    assert all(number_of(pictures[k]) == k for k in range(3))
    assert all(number_of(pictures[k]) == k for k in numbers[-4:] if k not in lost and k not in faulty)
    assert [number_of(frame) for frame in iter_bgr_frames(path, 7, 5)] == [number_of(p) for p in pictures[5::7]]


def test_reading_from_a_later_frame_gives_the_same_pictures(tmp_path: Path) -> None:
    path = spoil(make(tmp_path / "m1.avi", "mjpeg"), [20, 21, 40])
    whole = list(iter_bgr_frames(path))
    for first, step in ((20, 1), (21, 1), (1, 5), (40, 20)):
        some = list(iter_bgr_frames(path, step, first))
        assert all(np.array_equal(a, b) for a, b in zip(some, whole[first::step], strict=True))


INTACT: list[tuple[str, str, dict[str, Any]]] = [
    ("avi", "mjpeg", {}), ("avi", "mpeg4", {"n_b_frames": 2}), ("avi", "libx264", {"n_b_frames": 2}),
    ("mp4", "libx264", {"n_b_frames": 2}), ("mkv", "libx264", {}),
    ("mp4", "libx264", {"pixels": "yuv444p"}), ("ts", "libx264", {"n_b_frames": 2}), ("h264", "libx264", {}),
    ("webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "10"}), ("webm", "libvpx-vp9", {}), ("flv", "flv1", {}),
    ("mkv", "ffv1", {"pixels": "gray"}), ("gif", "gif", {"pixels": "rgb8"}), ("mpg", "mpeg2video", {"n_b_frames": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "codec", "options"), INTACT)
def test_intact_videos_are_as_opencv_reads_them(
    tmp_path: Path, suffix: str, codec: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / f"m1.{suffix}", codec, **options)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    expected = []
    while capture.grab():
        expected.append((capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, capture.retrieve()[1].copy()))

    def refuse(path: Path) -> None:
        raise AssertionError("an intact video needs no second look")

    monkeypatch.setattr(reading, "place_frames", refuse)
    frames = [(frame.time_s, frame.picture().copy()) for frame in iter_frames(path)]
    assert len(frames) == len(expected) == N_FRAMES
    if suffix not in ("avi", "h264"):  # These have no times of their own.
        assert [frame[0] for frame in frames] == pytest.approx([time_s for time_s, _ in expected], abs=1e-9)
    assert all(np.array_equal(frame[1], picture) for frame, (_, picture) in zip(frames, expected, strict=True))
    video = inspect_video(path)
    assert (video.lost, video.faulty, video.n_missing_frames) == ((), (), 0)
    assert video.seen.all()


@pytest.mark.parametrize("codec", ["libx264", "mjpeg"])
def test_a_camera_that_left_frames_out_damaged_nothing(tmp_path: Path, codec: str) -> None:
    """The same gaps in the times as where frames are lost, but with every byte in place."""
    path = tmp_path / "m1.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number + 3 * (number > 20), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    numbers, lost, faulty, pictures = read(path)
    assert [number_of(picture) for picture in pictures] == numbers == list(range(40))
    assert (lost, faulty) == ([], [])


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@pytest.mark.parametrize("degrees", TURNS)
def test_pictures_are_turned_as_the_file_asks(tmp_path: Path, degrees: int) -> None:
    path = make(tmp_path / "m1.mp4", "libx264")
    content = path.read_bytes()
    matrix = [part << 16 for part in (1, 0, 0, 0, 1, 0)]
    plain = b"".join(part.to_bytes(4, "big", signed=True) for part in (*matrix[:2], 0, *matrix[2:4][:1], matrix[4], 0))
    a, b, c, d = (part << 16 for part in TURNS[degrees])
    turned = b"".join(part.to_bytes(4, "big", signed=True) for part in (a, b, 0, c, d, 0))
    place = content.index(plain, content.index(b"tkhd"))
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    _, expected = capture.read()
    picture = next(iter_bgr_frames(path))
    assert picture.shape[:2] == ((HEIGHT_PX, WIDTH_PX) if degrees == 180 else (WIDTH_PX, HEIGHT_PX))
    assert np.array_equal(picture, expected)
    assert picture.flags.c_contiguous


def test_interlaced_pictures_are_whole(tmp_path: Path) -> None:
    """OpenCV 5.0 leaves them empty."""
    path = make(tmp_path / "m1.mp4", "libx264", flags="+ildct+ilme")
    numbers, _, _, pictures = read(path)
    assert [number_of(picture) for picture in pictures] == numbers == list(range(N_FRAMES))
    assert abs(float(pictures[3][::2].mean()) - float(pictures[3][1::2].mean())) < 5


def test_a_cut_off_video_ends_where_it_was_cut(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.avi", "mjpeg").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(whole[: len(whole) // 2])
    numbers, lost, _, pictures = read(path)
    assert lost == [] and len(numbers) < N_FRAMES
    assert [number_of(picture) for picture in pictures] == numbers
    video = inspect_video(path)
    assert video.n_missing_frames == N_FRAMES - len(numbers)
    assert next(finding.severity for finding in video_findings("m1", video)) == "warning"


def test_a_video_that_changes_its_size_is_refused_with_the_frame(tmp_path: Path) -> None:
    path = tmp_path / "m1.h264"
    small, large = tmp_path / "a.h264", tmp_path / "b.h264"
    make(small, "libx264")
    with av.open(str(large), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 2 * WIDTH_PX, HEIGHT_PX, "yuv420p"
        picture = np.zeros((HEIGHT_PX, 2 * WIDTH_PX, 3), np.uint8)
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(small.read_bytes() + large.read_bytes())
    for reader in (inspect_video, lambda path: list(iter_bgr_frames(path))):
        with pytest.raises(UnreadableVideoError, match=r"160 x 96 px first and 320 x 96 px at frame 60"):
            reader(path)


def test_damage_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = spoil(make(tmp_path / "m1.mp4", "mjpeg"), [30])
    calls = []
    decode = damage._decode
    monkeypatch.setattr(damage, "_decode", lambda *arguments: calls.append(1) or decode(*arguments))
    assert len(read(path)[0]) == len(read(path)[0]) == N_FRAMES
    assert len(calls) == 1


def test_what_is_lost_is_said_with_its_places(tmp_path: Path) -> None:
    video = inspect_video(spoil(make(tmp_path / "m1.avi", "mjpeg"), [20, 21, 40]), tmp_path / "videos.json")
    assert (video.n_frames, video.lost) == (N_FRAMES, ((20, 22), (40, 41)))
    assert np.flatnonzero(~video.seen).tolist() == [20, 21, 40]
    finding = next(f for f in video_findings("m1", video) if "can't be decoded" in f.found)
    assert finding.severity == "warning"
    assert "3 of 60 frames of m1.avi can't be decoded: 20-21, 40" in finding.found
    assert "repeat" not in " ".join(finding.found for finding in video_findings("m1", video))
    assert inspect_video(video.path, tmp_path / "videos.json") == video


@pytest.mark.parametrize(
    ("suffix", "given", "severity", "says"),
    [
        ("mp4", 60.0, "warning", "For m1.mp4 are given 60 frames/s, but by its time stamps the video has 25"),
        ("mp4", 25.0, None, ""),
        ("avi", 60.0, "note", "60 frames/s are given for m1.avi, whose header says 25"),
        ("h264", 60.0, None, ""),
        ("h264", 25.0, None, ""),
        ("avi", 25.0, None, ""),
    ],
)
def test_a_given_rate_is_compared_with_true_times(
    tmp_path: Path, suffix: str, given: float, severity: str | None, says: str
) -> None:
    path = make(tmp_path / f"m1.{suffix}", "libx264" if suffix == "h264" else "mpeg4")
    index = tmp_path / "videos.json"
    assert inspect_video(path, index).fps == 25.0
    video = inspect_video(path, index, fps=given)
    assert (video.fps, video.fps_header) == (given, 25.0)
    assert inspect_video(path, index).fps == 25.0
    found = [(f.severity, f.found) for f in video_findings("m1", video) if "frames/s" in f.found]
    assert [one[0] for one in found] == ([severity] if severity else [])
    assert all(says in one[1] for one in found)


def test_a_first_look_reads_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "m1.avi", 40, fps=12.5)
    survey = survey_video(path)

    def refuse(path: Path) -> None:
        raise AssertionError("read to the end")

    monkeypatch.setattr(reading, "survey_video", refuse)
    header = read_video_header(path)
    assert (header.fps, header.n_frames, header.width_px) == (12.5, 40, 80)
    assert [frame_number(picture()) for _, picture in glance(path)] == list(range(40))
    assert next(glance(path))[0] == survey.header


FIELD: dict[str, dict[str, Any]] = {
    "broken_mid.avi": {"n_frames": 60, "lost": ((24, 27),), "says": "3 of 60 frames"},
    "broken_mid.mp4": {"n_frames": 60, "lost": ((1, 6),), "says": "5 of 60 frames"},
    "av1.mp4": {"n_frames": 60, "codec": "av1"},
    "av1.mkv": {"n_frames": 60, "codec": "av1"},
    "cover_first.mkv": {"n_frames": 60, "codec": "h264", "width_px": 96},
    "editlist.mp4": {"n_frames": 40, "n_hidden": 20, "n_missing_frames": 0, "says": "edit list in editlist.mp4 hides"},
    "raw60.h264": {"n_frames": 60, "fps": 25.0, "fps_codec": 60.0, "says": "without a container.*codec's own.*says 60"},
    "cut_mts.ts": {"n_frames": 32, "n_cut": 1, "says": "was cut off"},
}


@pytest.mark.shared
@pytest.mark.parametrize("name", FIELD)
def test_videos_from_the_field(shared_dir: Path, name: str) -> None:
    expected = {"lost": (), "faulty": (), **FIELD[name]}
    says = expected.pop("says", None)
    path = shared_dir / "data" / "field" / "video" / name
    video = inspect_video(path)
    assert {key: getattr(video, key) for key in expected} == expected
    found = [finding.found for finding in video_findings("m1", video)]
    assert says is None or any(re.search(says, text) for text in found), found
    assert len(list(iter_bgr_frames(path))) == video.n_frames
    header = read_video_header(path)
    assert (header.fps, header.width_px, header.height_px) == (video.fps, video.width_px, video.height_px)


@pytest.mark.shared
def test_a_changing_size_from_the_field_is_said(shared_dir: Path) -> None:
    with pytest.raises(UnreadableVideoError, match="96 x 80 px first and 128 x 96 px at frame 30"):
        inspect_video(shared_dir / "data" / "field" / "video" / "sizechange.ts")
