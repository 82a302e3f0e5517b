"""The first screen: per behavior how good it is, beside what, and where it fails; and what to beware of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.suggestions import listing
from common.tables import Row, number
from common.wording import count, decimal, percent, ratio
from pipeline.report.proximity import compared_rows, is_as_good
from pipeline.run_folder.evidence import (
    AVERAGE_PRECISION,
    BOUT_F1,
    FRAME_F1,
    VARIANT_OF,
    estimate_of,
    evidence_of,
    score_value,
)
from pipeline.run_folder.features import used_features
from pipeline.run_folder.provenance import cost_words
from pipeline.run_folder.reading import CROSS_VALIDATION, SUBSET_WORDS, Run, section
from pipeline.run_folder.verdict import FEW_POSITIVE_FRAMES, Estimate, Evidence, Verdict, judge
from pipeline.scoring.agreement import HumanCeiling
from pipeline.scoring.scores import FULL, RAW

# One kind of wrong frame is "mostly" when it is at least so many times the other.
_MOSTLY = 2.0
# More notes than this would push the figure away.
_MAX_NOTES = 3
_SCORE_WORDS = {AVERAGE_PRECISION: "Average precision", FRAME_F1: "Frame F1", BOUT_F1: "Bout F1 (IoU 0.5)"}


@dataclass(frozen=True)
class CardLine:
    """One score of a card with all that it is read against; None = undefined or not there."""

    score: str
    words: str
    estimate: Estimate
    humans: HumanCeiling | None
    baseline: float | None = None
    chance: float | None = None


@dataclass(frozen=True)
class Worst:
    """Where a behavior fails most: the recording ("" = none has an F1), its F1, and what happens there."""

    recording: str
    f1: float | None
    what: str
    is_only_one: bool = False


@dataclass(frozen=True)
class Card:
    """One behavior on the first screen, pooled over the first subset that has scores.

    `others` has the same scores of each further subset, with its `words` and `n_recordings`.
    """

    behavior: str
    subset: str
    n_recordings: int
    evidence: Evidence
    verdict: Verdict
    lines: tuple[CardLine, ...]
    others: tuple[Row, ...]
    worst: Worst
    never_occurs: str
    per_recording: str


def summarize(run: Run) -> list[Card]:
    """One card per behavior; none where nothing was scored."""
    return [_card(run, behavior, run.subsets[0]) for behavior in run.behaviors] if run.subsets else []


def _card(run: Run, behavior: str, subset: str) -> Card:
    evidence = evidence_of(run, behavior, subset)
    humans = {FRAME_F1: evidence.human_f1, BOUT_F1: evidence.human_bout_f1}
    beside: Mapping[str, Any] = {AVERAGE_PRECISION: {"baseline": evidence.baseline, "chance": evidence.chance}}
    lines = [
        CardLine(score, words, estimate_of(run, behavior, subset, score), humans.get(score), **beside.get(score, {}))
        for score, words in _SCORE_WORDS.items()
        if score != BOUT_F1 or evidence.bouts is not None
    ]
    others = [
        {"words": SUBSET_WORDS[other], "n_recordings": len(run.members(other))}
        | {score: score_value(run, behavior, other, score) for score in VARIANT_OF}
        for other in run.subsets[1:]
    ]
    return Card(
        behavior=behavior,
        subset=SUBSET_WORDS[subset],
        n_recordings=len(run.members(subset)),
        evidence=evidence,
        verdict=judge(evidence),
        lines=tuple(lines),
        others=tuple(others),
        worst=worst_place(run, behavior, subset),
        never_occurs=_never_occurs(run, behavior, subset),
        per_recording=_per_recording(run, behavior, subset),
    )


def worst_place(run: Run, behavior: str, subset: str) -> Worst:
    """The recording with the lowest F1 after post-processing, and whether it misses or invents there."""
    rows = {member.recording: run.score(behavior, subset, FULL, member.recording) for member in run.members(subset)}
    known = {name: row for name, row in rows.items() if row is not None and row["f1"] is not None}
    if not known:
        return Worst("", None, "no recording has an F1")
    name = min(known, key=lambda name: known[name]["f1"])
    return Worst(name, known[name]["f1"], kind_of_error(known[name]), len(known) == 1)


def kind_of_error(row: Row) -> str:
    """Whether frames are missed or invented, from the counts `fn` and `fp` of a row of scores."""
    missed, invented = row["fn"], row["fp"]
    if not missed and not invented:
        return "no wrong frame"
    counts = f"{count(missed)} frames missed, {count(invented)} invented"
    if missed >= _MOSTLY * invented:
        return f"it mostly misses ({counts})"
    if invented >= _MOSTLY * missed:
        return f"it mostly invents ({counts})"
    return f"it misses and invents about equally ({counts})"


def _never_occurs(run: Run, behavior: str, subset: str) -> str:
    """Recordings without the behavior, whose F1 is n/a, and what the model invents there."""
    rows = [(m.recording, run.score(behavior, subset, FULL, m.recording)) for m in run.members(subset)]
    absent = [(name, row) for name, row in rows if row is not None and not row["n_positive"]]
    if not absent or len(absent) == len(rows):
        return ""
    invented = sum(row["fp"] for _, row in absent)
    names = ", ".join(name for name, _ in absent)
    return f"F1 is n/a in {names}, where it never occurs; there the model invents {count(invented)} frames."


def _per_recording(run: Run, behavior: str, subset: str) -> str:
    """By how much total time and number of bouts of a recording are off, as a biologist would use them."""
    units = {"total_s": "s total time", "n_bouts": "bouts"}
    words = []
    for row in run.tables.statistics_agreement:
        error, human = row["mean_absolute_error"], row["human_mean"]
        unit = units.get(row["statistic"])
        if (row["behavior"], row["subset"]) == (behavior, subset) and unit and error is not None and human:
            words.append(f"{decimal(error)} of {decimal(human)} {unit} ({percent(error / human)})")
    if not words:
        return ""
    off = " and by ".join(words)
    return f"Off by {off}." if len(run.members(subset)) == 1 else f"Per recording off by {off}, on average."


@dataclass(frozen=True)
class Notice:
    """Something to know before reading a number; `level` is `warning` or `note`."""

    level: str
    title: str
    text: str


def notices(run: Run) -> list[Notice]:
    """What a reader must know: what was really run (warnings), and where the numbers are weak (notes)."""
    found: list[Notice] = []
    if cost := section(run.provenance, "first_look"):
        found.append(Notice("warning", "A first look, not the experiment", cost_words(cost)))
    doubts = [str(text) for text in run.provenance.get("doubts") or []]
    if len(doubts) > _MAX_NOTES:
        text = f"{'; '.join(dict.fromkeys(text.partition(':')[0] for text in doubts))}: see the notes under Data."
        found.append(Notice("warning", f"{len(doubts)} doubts about recordings", text))
    else:
        found += [Notice("warning", "Look at this before you use the numbers", text) for text in doubts]
    for text, source in {str(one.get("note") or ""): one for one in used_features(run)}.items():
        if text:
            title = f"The backbone used is {source.get('used', 'another')}, not {source.get('requested', 'as asked')}"
            found.append(Notice("warning", title, text))
    if run.accepted:
        text = f"{listing(run.accepted, 5)}: edited after the run, and accepted with verify --accept."
        found.append(Notice("warning", "Not all files are as the run wrote them", text))
    if run.config.get("protocol") == "thesis" and CROSS_VALIDATION in run.subsets:
        text = (
            "Early stopping looked at the recording that was then scored, as in the published protocol. "
            "Cross-validated numbers are therefore optimistic; test numbers are not affected."
        )
        found.append(Notice("warning", "Optimistic protocol", text))
    found += _weak_spots(run)
    notes = [text for text in run_notes(run) if text not in doubts]
    if len(notes) > _MAX_NOTES:
        found.append(Notice("note", f"{len(notes)} notes from the run", "They are listed under Data."))
    else:
        found += [Notice("note", "Note from the run", text) for text in notes]
    skipped = section(run.provenance, "n_skipped")
    listed = ", ".join(f"{name}: {number_left_out}" for name, number_left_out in skipped.items() if number_left_out)
    if listed:
        found.append(Notice("note", "Left out", listed))
    return found


def run_notes(run: Run) -> list[str]:
    """What the run noted about recordings, folds and settings."""
    return [str(text) for text in run.provenance.get("notes") or []]


def _weak_spots(run: Run) -> list[Notice]:
    beaten, absent, few = [], [], []
    for behavior in run.behaviors:
        for subset in run.subsets:
            place = f"{behavior}, {SUBSET_WORDS[subset]}"
            row = run.score(behavior, subset, RAW)
            value = number(row, AVERAGE_PRECISION)
            baseline = number(run.score(behavior, subset, RAW, baseline=True), AVERAGE_PRECISION)
            n_positive = number(row, "n_positive") or 0
            if value is not None and baseline is not None and value <= baseline:
                beaten.append(f"{place} (AP {ratio(value)}, baseline {ratio(baseline)})")
            if n_positive == 0:
                absent.append(place)
            elif n_positive < FEW_POSITIVE_FRAMES:
                few.append(f"{place} ({n_positive})")
    apart = [f"{r['behavior']}, {SUBSET_WORDS.get(r['subset'], '')}" for r in compared_rows(run) if is_as_good(r)]
    candidates = (
        (
            apart,
            "Distance alone does as well as the head",
            "In these recordings the distance between the animals predicts the behavior as well: see Proximity.",
        ),
        (
            beaten,
            "Not better than the baseline",
            "The sequence head adds nothing here; more, or more varied, training recordings may help. What the "
            "baselines predict is in baseline_predictions/; head: {name: logistic} makes a run of the logistic one.",
        ),
        (absent, "Nothing to score", "The behavior occurs in no scored frame, so its scores are n/a."),
        (few, "Few positive frames", "A single bout can move these scores a lot."),
    )
    return [Notice("note", title, f"{'; '.join(places)}. {text}") for places, title, text in candidates if places]
