"""Several runs compared: scores, who is best, differences with verdicts, and what must be said beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.report.comparison.differences import SCORES, Difference, baseline_differences, run_differences
from pipeline.report.comparison.pairs import Contender, name_contenders, pair_runs, scored_arrays, shared_recordings
from pipeline.report.comparison.scores import RANKED_SUBSETS, ScoreValue, Standing, find_standing, score_values
from pipeline.report.comparison.thesis import ThesisBlock, thesis_blocks
from pipeline.run_folder.reading import SUBSET_WORDS, Run, section


@dataclass(frozen=True)
class Note:
    """Something that the numbers alone do not tell."""

    title: str
    text: str


@dataclass(frozen=True)
class Comparison:
    """All that the page, the tables and the figures say.

    Attributes
    ----------
    contenders : tuple of Contender
    behaviors : tuple of str
        Of all runs, in order of first appearance.
    reference : str or None
        Name of the run that was named as reference.
    values : tuple of ScoreValue
        By behavior, subset and run.
    standings : tuple of Standing
        One per behavior.
    differences : tuple of Difference
        Between runs: against the best, and against the reference where it is another.
    baseline_differences : tuple of Difference
        Each run against its own baseline.
    thesis : tuple of ThesisBlock
    notes : tuple of Note
        Why numbers are not about the same thing, first.
    """

    contenders: tuple[Contender, ...]
    behaviors: tuple[str, ...]
    reference: str | None
    values: tuple[ScoreValue, ...]
    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...]
    baseline_differences: tuple[Difference, ...]
    thesis: tuple[ThesisBlock, ...]
    notes: tuple[Note, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        """Subsets in which any run has scores."""
        present = {value.subset for value in self.values}
        return tuple(subset for subset in RANKED_SUBSETS if subset in present)

    def subsets_of(self, behavior: str) -> tuple[str, ...]:
        """Subsets in which any run has scores of one behavior."""
        present = {value.subset for value in self.values if value.behavior == behavior}
        return tuple(subset for subset in RANKED_SUBSETS if subset in present)

    def standing(self, behavior: str) -> Standing:
        """Which run is best in one behavior."""
        return next(standing for standing in self.standings if standing.behavior == behavior)

    def value(self, behavior: str, subset: str, run: str, score: str) -> ScoreValue | None:
        """One score, None where the run has no such scores."""
        wanted = (behavior, subset, run, score)
        return next((v for v in self.values if (v.behavior, v.subset, v.run, v.score) == wanted), None)

    def is_highest(self, behavior: str, subset: str, run: str, score: str) -> bool:
        """Whether no run has more, to the three decimals that are shown, and at least two runs compete."""
        known = {
            v.run: round(v.value, 3)
            for v in self.values
            if (v.behavior, v.subset, v.score) == (behavior, subset, score) and v.value is not None
        }
        return len(known) > 1 and known.get(run) == max(known.values())

    def all_differences(self) -> tuple[Difference, ...]:
        """Between runs, then against own baselines."""
        return (*self.differences, *self.baseline_differences)


def compare_runs(runs: Sequence[Run], reference: str | None = None) -> Comparison:
    """Compare runs in every behavior, subset and score.

    Parameters
    ----------
    runs : sequence of Run
        At least one; a lone run is described and compared with nothing.
    reference : str, optional
        Name of a run to compare all others with, beside the best one of each behavior.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        When no run has the reference's name.
    """
    contenders = name_contenders(runs)
    names = [contender.name for contender in contenders]
    if reference is not None and reference not in names:
        raise InputError(
            f"--reference {reference!r} should be one of the runs that are compared: {listing(names)}."
            f"{did_you_mean(reference, names)}"
        )
    behaviors = tuple(dict.fromkeys(name for run in runs for name in run.behaviors))
    standings = tuple(find_standing(contenders, behavior) for behavior in behaviors)
    places = [(standing, subset) for standing in standings for subset in RANKED_SUBSETS]
    return Comparison(
        contenders=contenders,
        behaviors=behaviors,
        reference=reference,
        values=tuple(
            value
            for standing, subset in places
            for contender in contenders
            for value in score_values(contender, standing.behavior, subset)
        ),
        standings=standings,
        differences=tuple(
            item
            for standing, subset in places
            for score in SCORES
            for item in run_differences(contenders, standing.behavior, subset, score, standing.best, reference)
        ),
        baseline_differences=tuple(
            item for standing, subset in places for item in baseline_differences(contenders, standing.behavior, subset)
        ),
        thesis=tuple(thesis_blocks(contenders, behaviors)),
        notes=(*_unequal_ground(contenders, behaviors), *_protocols(contenders), *_backbones(contenders)),
    )


def _unequal_ground(contenders: Sequence[Contender], behaviors: Sequence[str]) -> Iterator[Note]:
    """Say which recordings cannot be compared, each text once with all its behaviors."""
    found: dict[str, list[str]] = {}
    for behavior in behaviors:
        for subset in RANKED_SUBSETS:
            rivals = [c for c in contenders if behavior in c.run.behaviors and subset in c.run.subsets]
            texts = [*_only_in_some(rivals, behavior, subset), *_unlike_pairs(rivals, behavior, subset)]
            for text in texts:
                found.setdefault(text, []).append(behavior)
    for text, names in found.items():
        yield Note("Not the same yardstick", f"{', '.join(names)}: {text}")


def _only_in_some(rivals: Sequence[Contender], behavior: str, subset: str) -> Iterator[str]:
    scored = {c.name: set(scored_arrays(c.run, behavior, subset)) for c in rivals}
    everything = set().union(*scored.values())
    if all(mine == everything for mine in scored.values()):
        return
    counts = ", ".join(f"{len(mine)} in {name}" for name, mine in scored.items())
    n_shared = len(shared_recordings(rivals, behavior, subset))
    basis = (
        f"The best is looked for among the {n_shared} that all have; each difference is over those that both have."
        if n_shared
        else "No recording is in all of them, so that the best is found by numbers about different recordings."
    )
    yield f"the runs scored different recordings ({SUBSET_WORDS[subset]}: {counts}). {basis}"


def _unlike_pairs(rivals: Sequence[Contender], behavior: str, subset: str) -> Iterator[str]:
    for place, first in enumerate(rivals):
        for second in rivals[place + 1 :]:
            relabelled = pair_runs(first.run, second.run, behavior, subset).relabelled
            if relabelled:
                yield (
                    f"the human labels of {', '.join(relabelled)} differ between {first.name} and {second.name}; left "
                    f"out of their difference ({SUBSET_WORDS[subset]})."
                )
            mine, theirs = ({row.recording: row.individual for row in c.run.members(subset)} for c in (first, second))
            unlike = [name for name in mine if theirs.get(name) and mine[name] and mine[name] != theirs[name]]
            if unlike:
                yield (
                    f"{', '.join(unlike)}: {first.name} and {second.name} name different individuals; those of "
                    f"{first.name} are used ({SUBSET_WORDS[subset]})."
                )


def _protocols(contenders: Sequence[Contender]) -> Iterator[Note]:
    # `compare` scores its nested half and keeps the other aside.
    known = {c.name: str(c.run.config.get("protocol") or "nested").replace("compare", "nested") for c in contenders}
    listed = ", ".join(f"{name}: {protocol}" for name, protocol in known.items())
    optimistic = "with “thesis”, early stopping saw the recording that is scored, which flatters its numbers."
    if len(set(known.values())) > 1:
        yield Note("Not the same yardstick", f"The runs follow different protocols ({listed}): {optimistic}")
    elif "thesis" in known.values():
        yield Note("Optimistic protocol", f"All runs follow the protocol of the thesis: {optimistic}")


def _backbones(contenders: Sequence[Contender]) -> Iterator[Note]:
    for contender in contenders:
        text = section(contender.run.provenance, "backbone").get("note")
        if text:
            yield Note(f"{contender.name}: another backbone than asked for", str(text))
