"""Scores of exclusive classes, from one confusion matrix; per frame, pooled over recordings and for each.

Frames count that a human scored and the model predicted. Means are over the classes that the human saw: one that never
occurs could not be found. scikit-learn gives the same numbers where it is asked for these classes alone.

Where every recording is a clip of one class, whole clips are scored beside frames: a clip is of the class that is most
probable on the mean over its frames.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from common.tables import Row
from pipeline.scoring.metrics import Counts, average_precision
from pipeline.scoring.scores import POOLED, groups_of
from pipeline.scoring.statistics.intervals import bootstrap_interval, gather_clusters
from pipeline.scoring.timeline import RAW, VARIANTS, Timeline

Matrix = NDArray[np.int64]
ALL = "all classes"
CLIPS = "clips"
"""In the place of a variant of post-processing: whole clips."""


def class_names(timeline: Timeline) -> tuple[str, ...]:
    """The behaviors and, last, the background if there is one."""
    return (*timeline.behaviors, *([timeline.background] if timeline.background else []))


def class_numbers(active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of each frame's class, shape (n_frames,): its behavior's column, or n_behaviors for none."""
    return np.where(active.any(axis=1), active.argmax(axis=1), active.shape[1])


def used_frames(timeline: Timeline) -> NDArray[np.bool_]:
    """Frames whose class a human scored and the model predicted, shape (n_frames,)."""
    assert timeline.scored is not None
    return timeline.scored[:, 0] & ~np.isnan(timeline.probability[:, 0])


def confusion(timeline: Timeline, variant: str) -> Matrix:
    """Frames by the human's class (rows) and the model's (columns)."""
    used, n_classes = used_frames(timeline), len(class_names(timeline))
    assert timeline.true is not None
    true, predicted = (class_numbers(found[used]) for found in (timeline.true, timeline.predicted[variant]))
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def whole_clips(timelines: Sequence[Timeline]) -> list[Timeline]:
    """Each recording as a timeline of one frame; none where a recording shows several classes, or all the same."""
    used = [used_frames(timeline) for timeline in timelines]
    shown = [set(class_numbers(t.true[of])) for t, of in zip(timelines, used, strict=True) if t.true is not None]
    if any(len(classes) > 1 for classes in shown) or len(set().union(*shown)) < 2:
        return []
    return [_one_frame(t, of) for t, of in zip(timelines, used, strict=True) if of.any()]


def _one_frame(timeline: Timeline, used: NDArray[np.bool_]) -> Timeline:
    assert timeline.true is not None
    probability = timeline.probability[used].mean(axis=0, dtype=np.float64, keepdims=True)
    values = np.column_stack([probability, 1 - probability.sum(axis=1)]) if timeline.background else probability
    predicted = np.arange(probability.shape[1])[None] == values.argmax()
    scored = np.ones_like(predicted)
    true = timeline.true[used][:1]
    return replace(timeline, probability=probability, predicted={CLIPS: predicted}, true=true, scored=scored)


def counts_of(matrix: Matrix, of: int) -> Counts:
    """One class against all others."""
    tp, n_true, n_predicted = int(matrix[of, of]), int(matrix[of].sum()), int(matrix[:, of].sum())
    return Counts(tp, n_predicted - tp, n_true - tp, int(matrix.sum()) - n_true - n_predicted + tp)


def _shown(matrix: Matrix) -> list[Counts]:
    return [counts for counts in (counts_of(matrix, of) for of in range(len(matrix))) if counts.n_positive]


def accuracy(matrix: Matrix) -> float | None:
    """Share of frames with the right class."""
    return float(np.trace(matrix) / matrix.sum()) if matrix.any() else None


def balanced_accuracy(matrix: Matrix) -> float | None:
    """Mean of the classes' recalls."""
    return _mean([counts.recall for counts in _shown(matrix)])


def macro_f1(matrix: Matrix) -> float | None:
    """Mean of the classes' F1."""
    return _mean([counts.f1 for counts in _shown(matrix)])


def weighted_f1(matrix: Matrix) -> float | None:
    """Mean of the classes' F1, each weighted by its frames."""
    shown = _shown(matrix)
    if not shown:
        return None
    return float(np.average([counts.f1 or 0.0 for counts in shown], weights=[counts.n_positive for counts in shown]))


def cohen_kappa(matrix: Matrix) -> float | None:
    """Agreement beyond chance (Cohen 1960); None where chance alone agrees fully."""
    n = int(matrix.sum())
    by_chance = int(matrix.sum(axis=0) @ matrix.sum(axis=1))
    return float((n * int(np.trace(matrix)) - by_chance) / (n * n - by_chance)) if n * n > by_chance else None


