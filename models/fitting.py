"""What a head is fitted to and what comes of it, whichever way it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rows import Rows
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import Task
from models.windows import FeatureSequence


@dataclass
class History:
    """What happened during a fit.

    Attributes
    ----------
    rows : list of dict
        One per epoch: ``epoch`` (from 1), ``loss`` (mean over the epoch's steps, penalties included), the
        task's figures of the validation recordings (none without any) and ``seconds``.
    best_epoch : int
        The epoch whose weights were kept, from 1.
    monitor, note : str
        What `best_epoch` was chosen by, as the task says (``none``: a fixed number of epochs).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    monitor: str = "none"
    note: str = ""


@dataclass(frozen=True)
class FitInput:
    """All that a head may learn from, and what it is to predict.

    Attributes
    ----------
    task : Task
    training : TrainingConfig
    train, validation, predict : tuple of str
        Recordings. Nothing is learned from the labels of those to be predicted.
    labelled : callable
        Features and labels of training and validation recordings.
    rows : callable
        Features of any recording.
    seed : int
    n_epochs : int or None
        Epochs of a head that learns by epochs and has no validation recordings.
    refit : bool
        Train again on training and validation recordings together, for the best number of epochs.
    step_s : mapping of str to float
        Seconds from one row of a recording to the next; empty for heads that count in rows.
    on_epoch, scaler : callable or None
        As `train_head` takes them.
    """

    task: Task
    training: TrainingConfig
    train: tuple[str, ...]
    validation: tuple[str, ...]
    predict: tuple[str, ...]
    labelled: Callable[[Sequence[str]], list[FeatureSequence]]
    rows: Callable[[str], Rows]
    seed: int
    n_epochs: int | None = None
    refit: bool = False
    step_s: Mapping[str, float] = field(default_factory=dict)
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    scaler: Callable[[Sequence[str]], Scaler] | None = None


class Shuffled(NamedTuple):
    """Predictions of some frames of one recording while one feature at a time is shuffled over frames.

    Attributes
    ----------
    frames : ndarray, shape (n_sampled,), int64
        Which rows of the recording.
    predictions : ndarray, shape (1 + n_features, n_sampled, ...), float32
        First with every feature as it is, then with each in turn shuffled.
    """

    frames: NDArray[np.int64]
    predictions: NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """What came of it.

    Attributes
    ----------
    predictions : dict of str to ndarray, shape (n_frames, *frame_shape), float32
        Of the recordings that were to be predicted.
    history : History
        Without rows where nothing was learned by epochs.
    head : TrainedHead or None
        What can be kept; None for what only predicts.
    shuffled : dict of str to Shuffled
        Of the predicted recordings, where that was asked for.
    """

    predictions: dict[str, NDArray[np.float32]]
    history: History
    head: Any = None
    shuffled: dict[str, Shuffled] = field(default_factory=dict)
