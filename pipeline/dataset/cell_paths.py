"""One row of a table of recordings as text, and the files that its cells name.

Paths are relative to the table. Around a path stands what its file leaves open, each part only where it is needed (see
`AnnotationChoice`): ``annotator=format:path#observation=NAME``, several annotators joined by ``;``, and behind poses
``#sequence=NAME``. A text that is a file's name as it stands is taken as that.
"""

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.files import is_file, is_folder
from common.names import find_path
from common.suggestions import did_you_mean, listing
from features.poses import SEQUENCE
from pipeline.annotations import CHOICES, AnnotationChoice, needs_file, require_format, require_spans

_FORMAT = re.compile(r"([a-z][a-z_0-9]+):(.+)")  # one letter is a Windows drive
_PART = re.compile(r"#([a-z]+)=")
_POSE_CHOICES = ("sequence",)


@dataclass(frozen=True)
class Row:
    """One row of the table, with what an error about it needs."""

    csv_path: Path
    row: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, column: str, text: str) -> InputError:
        """An error that names file, row and column."""
        return InputError(f"{self.csv_path.name}, row {self.row}, column {column!r}: {text}")


def read_annotation_cell(fields: Row) -> tuple[dict[str, Path], dict[str, AnnotationChoice]]:
    """The files of labels by annotator ("" = not named), and what is said of each.

    Raises
    ------
    InputError
        A cell of another form, or a file that isn't there.
    """
    paths: dict[str, Path] = {}
    choices: dict[str, AnnotationChoice] = {}
    for part in (part.strip() for part in fields["annotations"].split(";")):
        if not part:
            continue
        named = _PART.search(part)
        front = part if named is None else part[: named.start()]
        annotator, sign, text = (word.strip() for word in front.partition("="))
        if not sign or any(is_file(resolve_cell(fields.csv_path, name)) for name in (part, front)):
            annotator, text = "", part
        elif not annotator or not text:
            raise fields.error("annotations", f"expected annotator=path, found {part!r}.")
        else:
            text = part.partition("=")[2].strip()
        text, choices[annotator] = _choice(fields, text)
        if annotator in paths:
            who = f"annotator {annotator!r}" if annotator else "the annotator without a name"
            raise fields.error("annotations", f"{who} has two files. Tell annotators apart: A=first.csv;B=second.csv.")
        is_path = needs_file(choices[annotator].format)
        paths[annotator] = path_of(fields, "annotations", text) if is_path else Path(text)
    return paths, choices


def _choice(fields: Row, text: str) -> tuple[str, AnnotationChoice]:
    """The path, and what is said of its file before and after it."""
    path, named = _parts(fields, "annotations", text, CHOICES)
    found = None if is_file(resolve_cell(fields.csv_path, path)) else _FORMAT.fullmatch(path)
    try:
        if "scored" in named:
            require_spans(named["scored"])
        if found is None:
            return path, AnnotationChoice(**named)
        require_format(found[1])
    except InputError as error:
        raise fields.error("annotations", str(error)) from error
    return found[2].strip(), AnnotationChoice(found[1], **named)


def read_pose_cell(fields: Row) -> Path:
    """The pose file, with the recording that is meant behind it where one is named (see `features.poses`).

    Raises
    ------
    InputError
        A cell of another form, or a file that isn't there.
    """
    text, named = _parts(fields, "poses", fields["poses"], _POSE_CHOICES)
    path = path_of(fields, "poses", text)
    return Path(f"{path}{SEQUENCE}{named['sequence']}") if named else path


def _parts(fields: Row, column: str, text: str, known: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The path (with its format, in annotations), and what is chosen behind it, by name."""
    if is_file(resolve_cell(fields.csv_path, text)):
        return text, {}
    path, *parts = _PART.split(text)
    named: dict[str, str] = {}
    for name, value in zip(parts[::2], parts[1::2], strict=True):
        if name not in known or name in named or not value.strip():
            expected = listing([f"#{each}={'FROM-TO' if each == 'scored' else 'NAME'}" for each in known])
            hint = did_you_mean(name, known) if name not in known else ""
            raise fields.error(column, f"expected {expected} after the path, each once, found {text!r}.{hint}")
        named[name] = value.strip()
    return path.strip(), named


def path_of(fields: Row, column: str, text: str) -> Path:
    """The file that a cell names, with a part of it behind ``#`` where videos may have one.

    Raises
    ------
    InputError
        It isn't there.
    """
    path = resolve_cell(fields.csv_path, text)
    # "features.h5#dataset" names a part of a file; a plain file whose name has a # is taken as it is.
    front, sign, part = text.rpartition("#")
    file_path = resolve_cell(fields.csv_path, front) if sign and not is_file(path) else path
    if is_file(file_path) and file_path == path:
        return path
    if is_file(file_path) and column == "video":
        return Path(f"{file_path}#{part}")
    if is_file(file_path):
        raise fields.error(
            column, f"no file {text!r}. There is {file_path.name!r}: what follows the # can't be read.{_after(column)}"
        )
    folder = file_path.parent
    if not is_folder(folder):
        raise fields.error(
            column, f"no file {text!r}: the folder {folder} does not exist. Paths are relative to the table."
        )
    neighbours = (entry.name for entry in folder.iterdir() if entry.is_file())
    closest = difflib.get_close_matches(file_path.name, neighbours, n=1, cutoff=0.5)
    hint = f" Did you mean {closest[0]!r}?" if closest else ""
    raise fields.error(column, f"no file {text!r} in {folder}.{hint} Paths are relative to the table.")


def _after(column: str) -> str:
    known = {"annotations": CHOICES, "poses": _POSE_CHOICES}.get(column, ())
    return (
        f" After the path may stand {listing([f'#{name}=…' for name in known])} or nothing."
        if known
        else " Leave it out."
    )


def resolve_cell(csv_path: Path, text: str) -> Path:
    """Where a path that is relative to the table lies, whether or not a file is there."""
    path = csv_path.parent / text
    if "\\" in text and not is_file(path):
        path = csv_path.parent / text.replace("\\", "/")  # written on Windows, read elsewhere
    return find_path(path)


def path_cell(path: Path, table_folder: Path) -> str:
    """A path as the table names it: relative to the table, with `/`; absolute where that is on another drive."""
    try:
        text = Path(os.path.relpath(path, table_folder)).as_posix()
    except ValueError:
        text = path.as_posix()
    # The table's cells are read without outer blanks.
    return f"./{text}" if text != text.lstrip() else text
