"""Which frames of a recording become images, and what is known of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.crops import first_px
from features.sources.cropping import Cropping, cropping_of
from features.sources.views import NetworkView
from features.video.inspection import VideoInfo
from pipeline.dataset.load import CheckedRecording, input_fingerprints
from pipeline.image_dataset.labels import UNKNOWN, Labeling
from pipeline.image_dataset.settings import ImageSettings

TRAIN, VALIDATION, TEST, UNLABELED = "train", "validation", "test", "unlabeled"
SIDES = (TRAIN, VALIDATION, TEST, UNLABELED)
"""Where an image lies: those that nobody judged, or of recordings without a split, are on no side of it."""
COLUMNS = (
    "recording", "animal", "individual", "split", "frame", "time_s", "left_px", "top_px", "right_px", "bottom_px",
    "center_x_px", "center_y_px", "observed",
)  # fmt: skip
"""Of images.csv, before what was said of the frame; behind that is the path."""
PATH = "path"


class LeftOut(NamedTuple):
    """How many frames of a recording were looked at, and how many of them are no images."""

    n_frames: int
    n_unobserved: int
    n_unlabeled: int


@dataclass(frozen=True)
class RecordingImages:
    """The images of one animal in one video, in the order of its frames.

    Attributes
    ----------
    recording, animal, individual : str
    split_group : str
        Recordings of one group (an individual, a video) are on one side of every split.
    split : str
        `train`, `validation`, `test` or "".
    fps : float
    video : VideoInfo
    centers_xy_px : ndarray, shape (n_video_frames, 2)
        Of the animal, in every frame of the video.
    cropping : Cropping
        Where the squares lie, which may be those of its partner or of both.
    frames : ndarray of int, shape (n_images,)
    observed : ndarray of bool, shape (n_images,)
        Whether all moments that an image shows were.
    numbers : ndarray of int, shape (n_images, n_columns)
        As ``Labeling.numbers``.
    boxes_px : ndarray of int, shape (n_images, 4)
        Left, top, right and bottom of what is cut out of the video's frame: pixels [left, right) and [top, bottom).
        They may lie outside of it; there the frame's edge is repeated.
    left_out : LeftOut
    inputs : str
        Hash of all that was read of the recording.
    """

    recording: str
    animal: str
    individual: str
    split_group: str
    split: str
    fps: float
    video: VideoInfo
    centers_xy_px: NDArray[np.float64]
    cropping: Cropping
    frames: NDArray[np.int64]
    observed: NDArray[np.bool_]
    numbers: NDArray[np.int16]
    boxes_px: NDArray[np.int64]
    left_out: LeftOut
    inputs: str

    @property
    def is_labeled(self) -> NDArray[np.bool_]:
        """Which images lie on a side of the split, shape (n_images,)."""
        return (self.numbers != UNKNOWN).any(axis=1) & bool(self.split)

    def sides(self, rows: slice = slice(None)) -> list[str]:
        """Where each image lies, of ``SIDES``."""
        return [self.split if known else UNLABELED for known in self.is_labeled[rows].tolist()]

    def columns(self, labeling: Labeling, rows: slice = slice(None)) -> dict[str, list[object]]:
        """All that is known of some images but their path, by column; None where it is unknown."""
        frames, centers = self.frames[rows], self.centers_xy_px[self.frames[rows]].round(3)
        n_images = len(frames)
        named = (self.recording, self.animal, self.individual, self.split)
        found: list[list[object]] = [[name] * n_images for name in named]
        found += [frames.tolist(), (frames / self.fps).round(6).tolist()]
        found += [*self.boxes_px[rows].T.tolist(), *centers.T.tolist(), self.observed[rows].tolist()]
        said = [[labeling.cell(n) for n in column] for column in self.numbers[rows].T.tolist()]
        return dict(zip((*COLUMNS, *labeling.columns), [*found, *said], strict=True))


def images_of(
    item: CheckedRecording, view: NetworkView, labeling: Labeling, settings: ImageSettings
) -> RecordingImages:
    """Choose the frames of a recording that become images.

    Raises
    ------
    InputError
        As ``features.sources.cropping.cropping_of``.
    """
    assert item.video is not None and item.centers is not None
    cropping = cropping_of(view.crop, view.center, item.video, item.centers, item.animals, item.id)
    looked_at = np.arange(0, item.n_frames, settings.every, dtype=np.int64)
    moments = looked_at[:, None] + np.array(cropping.offsets_frames)
    is_seen = item.centers.observed & cropping.places.observed
    observed = is_seen[np.clip(moments, 0, item.n_frames - 1)].all(axis=1)
    split = item.recording.split if item.labels is not None else ""
    numbers = np.full((len(looked_at), len(labeling.columns)), UNKNOWN, dtype=np.int16)
    if item.labels is not None:
        numbers = labeling.numbers(item.labels)[looked_at]
    can_be_seen = observed | settings.unobserved
    is_known = (numbers != UNKNOWN).any(axis=1) & bool(split)
    kept = can_be_seen & (is_known | settings.unlabeled)
    left_out = LeftOut(len(looked_at), int((~can_be_seen).sum()), int((can_be_seen & ~kept).sum()))
    frames = looked_at[kept]
    return RecordingImages(
        item.id, item.recording.animal, item.recording.individual, item.split_group, split, item.fps, item.video,
        item.centers.xy_px, cropping, frames, observed[kept], numbers[kept], boxes_px(cropping, frames), left_out,
        input_fingerprints([item])[item.id],
    )  # fmt: skip


def boxes_px(cropping: Cropping, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Left, top, right and bottom of the squares of some frames, shape (n_frames, 4), as they are cut out."""
    sides_px = cropping.places.side_px[frames]
    corners = [
        [first_px(x_px, side_px), first_px(y_px, side_px)]
        for (x_px, y_px), side_px in zip(cropping.places.xy_px[frames].tolist(), sides_px.tolist(), strict=True)
    ]
    corner = np.array(corners, dtype=np.int64).reshape(-1, 2)
    return np.concatenate([corner, corner + sides_px[:, None]], axis=1)


