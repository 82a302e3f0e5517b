"""Video files as files: whether one is there, and which container it is by its first bytes.

FFmpeg also opens what is no video itself but names others: lists to play (ffconcat, HLS, DASH, SDP), series of
pictures, scripts. Such a file could show another's frames, or ask a server, under the name of a video. So a file
must begin as one of ``CONTAINERS``, and nothing else is let near FFmpeg (`features.video.opening`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError

_HEAD_BYTES = 4096
_START_CODE = b"\x00\x00\x01"
_MOV_PARTS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"junk", b"uuid", b"styp", b"sidx",
              b"moof", b"udta", b"pict", b"PICT", b"prfl", b"emsg")  # fmt: skip
_TS_PACKETS_BYTES = (188, 192, 204)
_TS_SYNC = 0x47
_FEWEST_TS_PACKETS = 3
_SOUND_SHARE = 0.6
_LISTS = (
    (b"ffconcat", "a list for FFmpeg to play (ffconcat)"),
    (b"#EXTM3U", "a playlist (M3U, HLS)"),
    (b"[playlist]", "a playlist (PLS)"),
    (b"<MPD", "a playlist (DASH)"),
    (b"<asx", "a playlist (ASX)"),
    (b"<smil", "a playlist (SMIL)"),
    (b"v=0", "a description of a stream (SDP)"),
)


class UnreadableVideoError(InputError):
    """A video that isn't there, may not be read or can't be decoded; others may be read all the same."""


@dataclass(frozen=True)
class Container:
    """A kind of file that holds its own frames.

    `demuxers`: FFmpeg's names of what reads it. `begins`: whether a file's first bytes are of this kind.
    `has_rate`: False where nothing but the codec may tell how fast the frames follow each other. `has_times`: whether
    each frame has a time stamp of its own, other than its number by the header's rate. `has_index`: the place of each
    frame's bytes is told, also of frames that are damaged. `has_table`: each frame's time is, so that no time without
    a frame was one that is lost. `is_stream`: it may be cut anywhere and still be read.
    """

    name: str
    demuxers: tuple[str, ...]
    begins: Callable[[bytes], bool]
    has_rate: bool = True
    has_times: bool = True
    has_index: bool = False
    has_table: bool = False
    is_stream: bool = False


def _magic(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_transport_stream(head: bytes) -> bool:
    """Whether sync bytes stand at the distance of packets; it may begin in the midst of one, and be damaged."""
    for size in _TS_PACKETS_BYTES:
        for start in range(min(size, len(head))):
            syncs = head[start::size]
            if syncs.count(_TS_SYNC) >= max(_FEWEST_TS_PACKETS, _SOUND_SHARE * len(syncs)):
                return True
    return False


def _is_raw(head: bytes) -> bool:
    """Whether a codec's own start codes come first; those of a program stream (0xBA) are a container's."""
    body = head[1:] if head.startswith(b"\x00\x00\x00\x01") else head
    return body.startswith(_START_CODE) and body[3:4] not in (b"", b"\xba")


CONTAINERS = (
    Container("MP4 or MOV", ("mov",), lambda head: head[4:8] in _MOV_PARTS, has_table=True),
    Container("Matroska or WebM", ("matroska",), _magic(b"\x1a\x45\xdf\xa3")),
    Container("AVI", ("avi",), lambda head: head[:4] == b"RIFF" and head[8:11] == b"AVI", has_times=False,
              has_index=True),
    Container("MPEG transport stream", ("mpegts",), _is_transport_stream, is_stream=True),
    Container("MPEG program stream", ("mpeg",), _magic(_START_CODE + b"\xba"), is_stream=True),
    Container("Windows Media", ("asf",), _magic(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11")),
    Container("Flash", ("flv",), _magic(b"FLV")),
    Container("Ogg", ("ogg",), _magic(b"OggS")),
    Container("GIF", ("gif",), _magic(b"GIF87a", b"GIF89a")),
    Container("MXF", ("mxf",), _magic(b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02")),
    Container("DV", ("dv",), _magic(b"\x1f\x07\x00")),
    Container("NUT", ("nut",), _magic(b"nut/multimedia container")),
    Container("IVF", ("ivf",), _magic(b"DKIF")),
    Container("YUV4MPEG", ("yuv4mpegpipe",), _magic(b"YUV4MPEG2"), has_times=False),
    Container("Phantom Cine", ("cine",), _magic(b"CI\x2c\x00"), has_times=False),
    Container("DHAV", ("dhav",), _magic(b"DAHUA", b"DHAV")),
    Container("raw video", ("h264", "hevc", "m4v", "mpegvideo"), _is_raw, has_rate=False, has_times=False,
              is_stream=True),
    Container("raw AV1", ("obu",), _magic(b"\x12\x00\x0a"), has_rate=False, has_times=False),
    Container("raw MJPEG", ("mjpeg",), _magic(b"\xff\xd8\xff"), has_rate=False, has_times=False),
)  # fmt: skip
"""Kinds of video files that are opened; none of them has FFmpeg open another file."""


def container_named(name: str) -> Container:
    """One of ``CONTAINERS`` by its name."""
    return next(container for container in CONTAINERS if container.name == name)


def container_of(path: Path) -> Container:
    """Which container a file is, by its content; its name says nothing.

    Raises
    ------
    UnreadableVideoError
        When the file is missing, empty, a folder, or none of ``CONTAINERS``, such as a playlist.
    """
    check_video_file(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    found = next((container for container in CONTAINERS if container.begins(head)), None)
    if found is None:
        raise _no_video(path, head)
    return found


def _no_video(path: Path, head: bytes) -> UnreadableVideoError:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    for mark, what in _LISTS:
        if start[: len(mark)].lower() == mark.lower() or (mark == b"<MPD" and mark in head):
            return UnreadableVideoError(
                f"{path} is not a video but {what}: a text that names other files or addresses. Rearview opens none "
                "of them, since the frames would not be those of the file that is named. Write the path of the video "
                "itself; several pieces become one video with: ffmpeg -f concat -i LIST -c copy whole.mp4."
            )
    return unopenable(path)


def unopenable(path: Path) -> UnreadableVideoError:
    """The error for what FFmpeg doesn't take for a video."""
    if _lacks_index(path):
        return UnreadableVideoError(
            f"{path} was cut off: it has {path.stat().st_size:,} bytes of an MP4 or MOV, but not the index "
            "('moov') that is written last, without which no frame can be found. The camera lost power, its "
            "disk was full, or copying was interrupted. Copy it again from its source; if that lacks the index "
            "too, a repair program can rebuild it from a whole video of the same camera."
        )
    return UnreadableVideoError(
        f"{path} can't be opened as a video (it has {path.stat().st_size:,} bytes). Expected a file "
        "that FFmpeg reads, such as .mp4 or .avi. Does it play in a video player? A recording that "
        "was cut off while it was written often lacks its index and must be repaired or copied again."
    )


