"""What is odd about a recording's labels, and how much of each behavior they hold."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import numpy as np

from common.suggestions import did_you_mean, listing
from common.wording import percent
from features.video.inspection import VideoInfo
from pipeline.annotations import EventList, RawAnnotation
from pipeline.dataset.findings import MAX_OFFSET_FRAMES, STOPS, Finding
from pipeline.dataset.labels import label_track
from pipeline.dataset.streams import count_streams, with_known_streams
from pipeline.scoring.bouts.bouts import runs_of_true

FORMATS_IN_SECONDS = ("boris_tabular", "boris_aggregated", "boris_binary", "boris_project", "bout_csv_seconds")
"""Their frames are time × frame rate, or BORIS' own frame index, which is made from the time as well."""
MANY_UNSCORED, _MISSPELT = 0.2, 0.8
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
            "learns from the wrong frames, and is scored on them.",
            "See what is said of the video's frame rate; the labels themselves need not be made again.",
        )


_Source = TypeVar("_Source", bound=tuple[str, str])


def silence_findings(recording: str, summary: LabelSummary) -> Iterator[Finding]:
    """Yield where bouts leave much of a video empty that may not have been watched."""
    where, n_frames = _where(summary.file, summary.annotator), summary.n_video_frames
    if not summary.is_event_list or summary.first_frame is None or summary.stop_frame is None or summary.unscored_share:
        return
    for n_silent, place in ((summary.first_frame, "first"), (n_frames - summary.stop_frame, "last")):
        if n_silent > LONG_SILENCE * n_frames:
            yield Finding(
                "note",
                recording,
                f"The {place} {n_silent:,} of {n_frames:,} frames hold no bout of any behavior in {where}.",
                "A list of bouts can't say what was watched: these frames count as scored, and as free of every "
                "behavior.",
                "If they were not watched, say in the table of recordings from where to where it was scored "
                f"({summary.file}#scored=0-300s).",
            )


def label_findings(
    annotations: Mapping[_Source, RawAnnotation],
    behaviors: Mapping[str, Sequence[str]],
    n_frames: Mapping[str, int],
) -> Iterator[Finding]:
    """Yield what is missing in labels: behaviors that a file can't tell, much that is unscored, no bout at all.

    `annotations` are by recording and annotator ("" = nobody is named), as long as their videos. `behaviors`: the
    experiment's (our name → theirs), known to some file; where there are none, those of each file are asked for.
    """
    settled = with_known_streams(annotations)
    counts = count_streams(annotations.values())
    for (recording, annotator), annotation in settled.items():
        named = {name for theirs in behaviors.values() for name in theirs} - set(annotation.faults)
        length = n_frames[recording]
        frames_of = {name: annotation.frames_of(name, length) for name in sorted(named)}
        yield from _untold(recording, annotation, [name for name, told in frames_of.items() if told is None], counts)
        # Where none of them is seen, that is said of the file as a whole.
        is_any_seen = any(told is not None and told[0].any() for told in frames_of.values())
        for name, told in frames_of.items():
            if is_any_seen and told is not None and name not in annotation.behaviors and told[1].any():
                found = f"{annotation.path.name} never names {name!r}."
                consequence = "It counts as watched for and absent."
                yield Finding("note", recording, found, consequence, "Nothing, if that is so.")
        asked = behaviors or {name: [name] for name in annotation.behaviors if not _is_modified(name, annotation)}
        yield from _coverage(recording, annotator, annotation, asked, length)


def _coverage(
    recording: str, annotator: str, annotation: RawAnnotation, asked: Mapping[str, Sequence[str]], n_frames: int
) -> Iterator[Finding]:
    """Yield how much of what is asked for, and can be told, was scored and seen."""
    told = {
        ours: names
        for ours, theirs in asked.items()
        if (names := [name for name in theirs if annotation.frames_of(name, n_frames) is not None])
    }
    if asked and not told:
        return  # which has been said
    where = _where(annotation.path.name, annotator)
    track = label_track(annotation, told, n_frames)
    check = "Check that it is the right file, and that it was saved after scoring."
    if track.scored.size and not track.scored.any():
        nothing = "Nothing is learned from it, and it is not scored."
        yield Finding("warning", recording, f"{where} holds no scored frame.", nothing, check)
        return
    unscored = dict(zip(told, 1 - track.scored.mean(axis=0), strict=True)) if track.scored.size else {}
    worst = max(unscored, key=unscored.__getitem__, default="")
    if worst and unscored[worst] > 0:
        share = float(np.mean(list(unscored.values())))
        of_worst = (
            f" ({percent(unscored[worst])} of those of {worst!r})" if percent(unscored[worst]) != percent(share) else ""
        )
        is_much = unscored[worst] > MANY_UNSCORED
        much = f"{percent(share)} of the labels in {where} are unscored{of_worst}."
        # How little it is, audit.csv says.
        little = f"Some of the labels in {where} are unscored, at most {percent(MANY_UNSCORED)} of each behavior."
        yield Finding(
            "warning" if is_much else "note",
            recording,
            much if is_much else little,
            "Unscored frames are neither trained on nor scored; they do not count as negative.",
            "Nothing, if they were left out on purpose.",
        )
    has_bouts = bool(annotation.bouts) if isinstance(annotation, EventList) else bool(annotation.active.any())
    if has_bouts and not track.active.any():
        yield Finding(
            "warning",
            recording,
            f"{where} holds bouts of other behaviors, but none of {listing(chain(*told.values()))}.",
            "Its scored frames count as free of them.",
            "Nothing, if that is so. Else check that it is the right file, and how it calls these behaviors.",
        )
    elif not has_bouts:
        free = "What is scored of it counts as free" if any(unscored.values()) else "All its frames count as free"
        yield Finding("warning", recording, f"{where} holds no bout.", f"{free} of every behavior.", check)


