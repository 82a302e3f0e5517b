"""Corrected bouts: as a page hands them over, and as they are kept beside a run."""

import csv
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.errors import InputError
from common.files import write_text
from common.places import path_at
from common.seals import checked_text, is_stale, keep_changed, read_checked_text, read_seal, write_sealed
from common.tables import read_table, table_text
from pipeline.dataset.corrections.taken import CORRECTIONS
from pipeline.exports.boris_project import boris_project
from pipeline.exports.recording import PREDICTED, ExportRecording
from pipeline.review.run_reading import Review
from pipeline.run_folder.reading import RecordingRow, Run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import Bout, runs_of_true

log = logging.getLogger(__name__)

COLUMNS = ("behavior", "start_frame", "stop_frame", "start_s", "stop_s", "duration_s", "origin", "model_frames")
ANIMAL = "animal"
"""A further column where the recording names its animal."""
ORIGINS = ("model", "human", "edited")
FROM_MODEL = "from_model"
STATE_VERSION = 1
"""That of storage.js."""
_UNFIT = (InputError, OSError, ValueError, KeyError, TypeError, ArithmeticError, csv.Error)


Stretches = Mapping[str, Sequence[tuple[int, int]]]
"""Frames [start, stop) by behavior, in order."""


class CorrectedBout(NamedTuple):
    """A bout, and whether it is the model's (left or accepted), as the human had it, or was set by hand."""

    bout: Bout
    origin: str


def parse_corrections(
    found: Any, behaviors: Sequence[str], n_frames: int, exclusive: bool = False
) -> list[CorrectedBout]:
    """Check what a page sent, which should be a list of [behavior, start_frame, stop_frame, origin].

    Returns
    -------
    list of CorrectedBout
        In order of time.

    Raises
    ------
    ValueError
        When it is something else, a bout lies outside the video, or two of one behavior (of any, where behaviors are
        exclusive) overlap.
    """
    if not isinstance(found, list):
        raise ValueError(f"Expected a list of bouts. Received: {type(found).__name__}")
    corrected = []
    for item in found:
        if not (isinstance(item, list) and len(item) == 4):
            raise ValueError(f"Expected [behavior, start_frame, stop_frame, origin]. Received: {item!r:.80}")
        behavior, start, stop, origin = item
        if behavior not in behaviors or origin not in ORIGINS:
            raise ValueError(f"Expected a behavior of the run and one of {ORIGINS}. Received: {item!r:.80}")
        if type(start) is not int or type(stop) is not int or not 0 <= start < stop <= n_frames:
            raise ValueError(f"Expected frames within 0 and {n_frames}. Received: {item!r:.80}")
        corrected.append(CorrectedBout(Bout(behavior, start, stop), origin))
    in_time = sorted(corrected, key=lambda item: (item.bout.start_frame, item.bout.behavior))
    whose = {None: in_time} if exclusive else {b: [i for i in in_time if i.bout.behavior == b] for b in behaviors}
    for first, second in (pair for own in whose.values() for pair in pairwise(own)):
        if second.bout.start_frame < first.bout.stop_frame:
            words = "exclusive behaviors" if exclusive else "one behavior"
            raise ValueError(f"Two bouts of {words} overlap. Received: {first.bout}, {second.bout}")
    return in_time


def parse_from_model(
    found: Any, corrected: Sequence[CorrectedBout], behaviors: Sequence[str], n_frames: int
) -> Stretches:
    """Check which frames have the model's label, by behavior; None = those of the bouts that are the model's.

    Raises
    ------
    ValueError
        When it is something else, or a stretch lies outside the video or before the end of another.
    """
    if found is None:
        return {behavior: _frames_of(corrected, behavior, "model") for behavior in behaviors}
    if not isinstance(found, dict) or not set(found) <= set(behaviors):
        raise ValueError(f"Expected stretches by behavior. Received: {found!r:.80}")
    for stretches in found.values():
        last = 0
        for item in stretches if isinstance(stretches, list) else [None]:
            start, stop = item if isinstance(item, list) and len(item) == 2 else (None, None)
            if type(start) is not int or type(stop) is not int or not last <= start < stop <= n_frames:
                raise ValueError(f"Expected stretches in order, within {n_frames} frames. Received: {stretches!r:.80}")
            last = stop
    return {behavior: [(start, stop) for start, stop in found.get(behavior, [])] for behavior in behaviors}


def with_earlier(run: Run, review: Review, corrected: Sequence[CorrectedBout], from_model: Stretches) -> Stretches:
    """Add what was a model's in the corrections that the run learned from, where it is still as it was then."""
    earlier, human = _earlier_stretches(run, review.row.recording), review.timeline.true
    if human is None or not earlier:
        return from_model
    found = {}
    for column, behavior in enumerate(run.behaviors):
        now, own, then = (np.zeros(review.row.n_frames, dtype=bool) for _ in range(3))
        bouts = ((b.start_frame, b.stop_frame) for b, _ in corrected if b.behavior == behavior)
        for mask, stretches in ((now, bouts), (own, from_model[behavior]), (then, earlier.get(behavior, ()))):
            for start, stop in stretches:
                mask[start:stop] = True
        found[behavior] = runs_of_true(own | (then & (now == human[:, column])))
    return found