def _lacks_index(path: Path) -> bool:
    """Whether this begins as an MP4 or MOV and nowhere has the part `moov`; parts are a size and a name each."""
    with path.open("rb") as file:
        place, size = 0, path.stat().st_size
        if size < 8:  # Too short for even one part: of what kind it was, nobody can tell.
            return False
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if place == 0 and name not in (b"ftyp", b"wide", b"mdat", b"free", b"skip"):
                return False
            if name == b"moov":
                return False
            if length == 1:
                length = int.from_bytes(head[8:], "big")
            if length < 8:  # 0: to the end of the file
                return place > 0
            place += length
    return True


def is_there(path: Path) -> bool:
    """Whether there is such a file, as far as we may look."""
    try:
        return path.is_file()
    except OSError:  # Of a folder that may not be looked into.
        return False


def check_video_file(path: Path) -> None:
    """Raise unless there is a file that may be read; what is in it is not looked at.

    Raises
    ------
    UnreadableVideoError
        When it is missing, a folder, empty, or the system doesn't let us read it.
    """
    try:
        if not path.exists():
            raise UnreadableVideoError(
                f"There is no video at {path}. Check the column `video` of recordings.csv: "
                "paths are relative to that file's folder."
            )
        if not path.is_file():
            raise UnreadableVideoError(f"{path} is a folder, not a video. Name the video file itself.")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except OSError as error:
        raise UnreadableVideoError(
            f"The video {path} can't be read: {error.strerror or error}. Check that your user may read the file and "
            "its folder and that the disk or network share is connected, or copy the file to a place that is yours."
        ) from None
    if is_empty:
        raise UnreadableVideoError(f"The video {path} is empty (0 bytes). Copy it again from its source.")
