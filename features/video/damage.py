"""A damaged video decoded with care: which of its frames are lost, and where the others belong.

Its packets go into the decoder one by one, each with its place in the file, which comes out again with the picture.
Where a packet was lost, spoiled or refused, all that gives no picture is lost until the next sound key frame; where
nothing went wrong, a packet without a picture means nothing (two fields of one frame, a picture to build others on).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from numpy.typing import NDArray

from features.video.files import container_of
from features.video.opening import opened_container
from features.video.survey import Survey, film_of, lost_steps, survey_video

_GAP = -1


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the frames of one video belong.

    `numbers`: frame by the place of its packet in the file. Shape (n_frames,): `is_lost` (no picture), `is_faulty`
    (decoded from spoiled data) and `times_s` (NaN where the file gives none).
    """

    numbers: dict[int, int]
    is_lost: NDArray[np.bool_]
    is_faulty: NDArray[np.bool_]
    times_s: NDArray[np.float64]

    @property
    def n_frames(self) -> int:
        """Frames that there should be."""
        return len(self.is_lost)

    @property
    def is_damaged(self) -> bool:
        """Whether a frame is lost or faulty."""
        return bool(self.is_lost.any() or self.is_faulty.any())


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What became of each packet; arrays of shape (n_ids,)."""

    shown: list[int]
    """Packets that gave a picture, in the order of the pictures."""
    went_wrong: NDArray[np.bool_]
    is_faulty: NDArray[np.bool_]
    is_sound_key: NDArray[np.bool_]
    is_hidden: NDArray[np.bool_]
    times_s: NDArray[np.float64]


def place_frames(path: Path) -> Plan:
    """Decode a video without keeping pictures, and tell which frames there should be.

    Raises
    ------
    UnreadableVideoError
        When it can't be opened.
    """
    container_of(path)
    status = path.stat()
    return _place_frames(path.absolute(), status.st_size, status.st_mtime_ns)


def decode_packets(container: InputContainer, survey: Survey) -> Iterator[tuple[int, av.VideoFrame | None]]:
    """Decode the film in order; yields the place of a packet with its picture, or with None where it was refused."""
    stream = film_of(container, survey)
    context = stream.codec_context
    # In several threads, errors come late and pictures that are made up differ from time to time.
    context.thread_count, context.copy_opaque = 1, True
    packets = container.demux(stream)
    number = 0
    while True:
        try:
            packet = next(packets)
        except (StopIteration, FFmpegError):
            return
        place = int(survey.ids[number]) if packet.size and number < len(survey.ids) else _GAP
        number += bool(packet.size)
        packet.opaque = (place,)  # An object of its own for each: PyAV tells them apart by their identity.
        try:
            pictures = packet.decode()
        except FFmpegError:
            yield place, None
            continue
        for picture in pictures:
            yield cast(tuple[int], picture.opaque)[0], picture


@lru_cache(maxsize=4)
def _place_frames(path: Path, n_bytes: int, mtime_ns: int) -> Plan:
    survey = survey_video(path)
    outcome = _decode(path, survey)
    has_picture = np.zeros(survey.n_ids, dtype=bool)
    has_picture[outcome.shown] = True
    is_damaged_stretch = _stretches(outcome)
    lost = np.flatnonzero(is_damaged_stretch & ~has_picture & ~outcome.is_hidden)
    if survey.container.is_stream and outcome.shown:
        # It may begin anywhere: what comes before the first picture belongs to another part.
        lost = lost[lost > min(outcome.shown)]
    order = _in_order(outcome, lost.tolist())
    if survey.container.has_times and not survey.container.has_table:
        order = _with_gaps(order, outcome.times_s, is_damaged_stretch)
    places = np.array(order, dtype=np.int64)
    is_known = places != _GAP
    known = np.where(is_known, places, 0)
    is_lost = ~is_known | ~has_picture[known] if len(places) else np.zeros(0, dtype=bool)
    return Plan(
        {place: frame for frame, place in enumerate(order) if place != _GAP},
        is_lost,
        ~is_lost & outcome.is_faulty[known],
        np.where(is_known, outcome.times_s[known], np.nan),
    )


def _decode(path: Path, survey: Survey) -> _Outcome:
    n = survey.n_ids
    went_wrong, is_faulty, is_key, is_hidden = (np.zeros(n, dtype=bool) for _ in range(4))
    went_wrong[np.setdiff1d(np.arange(n), survey.ids)] = True
    times_s = np.full(n, np.nan)
    went_wrong[survey.torn_ids] = True
    is_faulty[survey.spoiled_ids] = True
    is_hidden[survey.hidden_ids] = True
    times_s[survey.ids] = survey.packet_times_s
    shown = []
    with opened_container(path) as container:
        for place, picture in decode_packets(container, survey):
            if place == _GAP:
                continue
            if picture is None:
                went_wrong[place] = True
                continue
            shown.append(place)
            is_faulty[place] |= picture.is_corrupt
            is_key[place] = picture.key_frame and not is_faulty[place]
    return _Outcome(shown, went_wrong | is_faulty, is_faulty, is_key, is_hidden, times_s)


def _stretches(outcome: _Outcome) -> NDArray[np.bool_]:
    """Packets from one that went wrong to the next sound key frame; shape (n_ids,)."""
    found = np.zeros(len(outcome.went_wrong), dtype=bool)
    is_damaged = False
    for place in range(len(found)):
        is_damaged = bool(outcome.went_wrong[place]) or (is_damaged and not outcome.is_sound_key[place])
        found[place] = is_damaged
    return found


def _in_order(outcome: _Outcome, lost: Sequence[int]) -> list[int]:
    """All frames that there should be, by place, as they are shown."""
    # Where parts were joined, time begins anew.
    is_forward = (np.diff(outcome.times_s[outcome.shown]) > 0).all()
    if is_forward and np.isfinite(outcome.times_s[[*outcome.shown, *lost]]).all():
        return sorted([*outcome.shown, *lost], key=lambda place: outcome.times_s[place])
    order: list[int] = []
    waiting, newest = list(lost), -1
    for place in outcome.shown:
        newest = max(newest, place)
        while waiting and waiting[0] < newest:
            order.append(waiting.pop(0))
        order.append(place)
    return order + waiting


def _with_gaps(order: Sequence[int], times_s: NDArray[np.float64], is_damaged: NDArray[np.bool_]) -> list[int]:
    """Add frames of which nothing is left but the time between damaged neighbors."""
    filled = list(order[:1])
    for before, place, n_missing in zip(order, order[1:], lost_steps(times_s[list(order)]), strict=False):
        if is_damaged[before] or is_damaged[place]:
            filled += [_GAP] * int(n_missing)
        filled.append(place)
    return filled
