"""What a video's packets tell before anything is decoded: which stream is the film, and which frames there should be.

Reading the packets costs microseconds a frame, decoding milliseconds. Their time stamps are those of the frames, so
that a frame which a decoder passes over in silence is missed.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from features.video.files import Container, container_of, unopenable
from features.video.opening import opened_container

STEP_TOLERANCE = 0.25
"""Steps of time that differ from whole ones by more than this share tell of no lost frames."""
_END_FRAMES = 16
"""So near to its end, frames of a stream are stored behind later ones."""
_CHUNK_HEAD_BYTES = (8, 0)
"""In an AVI, from the place that the index tells to that of the frame's bytes; versions of FFmpeg differ."""
_NO_STAMP = -(2**63)
_HIDDEN, _SPOILED = 1, 2
_USUAL_HOLE_BYTES = 200
"""Heads of packets and of groups of them take less."""


class VideoHeader(NamedTuple):
    """What a video's header promises.

    `fps` is 0 where it says nothing, `n_frames` may be off by some, and 0 likewise; `fps_codec` is what the codec's
    own header says, which containers overrule (0 = nothing).
    """

    fps: float
    n_frames: int
    codec: str
    fps_codec: float


@dataclass(frozen=True, eq=False)
class Survey:
    """What the packets of one video tell.

    `stream`: index of the film's stream. Of all frames `n_shown` are shown and `n_hidden`
    hidden by an edit list. `stamps_s` are the times of the former in order, from the stream's beginning; empty where
    the file gives none. `ids`: place of each packet that was read among all `n_ids` that there were, in the file's
    order; of them `spoiled_ids` lack bytes, before `torn_ids` something can't be read, `hidden_ids` are hidden.
    `packet_times_s` are their times, NaN where they are no frame's own. `is_suspect`: packets are lost or spoiled, or
    may have been. `n_cut`: frames that a cut took from before the last ones.
    """

    container: Container
    stream: int
    header: VideoHeader
    n_shown: int
    n_hidden: int
    stamps_s: NDArray[np.float64]
    ids: NDArray[np.int64]
    n_ids: int
    spoiled_ids: NDArray[np.int64]
    torn_ids: NDArray[np.int64]
    hidden_ids: NDArray[np.int64]
    packet_times_s: NDArray[np.float64]
    is_suspect: bool
    n_cut: int


