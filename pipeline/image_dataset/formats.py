"""How images lie in the folder of a data set."""

import io
import json
import math
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pipeline.image_dataset.loading import class_folders, files_of_table, shards
from pipeline.image_dataset.plan import Plan, Unit
from pipeline.image_dataset.rows import SIDES, UNLABELED, RecordingImages

_DISK_BLOCK_BYTES = 4096
_SAMPLE_BYTES = 2300
"""Of a sample in a tar, besides the picture."""


class Format(ABC):
    """A way to lay out images. Paths are relative to the data set's folder, with `/`, and follow from the plan."""

    description: ClassVar[str]

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @abstractmethod
    def paths(self, images: RecordingImages, rows: slice, unit: Unit) -> list[str]:
        """Of some images of a unit: where each is."""

    @abstractmethod
    def files(self, unit: Unit, recordings: Sequence[RecordingImages]) -> list[str]:
        """The files of a unit, in the order in which ``contents`` gives them."""

    @abstractmethod
    def contents(
        self, unit: Unit, recordings: Sequence[RecordingImages], pictures: Sequence[Sequence[bytes]]
    ) -> Iterator[bytes]:
        """What these files hold, of a unit's pictures by recording."""

    @abstractmethod
    def disk_bytes(self, picture_bytes: float) -> float:
        """What a picture of this size takes on a disk, with what lies around it."""

    @abstractmethod
    def loading_lines(self) -> list[str]:
        """Python that loads it, for the README."""

    def folders(self) -> list[str]:
        """Folders that are there even where no image is in them."""
        return []

    def _names(self, images: RecordingImages, rows: slice) -> list[str]:
        """Of each image, without side and class: unique, and without a dot behind the last `/`."""
        return [f"{images.recording}/{frame:07d}" for frame in images.frames[rows].tolist()]


class Folders(Format):
    """An image is a file. Where each is of one class, folders are named after classes, as Keras wants them."""

    description = "a file per image, by split and class"

    def paths(self, images: RecordingImages, rows: slice, unit: Unit) -> list[str]:
        """See `Format`."""
        where = zip(images.sides(rows), images.numbers[rows, 0].tolist(), self._names(images, rows), strict=True)
        ending = self.plan.settings.images
        return [f"{self._folder(side, number)}/{name}.{ending}" for side, number, name in where]

    def _folder(self, side: str, number: int) -> str:
        classes = self.plan.labeling.classes
        return f"{side}/{classes[number]}" if classes and side != UNLABELED else side

    def files(self, unit: Unit, recordings: Sequence[RecordingImages]) -> list[str]:
        """See `Format`."""
        return [
            path for images, rows in zip(recordings, unit.rows, strict=True) for path in self.paths(images, rows, unit)
        ]

    def contents(
        self, unit: Unit, recordings: Sequence[RecordingImages], pictures: Sequence[Sequence[bytes]]
    ) -> Iterator[bytes]:
        """See `Format`."""
        for own in pictures:
            yield from own

    def disk_bytes(self, picture_bytes: float) -> float:
        """Whole blocks."""
        return float(math.ceil(picture_bytes / _DISK_BLOCK_BYTES) * _DISK_BLOCK_BYTES)

    def loading_lines(self) -> list[str]:
        """See `Format`."""
        return class_folders(self.plan) if self.plan.labeling.classes else files_of_table(self.plan)

    def folders(self) -> list[str]:
        """A class that a split lacks has a folder too, so that a class has the same number everywhere."""
        sides = [side for side in self.plan.sides if side != UNLABELED]
        return [f"{side}/{name}" for side in sides for name in self.plan.labeling.classes]


class WebDataset(Format):
    """A unit is a tar for each side that has images in it: of each sample its picture, then what is known of it."""

    description = "tar shards, each sample a picture and a JSON"

    def paths(self, images: RecordingImages, rows: slice, unit: Unit) -> list[str]:
        """See `Format`."""
        ending = self.plan.settings.images
        names = zip(images.sides(rows), self._names(images, rows), strict=True)
        return [f"{_shard(unit, side)}/{name}.{ending}" for side, name in names]

    def files(self, unit: Unit, recordings: Sequence[RecordingImages]) -> list[str]:
        """See `Format`."""
        return [_shard(unit, side) for side in SIDES if side in unit.places]

    def contents(
        self, unit: Unit, recordings: Sequence[RecordingImages], pictures: Sequence[Sequence[bytes]]
    ) -> Iterator[bytes]:
        """See `Format`."""
        for side in unit.places:
            stream = io.BytesIO()
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for images, rows, own in zip(recordings, unit.rows, pictures, strict=True):
                    self._add(tar, side, images, rows, own)
            yield stream.getvalue()

    def disk_bytes(self, picture_bytes: float) -> float:
        """Two members, each with a header and filled up to whole blocks."""
        return picture_bytes + _SAMPLE_BYTES

    def loading_lines(self) -> list[str]:
        """See `Format`."""
        return shards(self.plan)

    def _add(
        self, tar: tarfile.TarFile, side: str, images: RecordingImages, rows: slice, pictures: Sequence[bytes]
    ) -> None:
        columns = images.columns(self.plan.labeling, rows)
        names, sides = self._names(images, rows), images.sides(rows)
        for row, (name, own_side, numbers, picture) in enumerate(
            zip(names, sides, images.numbers[rows].tolist(), pictures, strict=True)
        ):
            if own_side == side:
                facts = {column: cells[row] for column, cells in columns.items()}
                # The class's number, or 0 or 1 of each behavior; -1 where it is unknown.
                facts["label"] = numbers[0] if self.plan.labeling.classes else numbers
                _add_file(tar, f"{name}.{self.plan.settings.images}", picture)
                _add_file(tar, f"{name}.json", json.dumps(facts, ensure_ascii=False).encode("utf-8"))


def _shard(unit: Unit, side: str) -> str:
    return f"{side}-{unit.places[side]:06d}.tar"


def _add_file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Without time and owner: equal samples give equal bytes."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


FORMATS: dict[str, type[Format]] = {"folders": Folders, "webdataset": WebDataset}
