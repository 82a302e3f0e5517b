"""Labels for `task: exclusive`: one class per frame, the background among them."""

import numpy as np

from common.errors import InputError
from models.tasks.exclusive import Exclusive
from pipeline.dataset.labels import LabelTrack
from pipeline.scoring.bouts.bouts import runs_of_true

BACKGROUND = "\0background"
"""Name of a column of labels that no behavior can have."""


def with_background(track: LabelTrack) -> LabelTrack:
    """Add a last column: nothing was annotated where somebody looked for everything.

    A frame with a class is known to be of no other.
    """
    any_active = np.asarray(track.active.any(axis=1))
    known = any_active | np.asarray(track.scored.all(axis=1))
    active = np.column_stack([track.active, known & ~any_active])
    behaviors = (*track.behaviors, BACKGROUND)
    return LabelTrack(behaviors, active, np.repeat(known[:, None], len(behaviors), axis=1))


def one_class(track: LabelTrack, task: Exclusive, source: str, fps: float) -> LabelTrack:
    """The labels of a track `with_background`, without it, at most one active per frame.

    A frame without any class is unscored: nobody looked, annotators disagree, or it is background where the task has
    none.

    Raises
    ------
    InputError
        Classes overlap and `task.priority` doesn't say which counts.
    """
    active = track.active[:, :-1].copy()
    for name in task.priority:
        column = track.behaviors.index(name)
        active[active[:, column]] = np.arange(active.shape[1]) == column
    overlaps = runs_of_true(active.sum(axis=1) > 1)
    if overlaps:
        raise InputError(_overlap(track, active[overlaps[0][0]], overlaps, task, source, fps))
    is_background = track.active[:, -1] & (task.other is not None)
    scored = active.any(axis=1) | is_background
    return LabelTrack(track.behaviors[:-1], active, np.repeat(scored[:, None], active.shape[1], axis=1))


def _overlap(
    track: LabelTrack,
    active: np.ndarray,
    overlaps: list[tuple[int, int]],
    task: Exclusive,
    source: str,
    fps: float,
) -> str:
    start, stop = overlaps[0]
    first, second = [track.behaviors[column] for column in np.flatnonzero(active)[:2]]
    n_frames = sum(stop - start for start, stop in overlaps)
    more = f" (in all {n_frames:,} frames overlap so or otherwise)" if len(overlaps) > 1 else ""
    order = ", ".join(dict.fromkeys((*task.priority, first, second)))
    return (
        f"{source}: frames {start} to {stop - 1} ({start / fps:.2f} to {stop / fps:.2f} s) are annotated as {first!r} "
        f"and as {second!r}{more}, but with `task: exclusive` a frame has one class. Correct the annotations, or say "
        f"which counts where they overlap: task: {{name: exclusive, priority: [{order}]}}."
    )
