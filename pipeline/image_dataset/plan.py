"""What a data set will consist of, all known before the first picture is decoded: units of work, files, rows.

A unit is a stretch of frames of one video, with the images of all its animals in it. It is done when all of its files
are there; which file an image is in follows from the plan alone.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.sources.views import NetworkView
from pipeline.image_dataset.labels import Labeling
from pipeline.image_dataset.rows import SIDES, RecordingImages
from pipeline.image_dataset.settings import ImageSettings

MOST_UNIT_IMAGES = 1000
_LEAST_UNIT_IMAGES = 16
_MOST_UNIT_BYTES = 256 * 2**20
"""Of pictures as they are before they are compressed."""


@dataclass(frozen=True)
class Unit:
    """A stretch of frames [start, stop) of one video; its images by recording, and its number among those of its side.

    Attributes
    ----------
    number : int
    start, stop : int
    rows : tuple of slice
        Of each of the video's recordings.
    places : dict of str to int
        By side that it has images of: how many units before have some too.
    """

    number: int
    start: int
    stop: int
    rows: tuple[slice, ...]
    places: dict[str, int]

    @property
    def n_images(self) -> int:
        """Of all recordings."""
        return sum(part.stop - part.start for part in self.rows)


@dataclass(frozen=True)
class VideoPlan:
    """One video: its recordings, and its units in the order of their frames."""

    recordings: tuple[RecordingImages, ...]
    units: tuple[Unit, ...]

    @property
    def n_images(self) -> int:
        """Of all units."""
        return sum(unit.n_images for unit in self.units)


@dataclass(frozen=True)
class Plan:
    """A whole data set."""

    settings: ImageSettings
    view: NetworkView
    labeling: Labeling
    videos: tuple[VideoPlan, ...]

    @property
    def size_px(self) -> int:
        """Side of the images."""
        return side_px(self.settings, self.view)

    @property
    def recordings(self) -> list[RecordingImages]:
        """Of all videos, those of a video one after the other."""
        return [images for video in self.videos for images in video.recordings]

    @property
    def units(self) -> list[Unit]:
        """Of all videos; each at the place of its number."""
        return [unit for video in self.videos for unit in video.units]

    @property
    def n_images(self) -> int:
        """Of all videos."""
        return sum(video.n_images for video in self.videos)

    @property
    def sides(self) -> list[str]:
        """Those that have images, of ``SIDES``."""
        return [side for side in SIDES if any(side in unit.places for unit in self.units)]

    def described(self) -> dict[str, Any]:
        """What determines the files, fit for JSON, in words where a person can compare them."""
        settings = self.settings.described() | {"size_px": self.size_px}
        crop = self.view.crop.model_dump(mode="json")
        said = {"columns": list(self.labeling.columns), "classes": list(self.labeling.classes)}
        return {**settings, "crop": crop, **said, "inputs": self._inputs()}

    def _inputs(self) -> str:
        """Hash of all that is known of the images."""
        digest = hashlib.sha256()
        for images in self.recordings:
            named = (images.recording, images.animal, images.individual, images.split, images.inputs)
            digest.update(json.dumps(named).encode("utf-8"))
            for array in (images.frames, images.observed, images.numbers, images.boxes_px):
                digest.update(repr((array.shape, array.dtype.str)).encode("utf-8") + array.tobytes())
        return digest.hexdigest()


def side_px(settings: ImageSettings, view: NetworkView) -> int:
    """Side of the images: as they are cut out where all are of one size, else what the network sees."""
    return settings.size_px or (view.crop.size_px if view.crop.around == "center" else view.input_px)


def make_plan(found: Sequence[RecordingImages], view: NetworkView, labeling: Labeling, settings: ImageSettings) -> Plan:
    """Divide images into units, video by video; recordings of one video need not stand in a row."""
    n_most = int(np.clip(_MOST_UNIT_BYTES // (3 * side_px(settings, view) ** 2), _LEAST_UNIT_IMAGES, MOST_UNIT_IMAGES))
    by_video: dict[object, list[RecordingImages]] = {}
    for images in found:
        by_video.setdefault(images.video.path.resolve(), []).append(images)
    n_of_side = dict.fromkeys(SIDES, 0)
    videos: list[VideoPlan] = []
    n_units = 0
    for recordings in by_video.values():
        units: list[Unit] = []
        for start, stop in _stretches(recordings, n_most):
            rows = tuple(slice(*np.searchsorted(each.frames, (start, stop)).tolist()) for each in recordings)
            shown = {side for each, part in zip(recordings, rows, strict=True) for side in set(each.sides(part))}
            places = {side: n_of_side[side] for side in SIDES if side in shown}
            n_of_side |= {side: n + 1 for side, n in places.items()}
            units.append(Unit(n_units + len(units), start, stop, rows, places))
        n_units += len(units)
        videos.append(VideoPlan(tuple(recordings), tuple(units)))
    return Plan(settings, view, labeling, tuple(videos))


def _stretches(recordings: Sequence[RecordingImages], n_most: int) -> Iterator[tuple[int, int]]:
    """Frames [start, stop) with about so many images of all recordings; none where there are no images."""
    frames = np.sort(np.concatenate([images.frames for images in recordings]))
    # All images of one frame are of one unit.
    part = np.searchsorted(frames, frames) // n_most
    for own in np.split(frames, np.flatnonzero(np.diff(part)) + 1):
        if len(own):
            yield int(own[0]), int(own[-1]) + 1