def survey_video(path: Path) -> Survey:
    """Read a video's packets, once as long as the file is unchanged.

    Raises
    ------
    UnreadableVideoError
        When it can't be opened.
    """
    container_of(path)
    status = path.stat()
    return _survey(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _survey(path: Path, n_bytes: int, mtime_ns: int) -> Survey:
    kind = container_of(path)
    with opened_container(path) as container:
        streams = container.streams.video
        if not streams:
            raise unopenable(path)
        packets = _read_packets(container, streams)
        # A player passes over a cover picture.
        films = [stream for stream in streams if len(packets[stream.index]) > 1]
        chosen = films[0] if films else streams[0]
        stamps, places, sizes, flags = packets[chosen.index].T
        ids, n_ids = np.arange(len(places)), len(places)
        if kind.has_index:
            entries = [(entry.pos, entry.size) for entry in chosen.index_entries if entry.size]
            ids, n_ids = _places_in_index(path, places, entries)
        is_hidden, is_spoiled = (flags & _HIDDEN) > 0, (flags & _SPOILED) > 0
        times_s = _times_s(stamps, chosen)
        stamps_s = np.sort(times_s[~is_hidden]) if np.isfinite(times_s).all() else np.empty(0)
        return Survey(
            kind,
            chosen.index,
            header_of(container, chosen),
            int((~is_hidden).sum()),
            int(is_hidden.sum()),
            stamps_s,
            ids,
            n_ids,
            ids[is_spoiled],
            ids[_after_holes(places, sizes)] if not (kind.has_table or kind.has_index or kind.is_stream) else ids[:0],
            ids[is_hidden],
            times_s if kind.has_times else np.full(len(times_s), np.nan),
            n_ids > len(ids) or bool(is_spoiled.any()) or (not kind.has_table and bool(lost_steps(stamps_s).any())),
            int(lost_steps(stamps_s)[-_END_FRAMES:].sum()) if kind.is_stream else 0,
        )


def header_of(container: InputContainer, stream: VideoStream) -> VideoHeader:
    """What the header says of one stream."""
    fps = float(stream.average_rate or stream.base_rate or 0)
    n_frames = stream.frames or max(0, round((container.duration or 0) / 1e6 * fps))
    context = stream.codec_context
    return VideoHeader(fps, n_frames, context.codec.canonical_name, float(context.framerate or 0))


def film_of(container: InputContainer, survey: Survey) -> VideoStream:
    """The stream of the film in the opened file."""
    return next(stream for stream in container.streams.video if stream.index == survey.stream)


def _read_packets(container: InputContainer, streams: Sequence[VideoStream]) -> dict[int, NDArray[np.int64]]:
    """Time stamp, place in the file, size and flags of each packet, (n_packets, 4), by stream."""
    packets: dict[int, array[int]] = {stream.index: array("q") for stream in streams}
    try:
        for packet in container.demux(*streams):
            if packet.size:
                stamp = packet.dts if packet.pts is None else packet.pts
                place = -1 if packet.pos is None else packet.pos
                flags = _HIDDEN * packet.is_discard + _SPOILED * packet.is_corrupt
                packets[packet.stream.index].extend((_NO_STAMP if stamp is None else stamp, place, packet.size, flags))
    except FFmpegError:  # What can't be read on ends here.
        pass
    return {index: np.array(found, dtype=np.int64).reshape(-1, 4) for index, found in packets.items()}


def _times_s(stamps: NDArray[np.int64], stream: VideoStream) -> NDArray[np.float64]:
    """Times of packets in seconds from the stream's beginning, NaN where there is none."""
    return np.where(stamps == _NO_STAMP, np.nan, (stamps - (stream.start_time or 0)) * float(stream.time_base or 0))


def _places_in_index(
    path: Path, places: NDArray[np.int64], entries: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.int64], int]:
    """Which entries of the index were read, and how many there are.

    All there are where nothing is damaged: some programs write indexes that don't fit.
    """
    as_read = np.arange(len(places)), len(places)
    for head_bytes in _CHUNK_HEAD_BYTES:
        known = {place + head_bytes: number for number, (place, _) in enumerate(entries)}
        ids = np.array([known.get(place, -1) for place in places.tolist()], dtype=np.int64)
        if len(ids) and (ids >= 0).all() and (np.diff(ids) > 0).all():
            missing = np.setdiff1d(np.arange(len(entries)), ids)
            with path.open("rb") as file:
                lost = ((entries[number][0] + head_bytes, entries[number][1]) for number in missing)
                is_damaged = any(_is_overwritten(file, place, n_bytes) for place, n_bytes in lost)
            return (ids, len(entries)) if is_damaged else as_read
    return as_read


def _after_holes(places: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Packets before which more bytes belong to none than usual, as where a damaged one was passed over."""
    between = np.diff(places) - sizes[:-1]
    if not len(between):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(between > max(_USUAL_HOLE_BYTES, 4 * float(np.quantile(between, 0.9)))) + 1


def _is_overwritten(file: BinaryIO, place: int, n_bytes: int) -> bool:
    """Whether something else stands where a frame's length should be."""
    file.seek(place - 4)
    length = file.read(4)
    return len(length) == 4 and int.from_bytes(length, "little") != n_bytes


def lost_steps(stamps_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Frames that are missing after each but the last, where time goes in equal steps or whole multiples of them.

    None where it doesn't: cameras that take frames when there is light enough lose none. None either where more would
    be missing than there are, as after a time stamp that is wrong itself.
    """
    steps = np.diff(stamps_s)
    if not len(steps) or np.median(steps) <= 0:
        return np.zeros(len(steps), dtype=np.int64)
    ratios = steps / np.median(steps)
    whole = np.round(ratios)
    is_even = bool((np.abs(ratios - whole) < STEP_TOLERANCE).all())
    missing = np.maximum(whole - 1, 0)
    return (missing * (is_even and missing.sum() <= len(stamps_s))).astype(np.int64)
