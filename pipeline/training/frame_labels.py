"""What heads may learn from, for all recordings of a run: made once, written to a file that every fit's job names."""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.files import sha256_of, write_bytes


@dataclass(frozen=True)
class FrameLabels:
    """Labels of one recording at its analysed frames, a column per behavior.

    Attributes
    ----------
    behaviors : tuple of str
    active, trainable : ndarray, shape (n_analysed, n_behaviors), bool
        `trainable` is False where the frame is not scored by a human or the animal was not observed.
    """

    behaviors: tuple[str, ...]
    active: NDArray[np.bool_]
    trainable: NDArray[np.bool_]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Frames that are trainable for every behavior, shape (n_analysed,)."""
        return np.asarray(self.trainable.all(axis=1))

    def of(self, behaviors: Sequence[str]) -> "FrameLabels":
        """Only these columns, in this order."""
        columns = [self.behaviors.index(behavior) for behavior in behaviors]
        return FrameLabels(tuple(behaviors), self.active[:, columns], self.trainable[:, columns])


@dataclass(frozen=True)
class LabelFile:
    """Where the labels of a run lie, and the hash of what was written there."""

    path: Path
    sha256: str

    @classmethod
    def write(cls, path: Path, labels: Mapping[str, FrameLabels]) -> "LabelFile":
        """Write the labels of all recordings in one step."""
        write_bytes(path, cls._content(labels))
        return cls(path, sha256_of(path))

    @classmethod
    def keep(cls, folder: Path, labels: Mapping[str, FrameLabels]) -> "LabelFile":
        """Write them under the name that their content gives, unless they are there already.

        So several processes may need several of them at the same time.
        """
        content = cls._content(labels)
        sha256 = hashlib.sha256(content).hexdigest()
        path = folder / f"labels_{sha256[:32]}.npz"
        if not path.is_file() or sha256_of(path) != sha256:
            write_bytes(path, content)
        return cls(path, sha256)

    @staticmethod
    def _content(labels: Mapping[str, FrameLabels]) -> bytes:
        header = {recording: own.behaviors for recording, own in labels.items()}
        arrays: dict[str, Any] = {"header": np.frombuffer(json.dumps(header).encode("utf-8"), dtype=np.uint8)}
        for i, own in enumerate(labels.values()):
            arrays |= {f"active_{i}": own.active, f"trainable_{i}": own.trainable}
        stream = io.BytesIO()
        np.savez(stream, **arrays)
        return stream.getvalue()

    def read(self, recordings: Iterable[str]) -> dict[str, FrameLabels]:
        """Labels of these recordings.

        Raises
        ------
        InputError
            If the file is not there or not what was written.
        """
        if not self.path.is_file() or sha256_of(self.path) != self.sha256:
            raise InputError(
                f"The labels that the heads learn from ({self.path}) vanished or were changed while the heads were "
                "being trained. Start the experiment again; finished folds are kept."
            )
        with np.load(self.path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes().decode("utf-8"))
            place = {recording: i for i, recording in enumerate(header)}
            return {
                r: FrameLabels(tuple(header[r]), stored[f"active_{place[r]}"], stored[f"trainable_{place[r]}"])
                for r in recordings
            }