def _earlier_stretches(run: Run, recording: str) -> Stretches:
    """The model's frames in the latest corrections of a recording that a run learned from, by its behaviors."""
    ours = {theirs: behavior for behavior, theirs in run.names_in_annotations.items()}
    for place in reversed(run.provenance.get("corrections") or ()):
        folder = path_at(run.path, str(place))
        path = next((p for p in (folder / CORRECTIONS, folder) if p.is_dir()), folder) / f"{recording}.csv"
        if path.is_file():
            try:
                stretches = read_seal(path).get(FROM_MODEL) or {}
            except InputError as error:
                log.warning("Which frames of %s were a model's before can't be told: %s", recording, error)
                return {}
            return {ours[name]: own for name, own in stretches.items() if name in ours}
    return {}


def boris_tree(
    run: Run,
    row: RecordingRow,
    video_path: Path | None,
    corrected: Sequence[CorrectedBout] = (),
    from_model: Stretches | None = None,
) -> dict[str, Any]:
    """A BORIS project with one observation of the corrected bouts, named as the recording.

    Without `from_model` it is the frame that a page fills in.
    """
    names = run.names_in_annotations
    bouts = {PREDICTED: [replace(bout, behavior=names[bout.behavior]) for bout, _ in corrected]}
    exported = ExportRecording(
        row.recording, video_path, row.fps, row.n_frames, bouts, exclusive=run.is_exclusive, animal=row.animal_name
    )
    tree = boris_project([exported], run.ethogram, f"{run.name} {row.recording} corrected")
    tree["project_description"] = f"Corrected bouts of {row.recording} (run {run.name}), reviewed in Rearview."
    words = "Corrected bouts, reviewed in Rearview."
    if from_model is not None:
        words += _origins_text(corrected, {names[name]: own for name, own in from_model.items()}, row.n_frames)
    tree["observations"][row.recording]["description"] = words
    return tree


def _origins_text(corrected: Sequence[CorrectedBout], from_model: Stretches, n_frames: int) -> str:
    """Whose bouts and frames these are; the same words as exports.js, read back by the reader of projects."""
    model, human, edited = (sum(item.origin == origin for item in corrected) for origin in ORIGINS)
    counts = {name: sum(stop - start for start, stop in stretches) for name, stretches in from_model.items()}
    return (
        f" Of {len(corrected)} bouts: {model} the model's; {human} a human's, unchanged; {edited} edited. "
        f"Frames of {n_frames} with the model's label: {json.dumps(counts, separators=(',', ':'), ensure_ascii=False)}"
    )


def write_corrections(
    folder: Path,
    run: Run,
    row: RecordingRow,
    video_path: Path | None,
    corrected: Sequence[CorrectedBout],
    from_model: Stretches | None = None,
) -> list[Path]:
    """Write `<recording>.csv`, and `<recording>.boris` that is made from it, with their checksums.

    What somebody changed in them without accepting it is kept under another name.

    Returns
    -------
    list of Path
        The project first: it alone names the behaviors that don't occur.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """
    names = run.names_in_annotations
    if from_model is None:
        from_model = parse_from_model(None, corrected, run.behaviors, row.n_frames)
    rows = []
    columns, whose = ((*COLUMNS, ANIMAL), (row.animal_name,)) if row.animal else (COLUMNS, ())
    for bout, origin in corrected:
        frames = (bout.start_frame, bout.stop_frame, bout.n_frames)
        seconds = (n_frames / row.fps for n_frames in frames)
        n_shared = _n_shared(bout, from_model[bout.behavior])
        cells = (names[bout.behavior], *frames[:2], *seconds, origin, n_shared, *whose)
        rows.append(dict(zip(columns, cells, strict=True)))
    csv_path, boris_path = _paths(folder, row.recording)
    for kept in keep_changed([csv_path, boris_path]):
        log.warning("A file of corrections was changed by something else than the review; it is kept in %s.", kept)
    tree = boris_tree(run, row, video_path, corrected, from_model)
    texts = {csv_path: table_text(columns, rows), boris_path: json.dumps(tree, indent=1) + "\n"}
    write_sealed(texts, {FROM_MODEL: {names[behavior]: stretches for behavior, stretches in from_model.items()}})
    return [boris_path, csv_path]


def mend_corrections(folder: Path, run: Run, review: Review, video_path: Path | None) -> None:
    """Make a recording's BORIS project again from its CSV, where it is missing or older."""
    csv_path, boris_path = _paths(folder, review.row.recording)
    try:
        if not is_stale(boris_path):
            return
        found = _csv_state(csv_path, run, review)
        corrected = parse_corrections(found["bouts"], run.behaviors, review.row.n_frames, run.is_exclusive)
        from_model = parse_from_model(found[FROM_MODEL], corrected, run.behaviors, review.row.n_frames)
        write_corrections(folder, run, review.row, video_path, corrected, from_model)
        log.info("%s was made again from %s.", boris_path, csv_path.name)
    except _UNFIT as error:
        log.warning("%s was not made again from %s: %s", boris_path, csv_path.name, error)


