"""Pictures and table of the film strips in a run's folder."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

from common.files import write_bytes
from common.tables import Row
from pipeline.run_folder.contents import FILM_STRIPS
from pipeline.run_folder.run_dir import STRIP_PICTURES, RunDir
from pipeline.run_folder.whole_files import read_optional
from pipeline.scoring.bouts.choice import KINDS, FilmStrip


def write_film_strips(run: RunDir, strips: Mapping[FilmStrip, bytes]) -> None:
    """Write pictures and then their table into a run's folder.

    Parameters
    ----------
    run : RunDir
    strips : mapping of FilmStrip to bytes
        Each with its picture as JPEG, in the order of the table.

    Raises
    ------
    InputError
        When the folder can't be written.
    """
    for strip, picture in strips.items():
        write_bytes(run.path / strip.file, picture)
    rows = (asdict(strip) | {"frames_shown": " ".join(map(str, strip.frames_shown))} for strip in strips)
    FILM_STRIPS.write(run, rows)


def read_film_strips(run: RunDir) -> list[FilmStrip]:
    """Read the table of a run's folder back; nothing where there is no table.

    Strips whose picture was deleted are left out.

    Raises
    ------
    InputError
        When a column is missing or a cell can't be read.
    """
    rows = read_optional(run, FILM_STRIPS.path(run), lambda path: [_strip(row) for row in FILM_STRIPS.read_file(path)])
    return [strip for strip in rows or [] if (run.path / strip.file).is_file()]


def _strip(row: Row) -> FilmStrip:
    if row["kind"] not in KINDS:
        raise ValueError(f"expected a kind of bout ({', '.join(KINDS)}). Received: {row['kind']}")
    folder, *names = PurePosixPath(str(row["file"]).replace("\\", "/")).parts or ("",)
    if folder != STRIP_PICTURES or ".." in names:
        raise ValueError(f"expected a picture in {STRIP_PICTURES}. Received: {row['file']}")
    cells: dict[str, Any] = row | {"frames_shown": tuple(map(int, str(row["frames_shown"]).split()))}
    return FilmStrip(**cells)