def with_validation(found: Sequence[RecordingImages], share: float, seed: int) -> list[RecordingImages]:
    """Set a share of the training images aside; whole individuals, and all animals of a video, drawn by the seed.

    Groups are drawn until they have that share of the images; one is always left to train on.

    Raises
    ------
    InputError
        There is one group only.
    """
    n_images: dict[str, int] = {}
    for images in found:
        if images.split == TRAIN:
            n_images[images.split_group] = n_images.get(images.split_group, 0) + int(images.is_labeled.sum())
    groups = sorted(group for group, n in n_images.items() if n)
    if share and len(groups) < 2:
        raise InputError(
            f"--validation {share:g} sets individuals aside, but the labeled training images are of "
            f"{len(groups)} only (all animals of one video count as one). Leave --validation out."
        )
    drawn: set[str] = set()
    for number in np.random.default_rng(seed).permutation(len(groups))[: max(0, len(groups) - 1)]:
        if sum(n_images[group] for group in drawn) >= share * sum(n_images.values()):
            break
        drawn.add(groups[number])
    return [
        replace(images, split=VALIDATION) if images.split == TRAIN and images.split_group in drawn else images
        for images in found
    ]


def require_any(found: Sequence[RecordingImages], config_name: str) -> None:
    """Raise `InputError` where there would be no image at all."""
    if any(len(images.frames) for images in found):
        return
    n_frames, n_unobserved, n_unlabeled = (sum(n) for n in zip(*(images.left_out for images in found), strict=True))
    raise InputError(
        f"There is nothing to make images of in {config_name}: of {n_frames:,} frames, the animal is not observed in "
        f"{n_unobserved:,}, and {n_unlabeled:,} are not scored or are of recordings without a split. Look at "
        "the poses and annotations with `audit`; --unobserved and --unlabeled write such frames too."
    )
