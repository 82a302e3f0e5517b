"""Annotation files: one reader per format, each a module with `matches` and `read`.

The format is recognised by the file's content, never by its name. A new format is a new file here and
one line in `FORMATS`.
"""

from pathlib import Path

from features.delimited import find_dialect, head_rows, require_file
from features.errors import InputError
from features.suggestions import did_you_mean, listing
from pipeline.annotations import boris_aggregated, boris_tabular, bout_csv, deeplabcut_columns, frame_csv
from pipeline.annotations.base import (
    AnnotationReader,
    EventList,
    FrameTable,
    LabelSpan,
    RawAnnotation,
    TextHead,
)

__all__ = ["FORMATS", "EventList", "FrameTable", "LabelSpan", "RawAnnotation", "read_annotation"]

FORMATS: dict[str, AnnotationReader] = {
    "frame_csv": frame_csv,
    "deeplabcut_columns": deeplabcut_columns,
    "boris_tabular": boris_tabular,
    "boris_aggregated": boris_aggregated,
    "bout_csv": bout_csv,
}
_N_HEAD_ROWS = 60
_BORIS_KINDS = {"STATE", "POINT", "START", "STOP"}


def read_annotation(path: Path, n_frames: int, fps: float, format: str | None = None) -> RawAnnotation:
    """Read an annotation file.

    Whether its span fits the video is checked where pose rows are known too (`pipeline.audit`), and
    again when labels are made of it.

    Parameters
    ----------
    path : Path
        A file in one of `FORMATS`.
    n_frames : int
        Frames of the video, decoded.
    fps : float
        Frames per second of the video.
    format : str, optional
        A name in `FORMATS`; recognised from the content where not given.

    Returns
    -------
    FrameTable or EventList

    Raises
    ------
    InputError
        Missing, empty or damaged file, unknown or ambiguous format, and whatever a reader finds wrong.
    """
    require_file(path, "annotation file")
    _require_no_project(path)
    dialect = find_dialect(path)
    head = TextHead(path, dialect, tuple(head_rows(path, _N_HEAD_ROWS, dialect)))
    if not head.rows:
        raise InputError(f"The annotation file {path.name} holds only blank lines. Export it again.")
    if format is not None:
        if format not in FORMATS:
            raise InputError(
                f"Unknown annotation format {format!r}.{did_you_mean(format, FORMATS)} Known: {listing(FORMATS)}."
            )
        return FORMATS[format].read(head, n_frames, fps)
    fitting = [name for name, reader in FORMATS.items() if reader.matches(head)]
    if len(fitting) == 1:
        return FORMATS[fitting[0]].read(head, n_frames, fps)
    found = f"could be {' or '.join(fitting)}" if fitting else "is in no format that is known here"
    known = "; ".join(reader.DESCRIPTION for reader in FORMATS.values())
    first_row = head.rows[0][1]
    headerless = _BORIS_KINDS.intersection(first_row)
    raise InputError(
        f"The annotation file {path.name} {found}. Its first row is: {' | '.join(first_row)[:120]}. "
        + (
            "It looks like a BORIS export without its header row, so its columns can't be told apart: export it "
            "again with the header."
            if headerless
            else f"Known formats are: {known}. Was the header row left out?"
        )
    )


def _require_no_project(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
            raise InputError(
                f"{path.name} is a project (JSON), not a table. In BORIS use Observations > Export events > "
                "Tabular events or Aggregated events, one observation per file, and name that file."
            )
