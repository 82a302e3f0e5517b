"""The first screen: per behavior how good it is, beside what, and where it fails; and what to beware of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from common.wording import count, decimal, percent, ratio
from pipeline.report.figures.agreement import pooled_agreement
from pipeline.report.figures.scores import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, ceiling_of, number, score_value
from pipeline.run_folder.reading import CROSS_VALIDATION, SUBSET_WORDS, Run, section
from pipeline.run_folder.verdict import FEW_POSITIVE_FRAMES, Bouts, Estimate, Evidence, Verdict, judge
from pipeline.scoring.agreement import MODEL_HUMAN, HumanCeiling
from pipeline.scoring.scores import FULL, RAW

# One kind of wrong frame is "mostly" when it is at least so many times the other.
_MOSTLY = 2.0
# More notes than this would push the figure away.
_MAX_NOTES = 3
_CARD_SCORES = {
    AVERAGE_PRECISION: ("Average precision", RAW),
    FRAME_F1: ("Frame F1", FULL),
    BOUT_F1: ("Bout F1 (IoU 0.5)", FULL),
}


@dataclass(frozen=True)
class CardLine:
    """One score of a card with all that it is read against; None = undefined or not there."""

    words: str
    estimate: Estimate
    humans: HumanCeiling | None
    baseline: float | None
    chance: float | None


@dataclass(frozen=True)
class SubsetScores:
    """The same scores of a further subset, in one line: by the words of the card's lines."""

    words: str
    n_recordings: int
    average_precision: float | None
    f1: float | None
    bout_f1: float | None


@dataclass(frozen=True)
class Worst:
    """Where a behavior fails most: the recording ("" = none has an F1), its F1, and what happens there."""

    recording: str
    f1: float | None
    what: str
    is_only_one: bool = False


@dataclass(frozen=True)
class Card:
    """One behavior on the first screen, pooled over the first subset that has scores."""

    behavior: str
    subset: str
    n_recordings: int
    evidence: Evidence
    verdict: Verdict
    lines: tuple[CardLine, ...]
    others: tuple[SubsetScores, ...]
    worst: Worst
    never_occurs: str
    per_recording: str


def summarize(run: Run) -> list[Card]:
    """One card per behavior; none where nothing was scored."""
    return [_card(run, behavior, run.subsets[0]) for behavior in run.behaviors] if run.subsets else []


def _card(run: Run, behavior: str, subset: str) -> Card:
    evidence = gather_evidence(run, behavior, subset)
    estimates = {
        AVERAGE_PRECISION: evidence.average_precision,
        FRAME_F1: evidence.f1,
        BOUT_F1: evidence.bout_f1,
    }
    lines = [
        CardLine(
            words=words,
            estimate=estimates[score],
            humans=None if score == AVERAGE_PRECISION else ceiling_of(run, behavior, subset, score),
            baseline=evidence.baseline if score == AVERAGE_PRECISION else None,
            chance=evidence.chance if score == AVERAGE_PRECISION else None,
        )
        for score, (words, _) in _CARD_SCORES.items()
        if score != BOUT_F1 or evidence.bouts is not None
    ]
    return Card(
        behavior=behavior,
        subset=SUBSET_WORDS[subset],
        n_recordings=len(run.members(subset)),
        evidence=evidence,
        verdict=judge(evidence),
        lines=tuple(lines),
        others=tuple(_subset_scores(run, behavior, other) for other in run.subsets[1:]),
        worst=worst_place(run, behavior, subset),
        never_occurs=_never_occurs(run, behavior, subset),
        per_recording=_per_recording(run, behavior, subset),
    )


def gather_evidence(run: Run, behavior: str, subset: str) -> Evidence:
    """Collect what a verdict on one behavior is made of, from the run's tables."""
    row = run.score(behavior, subset, FULL) or run.score(behavior, subset, RAW)
    bouts = run.tables.bout_score(behavior, subset, FULL)
    names = ("n_true", "n_predicted", "missed", "invented", "split", "merged")
    seen_in = {
        member.individual or member.recording
        for member in run.members(subset)
        if number(run.score(behavior, subset, RAW, member.recording), "n_positive")
    }
    return Evidence(
        n_frames=int(number(row, "n_frames") or 0),
        n_positive=int(number(row, "n_positive") or 0),
        n_individuals=len(seen_in),
        average_precision=_estimate(run, behavior, subset, AVERAGE_PRECISION),
        f1=_estimate(run, behavior, subset, FRAME_F1),
        bout_f1=_estimate(run, behavior, subset, BOUT_F1),
        baseline=number(run.score(behavior, subset, RAW, baseline=True), AVERAGE_PRECISION),
        recall=number(row, "recall"),
        bouts=None if bouts is None else Bouts(**{name: int(number(bouts, name) or 0) for name in names}),
        human_f1=ceiling_of(run, behavior, subset, FRAME_F1),
        human_bout_f1=ceiling_of(run, behavior, subset, BOUT_F1),
        model_f1=model_among_humans(run, behavior, subset, FRAME_F1),
        model_bout_f1=model_among_humans(run, behavior, subset, BOUT_F1),
        elsewhere=tuple(_frame_f1_elsewhere(run, behavior, subset)),
    )


