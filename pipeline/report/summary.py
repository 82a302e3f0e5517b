"""The head of the report: how good each behavior is, in plain words, and what to beware of."""

from dataclasses import dataclass

from pipeline.metrics import pooled_frame_scores
from pipeline.report.run_files import CROSS_VALIDATION, SUBSET_WORDS, Run, section
from pipeline.report.score_figures import number
from pipeline.report.wording import percent, ratio
from pipeline.scores import CLOSED, RAW, ScoreRow

# Below this, one wrong bout moves the score: say so instead of printing a number as if it were firm.
_FEW_POSITIVE_FRAMES = 200
# Scores are written with six decimals.
_ROUNDING = 2e-6


@dataclass(frozen=True)
class SubsetSummary:
    """One behavior in one subset, pooled over its recordings; None = undefined."""

    words: str
    n_recordings: int
    n_frames: int
    n_positive: int
    average_precision: float | None
    f1: float | None
    precision: float | None
    recall: float | None
    chance: float | None
    baseline_average_precision: float | None
    sentence: str


@dataclass(frozen=True)
class BehaviorSummary:
    """One card of the head."""

    behavior: str
    subsets: tuple[SubsetSummary, ...]


def summarize(run: Run) -> list[BehaviorSummary]:
    """Pooled scores of every behavior in every scored subset.

    Average precision is that of the probabilities; F1, precision and recall are after post-processing.
    """
    summaries = []
    for behavior in run.behaviors:
        parts = [_summarize_subset(run, behavior, subset) for subset in run.subsets]
        summaries.append(BehaviorSummary(behavior, tuple(part for part in parts if part is not None)))
    return summaries


def _summarize_subset(run: Run, behavior: str, subset: str) -> SubsetSummary | None:
    row = run.score(behavior, subset, CLOSED) or run.score(behavior, subset, RAW)
    if row is None:
        return None
    n_frames, n_positive = int(number(row, "n_frames") or 0), int(number(row, "n_positive") or 0)
    return SubsetSummary(
        words=SUBSET_WORDS[subset],
        n_recordings=len({r["recording"] for r in run.scores if r["subset"] == subset}) - 1,
        n_frames=n_frames,
        n_positive=n_positive,
        average_precision=number(row, "average_precision"),
        f1=number(row, "f1"),
        precision=number(row, "precision"),
        recall=number(row, "recall"),
        chance=n_positive / n_frames if n_frames else None,
        baseline_average_precision=number(run.score(behavior, subset, RAW, baseline=True), "average_precision"),
        sentence=_sentence(row),
    )


def _sentence(row: ScoreRow) -> str:
    """What precision and recall mean, for someone who does not live among them."""
    precision, recall = number(row, "precision"), number(row, "recall")
    if recall is None:
        return "No scored frame shows the behavior here, so there is nothing to find and nothing to score."
    if precision is None:
        return "The model marks no frame here: all of the behavior is missed."
    return (
        f"It finds {percent(recall)} of the frames that a human marked; "
        f"of the frames that it marks, {percent(precision)} are right."
    )


@dataclass(frozen=True)
class Notice:
    """Something to know before reading a number; `level` is `warning` or `note`."""

    level: str
    title: str
    text: str


def notices(run: Run) -> list[Notice]:
    """What a reader must know first: what was really run, and where the numbers are weak."""
    found: list[Notice] = []
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
    found += [Notice("note", "Note from the run", str(text)) for text in run.provenance.get("notes") or []]
    skipped = section(run.provenance, "n_skipped")
    listed = ", ".join(f"{name}: {count}" for name, count in skipped.items() if count)
    if listed:
        found.append(Notice("note", "Left out", listed))
    return found


def _weak_spots(run: Run) -> list[Notice]:
    beaten, absent, few = [], [], []
    for summary in summarize(run):
        for part in summary.subsets:
            place = f"{summary.behavior}, {part.words}"
            value, baseline = part.average_precision, part.baseline_average_precision
            if value is not None and baseline is not None and value <= baseline:
                beaten.append(f"{place} (AP {ratio(value)}, baseline {ratio(baseline)})")
            if part.n_positive == 0:
                absent.append(place)
            elif part.n_positive < _FEW_POSITIVE_FRAMES:
                few.append(f"{place} ({part.n_positive})")
    candidates = (
        (
            beaten,
            "warning",
            "Not better than the baseline",
            "The sequence head adds nothing here; more, or more varied, training recordings may help.",
        ),
        (absent, "note", "Nothing to score", "The behavior occurs in no scored frame, so its scores are n/a."),
        (few, "note", "Few positive frames", "A single bout can move these scores a lot."),
    )
    return [Notice(level, title, f"{'; '.join(places)}. {text}") for places, level, title, text in candidates if places]


@dataclass(frozen=True)
class Agreement:
    """How many pooled rows were computed again from labels and predictions, and which ones differ."""

    n_checked: int
    differing: tuple[str, ...]


def recompute_scores(run: Run) -> Agreement:
    """Compute the pooled scores again from the files of labels and predictions.

    Counts after post-processing and average precision must equal those in scores.csv.
    """
    differing: list[str] = []
    n_checked = 0
    for behavior in run.behaviors:
        for subset in run.subsets:
            row = run.score(behavior, subset, CLOSED)
            parts = [run.frame_arrays(behavior, member.recording) for member in run.members(subset)]
            if row is None or not any(part is not None for part in parts):
                continue
            n_checked += 1
            again = pooled_frame_scores(part for part in parts if part is not None)
            counts = again.counts
            same = (counts.tp, counts.fp, counts.fn, counts.tn) == tuple(row[name] for name in ("tp", "fp", "fn", "tn"))
            value, stored = again.average_precision, number(row, "average_precision")
            same &= (value is None) == (stored is None)
            if value is not None and stored is not None:
                same &= abs(value - stored) <= _ROUNDING
            if not same:
                differing.append(f"{behavior}, {SUBSET_WORDS[subset]}")
    return Agreement(n_checked, tuple(differing))
