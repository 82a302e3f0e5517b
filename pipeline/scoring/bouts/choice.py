"""Which bouts a report shows as film strips, and which of their frames: decisions on timelines alone.

Bouts are those of the table of bout scores (`pipeline.scoring.bouts.metrics`): only frames that a human scored
and the model predicted count, and the others cut bouts. So "missed" and "invented" mean here what they
mean there. Where no human scored anything there are only the model's bouts: those it is sure of, and those it is not.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.bouts.matching import best_overlaps, matched_runs
from pipeline.scoring.timeline import BehaviorTimeline

Kind = Literal["missed", "invented", "correct", "sure", "unsure"]
KINDS: tuple[Kind, ...] = get_args(Kind)

CORRECT_IOU = 0.5
SURE_PROBABILITY = 0.75
N_EACH = 3
N_SHOWN = 8
MIN_SPAN_S = 1.0

# A duration written as 0.3 s at 10 fps is 3.0000000000000004 frames: this much is arithmetic, not time.
_FRAME_TOLERANCE = 1e-6


@dataclass(frozen=True)
class BoutChoice:
    """A bout that is worth looking at: the `rank`-th (from 1) of its behavior and kind.

    It lies (half-open) where the human saw it, one of the model's alone where the model did. `mean_probability` is the
    model's over the bout; `iou` the intersection over union with the predicted bout, None unless `correct`.
    """

    behavior: str
    recording: str
    kind: Kind
    rank: int
    start_frame: int
    stop_frame: int
    mean_probability: float
    iou: float | None


@dataclass(frozen=True)
class FilmStrip(BoutChoice):
    """A chosen bout with its picture: one line of film_strips.csv.

    Frames shown outside the bout are there for context; `file` is relative to the run's folder, with `/`.
    """

    start_s: float
    stop_s: float
    frames_shown: tuple[int, ...]
    file: str


def choose_bouts(behavior: str, recordings: Sequence[BehaviorTimeline], n_each: int = N_EACH) -> list[BoutChoice]:
    """Choose the bouts of one behavior that show best where the model fails and where it succeeds.

    In recordings that a human scored, at least in part:

    - `missed`: human bouts that no predicted bout overlaps. The longest in seconds first, for they cost
      most; of equally long ones those that the model came least near to (lowest mean probability).
    - `invented`: predicted bouts that overlap no human bout and reach into no frame that does not count
      (the human may have seen the rest of the bout there). The highest product of mean probability and
      duration first: long, and the model was sure.
    - `correct`: pairs of a human and a predicted bout with an IoU of at least 0.5, matched as in
      `pipeline.scoring.bouts.metrics`. One from each recording before a second from any; then the highest IoU in
      tenths, then the longest, for a bout of few frames agrees fully by luck.

    In recordings without any label:

    - `sure`: predicted bouts of a mean probability of at least 0.75, in the order of invented ones.
    - `unsure`: the other predicted bouts, the lowest mean probability first.

    What is equal down to hundredths (of a probability, of seconds) is taken from a recording that has
    been shown less, then in the order given, then in order of time.

    Returns
    -------
    list of BoutChoice
        By kind and rank; of each `n_each`, or fewer where there are fewer.
    """
    candidates = [found for place, item in enumerate(recordings) for found in _candidates(place, item)]
    return [
        BoutChoice(
            behavior,
            recordings[found.place].recording,
            found.kind,
            rank,
            found.start_frame,
            found.stop_frame,
            found.mean_probability,
            found.iou,
        )
        for kind in KINDS
        for rank, found in enumerate(_first([c for c in candidates if c.kind == kind], n_each), start=1)
    ]


class _Candidate(NamedTuple):
    """A bout of one kind; `place` is its recording's index."""

    kind: Kind
    place: int
    start_frame: int
    stop_frame: int
    duration_s: float
    mean_probability: float
    iou: float | None

    def order(self, n_shown_before: int) -> tuple[float, ...]:
        """What comes first has the lowest; `n_shown_before` counts the bouts chosen from its recording."""
        last = (n_shown_before, self.place, self.start_frame)
        if self.iou is not None:
            tenths = math.floor(10 * self.iou + 1e-9)
            return (n_shown_before, -tenths, -self.duration_s, *last)
        if self.kind == "missed":
            return (-round(self.duration_s, 2), round(self.mean_probability, 2), *last)
        if self.kind == "unsure":
            return (round(self.mean_probability, 2), -round(self.duration_s, 2), *last)
        return (-round(self.mean_probability * self.duration_s, 2), *last)


