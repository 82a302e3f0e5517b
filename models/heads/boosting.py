"""Boosted trees on a frame's features and their means around it: what classifiers of poses commonly are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from models.centered_means import CenteredMeans
from models.fitting import FitInput, Fitted, History, Shuffled
from models.heads.base import HeadConfig
from models.quantile_bins import QuantileBins

# scikit-learn holds what it learns from as float64: 400 MB at most.
_MOST_VALUES = 50_000_000
_BLOCK_FRAMES = 20_000


class _Boosting(HeadConfig):
    """scikit-learn's HistGradientBoostingClassifier, which sees no frame but through means."""

    learns_by_epochs: ClassVar[bool] = False

    spans_s: tuple[float, ...] = Field(
        default=(0.5, 2.0, 6.0), description="lengths in seconds of the means around each frame"
    )
    iterations: int = Field(default=150, ge=1, description="trees, of each class where there are several")
    most_frames: int = Field(
        default=100_000, ge=1, description="of more scored frames only every second (third, ...) is learned from"
    )
    most_features: int = Field(default=600, ge=1, description="of more features only components are seen")
    components: int = Field(default=64, ge=1, description="principal components that are seen of too many features")

    def reduced_to(self, n_features: int) -> int:
        """Components of too many features."""
        return self.components if n_features > self.most_features else 0

    def _seen(self, given: FitInput) -> Callable[[str], CenteredMeans]:
        """What is seen of a recording."""
        from models.training import learn_scaler

        scaler = None
        if given.training.reduce_features:
            names = [*given.train]
            learn = given.scaler or (lambda names: learn_scaler([given.rows(r) for r in names], given.training))
            scaler = learn(names)

        def seen(recording: str) -> CenteredMeans:
            rows = given.rows(recording)
            values = (rows if scaler is None else scaler.rows(rows))[:]
            return CenteredMeans(values, given.step_s[recording], self.spans_s)

        return seen


class BoostingConfig(_Boosting):
    """Boosted trees, learned from training recordings and applied to others."""

    name: Literal["boosting"] = "boosting"
    n_shuffled: int = Field(
        default=0,
        ge=0,
        description="frames of each predicted recording for which every feature is shuffled in turn, to find out what "
        "mattered; 0 = none",
    )

    def fit(self, given: FitInput) -> Fitted:
        """See `HeadConfig`."""
        seen = self._seen(given)
        labels = _Labels(given)
        model = _Trees(self, given, labels, seen, labels.scored)
        predictions = {r: model.predict(seen(r)) for r in given.predict}
        shuffled = self._shuffled(model, given, seen) if self.n_shuffled else {}
        return Fitted(predictions, History(), shuffled=shuffled)

    def _shuffled(self, model: _Trees, given: FitInput, seen: Callable[[str], CenteredMeans]) -> dict[str, Shuffled]:
        """Predictions with one feature at a time, its means with it, in another order of all these frames."""
        frames, parts = {}, []
        for recording in given.predict:
            all_rows = seen(recording)
            n = all_rows.n_frames
            frames[recording] = np.unique(np.linspace(0, max(0, n - 1), min(n, self.n_shuffled)).astype(np.int64))
            parts.append(all_rows.rows(frames[recording]))
        x = model.places(np.concatenate(parts))
        order = np.random.default_rng(given.seed).permutation(len(x))
        n_features = x.shape[1] // (1 + len(self.spans_s))
        found = [model.predict_places(x)]
        for feature in range(n_features):
            own = x[:, feature::n_features].copy()
            x[:, feature::n_features] = own[order]
            found.append(model.predict_places(x))
            x[:, feature::n_features] = own
        ends = np.cumsum([len(part) for part in parts])[:-1]
        by_recording = np.split(np.stack(found), ends, axis=1)
        return {r: Shuffled(frames[r], own) for r, own in zip(frames, by_recording, strict=True)}


