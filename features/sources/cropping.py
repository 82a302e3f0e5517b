"""What a frozen network is shown of a video: a crop of each analysed frame, or of three moments around it.

A frozen network sees single pictures, so movement is invisible to it. Three moments, each as a gray crop, make the
three color channels of one picture: what stands still is gray, and what moves has colored edges.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import InputError
from features.crops import Square, place_square, resize_crop
from features.video.pictures import Box, around
from features.video.reading import DecodedFrame

MOST_S = 10.0
N_MOMENTS = 3


class CropConfig(BaseModel):
    """The square that is cut out of every frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_px: int = Field(
        default=160, ge=8, le=4096, description="Side of the square around the center, in pixels of the video frame."
    )
    moments_s: tuple[Annotated[float, Field(ge=-MOST_S, le=MOST_S)], ...] = Field(
        default=(),
        description="Three moments in seconds from the analysed frame, such as `[-0.2, 0, 0.2]`: their gray crops "
        "become the colors red, green and blue of one picture, so that the network sees movement. Empty: the frame "
        "itself, in its own colors.",
    )
    follow: bool = Field(
        default=False,
        description="Only with `moments_s`. `false`: all moments are cut around the center of the analysed frame, so "
        "that displacement shows; `true`: each around its own center, so that only the change of posture shows.",
    )

    @field_validator("moments_s")
    @classmethod
    def _are_three_in_order(cls, moments_s: tuple[float, ...]) -> tuple[float, ...]:
        if moments_s and len(moments_s) != N_MOMENTS:
            raise ValueError(f"should name {N_MOMENTS} moments, one for each color, such as [-0.2, 0, 0.2]")
        if list(moments_s) != sorted(moments_s):
            raise ValueError("should go from the earliest moment to the latest, such as [-0.2, 0, 0.2]")
        return moments_s

    @model_validator(mode="after")
    def _follows_moments(self) -> "CropConfig":
        if self.follow and not self.moments_s:
            raise ValueError("follow: true is of moments; add moments_s, such as [-0.2, 0, 0.2], or leave it out")
        return self

    def offsets_frames(self, fps: float, recording: str) -> tuple[int, ...]:
        """Moments in frames of a video, one for each color; (0,) where the frame itself is cropped.

        Raises
        ------
        InputError
            When moments that differ are the same frame at this frame rate.
        """
        offsets = tuple(round(moment * fps) for moment in self.moments_s)
        if len(set(offsets)) < len(set(self.moments_s)):
            raise InputError(
                f"Recording {recording} has {fps:g} frames per second, so that different moments of crop.moments_s "
                f"({', '.join(f'{moment:g}' for moment in self.moments_s)}) fall on the same frame. Moments must be at "
                f"least {1 / fps:.2g} s apart here: write for example crop.moments_s: [{-1 / fps:.2g}, 0, "
                f"{1 / fps:.2g}], or leave it out."
            )
        return offsets or (0,)


class Cut(NamedTuple):
    """A square of a frame that becomes a row's picture, or the color `channel` of it."""

    row: int
    channel: int
    square: Square


class Crops:
    """What a network is shown of some frames of one recording, filled in as the video's frames come.

    Parameters
    ----------
    crop : CropConfig
    offsets_frames : tuple of int
        As ``CropConfig.offsets_frames`` says; before the first and after the last frame, these are taken.
    centers_xy_px : ndarray, shape (n_frames, 2)
        Of every frame.
    frames : ndarray of int, shape (n_rows,)
        The frames to crop, in order.
    input_px : int
        Side of the square that the network sees.
    batch_rows : int
    """

    def __init__(
        self,
        crop: CropConfig,
        offsets_frames: tuple[int, ...],
        centers_xy_px: NDArray[np.float64],
        frames: NDArray[np.int64],
        input_px: int,
        batch_rows: int,
    ) -> None:
        self._crop, self._offsets = crop, offsets_frames
        self._centers_xy_px, self._frames = centers_xy_px, frames
        self._input_px, self._batch_rows = input_px, batch_rows
        # Whole batches wait for their last moments: no frame is kept, only crops.
        self._waiting: dict[int, NDArray[np.uint8]] = {}

    def cuts_at(self, number: int, frame_size_px: tuple[int, int]) -> list[Cut]:
        """What is cut out of a frame of the video, for each row and moment that it is part of."""
        last = len(self._centers_xy_px) - 1
        if number > last:
            return []
        cuts = []
        for channel, offset in enumerate(self._offsets):
            first = 0 if number == 0 else number - offset
            final = last if number == last else number - offset
            for row in range(self._count(first - 1), self._count(final)):
                center = self._centers_xy_px[number if self._crop.follow else self._frames[row]]
                cuts.append(Cut(row, channel, place_square(center, self._crop.size_px, frame_size_px)))
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
            self._put(cut.row, cut.channel, cut.square.cut(picture, box))
        is_last = number >= len(self._centers_xy_px) - 1
        n_done = len(self._frames) if is_last else self._count(number - max(self._offsets))
        for batch in sorted(self._waiting):
            if min((batch + 1) * self._batch_rows, len(self._frames)) <= n_done:
                yield self._waiting.pop(batch)

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
        if any(cuts):
            # Only what is cut out is converted.
            box = around(cut.square.inside for own in cuts for cut in own)
            picture = frame.picture(box)
            for i, own in enumerate(cuts):
                for batch in crops[i].take(frame.number, picture, box, own):
                    yield i, batch
