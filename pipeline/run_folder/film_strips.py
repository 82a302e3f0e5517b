"""Pictures and table of the film strips in a run's folder."""

from collections.abc import Mapping
from pathlib import Path

from common.files import write_bytes
from common.tables import read_table, write_table
from pipeline.scoring.bouts.choice import KINDS, FilmStrip

TABLE = "film_strips.csv"
COLUMNS = (
    "behavior", "kind", "rank", "recording", "start_frame", "stop_frame", "start_s", "stop_s", "mean_probability",
    "iou", "frames_shown", "file",
)  # fmt: skip


def write_film_strips(folder: Path, strips: Mapping[FilmStrip, bytes]) -> None:
    """Write pictures and then their table into a run's folder.

    Parameters
    ----------
    folder : Path
        The run's.
    strips : mapping of FilmStrip to bytes
        Each with its picture as JPEG, in the order of the table.

    Raises
    ------
    InputError
        When the folder can't be written.
    """
    for strip, picture in strips.items():
        write_bytes(folder / strip.file, picture)
    rows = [
        {column: getattr(strip, column) for column in COLUMNS}
        | {"frames_shown": " ".join(str(frame) for frame in strip.frames_shown)}
        for strip in strips
    ]
    write_table(folder / TABLE, COLUMNS, rows)


def read_film_strips(folder: Path) -> list[FilmStrip]:
    """Read the table of a run's folder back; nothing where there is no table.

    Strips whose picture was deleted are left out.

    Raises
    ------
    ValueError
        When a column is missing or a number can't be read.
    """
    path = folder / TABLE
    if not path.is_file():
        return []
    return [_read_strip(path, row) for row in read_table(path) if (folder / (row.get("file") or "")).is_file()]


def _read_strip(path: Path, row: Mapping[str, str]) -> FilmStrip:
    missing = [column for column in COLUMNS if row.get(column) is None]
    if missing:
        raise ValueError(f"{path} lacks the column(s) {', '.join(missing)}")
    kind = next((kind for kind in KINDS if kind == row["kind"]), None)
    if kind is None:
        raise ValueError(f"{path}: expected a kind of bout ({', '.join(KINDS)}). Received: {row['kind']}")
    return FilmStrip(
        behavior=row["behavior"],
        recording=row["recording"],
        kind=kind,
        rank=int(row["rank"]),
        start_frame=int(row["start_frame"]),
        stop_frame=int(row["stop_frame"]),
        mean_probability=float(row["mean_probability"]),
        iou=float(row["iou"]) if row["iou"] else None,
        start_s=float(row["start_s"]),
        stop_s=float(row["stop_s"]),
        frames_shown=tuple(int(frame) for frame in row["frames_shown"].split()),
        file=row["file"],
    )
