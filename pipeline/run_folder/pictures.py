"""Pictures cut from videos in a run's folder, each kind with its table: film strips, and what networks are shown."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from common.files import write_bytes
from common.tables import Row
from features.sources.crop_config import CropConfig
from features.sources.views import NetworkView
from pipeline.run_folder.contents import FILM_STRIPS, NETWORK_VIEWS
from pipeline.run_folder.run_dir import STRIP_PICTURES, VIEW_PICTURES, RunDir
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


@dataclass(frozen=True)
class ShownFrame:
    """A frame as one network sees it: one line of network_views.csv.

    On a page it stands in a `row` (one for each view) and `column`, from 1. `said_by`: who says that the `behavior` is
    there, `human` or `model`; both are "" where a frame shows none. `file` is relative to the run's folder, with `/`.
    """

    row: int
    column: int
    view: NetworkView
    behavior: str
    said_by: str
    recording: str
    frame: int
    time_s: float

    @property
    def file(self) -> str:
        """Its picture."""
        return f"{VIEW_PICTURES}/{self.row}_{self.column}.jpg"


def write_network_views(run: RunDir, shown: Mapping[ShownFrame, bytes]) -> None:
    """Write pictures, each a JPEG, and then their table into a run's folder; `InputError` when that can't be done."""
    for frame, picture in shown.items():
        write_bytes(run.path / frame.file, picture)
    NETWORK_VIEWS.write(run, map(_view_row, shown))


def _view_row(shown: ShownFrame) -> dict[str, object]:
    moments_s = " ".join(f"{moment:g}" for moment in shown.view.crop.moments_s)
    crop = shown.view.crop.model_dump(exclude={"skeleton"}) | {"moments_s": moments_s}
    view = {"network": shown.view.network, "input_px": shown.view.input_px} | crop
    return {name: getattr(shown, name) for name in NETWORK_VIEWS.columns if name not in view} | view


def read_network_views(run: RunDir) -> list[ShownFrame]:
    """Read the table back, without frames whose picture was deleted; nothing where there is no table.

    Raises
    ------
    InputError
        When a column is missing or a cell can't be read.
    """
    path = NETWORK_VIEWS.path(run)
    rows = read_optional(run, path, lambda path: [_shown_frame(row) for row in NETWORK_VIEWS.read_file(path)])
    return [shown for shown in rows or [] if (run.path / shown.file).is_file()]


def _shown_frame(row: Row) -> ShownFrame:
    cells: dict[str, Any] = dict(row)
    del cells["file"]
    settings = {name: cells.pop(name) for name in NETWORK_VIEWS.columns if name in CropConfig.model_fields}
    settings["moments_s"] = tuple(map(float, settings["moments_s"].split()))
    # Runs from before a setting was there have an empty cell.
    crop = CropConfig(**{name: value for name, value in settings.items() if value not in (None, "")})
    return ShownFrame(view=NetworkView(cells.pop("network"), crop, cells.pop("input_px")), **cells)