def _first(candidates: list[_Candidate], n_wanted: int) -> Iterator[_Candidate]:
    """The candidates in order, each choice making those of the same recording less wanted."""
    left, n_shown = list(candidates), Counter[int]()
    while left and n_shown.total() < n_wanted:
        best = min(left, key=lambda candidate: candidate.order(n_shown[candidate.place]))
        left.remove(best)
        n_shown[best.place] += 1
        yield best


def _candidates(place: int, item: BehaviorTimeline) -> Iterator[_Candidate]:
    """All bouts of one recording that are of some kind."""
    has_labels = bool(item.scored.any())
    used = item.used_frames() if has_labels else ~np.isnan(item.probability)
    predicted = item.predicted
    true_runs, predicted_runs = runs_of_true(item.true & used), runs_of_true(predicted & used)
    probability = np.asarray(item.probability, dtype=np.float64)

    def candidate(kind: Kind, run: tuple[int, int], iou: float | None = None) -> _Candidate:
        start, stop = run
        return _Candidate(
            kind, place, start, stop, (stop - start) / item.fps, float(probability[start:stop].mean()), iou
        )

    if not has_labels:
        for run in predicted_runs:
            found = candidate("sure", run)
            yield found if found.mean_probability >= SURE_PROBABILITY else found._replace(kind="unsure")
        return
    for run, n_met in zip(true_runs, best_overlaps(true_runs, predicted_runs).n_overlapping, strict=True):
        if n_met == 0:
            yield candidate("missed", run)
    overlaps = best_overlaps(predicted_runs, true_runs)
    padded = np.concatenate(([False], predicted, [False]))
    for run, n_met in zip(predicted_runs, overlaps.n_overlapping, strict=True):
        is_whole = not (padded[run[0]] or padded[run[1] + 1])
        if n_met == 0 and is_whole:
            yield candidate("invented", run)
    for i in matched_runs(overlaps, CORRECT_IOU):
        yield candidate("correct", true_runs[overlaps.best[i]], float(overlaps.iou[i]))


def frames_to_show(
    start_frame: int, stop_frame: int, n_frames: int, fps: float, n_shown: int = N_SHOWN, min_span_s: float = MIN_SPAN_S
) -> tuple[int, ...]:
    """Choose frames that tell a bout from its first to its last frame.

    Parameters
    ----------
    start_frame, stop_frame : int
        The bout, half-open.
    n_frames, fps
        Length of the recording, and its frames per second.
    n_shown : int
        How many frames; fewer where the span has fewer.
    min_span_s : float
        A bout shorter than this is shown with as much before as after it, up to this span in all
        (shifted where the recording begins or ends).

    Returns
    -------
    tuple of int
        Rising, as evenly spaced as whole frames allow. In a span that was widened, the frames nearest to
        the bout's first and last frame are moved onto these, so that however short, it is seen.

    Raises
    ------
    ValueError
        When the bout is empty or outside the recording, or nothing is to be shown.
    """
    if not 0 <= start_frame < stop_frame <= n_frames or n_shown < 1:
        raise ValueError(
            f"Expected 0 <= start < stop <= {n_frames} (the recording's frames) and at least 1 frame to show. "
            f"Received: start={start_frame}, stop={stop_frame}, n_shown={n_shown}"
        )
    span = min(max(stop_frame - start_frame, math.ceil(min_span_s * fps - _FRAME_TOLERANCE)), n_frames)
    before = (span - (stop_frame - start_frame)) // 2
    first = min(max(start_frame - before, 0), n_frames - span)
    shown = np.unique(np.rint(np.linspace(first, first + span - 1, n_shown)).astype(np.int64))
    if span > stop_frame - start_frame:
        ends = np.array([start_frame, stop_frame - 1])
        distance = np.abs(shown[:, None] - ends)
        # Of two ends that want the same frame, the nearer one gets it: it is written last.
        for end in np.argsort(-distance.min(axis=0), kind="stable"):
            shown[distance[:, end].argmin()] = ends[end]
    return tuple(int(frame) for frame in shown)


def plan_strip(choice: BoutChoice, n_frames: int, fps: float, folder: str) -> FilmStrip:
    """Plan a chosen bout's picture in a folder; `n_frames` and `fps` are its recording's."""
    return FilmStrip(
        **asdict(choice),
        start_s=choice.start_frame / fps,
        stop_s=choice.stop_frame / fps,
        frames_shown=frames_to_show(choice.start_frame, choice.stop_frame, n_frames, fps),
        file=f"{folder}/{choice.behavior}_{choice.kind}_{choice.rank}.jpg",
    )
