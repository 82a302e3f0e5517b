"""One fit: a head trained on some recordings, and its probabilities on others.

A fit is the unit of work that is stored, resumed and handed to an executor. Its file holds the
probabilities, the training history and a fingerprint of everything that went in; a fit whose
fingerprint differs, or whose file is damaged, is trained again.
"""

import hashlib
import io
import json
import logging
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.files import write_bytes
from features.cache.store import CachedRows
from models.bundle import save_bundle
from models.heads import HeadConfig
from models.rows import Rows, joined_rows
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import Task
from models.training import train_head
from models.windows import FeatureSequence
from pipeline.training.frame_labels import FrameLabels

log = logging.getLogger(__name__)

# Raised whenever training changes in a way that makes stored fits of older code wrong.
FIT_VERSION = 3

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class CacheFile:
    """A finished cache, the recipe that it must have been made by, its number of features, and whether of one unit."""

    path: Path
    fingerprint: str
    n_features: int
    is_one_unit: bool = True


@dataclass(frozen=True)
class EmbeddingSource:
    """Where a recording's embeddings lie, and what they must have been made from; several caches lie side by side."""

    recording: str
    caches: tuple[CacheFile, ...]

    @property
    def fingerprint(self) -> str:
        """Of all that determines them."""
        return "+".join(cache.fingerprint for cache in self.caches)

    @property
    def widths(self) -> tuple[int, ...]:
        """Number of features of each source."""
        return tuple(cache.n_features for cache in self.caches)

    def rows(self) -> Rows:
        """Open them, to be read by slices.

        Raises
        ------
        InputError
            If a cache has vanished or been damaged since stage one checked it.
        """
        return joined_rows([CachedRows(cache.path, cache.fingerprint) for cache in self.caches])

    def load(self) -> NDArray[np.float32]:
        """Read them whole, shape (n_analysed, n_features); raises as `rows`."""
        return self.rows()[:]


@dataclass(frozen=True)
class Fit:
    """What to train on what.

    Attributes
    ----------
    name : str
        Of its head, as the task calls it: the behavior, where each has a head of its own.
    task : Task
        What it says of a frame.
    outputs : tuple of str
        The behaviors that the head tells of.
    kind : str
        See `pipeline.training.plan`.
    fold : str or None
        Held-out recordings; None for a final head.
    key : str
        File name of the stored fit.
    train, validation, predict : tuple of str
        Recording ids; `validation` is empty for a fit of `n_epochs` epochs.
    seed : int
    n_epochs : int or None
        Epochs of a fit without validation recordings.
    refit : bool
        Train again on training and validation recordings together, for the best number of epochs.
    bundle_path : Path or None
        Where the trained head is kept; None for heads that are only scored.
    """

    name: str
    task: Task
    outputs: tuple[str, ...]
    kind: str
    fold: str | None
    key: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    predict: tuple[str, ...]
    head: HeadConfig
    training: TrainingConfig
    seed: int
    n_epochs: int | None = None
    refit: bool = False
    bundle_path: Path | None = None

    @property
    def recordings(self) -> tuple[str, ...]:
        """Every recording that it needs embeddings of, once."""
        return tuple(dict.fromkeys((*self.train, *self.validation, *self.predict)))

    @property
    def fold_words(self) -> str:
        """The fold, for readers."""
        return "final" if self.fold is None else self.fold


@dataclass(frozen=True)
class FitResult:
    """What came of a fit: probabilities per recording, shape (n_analysed, n_outputs), and its history."""

    probabilities: dict[str, NDArray[np.float32]]
    history: list[dict[str, Any]]
    best_epoch: int
    note: str


