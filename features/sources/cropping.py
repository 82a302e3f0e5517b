"""What a frozen network is shown of a video: a crop of each analysed frame, or of three moments around it.

A frozen network sees single pictures, so movement is invisible to it. Three moments, each as a gray crop, make the
three color channels of one picture: what stands still is gray, and what moves has colored edges.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.centers import CenterConfig, gap_frames, track_center
from features.crops import Square, first_px, place_square, resize_crop
from features.overlay import KeypointOverlay, overlay_of
from features.places import Places, around_boxes, around_center
from features.sources.crop_config import CropConfig
from features.sources.partners import find_partner
from features.tracks import Animals, CenterTrack, PoseTrack, Whose
from features.video.inspection import VideoInfo
from features.video.pictures import Box, around
from features.video.reading import DecodedFrame

_NOTHING = np.empty((0, 0, 3), dtype=np.uint8)


class Cut(NamedTuple):
    """A square of a frame that becomes a row's picture, or the color `channel` of it."""

    row: int
    channel: int
    square: Square


class Cropping(NamedTuple):
    """How one recording is cropped: what the settings say, and where each frame's square lies.

    `offsets_frames`: as ``CropConfig.offsets_frames`` says; before the first and after the last frame, these are taken.
    """

    crop: CropConfig
    offsets_frames: tuple[int, ...]
    places: Places
    overlay: KeypointOverlay | None = None


def cropping_of(
    crop: CropConfig, center: CenterConfig, video: VideoInfo, centers: CenterTrack, animals: Animals | None, name: str
) -> Cropping:
    """Find where a recording is cropped.

    Parameters
    ----------
    crop : CropConfig
    center : CenterConfig
        How a partner's center is found, which keypoints are seen, and which gaps are bridged.
    video : VideoInfo
    centers : CenterTrack
        Of the recording's own animal.
    animals : Animals or None
        Where `crop` needs keypoints.
    name : str
        The recording's, for errors.

    Raises
    ------
    InputError
        Center track and video differ in length, moments that differ are the same frame, or boxes and keypoints are not
        there as they are needed.
    """
    if centers.n_frames != video.n_frames:
        raise InputError(
            f"Recording {name}: its video {video.path.name} has {video.n_frames} frames, but its center "
            f"track has {centers.n_frames}. They must be equal: was the pose tracked in this very video?"
        )
    offsets_frames = crop.offsets_frames(video.fps, name)
    if not crop.needs_keypoints:
        return Cropping(crop, offsets_frames, around_center(centers, crop.size_px))
    assert animals is not None
    whose = shown_animals(crop, animals.whose, animals.main.source_path.name)
    whose = whose[1:] if crop.animal == "partner" else whose
    tracks = [animals.tracks[each] for each in whose]
    try:
        places = _places(crop, center, tracks, video, centers)
        overlay = overlay_of(tracks, crop.skeleton, center.min_likelihood) if crop.keypoint_overlay else None
    except InputError as error:
        shown = f" (crops show {' and '.join(filter(None, whose))})" if any(whose) else ""
        raise InputError(f"Recording {name}{shown}: {error}") from None
    return Cropping(crop, offsets_frames, places, overlay)


def shown_animals(crop: CropConfig, whose: Whose, where: str) -> tuple[str, ...]:
    """Name the animals of whom something must be known: the recording's own first.

    Raises
    ------
    InputError
        There must be a partner, but there is none; `where` names the pose file.
    """
    if not crop.needs_partner:
        return (whose.own,)
    if crop.around == "pair" and not whose.own and len(whose.present) == 2:
        return whose.present
    asked_by = "crop.around: pair" if crop.around == "pair" else "crop.animal: partner"
    return whose.own, find_partner(whose, where, asked_by)


def _places(
    crop: CropConfig, center: CenterConfig, tracks: Sequence[PoseTrack], video: VideoInfo, centers: CenterTrack
) -> Places:
    if crop.around != "center":
        max_gap_frames, size_px = gap_frames(center.max_gap_s, video.fps), (video.width_px, video.height_px)
        return around_boxes(tracks, crop.margin_percent, center.min_likelihood, max_gap_frames, size_px)
    own = centers if crop.animal == "own" else track_center(tracks[0], center, video.fps)
    return around_center(own, crop.size_px)


