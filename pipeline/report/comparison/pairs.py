"""What two runs share: the recordings that both scored against the same human labels.

A difference between runs means something only where both were judged by the same frames. A recording
takes part in it when both runs have it in the same subset, with the same labels, frame by frame; frames
that one of the two did not predict are left out of both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.run_folder.reading import RecordingRow, Run
from pipeline.scoring.timeline import BehaviorTimeline


@dataclass(frozen=True)
class Pair:
    """One behavior in one subset, as two runs (or a run and its baseline) have it.

    Attributes
    ----------
    recordings, individuals : tuple of str
        Recordings in which both have a frame that counts, and whose videos they are ("" = not named).
    first, second : tuple of BehaviorTimeline
        Timelines of each recording; `true` and `scored` are the same in both.
    relabelled : tuple of str
        Recordings of both that are left out because the human labels differ.
    """

    recordings: tuple[str, ...] = ()
    individuals: tuple[str, ...] = ()
    first: tuple[BehaviorTimeline, ...] = ()
    second: tuple[BehaviorTimeline, ...] = ()
    relabelled: tuple[str, ...] = ()


def name_runs(runs: Sequence[Run]) -> dict[str, Run]:
    """Runs by their names; those of one name by as much of their folders as tells them apart."""
    names = [run.name for run in runs]
    parts = [run.path.resolve().parts for run in runs]
    depth = 1
    while len(set(names)) < len(names) and depth <= max(map(len, parts)):
        doubled = {name for name in names if names.count(name) > 1}
        names = [
            "/".join(parts[i][-depth:]) if runs[i].name in doubled or name in doubled else name
            for i, name in enumerate(names)
        ]
        depth += 1
    return dict(zip(names, runs, strict=True))


def rivals_in(runs: Mapping[str, Run], behavior: str, subset: str) -> dict[str, Run]:
    """Runs that have scores of a behavior in a subset."""
    return {name: run for name, run in runs.items() if behavior in run.behaviors and subset in run.subsets}


def scored_arrays(run: Run, behavior: str, subset: str, baseline: bool = False) -> dict[str, BehaviorTimeline]:
    """Timelines of one behavior by recording, where at least one frame was scored and predicted."""
    if behavior not in run.behaviors:
        return {}
    found = ((row.recording, run.behavior(behavior, row.recording, baseline)) for row in run.members(subset))
    return {name: arrays for name, arrays in found if arrays is not None and arrays.used_frames().any()}


def have_same_labels(a: BehaviorTimeline, b: BehaviorTimeline) -> bool:
    """Whether a human saw the same, and judged the same frames."""
    return np.array_equal(a.true, b.true) and np.array_equal(a.scored, b.scored)


def shared_recordings(runs: Mapping[str, Run], behavior: str, subset: str) -> tuple[str, ...]:
    """Recordings that all runs scored against the same labels, in the order of the first run."""
    first, *others = [scored_arrays(run, behavior, subset) for run in runs.values()] or [{}]
    return tuple(
        name
        for name, mine in first.items()
        if all(name in other and have_same_labels(mine, other[name]) for other in others)
    )


def have_same_basis(runs: Mapping[str, Run], behavior: str, subset: str) -> bool:
    """Whether all runs scored the same recordings against the same labels, so that their scores can be ranked."""
    scored = {name for run in runs.values() for name in scored_arrays(run, behavior, subset)}
    return scored == set(shared_recordings(runs, behavior, subset))


def pair_runs(first: Run, second: Run, behavior: str, subset: str) -> Pair:
    """Put the recordings of two runs side by side."""
    others = {row.recording: row.individual for row in second.members(subset)}
    members = first.members(subset)
    return _pair(scored_arrays(first, behavior, subset), scored_arrays(second, behavior, subset), members, others)


def pair_with_baseline(run: Run, behavior: str, subset: str) -> Pair:
    """Put a run beside its own baseline; of the baseline, only probabilities are known."""
    baseline = scored_arrays(run, behavior, subset, baseline=True)
    return _pair(scored_arrays(run, behavior, subset), baseline, run.members(subset), {})


def _pair(
    first: dict[str, BehaviorTimeline],
    second: dict[str, BehaviorTimeline],
    members: Sequence[RecordingRow],
    other_individuals: dict[str, str],
) -> Pair:
    rows = {row.recording: row for row in members}
    common = [name for name in first if name in second]
    relabelled = tuple(name for name in common if not have_same_labels(first[name], second[name]))
    taken, ours, theirs = [], [], []
    for name in common:
        if name in relabelled:
            continue
        known = ~np.isnan(first[name].probability) & ~np.isnan(second[name].probability)
        mine, other = (arrays._replace(scored=arrays.scored & known) for arrays in (first[name], second[name]))
        if mine.used_frames().any():
            taken.append(name)
            ours.append(mine)
            theirs.append(other)
    return Pair(
        recordings=tuple(taken),
        individuals=tuple(rows[name].individual or other_individuals.get(name, "") for name in taken),
        first=tuple(ours),
        second=tuple(theirs),
        relabelled=relabelled,
    )
