"""What names other files or addresses is never opened as a video: no foreign frame is seen, no server is asked."""

import http.server
import re
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from features.video import opening
from features.video.files import CONTAINERS, UnreadableVideoError, container_of
from features.video.inspection import inspect_video
from features.video.opening import opened_container
from features.video.reading import iter_bgr_frames
from pipeline.films.browser_video import make_browser_video, plays_in_browsers
from pipeline.films.film_strips import FilmedRecording, cut_thumbnails
from pipeline.films.originals import metadata_of
from pipeline.scoring.timeline import Timeline
from pipeline.starter.videos import read_video_header
from tests.features.made_videos import write_timed_video
from tests.features.stage_one import write_video

ROOT = Path(__file__).resolve().parents[2]
N_FRAMES = 12


class _Handler(http.server.SimpleHTTPRequestHandler):
    asked: list[str]

    def handle(self) -> None:
        self.asked.append("a connection")
        super().handle()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A server on this machine that has the other video, and the list of who asked it."""
    asked: list[str] = []
    kind = type("Handler", (_Handler,), {"asked": asked, "directory": str(tmp_path)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


def film_strip(path: Path) -> Any:
    timeline = Timeline("m1", 10.0, ("rearing",), np.zeros((N_FRAMES, 1)), {})
    return cut_thumbnails(FilmedRecording(timeline, path, np.full((N_FRAMES, 2), 9.0), 8), [2], lambda n_read: None)


OPENERS: dict[str, Any] = {
    "inspect": inspect_video,
    "frames": lambda path: list(iter_bgr_frames(path)),
    "init": read_video_header,
    "film strips": film_strip,
    "copy for browsers": lambda path: make_browser_video(path, path.with_name("o.mp4"), lambda done, total: None, 10.0),
}
HLS = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:3\n#EXTINF:2.0,\n{}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:'
    '2011" type="static" mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="1" bandwidth="1000"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 50000 RTP/AVP 96\na=control:{}\n"
LISTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{}'\n",
    "ffconcat after a mark": "\ufeffffconcat version 1.0\nfile '{}'\n",
    "HLS": HLS,
    "DASH": DASH,
    "SDP": SDP,
    "ASX": '<asx version="3.0"><entry><ref href="{}"/></entry></asx>',
    "PLS": "[playlist]\nFile1={}\nNumberOfEntries=1\n",
    "RTSP": "RTSPtextRTSP://{}",
    "script": 'FFmpegSource2("{}")\n',
}


@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".m3u8"])
@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("where", ["beside", "server"])
def test_lists_are_refused_by_everything_that_opens_videos(
    tmp_path: Path, server: tuple[str, list[str]], kind: str, suffix: str, where: str
) -> None:
    address, asked = server
    write_video(tmp_path / "other.mp4", N_FRAMES, codec="mp4v")
    path = tmp_path / f"m1{suffix}"
    path.write_text(LISTS[kind].format("other.mp4" if where == "beside" else f"{address}/other.mp4"), encoding="utf-8")
    for opener in OPENERS.values():
        with pytest.raises(UnreadableVideoError) as caught:
            opener(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not plays_in_browsers(path)
    assert metadata_of(path) == {}
    assert asked == []
    if kind in ("ffconcat", "HLS", "DASH", "SDP"):
        assert re.search(r"not a video but a .*Write the path of the video itself", str(caught.value))


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("suffix", [".avi", ".m3u8", ".mpd"])
def test_ffmpeg_refuses_them_also_where_the_first_bytes_are_not_looked_at(
    tmp_path: Path, server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    """Each of the two walls stands alone: content that passes for a video and is a list to FFmpeg opens nothing."""
    address, asked = server
    write_video(tmp_path / "other.mp4", N_FRAMES, codec="mp4v")
    monkeypatch.setattr(opening, "container_of", lambda path: CONTAINERS[0])
    for number, target in enumerate(("other.mp4", f"{address}/other.mp4")):
        path = tmp_path / f"m{number}{suffix}"
        path.write_text(LISTS[kind].format(target), encoding="utf-8")
        with pytest.raises(UnreadableVideoError), opened_container(path):
            pass
    assert asked == []


ODD_NAMES = ["img%03d.avi", "img*.avi", "concat:img001.avi", "subfile,,start,0,end,0,,:img001.avi"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_that_mean_more_to_ffmpeg_are_plain_names(tmp_path: Path, name: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "img001.avi", N_FRAMES)
    with pytest.raises(UnreadableVideoError, match="no video at"):
        inspect_video(Path(name))
    try:
        write_video(tmp_path / "own.avi", 5).rename(tmp_path / name)
    except OSError:
        pytest.skip("no such file name on this system")
    assert inspect_video(Path(name)).n_frames == 5
    with opened_container(Path(name)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_an_external_reference_of_a_mov_is_not_followed(tmp_path: Path) -> None:
    """QuickTime may keep frames in another file; it is not opened, whatever the reference says."""
    other = write_even(tmp_path / "other.mov", 40)
    path = tmp_path / "m1.mov"
    own = write_even(tmp_path / "own.mov", 220).read_bytes()
    path.write_bytes(refer_to(own, other))
    with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}) as followed:
        seen = [frame.to_ndarray(format="gray").mean() for frame in followed.decode(video=0)]
    assert max(seen) < 100, "the reference is one that FFmpeg can follow"
    try:
        levels = [frame.mean() for frame in iter_bgr_frames(path)]
    except UnreadableVideoError:
        return
    assert min(levels, default=255) > 150, "these are the other video's frames"


def write_even(path: Path, level: int) -> Path:
    """Uncompressed frames of one gray level, so that two such files have the same layout."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for _ in range(N_FRAMES):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def refer_to(mov: bytes, other: Path) -> bytes:
    """The same QuickTime file, whose data reference names another file by an alias of the Macintosh."""
    name = str(other).encode()
    text = name + b"\0" * (len(name) % 2)
    alias = b"\0" * 10 + b"\x01x" + b"\0" * 26 + b"\0" * 12 + b"\x01x" + b"\0" * 62 + b"\0" * 16
    alias += struct.pack(">hh", 1, 1) + b"\0" * 16 + struct.pack(">HH", 18, len(name)) + text
    alias += struct.pack(">HH", 2, len(name)) + text + struct.pack(">HH", 0xFFFF, 0)
    entry = struct.pack(">I4sI", len(alias) + 12, b"alis", 0) + alias
    start = mov.index(b"dref") - 4
    (length,) = struct.unpack(">I", mov[start : start + 4])
    dref = struct.pack(">I4sII", len(entry) + 16, b"dref", 0, 1) + entry
    content = bytearray(mov)
    place, grown = 0, len(dref) - length
    for part in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = content.rindex(part, 0, start)
        (size,) = struct.unpack(">I", content[place - 4 : place])
        content[place - 4 : place] = struct.pack(">I", size + grown)
    content[start : start + length] = dref
    return bytes(content)


