"""One fit: a head trained on some recordings, and its probabilities on others.

A fit is the unit of work that is stored, resumed and handed to a worker process. Its file holds the
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.files import write_bytes
from features.cache.store import read_cache
from models.bundle import save_bundle
from models.heads import HeadConfig
from models.settings import TrainingConfig
from models.training import History, train_head
from models.windows import FeatureSequence

log = logging.getLogger(__name__)

# Raised whenever training changes in a way that makes stored fits of older code wrong.
FIT_VERSION = 1

OnEpoch = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class EmbeddingSource:
    """Where a recording's embeddings lie, and what they must have been made from."""

    recording: str
    path: Path
    fingerprint: str

    def load(self) -> NDArray[np.float32]:
        """Read the embeddings, shape (n_analysed, n_features).

        Raises
        ------
        InputError
            If the cache has vanished or been damaged since stage one checked it.
        """
        cached = read_cache(self.path, self.fingerprint)
        if cached is None:
            raise InputError(
                f"The cached embeddings of {self.recording} ({self.path}) vanished or were damaged while the heads "
                "were being trained. Start the experiment again: they are then computed anew, finished folds are kept."
            )
        return cached.embeddings


@dataclass(frozen=True)
class Target:
    """Labels of one behavior in one recording, at its analysed frames, shape (n_analysed,).

    `trainable` is False where the frame is not scored by a human or the animal was not observed.
    """

    active: NDArray[np.bool_]
    trainable: NDArray[np.bool_]


@dataclass(frozen=True)
class Fit:
    """What to train on what.

    Attributes
    ----------
    behavior : str
    kind : {"head", "baseline"}
    fold : str
        Held-out recordings, or `final`.
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

    behavior: str
    kind: str
    fold: str
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


@dataclass(frozen=True)
class FitResult:
    """What came of a fit: probabilities per recording, shape (n_analysed,), and its history."""

    probabilities: dict[str, NDArray[np.float32]]
    history: list[dict[str, Any]]
    best_epoch: int
    note: str


def fit_fingerprint(fit: Fit, sources: Mapping[str, EmbeddingSource], targets: Mapping[tuple[str, str], Target]) -> str:
    """Hash of everything that determines a fit's result."""
    digest = hashlib.sha256()
    plan = {
        "version": FIT_VERSION,
        "head": fit.head.model_dump(mode="json"),
        "training": fit.training.model_dump(mode="json"),
        "folds": [fit.behavior, fit.train, fit.validation, fit.predict],
        "seed": fit.seed,
        "n_epochs": fit.n_epochs,
        "refit": fit.refit,
        "embeddings": {r: sources[r].fingerprint for r in (*fit.train, *fit.validation, *fit.predict)},
    }
    digest.update(json.dumps(plan, sort_keys=True).encode("utf-8"))
    for recording in (*fit.train, *fit.validation):
        target = targets[recording, fit.behavior]
        digest.update(target.active.tobytes() + target.trainable.tobytes())
    return digest.hexdigest()


def derive_seed(seed: int, *names: str) -> int:
    """A seed of its own for each fit, the same in whatever order and process fits are run."""
    text = "\0".join((str(seed), *names)).encode("utf-8")
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") & 0x7FFFFFFF


def perform_fit(
    fit: Fit,
    load: Callable[[str], NDArray[np.float32]],
    targets: Mapping[tuple[str, str], Target],
    bundle_metadata: Mapping[str, Any],
    on_epoch: OnEpoch | None = None,
) -> FitResult:
    """Train, predict, and keep the head where the fit says so.

    Parameters
    ----------
    fit : Fit
    load : callable
        Embeddings of a recording by id.
    targets : mapping of (recording, behavior) to Target
    bundle_metadata : mapping
        Written into the bundle beside the head.
    on_epoch : callable, optional
        Called with each row of the history.
    """

    def sequences(recordings: tuple[str, ...]) -> list[FeatureSequence]:
        return [
            FeatureSequence(r, load(r), targets[r, fit.behavior].active, targets[r, fit.behavior].trainable)
            for r in recordings
        ]

    head, history = train_head(
        fit.head,
        fit.training,
        sequences(fit.train),
        sequences(fit.validation) or None,
        fit.seed,
        n_epochs=fit.n_epochs,
        on_epoch=on_epoch,
    )
    if fit.refit:
        both = sequences((*fit.train, *fit.validation))
        head, _ = train_head(fit.head, fit.training, both, None, fit.seed, n_epochs=history.best_epoch)
    if fit.bundle_path is not None:
        save_bundle(fit.bundle_path, head, dict(bundle_metadata) | {"behavior": fit.behavior})
    probabilities = {r: head.predict(load(r)) for r in fit.predict}
    return FitResult(probabilities, list(history.rows), history.best_epoch, _note(history))


def _note(history: History) -> str:
    if history.monitor != "loss":
        return ""
    return "the validation recordings show no positive frame, so early stopping looked at their loss"


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