def _paths(folder: Path, recording: str) -> tuple[Path, Path]:
    return folder / f"{recording}.csv", folder / f"{recording}.boris"


def _frames_of(corrected: Sequence[CorrectedBout], behavior: str, origin: str) -> list[tuple[int, int]]:
    own = (item.bout for item in corrected if (item.bout.behavior, item.origin) == (behavior, origin))
    return [(bout.start_frame, bout.stop_frame) for bout in own]


def _n_shared(bout: Bout, stretches: Sequence[tuple[int, int]]) -> int:
    return sum(max(0, min(bout.stop_frame, stop) - max(bout.start_frame, start)) for start, stop in stretches)


def annotations_cell(folder: Path, row: RecordingRow) -> str:
    """How the column `annotations` of a table names a recording's corrections, wherever the table lies."""
    cell = f"{(folder.resolve() / row.recording).as_posix()}.boris#observation={row.recording}"
    return f"{cell}#subject={row.subject}" if row.subject else cell


def draft_path(folder: Path, review: Review) -> Path:
    """Where a served page keeps unfinished work, apart from that on other predictions of the recording."""
    return folder / f"{review.row.recording}.{review.fingerprint}.draft.json"


def read_drafts(folder: Path, review: Review) -> dict[str, Any]:
    """Unfinished work on a recording.

    Returns
    -------
    dict
        `draft`: what began from these predictions; `earlier`: the latest that began from others, or from nobody
        knows which. None where there is none that can be read.
    """
    ours = draft_path(folder, review)
    pattern = re.compile(re.escape(review.row.recording) + r"(\.[0-9a-f]{16})?\.draft\.json")
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    others = [_draft(path) for path in paths if path != ours and pattern.fullmatch(path.name)]
    earlier = max((found for found in others if found), key=lambda found: str(found.get("changed_at")), default=None)
    return {"draft": _draft(ours), "earlier": earlier}


def corrections_folder(run: Run, pages: Path) -> Path:
    """Where the corrections lie that are made in a folder of pages."""
    ours = RunDir(run.path)
    return (ours if pages == ours.review_path else RunDir(pages)).corrections_path


def saved_state(folder: Path, run: Run, review: Review) -> dict[str, Any] | None:
    """What was last kept beside the run, as a page takes it up: the draft with its ticks, or a later CSV.

    None where there is nothing, or it does not fit the recording.
    """
    name = review.row.recording
    paths = [path for path in (draft_path(folder, review), folder / f"{name}.csv") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            found = _csv_state(path, run, review) if path.suffix == ".csv" else _draft_state(path)
            corrected = parse_corrections(found["bouts"], run.behaviors, review.row.n_frames, run.is_exclusive)
            from_model = parse_from_model(found[FROM_MODEL], corrected, run.behaviors, review.row.n_frames)
            bouts = [[bout.behavior, bout.start_frame, bout.stop_frame, origin] for bout, origin in corrected]
            return found | {"bouts": bouts, FROM_MODEL: from_model}
        except _UNFIT as error:
            log.warning("%s does not fit %s and is not shown in its page: %s", path, name, error)
    return None


def _draft_state(path: Path) -> dict[str, Any]:
    draft = _draft(path) or {}
    return {
        "version": int(draft["version"]),
        "changed_at": str(draft["changed_at"]),
        "started_from": str(draft["started_from"]),
        "unsaved": bool(draft["unsaved"]),
        "done": [str(key) for key in draft["done"]],
        "bouts": draft["bouts"],
        FROM_MODEL: draft.get(FROM_MODEL),
    }


def _csv_state(path: Path, run: Run, review: Review) -> dict[str, Any]:
    names = run.names_in_annotations
    ours = {names[behavior]: behavior for behavior in run.behaviors}
    from_model = read_seal(path).get(FROM_MODEL)
    found = []
    for cells in read_table(path):
        start, stop = int(cells["start_frame"]), int(cells["stop_frame"])
        if abs(float(cells["stop_s"]) * review.row.fps - stop) > 1:
            raise ValueError(f"frame {stop} is not at {cells['stop_s']} s")
        found.append([ours[cells["behavior"]], start, stop, cells["origin"]])
    return {
        "version": STATE_VERSION,
        "changed_at": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(),
        "started_from": "human" if review.timeline.has_labels else "model",
        "unsaved": False,
        "done": [],
        "bouts": found,
        FROM_MODEL: None if from_model is None else {ours[name]: own for name, own in from_model.items()},
    }


def _draft(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_checked_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("The unfinished work in %s can't be used: %s", path, error)
        return None
    return found if isinstance(found, dict) else None


def write_draft(folder: Path, review: Review, content: Any) -> None:
    """Keep unfinished work.

    Raises
    ------
    InputError
        When the folder cannot be written.
    """
    write_text(draft_path(folder, review), checked_text(json.dumps(content, ensure_ascii=False)))
