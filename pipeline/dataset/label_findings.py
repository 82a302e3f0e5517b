"""What is odd about a recording's labels, and how much of each behavior they hold."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from common.suggestions import did_you_mean, listing
from features.video.inspection import VideoInfo
from pipeline.annotations import EventList, RawAnnotation
from pipeline.dataset.findings import MAX_OFFSET_FRAMES, STOPS, Finding
from pipeline.scoring.bouts.bouts import runs_of_true

FORMATS_IN_SECONDS = ("boris_tabular", "boris_aggregated", "boris_binary", "boris_project", "bout_csv_seconds")
"""Their frames are time × frame rate, or BORIS' own frame index, which is made from the time as well."""
LONG_SILENCE = 0.25
"""An event list whose bouts leave so much of the video's beginning or end empty may have been left unfinished."""


@dataclass(frozen=True)
class BehaviorShare:
    """One behavior, as the file names it, in one recording: its bouts, and frames that are active or were judged."""

    behavior: str
    n_bouts: int
    n_frames: int
    n_scored: int

    @property
    def share(self) -> float | None:
        """Share of the scored frames in which it is active; None where none is scored."""
        return self.n_frames / self.n_scored if self.n_scored else None


@dataclass(frozen=True)
class LabelSummary:
    """One annotator's ("" where the table names nobody) labels of one recording, on the frames of the video.

    `first_frame` and `stop_frame`: first frame with a label, and the one after the last, of the scored frames of a
    frame table or the bouts of an event list; None where there is none. `unscored_share`: share of frames, over
    behaviors, that nobody judged; in [0, 1].
    """

    annotator: str
    file: str
    format: str
    n_video_frames: int
    first_frame: int | None
    stop_frame: int | None
    unscored_share: float
    behaviors: tuple[BehaviorShare, ...]
    is_event_list: bool


def summarise_labels(annotator: str, annotation: RawAnnotation, n_frames: int) -> LabelSummary:
    """Count what labels hold; they are as long as the video already (`pipeline.dataset.frame_fit`)."""
    shares, any_labelled, n_scored = [], np.zeros(n_frames, dtype=bool), 0
    is_events = isinstance(annotation, EventList)
    for behavior in annotation.behaviors:
        found = annotation.frames_of(behavior, n_frames)
        assert found is not None
        active, scored = found
        shares.append(BehaviorShare(behavior, len(runs_of_true(active)), int(active.sum()), int(scored.sum())))
        any_labelled |= active if is_events else scored
        n_scored += int(scored.sum())
    labelled = np.flatnonzero(any_labelled)
    n_cells = n_frames * len(shares)
    return LabelSummary(
        annotator,
        annotation.path.name,
        annotation.format,
        n_frames,
        int(labelled[0]) if len(labelled) else None,
        int(labelled[-1]) + 1 if len(labelled) else None,
        1 - n_scored / n_cells if n_cells else 0.0,
        tuple(shares),
        is_events,
    )


def seconds_findings(recording: str, annotation: RawAnnotation, video: VideoInfo | None) -> Iterator[Finding]:
    """Yield whether labels that were made in seconds can be on the wrong frames."""
    times = None if video is None else video.quality.times
    if video is None or times is None or annotation.format not in FORMATS_IN_SECONDS:
        return
    if times.max_offset_frames > MAX_OFFSET_FRAMES:
        yield Finding(
            "warning",
            recording,
            f"{annotation.path.name} holds times in seconds, and the video's frame rate is not what its header says.",
            f"These labels may be up to {math.ceil(times.max_offset_frames)} frames "
            f"({times.max_offset_frames / video.fps:.2f} s) off, most around frame {times.max_offset_frame:,}: a head "
            "learns from pictures beside the behavior, and is scored on them.",
            "See what is said of the video's frame rate; the labels themselves need not be made again.",
        )


