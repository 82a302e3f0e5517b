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
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.files import write_bytes
from features.cache.store import CachedRows
from models.bundle import save_bundle
from models.fitting import FitInput, Shuffled
from models.heads import HeadConfig
from models.rows import Rows, joined_rows
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import Task
from models.training import fit_network
from models.windows import FeatureSequence
from pipeline.training.frame_labels import FrameLabels

log = logging.getLogger(__name__)

# Raised whenever training changes in a way that makes stored fits of older code wrong.
FIT_VERSION = 3

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class CacheFile:
    """A finished cache, the recipe that it must have been made by, and its features.

    How many, whether all are of one unit, and their names if any.
    """

    path: Path
    fingerprint: str
    n_features: int
    is_one_unit: bool = True
    names: tuple[str, ...] = ()


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

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of all features; None where any has none."""
        has_names = all(len(cache.names) == cache.n_features for cache in self.caches)
        return tuple(name for cache in self.caches for name in cache.names) if has_names else None

    def absolute(self) -> "EmbeddingSource":
        """The same with paths that hold whatever the working directory is."""
        return replace(self, caches=tuple(replace(cache, path=cache.path.absolute()) for cache in self.caches))

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
        Recording ids, in `train` some perhaps twice; `validation` is empty for a fit of `n_epochs` epochs.
    seed : int
    n_epochs : int or None
        Epochs of a fit without validation recordings.
    refit : bool
        Train again on training and validation recordings together, for the best number of epochs.
    bundle_path : Path or None
        Where the trained head is kept; None for heads that are only scored.
    step_s : mapping of str to float
        Seconds from one analysed frame of each recording to the next; empty for heads that don't ask.
    member : int
        Which of several heads in the place of one, from 1; 0 = it is the only one.
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
    step_s: Mapping[str, float] = field(default_factory=dict)
    member: int = 0

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
    """What came of a fit: probabilities per recording, shape (n_analysed, n_outputs), and its history.

    `best_epoch` is 0 where nothing was learned by epochs. `shuffled` is there where it was asked for; its predictions
    have the shape (1 + n_features, n_sampled, n_outputs).
    """

    probabilities: dict[str, NDArray[np.float32]]
    history: list[dict[str, Any]]
    best_epoch: int
    note: str
    shuffled: dict[str, Shuffled] = field(default_factory=dict)


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
    if fit.step_s:
        plan["step_s"] = dict(fit.step_s)
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

    def labelled(recordings: Sequence[str]) -> list[FeatureSequence]:
        chosen = [(r, labels[r].of(fit.outputs)) for r in recordings]
        return [FeatureSequence(r, rows(r), task.target(own.active), own.scored) for r, own in chosen]

    given = FitInput(
        task=task,
        training=fit.training,
        train=fit.train,
        validation=fit.validation,
        predict=fit.predict,
        labelled=labelled,
        rows=rows,
        seed=fit.seed,
        n_epochs=fit.n_epochs,
        refit=fit.refit,
        step_s=fit.step_s,
        on_epoch=on_epoch,
        scaler=scaler,
    )
    fitted = fit.head.fit(given) or fit_network(fit.head, given)
    if fit.bundle_path is not None and fitted.head is not None:
        about = {**bundle_metadata, "behavior": fit.name, "outputs": list(fit.outputs)}
        save_bundle(fit.bundle_path, fitted.head, about)
    history = fitted.history
    return FitResult(
        {r: task.by_output(prediction) for r, prediction in fitted.predictions.items()},
        list(history.rows),
        history.best_epoch,
        history.note,
        {r: _by_output(task, one) for r, one in fitted.shuffled.items()},
    )


def _by_output(task: Task, shuffled: Shuffled) -> Shuffled:
    return shuffled._replace(predictions=np.stack([task.by_output(one) for one in shuffled.predictions]))


def store_fit(path: Path, fingerprint: str, result: FitResult) -> None:
    """Write a finished fit in one step."""
    header = {
        "fingerprint": fingerprint,
        "history": result.history,
        "best_epoch": result.best_epoch,
        "note": result.note,
        "recordings": list(result.probabilities),
        "shuffled": list(result.shuffled),
    }
    arrays: dict[str, Any] = {f"probability_{i}": p for i, p in enumerate(result.probabilities.values())}
    for i, one in enumerate(result.shuffled.values()):
        arrays |= {f"shuffled_{i}": one.predictions, f"shuffled_frames_{i}": one.frames}
    arrays["header"] = np.frombuffer(json.dumps(header).encode("utf-8"), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    write_bytes(path, stream.getvalue())


def read_fit(path: Path, fingerprint: str) -> FitResult | None:
    """A stored fit, or None where there is none, it is damaged, or it was made from something else."""
    if not path.exists():
        return None
    found = open_fit(path)
    if found is None:
        log.warning("%s is damaged; it is trained again.", path)
        return None
    made_from, result = found
    if made_from != fingerprint:
        log.info("%s was made with other settings or labels; it is trained again.", path.name)
        return None
    return result


def open_fit(path: Path) -> tuple[str, FitResult] | None:
    """A stored fit and the fingerprint of what it was made from; None where the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes().decode("utf-8"))
            fingerprint = header["fingerprint"]
            probabilities = {r: stored[f"probability_{i}"] for i, r in enumerate(header["recordings"])}
            # Fits of older code have none.
            shuffled = {
                r: Shuffled(stored[f"shuffled_frames_{i}"], stored[f"shuffled_{i}"])
                for i, r in enumerate(header.get("shuffled", ()))
            }
    # A flipped bit in a zip can also claim a password or an unknown way of packing (RuntimeError).
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error):
        return None
    return fingerprint, FitResult(probabilities, header["history"], header["best_epoch"], header["note"], shuffled)
