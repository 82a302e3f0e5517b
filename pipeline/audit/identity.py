"""Frames before and after tracks swap places, jump or go on under another name, with the animals marked."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from common.colors import PALETTE
from common.errors import InputError
from common.pictures import jpeg_bytes
from features.identity import Handover, IdentityChanges, Jump, Swap
from features.video.glimpses import frames_at
from features.video.inspection import VideoInfo
from pipeline.audit.recording import Audit

MOST_VIDEOS, MOST_EVENTS = 12, 4
"""Of each video the first ones, what trades places before what jumps: each costs the time of some decoded frames."""
_SIDE_PX, _LEAST_SIDE_PX, _MARGIN = 320, 96, 0.4
_DOT_PX, _TEXT_PX = 4, 15


class SeenChange(NamedTuple):
    """One event as JPEGs of the frame before and the frame after it; `said`: what happens, in words."""

    recording: str
    said: str
    before: int
    frame: int
    fps: float
    pictures: tuple[bytes, bytes]


def seen_changes(audit: Audit) -> list[SeenChange]:
    """The first events of the first videos that have any, each video once for all its animals."""
    videos: dict[str, tuple[str, VideoInfo, IdentityChanges]] = {}
    for item in audit.recordings:
        loaded = item.loaded
        if loaded.video is not None and loaded.identity != IdentityChanges():
            videos.setdefault(loaded.video.sha256, (item.id, loaded.video, loaded.identity))
    return [seen for found in list(videos.values())[:MOST_VIDEOS] for seen in _seen(*found)]


def _seen(recording: str, video: VideoInfo, changes: IdentityChanges) -> Iterator[SeenChange]:
    events: list[Swap | Handover | Jump] = [*changes.swaps, *changes.handovers, *changes.jumps]
    shown = sorted(events[:MOST_EVENTS], key=lambda event: event.frame)
    try:
        wanted = sorted({frame for event in shown for frame in (event.before, event.frame)})
        pictures = {frame.number: frame.picture().copy() for frame in frames_at(video.path, wanted)}
    except InputError:
        return  # What is wrong with the video has been found.
    names = list(dict.fromkeys(name for name, _ in changes.points_px))
    for event in shown:
        if event.before in pictures and event.frame in pictures:
            box = _box(event, changes, names, video)
            before, after = (
                _marked(pictures[frame], box, {name: changes.points_px[name, frame] for name in names})
                for frame in (event.before, event.frame)
            )
            yield SeenChange(recording, _said(event), event.before, event.frame, video.fps, (before, after))


def _said(event: Swap | Handover | Jump) -> str:
    if isinstance(event, Swap):
        return f"{event.animals[0]} and {event.animals[1]} swap places"
    if isinstance(event, Handover):
        return f"{event.old} ends, {event.new} begins"
    return f"{event.animal} jumps {event.distance_px:.0f} px" + (f", onto {event.onto}" if event.onto else "")


def _box(
    event: Swap | Handover | Jump, changes: IdentityChanges, names: Sequence[str], video: VideoInfo
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a square that holds those that it is about, before and after."""
    if isinstance(event, Swap):
        about: Sequence[str] = event.animals
    else:
        about = (event.old, event.new) if isinstance(event, Handover) else (event.animal,)
    points_px = np.concatenate(
        [changes.points_px[name, frame] for name in about for frame in (event.before, event.frame)]
    )
    points_px = points_px[np.isfinite(points_px).all(axis=1)]
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    side = min(max((1 + _MARGIN) * float((high - low).max()), _LEAST_SIDE_PX), video.width_px, video.height_px)
    left, top = (
        int(np.clip((low[i] + high[i] - side) / 2, 0, size - side))
        for i, size in enumerate((video.width_px, video.height_px))
    )
    return left, top, left + int(side), top + int(side)


def _marked(
    picture: NDArray[np.uint8], box: tuple[int, int, int, int], points_px: dict[str, NDArray[np.float64]]
) -> bytes:
    """The part in the box, with the keypoints of each animal in its color and its name beside them."""
    left, top, right, bottom = box
    part = cv2.cvtColor(picture[top:bottom, left:right], cv2.COLOR_BGR2RGB)
    scale = _SIDE_PX / max(1, right - left)
    image = Image.fromarray(
        cv2.resize(part, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    )
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_TEXT_PX)
    for number, (name, own) in enumerate(points_px.items()):
        color = ImageColor.getrgb(PALETTE[number % len(PALETTE)])
        places = [((x - left + 0.5) * scale, (y - top + 0.5) * scale) for x, y in own if np.isfinite(x)]
        for x, y in places:
            draw.ellipse((x - _DOT_PX, y - _DOT_PX, x + _DOT_PX, y + _DOT_PX), fill=color, outline="white")
        if places:
            x, y = np.mean(places, axis=0)
            draw.text(
                (float(x) + 2 * _DOT_PX, float(y)), name, font=font, fill=color, stroke_width=2, stroke_fill="white"
            )
    return jpeg_bytes(image)