def label_findings(recording: str, summary: LabelSummary) -> Iterator[Finding]:
    """Yield what is odd about where labels begin and end."""
    where = summary.file + (f" by {summary.annotator}" if summary.annotator else "")
    is_events, n_frames = summary.is_event_list, summary.n_video_frames
    if summary.first_frame is None or summary.stop_frame is None:
        nothing = "Nothing is learned from it, and it is not scored."
        yield Finding(
            "warning",
            recording,
            f"{where} holds no {'bout' if is_events else 'scored frame'}.",
            "All its frames count as free of every behavior." if is_events else nothing,
            "Check that it is the right file, and that it was saved after scoring.",
        )
    elif summary.unscored_share > 0:
        yield Finding(
            "note",
            recording,
            f"{summary.unscored_share:.1%} of the labels in {where} are unscored.",
            "Unscored frames are neither trained on nor scored; they are not taken for negative.",
            "Nothing, if they were left out on purpose.",
        )
    elif is_events:
        for n_silent, place in ((summary.first_frame, "first"), (n_frames - summary.stop_frame, "last")):
            if n_silent > LONG_SILENCE * n_frames:
                yield Finding(
                    "note",
                    recording,
                    f"The {place} {n_silent:,} of {n_frames:,} frames hold no bout of any behavior in {where}.",
                    "A list of bouts can't say what was watched: these frames count as scored, and as free of every "
                    "behavior.",
                    "If they were not watched, cut the video, or score by frame (empty cells = not scored).",
                )


def behavior_findings(
    annotations: Mapping[str, Sequence[RawAnnotation]], behaviors: Mapping[str, Sequence[str]]
) -> Iterator[Finding]:
    """Yield whether the experiment's behaviors (our name → theirs) are in the files, and what else is.

    `annotations` are those that could be read, by recording id.
    """
    files = [annotation for found in annotations.values() for annotation in found]
    if not files:
        return
    known = dict.fromkeys(name for annotation in files for name in annotation.behaviors)
    for ours, theirs in behaviors.items():
        for name in theirs:
            faulty = [f"{a.path.name}: {a.faults[name]}" for a in files if name in a.faults]
            if faulty:
                found = f"Behavior {name!r} can't be read: {'; '.join(faulty[:3])}."
                yield Finding(
                    "error", "", found, STOPS, "Correct the files, or leave the behavior out of `behaviors:`."
                )
            elif name not in known:
                as_ours = "" if ours == name else f" (for {ours!r})"
                found = (
                    f"Behavior {name!r}{as_ours} is in none of the {len(files)} annotation files."
                    f"{did_you_mean(name, known)} They have: {listing(known)}."
                )
                remedy = "Correct the name under `behaviors:`; it must be written as in the files."
                yield Finding("error", "", found, STOPS, remedy)
            else:
                lacking = [(r, a) for r, own in annotations.items() for a in own if name not in a.behaviors]
                yield from (_absent(recording, annotation, name) for recording, annotation in lacking)
    used = {name for theirs in behaviors.values() for name in theirs}
    # BORIS' "behavior (modifier)" is part of a behavior that is used.
    unused = [name for name in known if name not in used and name.partition(" (")[0] not in used]
    if behaviors and unused:
        found = f"The annotations hold behaviors that the experiment does not use: {listing(unused)}."
        yield Finding("note", "", found, "Nothing is learned of them.", "Add those that matter below `behaviors:`.")


def _absent(recording: str, annotation: RawAnnotation, name: str) -> Finding:
    if isinstance(annotation, EventList) or annotation.one_of:
        found = f"{annotation.path.name} never names {name!r}."
        consequence = "It is taken to be watched for, and not to have happened."
        return Finding("note", recording, found, consequence, "Nothing, if that is so.")
    return Finding(
        "warning",
        recording,
        f"{annotation.path.name} has no column {name!r}.",
        "That behavior is unscored in this recording: nothing is learned from it, and it is not scored.",
        "Add the column, or correct its name in the file.",
    )
