"""The animals of each video: who is in its poses, whose behaviors its annotations tell, and the rows that this makes.

A video of several animals gets a row for each, if its annotations say whose each behavior is. If those of no video do,
and all show two animals, labels are taken as those of the pair: one row, whose features are of both alike.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.errors import InputError
from common.suggestions import listing
from features.poses import individuals_in, read_poses, split_sequence
from pipeline.annotations import AnnotationChoice, subjects_in
from pipeline.annotations.boris.events import NO_SUBJECT
from pipeline.dataset.pairing.pairing import PairedAnnotation, Unpaired, VideoFiles
from pipeline.dataset.pairing.subjects import PairedSubjects, pair_subjects
from pipeline.dataset.pairing.table_cells import annotation_cell, unwritable_reason
from pipeline.starter.poses import NO_ANIMAL

LEAST_SEEN, MOST_TRACKS = 0.05, 24
"""A track that is there in fewer of the frames is a fragment, and in a file of more tracks all are."""
EMPTY_BOUTS = "behavior,start_frame,stop_frame"


class AnimalRow(NamedTuple):
    """A row of a video: its animal ("" = of poses of one, or the pair as a whole), its partner, its annotations."""

    animal: str = ""
    partner: str = ""
    annotations: tuple[PairedAnnotation, ...] = ()


@dataclass(frozen=True)
class VideoRows:
    """The rows of one video.

    `notes`: how animals and subjects were paired. `doubts`: what the user must look at or fill in. `unpaired`:
    annotations that are in no row. `pair`: the two animals of rows that are of both, and whether these must be
    named, since pose files hold others as well (`is_pair_named`).
    """

    rows: tuple[AnimalRow, ...]
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unpaired: tuple[Unpaired, ...] = ()
    pair: tuple[str, ...] = ()
    is_pair_named: bool = False


@dataclass(frozen=True)
class _Seen:
    """What files of a video tell of animals: animals among the names in the poses, subjects of each annotation."""

    files: VideoFiles
    names: tuple[str, ...] = ()
    animals: tuple[str, ...] = ()
    subjects: Mapping[PairedAnnotation, Mapping[str, bool]] = field(default_factory=dict)
    problems: Mapping[PairedAnnotation, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @property
    def tells_apart(self) -> bool:
        """Whether any annotation says whose its behaviors are."""
        return any(self._are_told(names) for names in self.subjects.values())

    def _are_told(self, subjects: Mapping[str, bool]) -> bool:
        names = [name for name in subjects if name]
        if "" in subjects and not any(subjects[name] for name in names):
            return False  # a project knows subjects, of which nobody made use
        return len(names) > 1 or bool(pair_subjects(self.animals, names).subject_of)

    def named(self, paired: PairedAnnotation) -> list[str]:
        """Subjects of an annotation, where it tells animals apart."""
        subjects = self.subjects.get(paired, {})
        return [name for name in subjects if name] if self._are_told(subjects) else []


def rows_by_video(all_files: Sequence[VideoFiles], table_folder: Path) -> dict[Path, VideoRows]:
    """The rows of each video; files that can't be read are taken as of one animal, and told of when they are used."""
    seen = [_look(files) for files in all_files]
    several = [each for each in seen if len(each.animals) > 1]
    told = [each for each in several if each.files.annotations]
    are_pairs = bool(told) and all(len(each.animals) == 2 and not each.tells_apart for each in told)
    if not are_pairs:
        return {each.files.video: _of_each(each, table_folder) for each in seen}
    pair = Counter(tuple(sorted(each.animals)) for each in seen if len(each.animals) == 2).most_common(1)[0][0]
    is_named = any(len(each.names) > 2 for each in seen if each.animals)
    return {
        each.files.video: _of_pair(each, pair, is_named)
        if len(each.animals) == 2
        else _of_no_pair(each, pair, table_folder)
        for each in seen
    }


def _look(files: VideoFiles) -> _Seen:
    names, animals, doubts = _names_in(files.poses[0]) if files.poses else ((), (), ())
    subjects: dict[PairedAnnotation, Mapping[str, bool]] = {}
    problems = {}
    for paired in files.annotations:
        source = paired.source
        choice = AnnotationChoice(source.format, observation=source.observation, media=paired.media)
        try:
            is_sequence = bool(split_sequence(source.path)[1])
            found = None if is_sequence else subjects_in(source.path, choice, files.video.name)
            if found is not None:
                subjects[paired] = found
        except (InputError, OSError) as error:
            problems[paired] = str(error)
    return _Seen(files, names, animals, subjects, problems, doubts)


