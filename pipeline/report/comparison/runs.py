"""Several runs compared: scores, who is best, differences with verdicts, and what must be said beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.report.comparison.differences import SCORES, Difference, baseline_differences, run_differences
from pipeline.report.comparison.pairs import (
    have_same_basis,
    name_runs,
    pair_runs,
    rivals_in,
    scored_arrays,
    shared_recordings,
)
from pipeline.report.comparison.scores import (
    RANKED_SUBSETS,
    ScoreValue,
    Standing,
    class_values,
    find_standing,
    score_values,
)
from pipeline.report.comparison.thesis import ThesisBlock, thesis_blocks
from pipeline.run_folder.features import used_features
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.classes import ALL

KEY = ("behavior", "subset", "run", "score")


class Note(NamedTuple):
    """Something that the numbers alone do not tell."""

    title: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """All that the page, the tables and the figures say.

    Attributes
    ----------
    runs : mapping of str to Run
        By names that tell them apart.
    behaviors : tuple of str
        Of all runs, in order of first appearance.
    reference : str or None
        Name of the run that was named as reference.
    values : mapping of (str, str, str, str) to ScoreValue
        By `KEY`: behavior (or `ALL`, where a run has exclusive ones), subset, run and score.
    standings : mapping of str to Standing
        One per behavior.
    same_basis : frozenset of (str, str)
        Behaviors and subsets in which all runs scored the same recordings against the same labels; with `ALL` those
        in which all exclusive runs did, with the same behaviors.
    differences : tuple of Difference
        Between runs: against the best, and against the reference where it is another.
    baseline_differences : tuple of Difference
        Each run against its own baseline.
    thesis : tuple of ThesisBlock
    notes : tuple of Note
        Why numbers are not about the same thing, first.
    """

    runs: Mapping[str, Run]
    behaviors: tuple[str, ...]
    reference: str | None
    values: Mapping[tuple[str, str, str, str], ScoreValue]
    standings: Mapping[str, Standing]
    same_basis: frozenset[tuple[str, str]]
    differences: tuple[Difference, ...]
    baseline_differences: tuple[Difference, ...]
    thesis: tuple[ThesisBlock, ...]
    notes: tuple[Note, ...]

    def subsets(self, behavior: str = "") -> tuple[str, ...]:
        """Subsets in which any run has scores, of one behavior or of any."""
        present = {subset for name, subset, _, _ in self.values if behavior in ("", name)}
        return tuple(subset for subset in RANKED_SUBSETS if subset in present)

    @property
    def class_reasons(self) -> tuple[str, ...]:
        """Why runs have no scores of all classes, each once."""
        return tuple(dict.fromkeys(v.reason for (name, *_), v in self.values.items() if name == ALL and v.reason))

    def value(self, behavior: str, subset: str, run: str, score: str) -> ScoreValue | None:
        """One score, None where the run has no such scores."""
        return self.values.get((behavior, subset, run, score))

    def is_highest(self, behavior: str, subset: str, run: str, score: str) -> bool:
        """Whether no run has more, to the three decimals that are shown; at least two compete on the same basis."""
        if (behavior, subset) not in self.same_basis:
            return False
        found = {name: self.value(behavior, subset, name, score) for name in self.runs}
        known = {name: round(v.value, 3) for name, v in found.items() if v is not None and v.value is not None}
        return len(known) > 1 and known.get(run) == max(known.values())


def compare_runs(runs: Sequence[Run], reference: str | None = None) -> Comparison:
    """Compare runs in every behavior, subset and score.

    Parameters
    ----------
    runs : sequence of Run
        At least one; a lone run is described and compared with nothing.
    reference : str, optional
        Name of a run to compare all others with, beside the best one of each behavior.

    Raises
    ------
    InputError
        When no run has the reference's name.
    """
    named = name_runs(runs)
    if reference is not None and reference not in named:
        raise InputError(
            f"--reference {reference!r} should be one of the runs that are compared: {listing(named)}."
            f"{did_you_mean(reference, named)}"
        )
    behaviors = tuple(dict.fromkeys(name for run in runs for name in run.behaviors))
    standings = {behavior: find_standing(named, behavior) for behavior in behaviors}
    places = list(product(behaviors, RANKED_SUBSETS))
    return Comparison(
        runs=named,
        behaviors=behaviors,
        reference=reference,
        values={
            (behavior, subset, name, score): value
            for behavior, subset in places
            for name, run in named.items()
            for score, value in score_values(run, behavior, subset)
        }
        | _class_values(named),
        standings=standings,
        same_basis=frozenset(place for place in places if have_same_basis(rivals_in(named, *place), *place))
        | {(ALL, subset) for subset in RANKED_SUBSETS if _have_same_classes(named, subset)},
        differences=tuple(
            item
            for behavior, subset in places
            for score in SCORES
            for item in run_differences(named, behavior, subset, score, standings[behavior].best, reference)
        ),
        baseline_differences=tuple(item for place in places for item in baseline_differences(named, *place)),
        thesis=tuple(thesis_blocks(named, behaviors)),
        notes=(*_unequal_ground(named, places), *_protocols(named), *_backbones(named)),
    )


def _class_values(runs: Mapping[str, Run]) -> dict[tuple[str, str, str, str], ScoreValue]:
    if not any(run.is_exclusive for run in runs.values()):
        return {}
    return {
        (ALL, subset, name, score): value
        for subset in RANKED_SUBSETS
        for name, run in runs.items()
        for score, value in class_values(run, subset)
    }


def _have_same_classes(runs: Mapping[str, Run], subset: str) -> bool:
    rivals = {name: run for name, run in runs.items() if run.is_exclusive and subset in run.subsets}
    behaviors = {frozenset(run.behaviors) for run in rivals.values()}
    return len(behaviors) == 1 and all(have_same_basis(rivals, name, subset) for name in next(iter(behaviors)))


def share_anything(comparison: Comparison) -> bool:
    """Whether any two runs scored a recording against the same labels."""
    return any(
        pair_runs(run, other, behavior, subset).recordings
        for run, other in combinations(comparison.runs.values(), 2)
        for behavior, subset in product(comparison.behaviors, RANKED_SUBSETS)
    )


def _unequal_ground(runs: Mapping[str, Run], places: Sequence[tuple[str, str]]) -> Iterator[Note]:
    """Say which recordings cannot be compared, each text once with all its behaviors."""
    found: dict[str, list[str]] = {}
    for behavior, subset in places:
        rivals = rivals_in(runs, behavior, subset)
        for text in (*_only_in_some(rivals, behavior, subset), *_unlike_pairs(rivals, behavior, subset)):
            found.setdefault(text, []).append(behavior)
    for text, names in found.items():
        yield Note("Not the same basis", f"{', '.join(names)}: {text}")


def _only_in_some(rivals: Mapping[str, Run], behavior: str, subset: str) -> Iterator[str]:
    scored = {name: set(scored_arrays(run, behavior, subset)) for name, run in rivals.items()}
    everything = set().union(*scored.values())
    if all(mine == everything for mine in scored.values()):
        return
    counts = ", ".join(f"{len(mine)} in {name}" for name, mine in scored.items())
    n_shared = len(shared_recordings(rivals, behavior, subset))
    basis = (
        f"The best is looked for among the {n_shared} that all have; each difference is over those that both have."
        if n_shared
        else "No recording is in all of them, so that none is called the best."
    )
    yield f"the runs scored different recordings ({SUBSET_WORDS[subset]}: {counts}). {basis}"


def _unlike_pairs(rivals: Mapping[str, Run], behavior: str, subset: str) -> Iterator[str]:
    for (first, run), (second, other) in combinations(rivals.items(), 2):
        relabelled = pair_runs(run, other, behavior, subset).relabelled
        if relabelled:
            yield (
                f"the human labels of {', '.join(relabelled)} differ between {first} and {second}: their scores can't "
                f"be compared, and what differs is left out of their difference ({SUBSET_WORDS[subset]})."
            )
        mine, theirs = ({row.recording: row.individual for row in r.members(subset)} for r in (run, other))
        unlike = [name for name in mine if theirs.get(name) and mine[name] and mine[name] != theirs[name]]
        if unlike:
            yield (
                f"{', '.join(unlike)}: {first} and {second} name different individuals; those of {first} are used "
                f"({SUBSET_WORDS[subset]})."
            )


def _protocols(runs: Mapping[str, Run]) -> Iterator[Note]:
    # `compare` scores its nested half and keeps the other aside.
    known = {n: str(run.config.get("protocol") or "nested").replace("compare", "nested") for n, run in runs.items()}
    listed = ", ".join(f"{name}: {protocol}" for name, protocol in known.items())
    optimistic = "with “thesis”, early stopping saw the recording that is scored, so its numbers are too high."
    if len(set(known.values())) > 1:
        yield Note("Not the same basis", f"The runs follow different protocols ({listed}): {optimistic}")
    elif "thesis" in known.values():
        yield Note("Optimistic protocol", f"All runs follow the protocol of the thesis: {optimistic}")


def _backbones(runs: Mapping[str, Run]) -> Iterator[Note]:
    for name, run in runs.items():
        for text in dict.fromkeys(str(source.get("note") or "") for source in used_features(run)):
            if text:
                yield Note(f"{name}: another backbone than asked for", text)
