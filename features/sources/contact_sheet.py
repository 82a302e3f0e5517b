"""A contact sheet: what networks are shown of a few frames that are spread over a whole recording."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from common.pictures import jpeg_bytes
from features.crops import resize_crop
from features.sources.cropping import Crops, crop_video, cropping_of
from features.sources.views import MOST_PX, NetworkView, early_frames
from features.tracks import Animals, CenterTrack
from features.video.glimpses import can_be_sought, frames_at
from features.video.inspection import VideoInfo
from features.video.reading import DecodedFrame

N_SPREAD = 6
TILE_PX, GAP_PX = 120, 3


def sheet_frames(views: Sequence[NetworkView], video: VideoInfo, centers: CenterTrack) -> NDArray[np.int64]:
    """Frames for a contact sheet, rising: in which the animal is observed, spread over the recording.

    Of a video in which nothing can be sought they are early ones, since others would take as long as decoding it all.
    Raises `InputError` as ``shown_pictures``.
    """
    observed = np.flatnonzero(centers.observed)
    if not len(observed) or not can_be_sought(video.path):
        return early_frames(views, video.fps, video.n_frames)
    wanted = (np.arange(N_SPREAD) + 0.5) / N_SPREAD * centers.n_frames
    after = np.searchsorted(observed, wanted).clip(0, len(observed) - 1)
    before = np.maximum(after - 1, 0)
    is_nearer = np.abs(observed[before] - wanted) < np.abs(observed[after] - wanted)
    return np.unique(observed[np.where(is_nearer, before, after)]).astype(np.int64)


def sheet_jpegs(
    views: Sequence[NetworkView],
    video: VideoInfo,
    centers: CenterTrack,
    animals: Animals | None,
    frames: NDArray[np.int64],
) -> list[list[bytes | None]]:
    """The same as `sheet_pictures`, as JPEG; parameters and errors are the same."""
    sheet = sheet_pictures(views, video, centers, animals, frames)
    return [[None if shown is None else jpeg_bytes(shown) for shown in row] for row in sheet]


def as_one_picture(sheet: Sequence[Sequence[NDArray[np.uint8] | None]]) -> NDArray[np.uint8]:
    """A sheet as one picture, a row for each network; what can't be decoded is white."""
    picture = np.full((len(sheet) * TILE_PX, max(map(len, sheet)) * TILE_PX, 3), 255, dtype=np.uint8)
    for row, tiles in enumerate(sheet):
        for column, shown in enumerate(tiles):
            if shown is not None:
                top, left, side = row * TILE_PX, column * TILE_PX, TILE_PX - GAP_PX
                picture[top : top + side, left : left + side] = resize_crop(shown, side)
    return picture


def sheet_pictures(
    views: Sequence[NetworkView],
    video: VideoInfo,
    centers: CenterTrack,
    animals: Animals | None,
    frames: NDArray[np.int64],
) -> list[list[NDArray[np.uint8] | None]]:
    """What each network is shown of these frames, sought in the video: RGB by view and frame, no larger than
    `MOST_PX`; None where a moment of a frame can't be decoded.

    Raises
    ------
    InputError
        As ``shown_pictures``.
    """
    sheet: list[list[NDArray[np.uint8] | None]] = [[] for _ in views]
    offsets = {offset for view in views for offset in view.crop.offsets_frames(video.fps, video.path.name)}
    croppings = [cropping_of(v.crop, v.center, video, centers, animals, video.path.name) for v in views]
    for frame in frames.tolist():
        needed = sorted({min(max(frame + offset, 0), video.n_frames - 1) for offset in offsets})
        # Each picture holds until the next is taken, so that the moments of a frame are cut as they come.
        given: list[int] = []
        crops = [Crops(own, np.array([frame]), v.input_px, 1) for own, v in zip(croppings, views, strict=True)]
        pictures = dict(crop_video(_told(frames_at(video.path, needed), given), crops))
        for which, view in enumerate(views):
            shown = pictures.get(which) if given == needed else None
            sheet[which].append(None if shown is None else resize_crop(shown[0], min(view.input_px, MOST_PX)))
    return sheet


def _told(frames: Iterable[DecodedFrame], given: list[int]) -> Iterator[DecodedFrame]:
    """The same frames, whose numbers are noted."""
    for frame in frames:
        given.append(frame.number)
        yield frame