def animals_in(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the animals in a pose file that names several, of which all but one may be none; and doubts about them.

    Empty for a file of one, which needs no name, and where nothing tells animals.
    """
    return _names_in(path)[1:]


def _names_in(path: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """All names in a pose file, those of them that are animals where it names several, and doubts."""
    names: tuple[str, ...] = ()
    try:
        names, _ = individuals_in(path)
        if len(names) < 2 or list(names) == [f"animal{number}" for number in range(len(names))]:
            return names, (), ()  # SuperAnimal's slots are no animals
        kept = [name for name in names if name.casefold() != NO_ANIMAL]
        if len(kept) > MOST_TRACKS:
            doubt = (
                f"{path.name} holds {len(kept)} tracks, which are pieces of fewer animals: join them in the tracker. "
                "Its video has one row, without an animal."
            )
            return names, (), (doubt,)
        seen = {name: _seen_share(path, name) for name in kept} if len(kept) > 2 else dict.fromkeys(kept, 1.0)
    except (InputError, OSError):
        return names, (), ()
    rare = [name for name, share in seen.items() if share < LEAST_SEEN]
    kept = [name for name in kept if name not in rare]
    doubt = (
        f"{path.name}: no rows for {listing(rare, 8)}, seen in fewer than {LEAST_SEEN:.0%} of its frames. Are these "
        "pieces of the other tracks? Join them in the tracker."
    )
    return names, tuple(kept), ((doubt,) if rare else ())


def _seen_share(path: Path, animal: str) -> float:
    n_seen = np.isfinite(read_poses(path, animal).xy_px).all(axis=2).sum(axis=1)
    return float(np.mean(n_seen > 0))


def _of_pair(seen: _Seen, pair: tuple[str, ...], is_named: bool) -> VideoRows:
    """The row of both animals; `pair`: what most videos call them."""
    files = seen.files
    note = (
        f"{files.video.name}: its annotations do not say which of {listing(seen.animals)} shows a behavior, so its row "
        "is of the pair as a whole."
    )
    row = AnimalRow("", "", files.annotations)
    other_names = (
        f"{files.video.name}: its two animals are called {listing(seen.animals)}, and not {listing(pair)}, which the "
        "YAML names, since some pose files hold others beside the two. Give the animals the same names in all pose "
        "files, or make another experiment of the videos that have other names."
    )
    doubts = (*seen.doubts, *[other_names] * (is_named and set(seen.animals) != set(pair)))
    return VideoRows((row,), (note,) if files.annotations else (), doubts, pair=pair, is_pair_named=is_named)


def _of_no_pair(seen: _Seen, pair: tuple[str, ...], table_folder: Path) -> VideoRows:
    """Rows of a video that does not show two animals, where those of the others are of a pair."""
    rows = _of_each(seen, table_folder)
    who = listing(seen.animals) if seen.animals else "one animal"
    doubt = (
        f"{seen.files.video.name}: its poses are of {who}, but labels of the others are of a pair ({listing(pair)}), "
        "whose features need both. Take its rows out of the table."
    )
    return replace(rows, doubts=(*rows.doubts, doubt)) if seen.names else rows


def _of_each(seen: _Seen, table_folder: Path) -> VideoRows:
    """A row for each animal; of a video whose poses tell none apart, for each subject, if there is no pose file."""
    files, video = seen.files, seen.files.video.name
    subjects = list(dict.fromkeys(name for paired in files.annotations for name in seen.named(paired)))
    if not seen.animals and (files.poses or len(subjects) < 2):
        return VideoRows((AnimalRow("", "", files.annotations),), doubts=seen.doubts)
    doubts = list(seen.doubts)
    if not seen.animals:
        seen = replace(seen, animals=tuple(subjects))
        doubts.append(
            f"{video}: its annotations are of {listing(subjects)}, each of which has a row, but there is no pose file "
            "that tells them apart. Name one in the column `poses`, and in `animal` whom it means by each."
        )
    own: dict[str, list[PairedAnnotation]] = {animal: [] for animal in seen.animals}
    notes: list[str] = []
    unpaired = []
    for paired in files.annotations:
        if not seen.named(paired) and len(seen.animals) == 1:
            labels, more = _of_the_only_one(seen, paired, table_folder)
            own[seen.animals[0]] += labels
            doubts += more
            continue
        if not seen.named(paired):
            reason = seen.problems.get(paired) or (
                f"it does not say which animal shows a behavior, and {video} has a row for each of "
                f"{listing(seen.animals)}. Name it in the row of the animal that it is of, with `train` in `split`"
            )
            unpaired.append(paired.source.unpaired(reason))
            continue
        found = pair_subjects(seen.animals, seen.named(paired))
        for animal, subject in found.subject_of.items():
            is_same = subject.casefold() == animal.casefold()
            named = paired._replace(subject="" if is_same else subject)
            if reason := unwritable_reason(named, table_folder):
                unpaired.append(paired.source.unpaired(reason))
            elif seen.subjects[paired][subject]:
                own[animal].append(named)
        notes += _notes(seen, paired, found)
        doubts += _doubts(seen, paired, found, table_folder)
    two = len(seen.animals) == 2 and bool(files.poses)
    partner_of = dict(zip(seen.animals, reversed(seen.animals), strict=True)) if two else {}
    rows = tuple(AnimalRow(name, partner_of.get(name, ""), tuple(own[name])) for name in seen.animals)
    return VideoRows(rows, tuple(notes), tuple(doubts), tuple(unpaired))


def _of_the_only_one(
    seen: _Seen, paired: PairedAnnotation, table_folder: Path
) -> tuple[list[PairedAnnotation], list[str]]:
    """Labels of the only animal, in an annotation whose subjects are not told by its name; and doubts."""
    video, shown, (animal,) = seen.files.video.name, paired.source.shown, seen.animals
    subjects = seen.subjects.get(paired)
    if subjects is None:
        return [paired], []  # it names none, or can't be read, which is told when it is used
    scored = [name for name, is_scored in subjects.items() if is_scored]
    if not scored:
        return [], [_silence(seen, paired, animal, next(filter(None, subjects), ""), table_folder)]
    named = [paired._replace(subject=name or NO_SUBJECT) for name in scored]
    if reason := unwritable_reason(named[0], table_folder):
        return [], [f"{video}: {shown}: {reason}."]
    if len(scored) > 1:
        cell = annotation_cell({paired.annotator: named[-1]}, table_folder)
        return [], [
            f"{video}: {shown} has events of {listing([each.subject for each in named])}. Which are those of {animal}? "
            f"Write `{cell}`, or the other one, into the column `annotations` of its row, and `train` into its `split`."
        ]
    doubt = f"{video}: {animal} of the poses is taken for {scored[0]} of {shown}: each has only that one. Right?"
    return named, [doubt] * bool(scored[0])


def _silence(seen: _Seen, paired: PairedAnnotation, animal: str, subject: str, table_folder: Path) -> str:
    """What to fill in where a subject ("" = nobody named) has no events: the file does not say if it was watched."""
    cell = annotation_cell({paired.annotator: paired._replace(subject=subject)}, table_folder)
    what = f"`{cell}`" if subject else f"a CSV that holds only the line {EMPTY_BOUTS}"
    return (
        f"{seen.files.video.name}: {paired.source.shown} has no events{f' of {subject}' * bool(subject)}, so that the "
        f"row of {animal} has no labels from it. Was {animal} watched, and showed nothing? "
        f"Then write {what} into `annotations` and `train` into `split` of this row."
    )


def _notes(seen: _Seen, paired: PairedAnnotation, found: PairedSubjects) -> Iterator[str]:
    """Yield what needs no answer."""
    video, shown = seen.files.video.name, paired.source.shown
    if found.subject_of and found.by == "name":
        names = [a if a == s else f"{a} ({s} there)" for a, s in found.subject_of.items()]
        yield f"{video}: subjects of {shown} are paired with the animals of its poses by name: {listing(names)}."
    if "" in seen.subjects[paired]:
        yield f"{video}: events of no subject in {shown} are in no row."


def _doubts(seen: _Seen, paired: PairedAnnotation, found: PairedSubjects, table_folder: Path) -> Iterator[str]:
    """Yield what only the user knows."""
    video, shown = seen.files.video.name, paired.source.shown
    cell = annotation_cell({paired.annotator: paired}, table_folder)
    if found.by != "name":
        names = [f"{animal} = {subject}" for animal, subject in found.subject_of.items()]
        counts = ", one of which counts from 0" if found.by == "shifted" else ""
        yield f"{video}: animals and subjects of {shown} are paired by their numbers{counts}: {listing(names)}. Right?"
    told = {animal: subject for animal, subject in found.subject_of.items() if seen.subjects[paired][subject]}
    for animal in found.subject_of:
        if animal not in told:
            yield _silence(seen, paired, animal, found.subject_of[animal], table_folder)
    scored = [name for name in found.subjects if seen.subjects[paired][name]]
    if found.animals and scored:
        yield (
            f"{video}: which of its animals ({listing(found.animals)}) is {listing(scored)} in {shown}? Write "
            f"`{cell}#subject={scored[0]}`, or another subject, into the column `annotations` of the right row, and "
            "`train` into its `split`."
        )
    elif found.animals and not told:
        yield (
            f"{video}: {shown} has no events of {listing(found.animals)}, so that these rows are not learned from. Was "
            f"one watched, and showed nothing? Then name a CSV that holds only the line {EMPTY_BOUTS} in its "
            "`annotations`, and write `train` into its `split`."
        )
    elif found.animals:
        first, subject = next(iter(told.items()))
        yield (
            f"{video}: {shown} has no subject {listing(found.animals)}, so that this row has no annotations and is not "
            f"learned from. Do the labels of {first} belong to both, as those of a pair may? Then copy its cell, with "
            f"#subject={subject} behind it. Was the animal watched, and showed nothing? Then name a CSV that holds "
            f"only the line {EMPTY_BOUTS}. Write `train` into `split` in both cases."
        )
    elif scored:
        yield f"{video}: the poses have no animal for {listing(scored)} of {shown}, whose behaviors are in no row."
