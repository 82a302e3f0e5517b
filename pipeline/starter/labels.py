"""What the annotation files of a lab's folder say: whose labels are whose, and which behaviors occur how often."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.names import unsafe_name_reason
from common.words import is_missing, says_background, says_unknown
from features.poses import split_sequence
from pipeline.annotations import AnnotationChoice, EventList, RawAnnotation, read_annotation
from pipeline.dataset.pairing.names import words_of
from pipeline.dataset.pairing.pairing import PairedAnnotation, Unpaired, VideoFiles
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.starter.videos import VideoHeader

CONSENSUS = "majority"
_RESERVED = frozenset(("majority", "union", "intersection", "model", "consensus"))
_HEADER_SLACK_FRAMES = 3


@dataclass(frozen=True)
class ChosenLabels:
    """The annotations of one video, one source per annotator ("" where no name tells).

    `read` is what could be read of them, `notes` what was chosen and what could not be read, `unpaired` the sources
    that remain unclear.
    """

    sources: dict[str, PairedAnnotation] = field(default_factory=dict)
    read: dict[str, RawAnnotation] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unpaired: tuple[Unpaired, ...] = ()


@dataclass(frozen=True)
class BehaviorTally:
    """How often a behavior occurs in all annotations together, and in which recordings.

    `names` are as in the files, most frequent first; those that differ in case, accents and separators alone are one.
    One bout in twenty is no longer than `short_frames` (0 without a bout). `n_individuals` counts the animals in whose
    recordings it occurs.
    """

    names: tuple[str, ...]
    n_bouts: int
    n_frames: int
    recordings: tuple[str, ...]
    short_frames: int = field(default=0, compare=False)
    n_individuals: int = field(default=0, compare=False)

    @property
    def is_nothing(self) -> bool:
        """True for a name that says that no behavior was seen, or that nobody judged."""
        name = self.names[0]
        return says_background(name) or says_unknown(name) or is_missing(name)


class _Candidate(NamedTuple):
    paired: PairedAnnotation
    annotation: RawAnnotation | None
    problem: str


def choose_labels(files: VideoFiles, header: VideoHeader, animal: str = "") -> ChosenLabels:
    """Choose one source per annotator; several that say the same are one, several that don't are left unpaired.

    `animal`: whose labels they are, where the video shows several.
    """
    video = files.video.name
    groups: dict[str, list[_Candidate]] = {}
    for paired in files.annotations:
        groups.setdefault(_annotator_name(paired.annotator), []).append(_read(files, paired, header, animal))
    notes: list[str] = []
    unpaired: list[Unpaired] = []
    chosen: dict[str, _Candidate] = {}
    for annotator, group in groups.items():
        best = min(group, key=lambda read: (len(read.paired.source.path.name), read.paired))
        others = [read.paired.source.shown for read in group if read is not best]
        if not all(_alike(group[0].annotation, other.annotation, header.n_frames) for other in group[1:]):
            reason = f"{len(group)} files could be the labels of {video}, and they do not say the same"
            unpaired += [read.paired.source.unpaired(reason) for read in group]
            continue
        chosen[annotator] = best
        if others:
            said = f"labels are read from {best.paired.source.shown}; the same is said by {', '.join(others)}."
            notes.append(f"{video}: {said}")
    if "" in chosen and len(chosen) > 1:
        unnamed = chosen.pop("")
        same = [who for who, read in chosen.items() if _alike(unnamed.annotation, read.annotation, header.n_frames)]
        if same:
            shown = unnamed.paired.source.shown
            notes.append(f"{video}: {shown} says the same as {same[0]}'s labels and is left out.")
        else:
            reason = f"{video} has labels of {', '.join(chosen)}; this file does not say whose it is"
            unpaired.append(unnamed.paired.source.unpaired(reason))
    notes += [f"{video}: {read.problem}" for read in chosen.values() if read.problem]
    notes += [note for read in chosen.values() if read.annotation is not None for note in read.annotation.notes]
    notes += [
        f"{video}: its labels {read.paired.source.shown} are told by a part of the name only. Right?"
        for read in chosen.values()
        if read.paired.by_part
    ]
    sources = {annotator: read.paired for annotator, read in chosen.items()}
    read = {annotator: read.annotation for annotator, read in chosen.items() if read.annotation is not None}
    return ChosenLabels(sources, read, tuple(notes), tuple(unpaired))


def choose_annotator(annotators: Iterable[Sequence[str]]) -> str | None:
    """Whose labels the experiment uses, from the annotators of each recording; None where nobody must be named."""
    everyone = [list(names) for names in annotators if names]
    if all(len(names) == 1 for names in everyone):
        return None
    counts: dict[str, int] = {}
    for name in (name for names in everyone for name in names if name):
        counts[name] = counts.get(name, 0) + 1
    fitting = [name for name in counts if all(name in names or names == [""] for names in everyone)]
    return min(fitting, key=lambda name: (-counts[name], name)) if fitting else CONSENSUS


def tally_behaviors(
    labels: Mapping[str, Mapping[str, RawAnnotation]],
    annotator: str | None,
    individuals: Mapping[str, str] | None = None,
) -> list[BehaviorTally]:
    """Count bouts and frames of every behavior, most frames first.

    `labels` are by recording and annotator; those of `annotator` count where several annotated, the first one's where
    he has none. Without `individuals` every recording is an animal of its own.
    """
    bouts: dict[tuple[str, ...], dict[str, list[tuple[str, int]]]] = {}
    for recording, by_annotator in labels.items():
        annotation = by_annotator.get(annotator or "") or next(iter(by_annotator.values()), None)
        if annotation is None:
            continue
        for name in _plain_names(annotation):
            runs = runs_of_true(_active(annotation, name, annotation.span.n_frames))
            own = bouts.setdefault(words_of(name) or (name,), {}).setdefault(name, [])
            own += [(recording, stop - start) for start, stop in runs]
    tallies = []
    for by_name in bouts.values():
        names = sorted(by_name, key=lambda name: (-sum(length for _, length in by_name[name]), name))
        occurs_in = {recording for name in names for recording, _ in by_name[name]}
        where = tuple(recording for recording in labels if recording in occurs_in)
        lengths = sorted(length for name in names for _, length in by_name[name])
        short = lengths[len(lengths) // 20] if lengths else 0
        n_individuals = len({(individuals or {}).get(recording, recording) for recording in where})
        tallies.append(BehaviorTally(tuple(names), len(lengths), sum(lengths), where, short, n_individuals))
    return sorted(tallies, key=lambda tally: (-tally.n_frames, tally.names))


def unusable_names(labels: Iterable[RawAnnotation]) -> tuple[list[str], list[str]]:
    """Behaviors that are point events or in several streams, and columns of tables that hold no labels."""
    points: dict[str, None] = {}
    columns: dict[str, None] = {}
    for annotation in labels:
        (points if isinstance(annotation, EventList) else columns).update(dict.fromkeys(annotation.faults))
    return list(points), list(columns)


def _read(files: VideoFiles, paired: PairedAnnotation, header: VideoHeader, animal: str) -> _Candidate:
    source = paired.source
    path, sequence = split_sequence(source.path)
    choice = AnnotationChoice(source.format, sequence, source.observation, paired.media, paired.subject, animal=animal)
    try:
        read = read_annotation(path, header.n_frames, header.fps, choice=choice, video_name=files.video.name)
    except InputError as error:
        return _Candidate(paired, None, f"its labels can't be used yet. {error}")
    fits = any(read.span.fits(header.n_frames + extra) for extra in range(_HEADER_SLACK_FRAMES + 1))
    problem = ""
    if header.n_frames and not fits and abs(read.span.n_frames - header.n_frames) > _HEADER_SLACK_FRAMES:
        told = f"{files.video.name} has" if files.video in files.poses else "the video's header says"
        problem = (
            f"{source.shown} has labels of {read.span.n_frames} frames, but {told} {header.n_frames}. Is it of another "
            "video?"
        )
    return _Candidate(paired, read, problem)


def _alike(a: RawAnnotation | None, b: RawAnnotation | None, n_frames: int) -> bool:
    """True where both say the same of every behavior."""
    if a is None or b is None:
        return False
    n_frames = max(n_frames, a.span.n_frames, b.span.n_frames)
    return all(
        np.array_equal(_active(a, name, n_frames), _active(b, name, n_frames))
        for name in {*_plain_names(a), *_plain_names(b)}
    )


def _active(annotation: RawAnnotation, name: str, n_frames: int) -> NDArray[np.bool_]:
    found = annotation.frames_of(name, n_frames)
    if found is None:
        return np.zeros(n_frames, dtype=bool)
    active = np.zeros(max(n_frames, len(found[0])), dtype=bool)
    active[: len(found[0])] = found[0]
    return active


def _plain_names(annotation: RawAnnotation) -> list[str]:
    """Behaviors without those that BORIS' modifiers add to them."""
    names = annotation.behaviors
    return [name for name in names if not any(name.startswith(f"{other} (") for other in names if other != name)]


def _annotator_name(name: str) -> str:
    return f"by_{name}" if name and (name.casefold() in _RESERVED or unsafe_name_reason(name)) else name