def _frame_f1_elsewhere(run: Run, behavior: str, subset: str) -> Iterator[tuple[str, float]]:
    """Yield (words, frame F1) of every other subset that has one."""
    for other in run.subsets:
        f1 = score_value(run, behavior, other, FRAME_F1, _CARD_SCORES[FRAME_F1][1])
        if other != subset and f1 is not None:
            yield SUBSET_WORDS[other], f1


def _estimate(run: Run, behavior: str, subset: str, score: str) -> Estimate:
    variant = _CARD_SCORES[score][1]
    row = run.tables.interval(behavior, subset, variant, score)
    value = score_value(run, behavior, subset, score, variant)
    return Estimate(value, number(row, "low"), number(row, "high"))


def model_among_humans(run: Run, behavior: str, subset: str, measure: str) -> float | None:
    """Mean over humans of the model's agreement with each; None with a single annotator."""
    rows = pooled_agreement(run, behavior, subset)
    values = [row[measure] for row in rows if row["kind"] == MODEL_HUMAN and row[measure] is not None]
    return sum(values) / len(values) if values else None


def _subset_scores(run: Run, behavior: str, subset: str) -> SubsetScores:
    values = {score: score_value(run, behavior, subset, score, variant) for score, (_, variant) in _CARD_SCORES.items()}
    return SubsetScores(SUBSET_WORDS[subset], len(run.members(subset)), *values.values())


def worst_place(run: Run, behavior: str, subset: str) -> Worst:
    """The recording with the lowest F1 after post-processing, and whether it misses or invents there."""
    found = []
    for member in run.members(subset):
        row = run.score(behavior, subset, FULL, member.recording)
        f1 = number(row, "f1")
        if row is not None and f1 is not None:
            found.append((f1, member.recording, row))
    if not found:
        return Worst("", None, "no recording has an F1")
    f1, recording, row = min(found, key=lambda item: item[0])
    return Worst(recording, f1, kind_of_error(row), len(found) == 1)


def kind_of_error(row: Mapping[str, object]) -> str:
    """Whether frames are missed or invented, from the counts `fn` and `fp` of a row of scores."""
    missed, invented = int(number(row, "fn") or 0), int(number(row, "fp") or 0)
    if not missed and not invented:
        return "no wrong frame"
    counts = f"{count(missed)} frames missed, {count(invented)} invented"
    if missed >= _MOSTLY * invented:
        return f"it mostly misses ({counts})"
    if invented >= _MOSTLY * missed:
        return f"it mostly invents ({counts})"
    return f"it misses and invents alike ({counts})"


def _never_occurs(run: Run, behavior: str, subset: str) -> str:
    """Recordings without the behavior, whose F1 is n/a, and what the model invents there."""
    rows = [(m.recording, run.score(behavior, subset, FULL, m.recording)) for m in run.members(subset)]
    absent = [(name, row) for name, row in rows if row is not None and not row["n_positive"]]
    if not absent or len(absent) == len(rows):
        return ""
    invented = sum(int(number(row, "fp") or 0) for _, row in absent)
    names = ", ".join(name for name, _ in absent)
    return f"F1 is n/a in {names}, where it never occurs; there the model invents {count(invented)} frames."


def _per_recording(run: Run, behavior: str, subset: str) -> str:
    """By how much total time and number of bouts of a recording are off, as a biologist would use them."""
    units = {"total_s": "s total time", "n_bouts": "bouts"}
    words = []
    for row in run.tables.statistics_agreement:
        error, human = number(row, "mean_absolute_error"), number(row, "human_mean")
        unit = units.get(str(row["statistic"]))
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
    doubts = [str(text) for text in run.provenance.get("doubts") or []]
    if len(doubts) > _MAX_NOTES:
        text = f"{'; '.join(dict.fromkeys(text.partition(':')[0] for text in doubts))}: see the notes under Data."
        found.append(Notice("warning", f"{len(doubts)} doubts about recordings", text))
    else:
        found += [Notice("warning", "Look at this before you use the numbers", text) for text in doubts]
    backbone = section(run.provenance, "backbone")
    if backbone.get("note"):
        title = f"The backbone used is {backbone.get('used', 'another')}, not {backbone.get('requested', 'as asked')}"
        found.append(Notice("warning", title, str(backbone["note"])))
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
            n_positive = int(number(row, "n_positive") or 0)
            if value is not None and baseline is not None and value <= baseline:
                beaten.append(f"{place} (AP {ratio(value)}, baseline {ratio(baseline)})")
            if n_positive == 0:
                absent.append(place)
            elif n_positive < FEW_POSITIVE_FRAMES:
                few.append(f"{place} ({n_positive})")
    candidates = (
        (
            beaten,
            "Not better than the baseline",
            "The sequence head adds nothing here; more, or more varied, training recordings may help.",
        ),
        (absent, "Nothing to score", "The behavior occurs in no scored frame, so its scores are n/a."),
        (few, "Few positive frames", "A single bout can move these scores a lot."),
    )
    return [Notice("note", title, f"{'; '.join(places)}. {text}") for places, title, text in candidates if places]
