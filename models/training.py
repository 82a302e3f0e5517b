"""Training of one head."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.fitting import FitInput, Fitted, History
from models.heads.base import HeadConfig
from models.inference import TrainedHead, predict_recording
from models.network import Network, Weights, shared_network
from models.rows import HELD_BYTES, Rows, chunks, held
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import Task
from models.tasks.base import Measured
from models.windows import FeatureSequence, Span, Windows, cut_windows, plan_windows

__all__ = ["History", "TrainingConfig", "check_labels", "fit_network", "learn_scaler", "train_head"]


def train_head(
    task: Task,
    head: HeadConfig,
    training: TrainingConfig,
    train: Sequence[FeatureSequence],
    validation: Sequence[FeatureSequence] | None,
    seed: int,
    n_epochs: int | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    scaler: Callable[[Sequence[str]], Scaler] | None = None,
) -> tuple[TrainedHead, History]:
    """Fit a head.

    The same arguments give the same weights, bit for bit, on the same machine with the same number of
    threads. Keras', TensorFlow's, NumPy's and Python's global random states are set from `seed`.

    Parameters
    ----------
    task : Task
        What it says of a frame.
    head : HeadConfig
        Which network.
    training : TrainingConfig
        How to train it.
    train : sequence of FeatureSequence
        Scaler and class weights come from these alone.
    validation : sequence of FeatureSequence or None
        What the task measures on their scored frames, pooled, chooses the epoch.
    seed : int
        Initial weights, dropout, order and offsets of the windows.
    n_epochs : int, optional
        Needed without `validation`: train exactly so many epochs and keep the last.
    on_epoch : callable, optional
        Called with each row of `History.rows` as it is made.
    scaler : callable, optional
        Given the names of `train`, what `learn_scaler` learns from them; unless given it is learned here. Called
        once the embeddings are known to be sound.

    Raises
    ------
    InputError
        If the training frames lack what the task needs, embeddings are not finite, the recordings differ in
        their number of features, or the loss diverges.
    """
    if (validation is None) != (n_epochs is not None):
        raise ValueError("give either validation recordings or n_epochs")
    target, scored = (np.concatenate([getattr(s, name) for s in train]) for name in ("target", "scored"))
    check_labels(task, target, scored, train)
    _check_embeddings([*train, *(validation or [])])
    if scaler is None:
        learned = learn_scaler([s.embeddings for s in train], training)
    else:
        learned = scaler([s.name for s in train])
    train, validation = _seen_by_network(learned, train, validation)
    by_class = task.class_weights(target, scored)
    if not training.class_weights:
        by_class = np.ones_like(by_class)
    network = _fresh_network(task, head, training, train[0].embeddings.shape[1], target.shape[1:], seed)
    network.set_scaler(learned.in_network)
    weights = [by_class[task.classes(s.target)[0]] for s in train]
    batches = _batches(train, training, weights, np.random.default_rng(seed))
    judge = None if validation is None else _Judge(task, head, validation, by_class)
    n_steps = training.steps_per_epoch([s.n_frames for s in train])
    history, best = _run_epochs(network, training, batches, n_steps, judge, n_epochs, on_epoch)
    return TrainedHead(head, task, training, learned, best, network), history


def fit_network(head: HeadConfig, given: FitInput) -> Fitted:
    """Train a network by epochs, and predict.

    Raises
    ------
    InputError
        As `train_head`.
    """
    task, training, scaler = given.task, given.training, given.scaler
    trained, history = train_head(
        task,
        head,
        training,
        given.labelled(given.train),
        given.labelled(given.validation) or None,
        given.seed,
        n_epochs=given.n_epochs,
        on_epoch=given.on_epoch,
        scaler=scaler,
    )
    if given.refit:
        both = given.labelled((*given.train, *given.validation))
        trained, _ = train_head(task, head, training, both, None, given.seed, history.best_epoch, scaler=scaler)
    return Fitted({r: trained.predict(given.rows(r)) for r in given.predict}, history, trained)


def learn_scaler(
    embeddings: Sequence[Rows],
    training: TrainingConfig,
    widths: Sequence[int] | None = None,
    one_unit: Sequence[bool] | None = None,
) -> Scaler:
    """What these settings make of features before a network sees them, learned from training recordings.

    Parameters
    ----------
    embeddings : sequence of Rows, shape (n_frames, n_features)
        Of the training recordings.
    training : TrainingConfig
    widths, one_unit : sequence of int, of bool, optional
        As `Scaler.fit` takes them.
    """
    scaler = Scaler.identity(embeddings[0].shape[1])
    if training.standardize:
        scaler = Scaler.fit(embeddings, training.deviation_floor, widths, one_unit)
    return scaler.reducing(embeddings, training.reduce_features) if training.reduce_features else scaler


def _seen_by_network(
    scaler: Scaler, train: Sequence[FeatureSequence], validation: Sequence[FeatureSequence] | None
) -> tuple[Sequence[FeatureSequence], Sequence[FeatureSequence] | None]:
    """The recordings with the features that a network is given; where those are fewer they are made once, and held."""
    if scaler.components is None:
        return train, validation
    free_bytes = HELD_BYTES
    seen = []
    for s in (*train, *(validation or [])):
        rows, free_bytes = held(scaler.rows(s.embeddings), free_bytes)
        seen.append(replace(s, embeddings=rows))
    return seen[: len(train)], None if validation is None else seen[len(train) :]


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
    history = History()
    last_epoch = training.epochs if n_epochs is None else n_epochs
    first_kept = min(training.min_epochs, last_epoch)
    best_value, best = -np.inf, network.get_weights()
    for epoch in range(1, last_epoch + 1):
        started = time.perf_counter()
        losses = [network.train_step(next(batches)) for _ in range(steps_per_epoch)]
        row: dict[str, Any] = {"epoch": epoch, "loss": _finite_mean(losses, epoch)}
        measured = Measured(float(epoch), {}, "none") if judge is None else judge.measure(network)
        history.monitor, history.note = measured.monitor, measured.note
        row |= {**measured.figures, "seconds": time.perf_counter() - started}
        history.rows.append(row)
        if epoch >= first_kept and measured.value > best_value:
            best_value, best, history.best_epoch = measured.value, network.get_weights(), epoch
        if on_epoch is not None:
            on_epoch(row)
        waited = epoch - max(history.best_epoch, first_kept)
        if judge is not None and waited >= training.patience and epoch < last_epoch:
            break
    return history, best


class _Judge:
    """Measures the network on the validation recordings."""

    def __init__(
        self, task: Task, head: HeadConfig, recordings: Sequence[FeatureSequence], by_class: NDArray[np.float64]
    ) -> None:
        self._task = task
        self._head = head
        self._recordings = recordings
        if not any(s.scored.any() for s in recordings):
            names = ", ".join(s.name for s in recordings) or "none given"
            raise InputError(
                f"Early stopping needs scored frames in the validation recordings ({names}), but found none. "
                "Annotate them for this behavior, or leave it out of the experiment."
            )
        self._target = np.concatenate([s.target[s.scored] for s in recordings])
        self._weight = by_class[task.classes(self._target)[0]]

    def measure(self, network: Network) -> Measured:
        """How good the network is as it stands."""
        predictions = [predict_recording(network, self._head, s.embeddings)[s.scored] for s in self._recordings]
        return self._task.measure(self._target, np.concatenate(predictions), self._weight)


def _fresh_network(
    task: Task, head: HeadConfig, training: TrainingConfig, n_features: int, frame_shape: tuple[int, ...], seed: int
) -> Network:
    """The network of this shape, set back to the weights and random states that `seed` gives."""
    import keras
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()
    network = shared_network(
        head,
        task,
        n_features,
        frame_shape,
        training.window_frames,
        training.batch_windows,
        training.learning_rate,
        training.clip_norm,
    )
    keras.utils.set_random_seed(seed)
    network.reset(head.build(n_features, training.window_frames, task, frame_shape))
    return network


def _batches(
    train: Sequence[FeatureSequence],
    training: TrainingConfig,
    weights: Sequence[NDArray[np.float64]],
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
        yield cut_windows(train, weights, batch, training.window_frames)


def check_labels(task: Task, target: NDArray[Any], scored: NDArray[np.bool_], train: Sequence[FeatureSequence]) -> None:
    """Refuse, by an InputError, to learn from recordings that lack what the task needs."""
    lacking = task.lacking(target, scored)
    if lacking:
        raise InputError(
            f"A head cannot learn from these labels: there is {lacking} in the {np.count_nonzero(scored):,} scored "
            f"frames of the training recordings ({', '.join(s.name for s in train)}). Take this behavior out of the "
            "experiment's behaviors, check that its name is mapped to the right label, or add recordings in which it "
            "is annotated both present and absent."
        )


def _check_embeddings(sequences: list[FeatureSequence]) -> None:
    """Require as many features everywhere, and finite or missing ones (NaN) throughout."""
    n_features = sequences[0].embeddings.shape[1]
    for s in sequences:
        if s.embeddings.shape[1] != n_features:
            raise InputError(
                f"All recordings of an experiment need the same number of features per frame: {sequences[0].name} has "
                f"{n_features}, {s.name} has {s.embeddings.shape[1]}. Extract them with the same backbone, or check "
                "the files given as precomputed features."
            )
        first = 0
        for chunk in chunks(s.embeddings):
            is_sound = ~np.isinf(chunk).any(axis=1)
            if not is_sound.all():
                raise InputError(
                    f"Embeddings must be finite numbers, but analysed frame {first + int(np.argmin(is_sound))} of "
                    f"{s.name} holds infinity. Extract the recording again, or repair the file given as "
                    "precomputed features."
                )
            first += len(chunk)


def _finite_mean(losses: list[float], epoch: int) -> float:
    """Mean loss of an epoch, or a plain word that training went astray."""
    mean = float(np.mean(losses))
    if not np.isfinite(mean):
        raise InputError(
            f"Training diverged: the loss became {mean} in epoch {epoch}. Lower training.learning_rate, or set "
            "training.standardize to true and training.clip_norm to 1."
        )
    return mean