def _is_modified(name: str, annotation: RawAnnotation) -> bool:
    """True of BORIS' "behavior (modifier)", which is there without the modifier as well."""
    return " (" in name and name.partition(" (")[0] in annotation.behaviors


def _where(file: str, annotator: str) -> str:
    return file + (f" by {annotator}" if annotator else "")


def _untold(
    recording: str, annotation: RawAnnotation, names: Sequence[str], counts: Mapping[str, Mapping[str, int]]
) -> Iterator[Finding]:
    """Yield behaviors that a file can't tell: it lacks the column, or the stream."""
    file = annotation.path.name
    unscored = "in this recording: nothing is learned from it, and it is not scored."
    if not isinstance(annotation, EventList):
        for name in names:
            remedy = "Add the column, or correct its name in the file."
            yield Finding(
                "warning", recording, f"{file} has no column {name!r}.", f"That behavior is unscored {unscored}", remedy
            )
        return
    of_homes: dict[str, list[str]] = {}
    for name in names:
        of_homes.setdefault(listing(counts.get(name, ())), []).append(name)
    read = f"the stream{'s' * (len(annotation.streams) > 1)} {listing(annotation.streams)}"
    for homes, own in of_homes.items():
        shown = listing(map(repr, own))
        are = "is" if len(own) == 1 else "are"
        holds = f"{shown} {are} in {homes} of other files" if own[0] in counts else f"no file tells which holds {shown}"
        yield Finding(
            "warning",
            recording,
            f"Of {file}, {read} can be read, while {holds}.",
            f"What a stream that isn't there would hold is unscored {unscored}",
            "Nothing, if it was not watched for. If it was, and never happened, add its stream to the file, with one "
            "line over all frames.",
        )


def _of_several_streams(name: str, counts: Mapping[str, int]) -> Iterator[Finding]:
    if len(counts) > 1:
        yield Finding(
            "warning",
            "",
            f"{name!r} is in several streams: {listing(f'{stream} (in {n} files)' for stream, n in counts.items())}.",
            "Files without the stream that holds it most often count as unscored for it.",
            "Correct the files in which it stands in the wrong stream; if streams are animals, name each in the column "
            "`animal`.",
        )


def behavior_findings(
    annotations: Mapping[str, Sequence[RawAnnotation]], behaviors: Mapping[str, Sequence[str]], n_unread: int = 0
) -> Iterator[Finding]:
    """Yield whether the experiment's behaviors (our name → theirs) are in the files, and what else is.

    `annotations` are those that could be read, by recording id; `n_unread` others could not: what these lack, they may
    hold.
    """
    files = [annotation for found in annotations.values() for annotation in found]
    if not files:
        return
    known = dict.fromkeys(name for annotation in files for name in annotation.behaviors)
    counts = count_streams(files)
    for ours, theirs in behaviors.items():
        for name in theirs:
            faulty = [f"{a.path.name}: {a.faults[name]}" for a in files if name in a.faults]
            if faulty:
                more = f"; and in {len(faulty) - 2} more files" if len(faulty) > 3 else ""
                found = f"Behavior {name!r} can't be read: {'; '.join(faulty[: 2 if more else 3])}{more}."
                yield Finding(
                    "error", "", found, STOPS, "Correct the files, or leave the behavior out of `behaviors:`."
                )
            elif name not in known:
                as_ours = "" if ours == name else f" (for {ours!r})"
                near = did_you_mean(name, known)
                if n_unread and not did_you_mean(name, known, _MISSPELT):
                    continue  # the other files may have it
                unread = f" that could be read ({n_unread} could not)" if n_unread else ""
                found = (
                    f"Behavior {name!r}{as_ours} is in none of the {len(files)} annotation files{unread}.{near} They "
                    f"have: {listing(known)}."
                )
                remedy = "Correct the name under `behaviors:`; it must be written as in the files."
                yield Finding("error", "", found, STOPS, remedy)
            else:
                yield from _of_several_streams(name, counts.get(name, {}))
    used = {name for theirs in behaviors.values() for name in theirs}
    # BORIS' "behavior (modifier)" is part of a behavior that is used.
    unused = [name for name in known if name not in used and name.partition(" (")[0] not in used]
    if behaviors and unused:
        found = f"The annotations hold behaviors that the experiment does not use: {listing(unused)}."
        yield Finding("note", "", found, "Nothing is learned of them.", "Add those that matter below `behaviors:`.")