def _mean(values: Sequence[float | None]) -> float | None:
    return float(np.mean([value or 0.0 for value in values])) if values else None


OF_ALL: dict[str, Callable[[Matrix], float | None]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
    "cohen_kappa": cohen_kappa,
}
OF_EACH: dict[str, Callable[[Counts], float | None]] = {
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
    "specificity": lambda counts: counts.specificity,
    "f1": lambda counts: counts.f1,
}


def class_score_rows(timelines: Sequence[Timeline], head: str, variants: Sequence[str] = VARIANTS) -> list[Row]:
    """Rows of class_scores.csv: one per score, of all classes and of each; of whole clips too, where those are all.

    Pooled scores of all classes have an interval over individuals. None = undefined. Of `clips` the number of frames
    is that of clips.
    """
    rows: list[Row] = []
    for subset, name, group, of_group in _groups(timelines, variants):
        for variant in of_group:
            key = {"head": head, "subset": subset, "recording": name, "postprocessed": variant}
            matrices = [confusion(timeline, variant) for timeline in group]
            matrix = np.sum(matrices, axis=0)
            individuals = [timeline.individual for timeline in group]
            for score, of in OF_ALL.items():
                cells = {"class": ALL, "score": score, "value": of(matrix), "n_frames": int(matrix.sum())}
                rows.append(key | cells | (_interval(matrices, individuals, of) if name == POOLED else _NO_INTERVAL))
            rows += [key | cells | _NO_INTERVAL for cells in _of_each(group, matrix, variant in (RAW, CLIPS))]
    return rows


def _groups(
    timelines: Sequence[Timeline], variants: Sequence[str]
) -> Iterator[tuple[str, str, list[Timeline], Sequence[str]]]:
    """Yield what `groups_of` yields, with the variants; and all whole clips together."""
    for group in groups_of(timelines):
        yield (*group, variants)
    for group in groups_of(whole_clips(timelines)):
        if group[1] == POOLED:
            yield (*group, (CLIPS,))


def _of_each(group: Sequence[Timeline], matrix: Matrix, is_ranked: bool) -> Iterator[Row]:
    for of, name in enumerate(class_names(group[0])):
        counts = counts_of(matrix, of)
        for score, ratio in OF_EACH.items():
            yield {"class": name, "score": score, "value": ratio(counts), "n_frames": counts.n_positive}
        if is_ranked:
            value = average_precision(*_ranked(group, of))
            yield {"class": name, "score": "average_precision", "value": value, "n_frames": counts.n_positive}


def _ranked(group: Sequence[Timeline], of: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether frames are of a class, and its probability."""
    true, probability = [], []
    for timeline in group:
        used = used_frames(timeline)
        assert timeline.true is not None
        values = timeline.probability[used].astype(np.float64)
        probability.append(1 - values.sum(axis=1) if of == len(timeline.behaviors) else values[:, of])
        true.append(class_numbers(timeline.true[used]) == of)
    return np.concatenate(true), np.concatenate(probability)


_NO_INTERVAL: Row = {"low": None, "high": None, "n_individuals": None, "reason": ""}


def _interval(matrices: Sequence[Matrix], individuals: Sequence[str], of: Callable[[Matrix], float | None]) -> Row:
    clusters = np.array([np.sum(members, axis=0) for members in gather_clusters(individuals, matrices)])

    def weighted(weights: NDArray[np.int64]) -> NDArray[np.float64]:
        scores = (of(matrix) for matrix in np.tensordot(weights, clusters, axes=1))
        return np.array([np.nan if score is None else score for score in scores])

    found = bootstrap_interval(weighted, len(clusters))
    return {"low": found.low, "high": found.high, "n_individuals": found.n_clusters, "reason": found.reason}


def confusion_rows(timelines: Sequence[Timeline], variants: Sequence[str] = VARIANTS) -> list[Row]:
    """Rows of confusion.csv: frames of each class of the human's by what the model calls them, and their share.

    As of `class_score_rows`, with whole clips where those are all.
    """
    rows: list[Row] = []
    for subset, name, group, of_group in _groups(timelines, variants):
        names = class_names(group[0])
        for variant in of_group:
            matrix = np.sum([confusion(timeline, variant) for timeline in group], axis=0)
            for i, true in enumerate(names):
                n_true = int(matrix[i].sum())
                rows += [
                    {
                        "subset": subset, "recording": name, "postprocessed": variant, "true": true,
                        "predicted": predicted, "n_frames": int(matrix[i, j]),
                        "share": matrix[i, j] / n_true if n_true else None,
                    }
                    for j, predicted in enumerate(names)
                ]  # fmt: skip
    return rows