def test_a_beginning_of_a_video_does_not_hide_a_list(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    address, asked = server
    for number, start in enumerate((b"RIFFzzzzAVI LIST", b"FLV\x01\x05", b"GIF89a", b"OggSz", b"\x1a\x45\xdf\xa3zz")):
        path = tmp_path / f"m{number}.mpd"
        path.write_bytes(start + b"\n" + DASH.format(f"{address}/other.mp4").encode())
        with pytest.raises(UnreadableVideoError):
            inspect_video(path)
    assert asked == []


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("a.avi", "MJPG", "AVI"), ("a.mp4", "mp4v", "MP4 or MOV"), ("a.mkv", "mp4v", "Matroska or WebM")],
)
def test_containers_are_known_by_content(tmp_path: Path, name: str, codec: str, container: str) -> None:
    path = write_video(tmp_path / name, 3, codec=codec).rename(tmp_path / "a.txt")
    assert container_of(path).name == container


MADE_SUFFIXES = {"ts": "MPEG transport stream", "flv": "Flash", "3gp": "MP4 or MOV", "h264": "raw video", "nut": "NUT",
                 "m2ts": "MPEG transport stream", "mov": "MP4 or MOV", "asf": "Windows Media"}  # fmt: skip


@pytest.mark.parametrize("suffix", MADE_SUFFIXES)
def test_what_cameras_write_passes(tmp_path: Path, suffix: str) -> None:
    path = write_timed_video(tmp_path / f"m1.{suffix}", 20)
    assert container_of(path).name == MADE_SUFFIXES[suffix]
    assert inspect_video(path).n_frames == 20


def test_a_transport_stream_may_begin_within_a_packet(tmp_path: Path) -> None:
    path = write_timed_video(tmp_path / "m1.ts", 20)
    path.write_bytes(path.read_bytes()[100:])
    assert container_of(path).name == "MPEG transport stream"


@pytest.mark.parametrize("start", [0, 188 * 3, 188 * 9])
def test_a_transport_stream_may_be_damaged_in_its_first_packets(tmp_path: Path, start: int) -> None:
    path = write_timed_video(tmp_path / "m1.ts", 60)
    content = bytearray(path.read_bytes())
    content[start : start + 600] = b"\xff" * 600
    path.write_bytes(content)
    assert container_of(path).name == "MPEG transport stream"


def test_nothing_else_opens_videos() -> None:
    """The gate is one: no other file of the project opens a video for reading."""
    sources = [p for folder in ("common", "features", "models", "pipeline") for p in (ROOT / folder).rglob("*.py")]
    opens = re.compile(r"VideoCapture\(|av\.open\((?!str\(temporary\), \"w\")|imageio|ffmpeg\.(input|probe)")
    found = {p.name for p in sources if opens.search(p.read_text(encoding="utf-8"))}
    assert found == {"opening.py"}