class Crops:
    """What a network is shown of some frames of one recording, filled in as the video's frames come.

    Parameters
    ----------
    cropping : Cropping
    frames : ndarray of int, shape (n_rows,)
        The frames to crop, in order.
    input_px : int
        Side of the square that the network sees.
    batch_rows : int
    """

    def __init__(
        self,
        cropping: Cropping,
        frames: NDArray[np.int64],
        input_px: int,
        batch_rows: int,
    ) -> None:
        self._crop, self._offsets, self._places, self._overlay = cropping
        self._frames = frames
        self._last = len(self._places.side_px) - 1
        self._input_px, self._batch_rows = input_px, batch_rows
        # Whole batches wait for their last moments: no frame is kept, only crops.
        self._waiting: dict[int, NDArray[np.uint8]] = {}

    def cuts_at(self, number: int, frame_size_px: tuple[int, int]) -> list[Cut]:
        """What is cut out of a frame of the video, for each row and moment that it is part of."""
        last = self._last
        if number > last:
            return []
        cuts = []
        for channel, offset in enumerate(self._offsets):
            first = 0 if number == 0 else number - offset
            final = last if number == last else number - offset
            for row in range(self._count(first - 1), self._count(final)):
                at = number if self._crop.follow else self._frames[row]
                square = place_square(self._places.xy_px[at], int(self._places.side_px[at]), frame_size_px)
                cuts.append(Cut(row, channel, square))
        return cuts

    def take(
        self, number: int, picture: NDArray[np.uint8], box: Box, cuts: Sequence[Cut]
    ) -> Iterator[NDArray[np.uint8]]:
        """Cut what `cuts_at` gave out of the next frame: its part in a box, blue, green, red.

        Yields batches (n, px, px, 3), RGB, when they are full.
        """
        if cuts and self._crop.moments_s:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
        for cut in cuts:
            self._put(cut.row, cut.channel, self._drawn(cut.square.cut(picture, box), number))
        is_last = number >= self._last
        n_done = len(self._frames) if is_last else self._count(number - max(self._offsets))
        for batch in sorted(self._waiting):
            if min((batch + 1) * self._batch_rows, len(self._frames)) <= n_done:
                yield self._waiting.pop(batch)

    def _drawn(self, crop: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """The crop with keypoints on it, where they are wanted; the frame itself stays as it is."""
        if self._overlay is None:
            return crop
        crop, side_px = crop.copy(), int(self._places.side_px[number])
        x_px, y_px = self._places.xy_px[number]
        self._overlay.draw(crop, number, (first_px(x_px, side_px), first_px(y_px, side_px)))
        return crop

    def _count(self, last: int) -> int:
        """How many of the frames to crop lie at a frame or before it."""
        return int(np.searchsorted(self._frames, last, side="right"))

    def _put(self, row: int, channel: int, crop: NDArray[np.uint8]) -> None:
        batch, place = divmod(row, self._batch_rows)
        if batch not in self._waiting:
            n_rows = min(self._batch_rows, len(self._frames) - batch * self._batch_rows)
            # Never one that was given away: the consumer still reads it.
            self._waiting[batch] = np.empty((n_rows, self._input_px, self._input_px, 3), dtype=np.uint8)
        shown = self._waiting[batch][place]
        if self._crop.moments_s:
            shown[..., channel] = resize_crop(crop, self._input_px)
        else:
            cv2.cvtColor(resize_crop(crop, self._input_px), cv2.COLOR_BGR2RGB, dst=shown)


def crop_video(frames: Iterable[DecodedFrame], crops: Sequence[Crops]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield batches of all crops that are cut from a video's frames, each with the number of its crops."""
    for frame in frames:
        cuts = [each.cuts_at(frame.number, frame.picture.size_px) for each in crops]
        # Only what is cut out is converted: what lies near together once, what lies apart by itself.
        parts = [around(cut.square.inside for cut in own) if own else None for own in cuts]
        some = [part for part in parts if part is not None]
        if not some:
            continue
        together = around(some)
        are_apart = sum(map(_area, some)) < _area(together)
        shared = _NOTHING if are_apart else frame.picture(together)
        for i, (own, part) in enumerate(zip(cuts, parts, strict=True)):
            box, picture = (part, frame.picture(part)) if are_apart and part is not None else (together, shared)
            for batch in crops[i].take(frame.number, picture, box, own):
                yield i, batch


def _area(box: Box) -> int:
    return (box.right - box.left) * (box.bottom - box.top)
