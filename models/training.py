"""Training of one head for one behavior."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.class_weights import check_labels, class_weights
from models.heads.base import HeadConfig
from models.inference import TrainedHead, predict_recording
from models.losses import cross_entropy_of_probability
from models.network import Network, Weights, shared_network
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.windows import FeatureSequence, Span, Windows, gather_windows, plan_windows

__all__ = ["History", "TrainingConfig", "train_head"]


@dataclass
class History:
    """What happened during a fit.

    Attributes
    ----------
    rows : list of dict
        One per epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch's steps, penalties included),
        ``validation_average_precision`` (None without validation, or where it is undefined),
        ``validation_loss`` (None without scored validation frames) and ``seconds``.
    best_epoch : int
        The epoch whose weights were kept, from 1.
    stopped_early : bool
        Whether patience ran out before the last epoch.
    n_steps : int
        Steps of the optimizer, all epochs together.
    monitor : str
        What `best_epoch` was chosen by: ``average_precision``, ``loss`` (the validation recordings show no
        scored positive frame, so that average precision is undefined) or ``none`` (a fixed number of epochs).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False
    n_steps: int = 0
    monitor: str = "none"


def train_head(
    head: HeadConfig,
    training: TrainingConfig,
    train: Sequence[FeatureSequence],
    validation: Sequence[FeatureSequence] | None,
    seed: int,
    n_epochs: int | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[TrainedHead, History]:
    """Fit a head on recordings of one behavior.

    The same arguments give the same weights, bit for bit, on the same machine with the same number of
    threads. Keras', TensorFlow's, NumPy's and Python's global random states are set from `seed`.

    Parameters
    ----------
    head : HeadConfig
        Which network.
    training : TrainingConfig
        How to train it.
    train : sequence of Sequence
        Scaler and class weights come from these alone.
    validation : sequence of Sequence or None
        Average precision over their scored frames, pooled, chooses the epoch. Without positives among them,
        the weighted loss does (`History.monitor` says so).
    seed : int
        Initial weights, dropout, order and offsets of the windows.
    n_epochs : int, optional
        Needed without `validation`: train exactly so many epochs and keep the last.
    on_epoch : callable, optional
        Called with each row of `History.rows` as it is made.

    Raises
    ------
    InputError
        If the training frames lack positives or negatives, embeddings are not finite, the recordings
        differ in their number of features, or the loss diverges.
    """
    if (validation is None) != (n_epochs is not None):
        raise ValueError("give either validation recordings or n_epochs")
    check_labels(train)
    n_features = _check_embeddings([*train, *(validation or [])])
    scaler = Scaler.identity(n_features)
    if training.standardize:
        scaler = Scaler.fit([s.embeddings for s in train], training.deviation_floor)
    weights = (1.0, 1.0)
    if training.class_weights:
        weights = class_weights(*labelled_frames(train))
    network = _fresh_network(head, training, n_features, seed)
    network.set_scaler(scaler)
    batches = _batches(train, training, weights, np.random.default_rng(seed))
    judge = None if validation is None else _Judge(validation, weights)
    n_steps = _steps_per_epoch(train, training)
    history, best = _run_epochs(network, training, batches, n_steps, judge, n_epochs, on_epoch)
    return TrainedHead(head, training, scaler, best, network), history


def _run_epochs(
    network: Network,
    training: TrainingConfig,
    batches: Iterator[Windows],
    steps_per_epoch: int,
    judge: _Judge | None,
    n_epochs: int | None,
    on_epoch: Callable[[dict[str, Any]], None] | None,
) -> tuple[History, Weights]:
    """Epochs until patience or the number of epochs runs out; the kept weights."""
    history = History(monitor="none" if judge is None else judge.monitor)
    last_epoch = training.epochs if n_epochs is None else n_epochs
    first_kept = min(training.min_epochs, last_epoch)
    best_value, best = -np.inf, network.get_weights()
    for epoch in range(1, last_epoch + 1):
        started = time.perf_counter()
        losses = [network.train_step(next(batches)) for _ in range(steps_per_epoch)]
        row: dict[str, Any] = {"epoch": epoch, "loss": _finite_mean(losses, epoch)}
        value, measured = (float(epoch), _NOTHING_MEASURED) if judge is None else judge.measure(network)
        row |= {**measured, "seconds": time.perf_counter() - started}
        history.rows.append(row)
        history.n_steps += steps_per_epoch
        if epoch >= first_kept and value > best_value:
            best_value, best, history.best_epoch = value, network.get_weights(), epoch
        if on_epoch is not None:
            on_epoch(row)
        waited = epoch - max(history.best_epoch, first_kept)
        if judge is not None and waited >= training.patience and epoch < last_epoch:
            history.stopped_early = True
            break
    return history, best


_NOTHING_MEASURED: dict[str, float | None] = {"validation_average_precision": None, "validation_loss": None}


class _Judge:
    """Scores the network on the validation recordings."""

    def __init__(self, recordings: Sequence[FeatureSequence], weights: tuple[float, float]) -> None:
        self._recordings = recordings
        self._weights = weights
        self._active = np.concatenate([s.active[s.scored] for s in recordings]) if recordings else np.zeros(0, bool)
        if len(self._active) == 0:
            names = ", ".join(s.name for s in recordings) or "none given"
            raise InputError(
                f"Early stopping needs scored frames in the validation recordings ({names}), but found none. "
                "Annotate them for this behavior, or leave it out of the experiment."
            )
        self.monitor = "average_precision" if self._active.any() else "loss"

    def measure(self, network: Network) -> tuple[float, dict[str, float | None]]:
        """What to maximise, and the figures of the epoch's row."""
        from sklearn.metrics import average_precision_score

        probability = np.concatenate([predict_recording(network, s.embeddings)[s.scored] for s in self._recordings])
        loss = cross_entropy_of_probability(self._active, probability, self._weights)
        if self.monitor == "loss":
            return -loss, {"validation_average_precision": None, "validation_loss": loss}
        precision = float(average_precision_score(self._active, probability))
        return precision, {"validation_average_precision": precision, "validation_loss": loss}


def _fresh_network(head: HeadConfig, training: TrainingConfig, n_features: int, seed: int) -> Network:
    """The network of this shape, set back to the weights and random states that `seed` gives."""
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    network = shared_network(
        head,
        n_features,
        training.window_frames,
        training.batch_windows,
        training.learning_rate,
        training.clip_norm,
    )
    keras.utils.set_random_seed(seed)
    network.reset(head.build(n_features, training.window_frames))
    return network


def _steps_per_epoch(train: Sequence[FeatureSequence], training: TrainingConfig) -> int:
    """Steps that pass each frame about once, or the least number asked for."""
    n_windows = len(plan_windows([s.n_frames for s in train], training.window_frames))
    return max(training.min_steps_per_epoch, -(-n_windows // training.batch_windows))


def _batches(
    train: Sequence[FeatureSequence],
    training: TrainingConfig,
    weights: tuple[float, float],
    rng: np.random.Generator,
) -> Iterator[Windows]:
    """Full batches without end: pass after pass over all windows, each in a new order and cut anew."""
    waiting: list[Span] = []
    lengths = [s.n_frames for s in train]
    while True:
        while len(waiting) < training.batch_windows:
            offset = int(rng.integers(training.window_frames)) if training.random_offsets else 0
            spans = plan_windows(lengths, training.window_frames, offset)
            waiting += [spans[i] for i in rng.permutation(len(spans))]
        batch, waiting = waiting[: training.batch_windows], waiting[training.batch_windows :]
        yield gather_windows(train, batch, training.window_frames, weights)


def _check_embeddings(sequences: list[FeatureSequence]) -> int:
    """Number of features, the same everywhere and finite throughout."""
    n_features = sequences[0].embeddings.shape[1]
    for s in sequences:
        if s.embeddings.shape[1] != n_features:
            raise InputError(
                f"All recordings of an experiment need the same number of features per frame: "
                f"{sequences[0].name} has "
                f"{n_features}, {s.name} has {s.embeddings.shape[1]}. Extract them with the same backbone, "
                "or check "
                "the files given as precomputed features."
            )
        if not np.isfinite(s.embeddings).all():
            frame = int(np.flatnonzero(~np.isfinite(s.embeddings).all(axis=1))[0])
            raise InputError(
                f"Embeddings must be finite numbers, but analysed frame {frame} of {s.name} holds NaN or "
                "infinity. "
                "Extract the recording again, or repair the file given as precomputed features."
            )
    return n_features


def _finite_mean(losses: list[float], epoch: int) -> float:
    """Mean loss of an epoch, or a plain word that training went astray."""
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        raise InputError(
            f"Training diverged: the loss became {mean} in epoch {epoch}. Lower training.learning_rate, or "
            "set "
            "training.standardize to true and training.clip_norm to 1."
        )
    return mean


def labelled_frames(sequences: Sequence[FeatureSequence]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Labels and scored flags of several recordings, one after the other."""
    return np.concatenate([s.active for s in sequences]), np.concatenate([s.scored for s in sequences])