class RandomFramesConfig(_Boosting):
    """The same trees on frames that are split at random: for what the leak is worth, and nothing else.

    Each frame is predicted by trees that learned from most others of its own recording, which resemble it.
    """

    name: Literal["boosting, random frames"] = "boosting, random frames"
    parts: int = Field(default=5, ge=2, description="random parts of all frames, each predicted from the others")

    def fit(self, given: FitInput) -> Fitted:
        """See `HeadConfig`; the recordings to be predicted are those that are learned from."""
        seen = self._seen(given)
        labels = _Labels(given)
        part_of = np.random.default_rng(given.seed).permutation(len(labels.scored)) % self.parts
        predictions: dict[str, NDArray[np.float32]] = {}
        for part in range(self.parts):
            model = _Trees(self, given, labels, seen, labels.scored & (part_of != part))
            for recording, own in zip(given.train, labels.by_recording(part_of == part), strict=True):
                found = model.predict_rows(seen(recording).rows(np.flatnonzero(own)))
                shape = (len(own), *found.shape[1:])
                predictions.setdefault(recording, np.empty(shape, np.float32))[own] = found
        return Fitted({r: predictions[r] for r in given.predict}, History())


class _Labels:
    """Class and weight of each frame of all training recordings, one after the other."""

    def __init__(self, given: FitInput) -> None:
        from models.training import check_labels

        train = given.labelled(given.train)
        self._ends = np.cumsum([s.n_frames for s in train])[:-1]
        target, self.scored = (np.concatenate([getattr(s, name) for s in train]) for name in ("target", "scored"))
        check_labels(given.task, target, self.scored, train)
        self.classes, self.n_classes = given.task.classes(target)
        weights = given.task.class_weights(target, self.scored)
        self.weights = weights if given.training.class_weights else np.ones_like(weights)

    def by_recording(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Parted as the recordings are."""
        return np.split(values, self._ends)

    def evenly(self, usable: NDArray[np.bool_], most: int, seed: int) -> NDArray[np.bool_]:
        """At most about so many of the usable frames: every n-th of each class, at least one."""
        step = max(1, -(-int(np.count_nonzero(usable)) // most))
        rng, chosen = np.random.default_rng(seed), np.zeros_like(usable)
        for one in range(self.n_classes):
            frames = np.flatnonzero(usable & (self.classes == one))
            if frames.size:
                chosen[frames[rng.integers(min(step, frames.size)) :: step]] = True
        return chosen


@contextmanager
def _few_threads(n_frames: int) -> Iterator[None]:
    """One thread for few frames: threads that wait for each other take many times as long on a busy machine."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(None if n_frames > _BLOCK_FRAMES else 1, user_api="openmp"):
        yield


class _Trees:
    """Trees that have learned from some frames of the training recordings."""

    def __init__(
        self,
        config: _Boosting,
        given: FitInput,
        labels: _Labels,
        seen: Callable[[str], CenteredMeans],
        usable: NDArray[np.bool_],
    ) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        n_features = given.training.reduce_features or given.rows(given.train[0]).shape[1]
        most = max(1, _MOST_VALUES // ((1 + len(config.spans_s)) * n_features))
        chosen = labels.evenly(usable, min(config.most_frames, most), given.seed)
        parts: Sequence[NDArray[np.float32]] = [
            seen(recording).rows(np.flatnonzero(own))
            for recording, own in zip(given.train, labels.by_recording(chosen), strict=True)
            if own.any()
        ]
        classes = labels.classes[chosen]
        # It would stop early on frames drawn at random, which resemble those learned from.
        model = HistGradientBoostingClassifier(
            max_iter=config.iterations, early_stopping=False, random_state=given.seed
        )
        x = np.concatenate(parts)
        self._bins = QuantileBins(x)
        with _few_threads(len(classes)):
            self._model = model.fit(self.places(x), classes, sample_weight=labels.weights[classes])
        self._task, self._n_classes = given.task, labels.n_classes

    def predict(self, recording: CenteredMeans) -> NDArray[np.float32]:
        """A prediction for each frame of a recording, shape (n_frames, *frame_shape)."""
        blocks = [
            self.predict_rows(recording.rows(np.arange(first, min(first + _BLOCK_FRAMES, recording.n_frames))))
            for first in range(0, max(1, recording.n_frames), _BLOCK_FRAMES)
        ]
        return np.concatenate(blocks)

    def predict_rows(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same for rows of features and means."""
        return self.predict_places(self.places(x))

    def places(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """What the trees are given of such rows, column by column."""
        return self._bins.places(x)

    def predict_places(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        """The same for what the trees are given."""
        probability = np.zeros((len(x), self._n_classes), np.float32)
        if len(x):
            # Classes that it never met stay at 0.
            with _few_threads(len(x)):
                probability[:, self._model.classes_] = self._model.predict_proba(x)
        return self._task.from_classes(probability)
