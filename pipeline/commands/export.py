"""`python run_experiment.py export RUN`: bouts of a run, for BORIS and for spreadsheets.

What is corrected there comes back as annotations: the table of recordings names the corrected file in its column
``annotations``, for a project with the observation, ``exp1.boris#observation=m1``.
"""

import argparse
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.files import write_bytes
from common.names import unsafe_name_reason
from common.suggestions import listing
from pipeline.commands.arguments import add_run, command_parser, require_recordings
from pipeline.exports import EXPORTS
from pipeline.exports.base import ExportedFile
from pipeline.exports.recording import HUMAN, NO_DATE, PREDICTED, ExportRecording, name_of, of_several_animals
from pipeline.run_folder.reading import RecordingRow, Run, read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames
from pipeline.scoring.timeline import FULL, Timeline

log = logging.getLogger(__name__)

_DESCRIPTION = """Writes the predicted bouts of a run, and the human ones where there are any, for looking at them and
correcting them elsewhere: in BORIS (one project of all recordings; a workbook and a text of events per recording)
or in any spreadsheet (bout CSV, frame CSV)."""


def run_export_command(arguments: Sequence[str]) -> int:
    """Carry out the command; returns the exit code."""
    options = _parser().parse_intermixed_args(arguments)
    run = read_run(options.run, options.recordings or None)
    recordings = run_recordings(run, options.recordings)
    folder: Path = options.output or RunDir(options.run).exports_path
    name = run.path.resolve().name if unsafe_name_reason(run.name) else run.name
    found = {
        key: list(EXPORTS[key].files(recordings, run.ethogram, name, _date(run.provenance)))
        for key in dict.fromkeys(options.format)
    }
    files = [file for of_format in found.values() for file in of_format]
    if not options.overwrite:
        _require_untouched(folder, files)
    for file in files:
        write_bytes(folder / file.path, file.content)
    _tell(folder, found, recordings)
    kept = RunDir(options.run).corrections_path
    corrected = [recording.id for recording in recordings if (kept / f"{recording.id}.csv").is_file()]
    if corrected:
        print(f"Corrections of {listing(corrected)} are not part of this: they lie in {kept} (also as .boris).")
    return 0


def run_recordings(run: Run, named: Sequence[str] = ()) -> list[ExportRecording]:
    """Bouts of those recordings of a run that are named, or of all that were predicted, in the run's order.

    Human bouts are of frames that are scored and active; frames that aren't scored are in `unscored`. Behaviors have
    the names that the experiment's own annotations use.

    Raises
    ------
    InputError
        A recording that the run doesn't have or didn't predict, or two whose exports would have one name.
    """
    ids = [row.recording for row in run.recordings]
    require_recordings(f"The run {run.path}", named, ids)
    missing = [name for name in named or ids if name not in run.timelines]
    if missing and (named or len(missing) == len(ids)):
        raise InputError(
            f"The run {run.path} has no predictions of {listing(missing)}, so there is nothing to export. Let the run "
            "come to its end (the same command goes on where it stopped), or name other recordings."
        )
    for name in missing:
        log.warning("%s was not predicted and is left out.", name)
    wanted = [row for row in run.recordings if row.recording in run.timelines and (not named or row.recording in named)]
    recordings = [_recording(row, run.timelines[row.recording], run) for row in wanted]
    _require_own_names(recordings)
    return recordings


def _recording(row: RecordingRow, lines: Timeline, run: Run) -> ExportRecording:
    theirs = run.their_names
    names = run.names_in_annotations
    first = [names[behavior] for behavior in run.behaviors]
    predicted = lines.predicted[FULL]
    bouts = {PREDICTED: [bout for i, b in enumerate(first) for bout in bouts_from_frames(predicted[:, i], b)]}
    unscored: dict[str, list[Bout]] = {}
    if lines.true is not None and lines.scored is not None:
        active, missing = lines.true & lines.scored, ~lines.scored
        bouts[HUMAN] = [bout for i, b in enumerate(first) for bout in bouts_from_frames(active[:, i], b)]
        missing_by_name: dict[str, NDArray[np.bool_]] = {}
        for i, behavior in enumerate(run.behaviors):
            for name in (names[behavior], *theirs[behavior]):
                missing_by_name[name] = missing_by_name.get(name, np.zeros(row.n_frames, bool)) | missing[:, i]
        unscored[HUMAN] = [part for name, mask in missing_by_name.items() for part in bouts_from_frames(mask, name)]
    video = row.video_path or (Path(row.video) if row.video else None)
    return ExportRecording(
        row.recording, video, row.fps, row.n_frames, bouts, unscored, run.is_exclusive, row.animal_name
    )


def _require_own_names(recordings: Sequence[ExportRecording]) -> None:
    names = [name_of(recording.id, source).casefold() for recording in recordings for source in recording.bouts]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"Two exports would be called {twice[0]!r}, since ' (human)' is put behind a recording's name for its "
            "human labels. Export the two recordings one after the other, each with an --output of its own."
        )


def _require_untouched(folder: Path, files: Sequence[ExportedFile]) -> None:
    """Refuse to write over what a human may have corrected."""
    paths = [(folder / file.path, file.content) for file in files]
    changed = [path for path, content in paths if path.exists() and path.read_bytes() != content]
    if changed:
        raise InputError(
            f"{changed[0]} exists and is not what would be written now. Was it corrected by hand? Move it away or "
            "choose another folder with --output; --overwrite replaces it."
        )


def _date(provenance: Mapping[str, Any]) -> str:
    """When the run was started, to the second, as it stands in its provenance."""
    try:
        return datetime.fromisoformat(str(provenance.get("started"))).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:
        return NO_DATE


def _tell(folder: Path, found: Mapping[str, Sequence[ExportedFile]], recordings: Sequence[ExportRecording]) -> None:
    print(f"Written to {folder}:")
    for key, files in found.items():
        where = files[0].path if len(files) == 1 else f"{files[0].path.partition('/')[0]}/ ({len(files)} files)"
        print(f"  {where}: {EXPORTS[key].DESCRIPTION}")
    cells = [cell for files in found.values() for file in files for cell in file.cells.values()]
    if cells:
        print("A corrected file comes back as annotations: write into the column `annotations` of your table")
        print(f"  {(folder.resolve() / cells[0]).as_posix()}")
    together = list(of_several_animals(recordings))
    if together and "boris" in found:
        print(f"In the project, {listing(together)} hold all animals of a video: add #subject= and whose is meant.")
    partly = [recording.id for recording in recordings if any(recording.unscored.values())]
    if partly:
        print(
            f"Not every frame was scored by a human in {listing(partly)}. The frame CSV keeps that; in the other forms "
            "such a frame may be read as one without the behavior, unless the table says what was scored "
            "(file.csv#scored=0-300s)."
        )


def _parser() -> argparse.ArgumentParser:
    formats = "; ".join(f"{key}: {module.DESCRIPTION}" for key, module in EXPORTS.items())
    parser = command_parser("export", _DESCRIPTION)
    add_run(parser, "e.g.", "folder to write to (default: RUN/exports)")
    parser.add_argument(
        "--format",
        nargs="+",
        choices=tuple(EXPORTS),
        default=list(EXPORTS),
        metavar="FORMAT",
        help=f"{formats} (default: all of them)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace exports that were changed since")
    return parser
