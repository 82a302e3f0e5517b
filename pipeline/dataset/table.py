"""The table of recordings: which video belongs to which poses, annotations and individual.

A lab edits it in Excel, so byte order marks, semicolons, tabs, the Windows code page, blank rows and stray
spaces are accepted. Pairing is by this table, never by sort order.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.delimited import find_dialect, iter_rows, require_file
from common.errors import InputError, shown
from common.files import is_file
from common.names import invisible_letters, unreadable_name_reason, unsafe_name_reason
from common.suggestions import did_you_mean, listing
from features.tracks import BLOB, MIDDLE
from features.video.reading import MAX_FPS, MIN_FPS
from pipeline.annotations import (
    AnnotationChoice,
    names_videos,
    needs_file,
    tells_animals_apart,
)
from pipeline.dataset.cell_paths import Row, path_of, read_annotation_cell, read_pose_cell, resolve_cell
from pipeline.dataset.recording import Recording
from pipeline.dataset.split_groups import require_one_side

COLUMNS = ("recording", "video", "poses", "annotations", "individual", "group", "split")
# Only for videos of several animals.
ANIMAL = "animal"
PARTNER = "partner"
# Only for videos that don't say their true frame rate.
FPS = "fps"
_KNOWN = (*COLUMNS, ANIMAL, PARTNER, FPS)
# One of each.
_REQUIRED = (("recording",), ("video", "poses"))
_SPLITS = ("train", "test", "")
_POOLED = "pooled"
# In the column `poses`: no pose file, the animal is tracked in the video itself, or not looked for.
POSE_WORDS = (BLOB, MIDDLE)


def read_recordings(csv_path: Path, on_bad_row: Callable[[str, InputError], None] | None = None) -> list[Recording]:
    """Read the table of recordings, in its order.

    It is a CSV with the columns in `COLUMNS` (and `animal`, `partner`, `fps`), in any order; `recording` and `video`
    (or `poses`) are needed, the others may be left out; without `split` all that is annotated is for training. Paths
    are relative to the CSV. Rows of several animals may share a video.
    `on_bad_row` is called with the id (or `row n`; "" for several rows) and the error of a row that is wrong, which is
    then left out; without it the first such row is the end.

    Raises
    ------
    InputError
        Naming the row (counted from 1, header included) and the column.
    """
    csv_path = Path(csv_path)
    require_file(csv_path, "table of recordings")
    rows = [(row, cells) for row, cells in iter_rows(csv_path, find_dialect(csv_path)) if any(cells)]
    if not rows:
        raise InputError(f"{csv_path.name} holds no rows. Its header must be: {','.join(COLUMNS)}.")
    names = _header(csv_path, *rows[0])
    recordings: list[Recording] = []
    uses = _Uses()
    for row, cells in rows[1:]:
        try:
            fields = Row(csv_path, row, _by_name(csv_path, row, names, cells))
            recording = _recording(fields)
            uses.add(fields, recording)
            recordings.append(recording)
        except InputError as error:
            if on_bad_row is None:
                raise
            on_bad_row(dict(zip(names, cells, strict=False)).get("recording") or f"row {row}", error)
    if len(rows) == 1:
        raise InputError(f"{csv_path.name} has a header but no recordings. Add a row for each video.")
    try:
        _require_one_spelling(csv_path, recordings)
        require_one_side(csv_path, recordings)
    except InputError as error:
        if on_bad_row is None:
            raise
        on_bad_row("", error)
    return recordings


@dataclass
class _Uses:
    """Ids and files that rows of the table have named so far."""

    ids: dict[str, int] = field(default_factory=dict)
    files: dict[str, list[tuple[int, Recording]]] = field(default_factory=dict)

    def add(self, fields: "Row", recording: Recording) -> None:
        """Refuse an id or a file that an earlier row has, but for rows of several animals in one video."""
        if recording.id.casefold() in self.ids:
            raise fields.error("recording", _already(recording.id, self.ids[recording.id.casefold()]))
        self.ids[recording.id.casefold()] = fields.row
        self._add_file(fields, recording, "video" if recording.has_video else "poses", recording.video_path)
        for annotator, path in recording.annotation_paths.items():
            # The thesis' form keeps labels in the pose file: the two columns may name one file. A project, an export
            # of several observations or subjects, or a table of many recordings serves several, each with its part.
            choice = recording.annotation_choices[annotator]
            if not needs_file(choice.format):
                continue
            named = replace(choice, format="", scored="", animal="")
            part = f" {named}" if named != AnnotationChoice() else ""
            if (
                f"{path.resolve()}{part}" in self.files
                and not choice.media
                and names_videos(path, choice.sequence or choice.observation)
            ):
                continue  # its video tells which labels are meant
            is_shared = self._add_file(fields, recording, "annotations", path, part)
            if is_shared and not part and not tells_animals_apart(path, choice.format):
                raise fields.error(
                    "annotations",
                    f"{path.name} does not say which animal a behavior is of, but several rows name it, so that all "
                    "would have the same labels. Give each animal's row a file of its own.",
                )
        is_named = recording.pose_path in (recording.video_path, *recording.annotation_paths.values())
        if recording.pose_path is not None and not is_named:
            self._add_file(fields, recording, "poses", recording.pose_path)

    def _add_file(self, fields: "Row", recording: Recording, column: str, path: Path, part: str = "") -> bool:
        """Tell whether an earlier row of the same video names it as well."""
        uses = self.files.setdefault(f"{path.resolve()}{part}", [])
        for row, other in uses:
            animals = {recording.animal.casefold(), other.animal.casefold()}
            if other.video_path.resolve() != recording.video_path.resolve() or "" in animals or len(animals) == 1:
                raise fields.error(column, _already(path.name, row))
            if path == recording.video_path and other.fps != recording.fps:
                raise fields.error(FPS, f"row {row} gives {path.name} another rate. Write one for all rows of a video.")
        uses.append((fields.row, recording))
        return len(uses) > 1


def _already(shown: str, row: int) -> str:
    return (
        f"{shown!r} already stands in row {row}. Each recording needs an id and files of its own: was the row copied? "
        "Only rows of several animals, each named in the column 'animal', may share a video and its files."
    )


def _require_one_spelling(csv_path: Path, recordings: list[Recording]) -> None:
    """Refuse an animal that two spellings make two animals."""
    first: dict[str, str] = {}
    for recording in recordings:
        spelled = first.setdefault(recording.individual.casefold(), recording.individual)
        if spelled != recording.individual:
            raise InputError(
                f"{csv_path.name}, column 'individual': {spelled!r} and {recording.individual!r} differ in upper and "
                "lower case only. Write one animal one way, and give two animals names that differ more."
            )


def _header(csv_path: Path, row: int, cells: list[str]) -> list[str]:
    names = [name.casefold() for name in cells]
    for name in names:
        if name and name not in _KNOWN:
            raise InputError(
                f"{csv_path.name}, row {row}: unknown column {name!r}.{did_you_mean(name, _KNOWN)} "
                f"Known: {','.join(_KNOWN)}."
            )
        if name and names.count(name) > 1:
            raise InputError(f"{csv_path.name}, row {row}: the column {name!r} stands there twice. Keep one.")
    missing = [either for either in _REQUIRED if not any(name in names for name in either)]
    if missing:
        raise InputError(
            f"{csv_path.name}, row {row}: the header has no column {missing[0][0]!r}; found {listing(names)}. "
            f"The header must be: {','.join(COLUMNS)}."
        )
    return names


def _by_name(csv_path: Path, row: int, names: list[str], cells: list[str]) -> dict[str, str]:
    for position, text in enumerate(cells):
        if hidden := invisible_letters(text):
            raise InputError(
                f"{csv_path.name}, row {row}, column {position + 1}: {text!r:.200} holds {shown(hidden[0])}, which is "
                "not seen where it is shown. Delete it, and rename the file if it stands in its name."
            )
        if text and (position >= len(names) or not names[position]):
            raise InputError(
                f"{csv_path.name}, row {row}, has {text!r} in column {position + 1}, which has no name in "
                "the header. A cell that contains the delimiter must stand in quotes."
            )
    return {name: text for name, text in zip(names, cells, strict=False) if name}


def _recording(fields: Row) -> Recording:
    name = fields["recording"]
    _require_safe_id(fields, name)
    # A table that says nothing of splits has its annotations to learn from.
    split = fields["split"].casefold() if "split" in fields.cells else "train" if fields["annotations"] else ""
    if split not in _SPLITS:
        raise fields.error(
            "split", f"expected train, test or nothing, found {fields['split']!r}.{did_you_mean(split, _SPLITS[:2])}"
        )
    if not fields["video"] and fields["poses"].casefold() in ("", *POSE_WORDS):
        raise fields.error(
            "video",
            f"recording {name!r} has no video, nor a pose file of which features could be made alone. Write the path "
            "of one, relative to this table.",
        )
    for column in ("individual", "group", ANIMAL, PARTNER):
        if reason := unreadable_name_reason(fields[column]):
            raise fields.error(column, f"{fields[column]!r:.200} can't be used: {reason}. Shorten it.")
    annotation_paths, annotation_choices = read_annotation_cell(fields)
    # A file that really is called so is taken for a file.
    pose_word = fields["poses"].casefold()
    if pose_word not in POSE_WORDS or is_file(resolve_cell(fields.csv_path, fields["poses"])):
        pose_word = ""
    if pose_word and fields[ANIMAL]:
        raise fields.error(
            "poses",
            f"`{pose_word}` is of a single animal and can't tell several apart. Name a pose file, or leave the column "
            "'animal' empty.",
        )
    _require_partner_beside(fields, pose_word)
    if split and not annotation_paths:
        raise fields.error(
            "annotations",
            f"recording {name!r} is for {split}, so it needs annotations, but none are named. Name the file, "
            "or leave the split empty to have the recording predicted only.",
        )
    pose_path = None if pose_word or not fields["poses"] else read_pose_cell(fields)
    return Recording(
        id=name,
        video_path=path_of(fields, "video", fields["video"]) if fields["video"] or pose_path is None else pose_path,
        pose_path=pose_path,
        annotation_paths=annotation_paths,
        individual=fields["individual"] or name,
        group=fields["group"],
        split=split,
        annotation_choices={a: replace(choice, animal=fields[ANIMAL]) for a, choice in annotation_choices.items()},
        pose_word=pose_word,
        animal=fields[ANIMAL],
        partner=fields[PARTNER],
        fps=_fps(fields),
    )


def _require_partner_beside(fields: Row, pose_word: str) -> None:
    """Refuse a partner where no animal has one, or one that is the animal itself."""
    partner, animal = fields[PARTNER], fields[ANIMAL]
    if not partner:
        return
    if not animal or not fields["poses"] or pose_word:
        missing = "no pose file in which both are found" if animal else "no animal whose partner that is"
        raise fields.error(
            PARTNER,
            f"{partner!r} is named, but {missing}. Name the row's own animal in the column 'animal' and a pose file of "
            "both in 'poses', or leave 'partner' empty.",
        )
    if partner.casefold() == animal.casefold():
        raise fields.error(PARTNER, f"{partner!r} is the row's own animal. Name the other one, or leave it empty.")


def _fps(fields: Row) -> float | None:
    """Frames per second; a decimal comma is one where semicolons stand between cells."""
    text = fields[FPS]
    if not text:
        return None
    try:
        fps = float(text.replace(",", "."))
    except ValueError:
        fps = math.nan
    if not MIN_FPS <= fps <= MAX_FPS:
        raise fields.error(
            FPS,
            f"expected frames per second, a number from {MIN_FPS:g} to {MAX_FPS:g}, found {text[:40]!r}. Leave it "
            "empty where the video's own rate is right.",
        )
    return fps


def _require_safe_id(fields: Row, name: str) -> None:
    """Results are kept in files named by the id, so it must be a file name everywhere."""
    if not name:
        raise fields.error("recording", "the id is empty. Give each recording a short name of its own.")
    reason = unsafe_name_reason(name)
    if name.casefold() == _POOLED:
        reason = "that is the name of all recordings together in the results"
    if reason:
        raise fields.error(
            "recording",
            f"the id {name!r} can't be used, because results are saved in files of that name and {reason}. Rename it.",
        )


def nothing_to_learn_from(table: Path) -> str:
    """What is wrong with a table without training recordings, and what to do."""
    return (
        f"{table} has no recording with split `train`, so there is nothing to learn from. Write "
        "train into the column `split` of the recordings whose annotations the heads may learn from."
    )