def fit_fingerprint(fit: Fit, sources: Mapping[str, EmbeddingSource], labels: Mapping[str, FrameLabels]) -> str:
    """Hash of everything that determines a fit's result."""
    digest = hashlib.sha256()
    plan = {
        "version": FIT_VERSION,
        "task": [fit.task.model_dump(mode="json"), fit.outputs],
        "head": fit.head.model_dump(mode="json"),
        "training": fit.training.model_dump(mode="json"),
        "folds": [fit.train, fit.validation, fit.predict],
        "seed": fit.seed,
        "n_epochs": fit.n_epochs,
        "refit": fit.refit,
        # Without it dropout draws other random numbers.
        "compiled": find_spec("numba") is not None,
        "embeddings": {r: sources[r].fingerprint for r in fit.recordings},
    }
    digest.update(json.dumps(plan, sort_keys=True).encode("utf-8"))
    for recording in (*fit.train, *fit.validation):
        chosen = labels[recording].of(fit.outputs)
        digest.update(chosen.active.tobytes() + chosen.trainable.tobytes())
    return digest.hexdigest()


def derive_seed(seed: int, *names: str) -> int:
    """A seed of its own for each fit, the same in whatever order and process fits are run."""
    text = "\0".join((str(seed), *names)).encode("utf-8")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF


def perform_fit(
    fit: Fit,
    rows: Callable[[str], Rows],
    labels: Mapping[str, FrameLabels],
    bundle_metadata: Mapping[str, Any],
    on_epoch: OnEpoch | None = None,
    scaler: Callable[[Sequence[str]], Scaler] | None = None,
) -> FitResult:
    """Train, predict, and keep the head where the fit says so.

    Parameters
    ----------
    fit : Fit
    rows : callable
        Embeddings of a recording by id.
    labels : mapping of str to FrameLabels
        Of the training and validation recordings.
    bundle_metadata : mapping
        Written into the bundle beside the head.
    on_epoch : callable, optional
        Called with each row of the history.
    scaler : callable, optional
        As `train_head` takes it.
    """
    task = fit.task

    def sequences(recordings: tuple[str, ...]) -> list[FeatureSequence]:
        chosen = [(r, labels[r].of(fit.outputs)) for r in recordings]
        return [FeatureSequence(r, rows(r), task.target(own.active), own.scored) for r, own in chosen]

    validation = sequences(fit.validation) or None
    head, history = train_head(
        task,
        fit.head,
        fit.training,
        sequences(fit.train),
        validation,
        fit.seed,
        n_epochs=fit.n_epochs,
        on_epoch=on_epoch,
        scaler=scaler,
    )
    if fit.refit:
        both = sequences((*fit.train, *fit.validation))
        n_epochs = history.best_epoch
        head, _ = train_head(task, fit.head, fit.training, both, None, fit.seed, n_epochs, scaler=scaler)
    if fit.bundle_path is not None:
        save_bundle(fit.bundle_path, head, {**bundle_metadata, "behavior": fit.name, "outputs": list(fit.outputs)})
    probabilities = {r: task.by_output(head.predict(rows(r))) for r in fit.predict}
    return FitResult(probabilities, list(history.rows), history.best_epoch, history.note)


def store_fit(path: Path, fingerprint: str, result: FitResult) -> None:
    """Write a finished fit in one step."""
    header = {
        "fingerprint": fingerprint,
        "history": result.history,
        "best_epoch": result.best_epoch,
        "note": result.note,
        "recordings": list(result.probabilities),
    }
    arrays: dict[str, Any] = {f"probability_{i}": p for i, p in enumerate(result.probabilities.values())}
    arrays["header"] = np.frombuffer(json.dumps(header).encode("utf-8"), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    write_bytes(path, stream.getvalue())


def read_fit(path: Path, fingerprint: str) -> FitResult | None:
    """A stored fit, or None where there is none, it is damaged, or it was made from something else."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes().decode("utf-8"))
            if header["fingerprint"] != fingerprint:
                log.info("%s was made with other settings or labels; it is trained again.", path.name)
                return None
            probabilities = {r: stored[f"probability_{i}"] for i, r in enumerate(header["recordings"])}
    # A flipped bit in a zip can also claim a password or an unknown way of packing (RuntimeError).
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error):
        log.warning("%s is damaged; it is trained again.", path)
        return None
    return FitResult(probabilities, header["history"], header["best_epoch"], header["note"])
