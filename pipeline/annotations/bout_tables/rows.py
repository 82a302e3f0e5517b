"""What the two forms of bout tables have in common: the rows of one recording, by one rater, of one animal.

One table may hold the bouts of many recordings and of several raters (DLCAnalyzer's label files do). The recording is
the one that is named (`media`, `observation`), else the only one, else the one whose cells name the recording's video;
the rater is the one that is named (`observation`), else the only one. Columns of animals (MABe's ``agent_id``) tell
animals apart, ``#subject=1+2`` reads two as a pair. Towards whom an animal behaves (``target_id``) becomes a modifier,
``sniff (2)``, unless it is itself.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from common.errors import InputError
from common.names import canonical
from common.seals import read_seal
from common.suggestions import did_you_mean, listing
from common.words import is_given, is_missing, says_unknown
from pipeline.annotations.base import EventList, FoundBout, Wanted, choose_animal, collect_bouts, model_doubts
from pipeline.annotations.boris.media import other_video_doubts
from pipeline.annotations.bout_tables.columns import FRAMES, MIXED, BoutColumns, Ends, find_columns, without_unit
from pipeline.annotations.cells import whole_number
from pipeline.annotations.opening import AnnotationFile, Row, cell
from pipeline.scoring.bouts.bouts import runs_of_true

_SELF, _NO_ANIMAL = "self", "(no animal)"
_POSE_FILE = re.compile(r"(DLC_|DeepCut_).*")


class BoutRow(NamedTuple):
    """One bout as written: where it stands, of which behavior, towards whom ("" = nobody else), and its cells."""

    row: int
    behavior: str
    target: str
    cells: list[str]

    def bout(self, start_frame: int, stop_frame: int) -> FoundBout:
        """The bout at these frames."""
        return FoundBout(self.row, self.behavior, start_frame, stop_frame, self.target)


class _Source(NamedTuple):
    """Whose labels of which recording rows are: the cells that name the recording, and the rater."""

    media: tuple[str, ...]
    rater: str

    @property
    def plain(self) -> list[str]:
        """The recording's name by each of the cells, without what a rater or a pose program added."""
        added = re.compile(rf"[_\W]*{re.escape(self.rater)}$" if self.rater else "$", re.IGNORECASE)
        stems = [PurePosixPath(name.replace("\\", "/")).stem for name in self.media]
        return [added.sub("", _POSE_FILE.sub("", stem)) or stem for stem in stems]

    @property
    def recording(self) -> list[str]:
        """All names of the recording."""
        stems = [PurePosixPath(name.replace("\\", "/")).stem for name in self.media]
        return list(dict.fromkeys(name for name in (*self.media, *stems, *self.plain) if name))

    def fits(self, name: str) -> bool:
        """True where this is the recording, or the video, of that name."""
        name = canonical(name)
        pure = PurePosixPath(name.replace("\\", "/"))
        return bool({text.casefold() for text in self.recording} & {t.casefold() for t in (name, pure.name, pure.stem)})

    def is_observation(self, name: str) -> bool:
        """True where the name is the recording's, the rater's, or both."""
        both = [self.rater, *(f"{recording} {self.rater}" for recording in self.recording)] if self.rater else []
        return canonical(name).casefold() in (text.casefold() for text in (*self.recording, *both))


def columns_of(file: AnnotationFile) -> BoutColumns | None:
    """Columns of a bout table that names behaviors; None for other files."""
    columns = find_columns(tuple(file.names))
    return columns if columns is not None and columns.behavior is not None else None


def unit_of(file: AnnotationFile) -> str | None:
    """The first pair's unit, "" where neither names nor cells tell it; None for other files than bout tables."""
    columns = columns_of(file)
    if columns is None:
        return None
    ends = columns.ends[0]
    texts = [cell(cells, i) for _, cells in file.rows[1:] for i in ends[:2]]
    units = {without_unit(text)[1] for text in texts if is_given(text)}
    if ends.unit or FRAMES in units:
        return ends.unit or (FRAMES if units == {FRAMES} else MIXED)
    # Whole numbers may be frames or seconds; anything else can only be a time.
    is_open = all(whole_number(text) is not None for text in texts if is_given(text))
    return "" if is_open else "s"


def tells_animals_apart(file: AnnotationFile) -> bool:
    """True where a column says whose each bout is."""
    columns = columns_of(file)
    return columns is not None and any(cell(cells, columns.animal) for _, cells in file.rows[1:])


def subjects_in(file: AnnotationFile, wanted: Wanted) -> dict[str, bool] | None:
    """Animals of a recording's bouts, and those that are only behaved towards; None without a column of animals."""
    columns = columns_of(file)
    if columns is None or not tells_animals_apart(file):
        return None
    rows = [(row, cells) for row, cells in file.iter_rows() if row > file.header_row and any(cells)]
    bouts = [_bout_row(file, row, cells, columns) for row, cells in _of_one_source(file, rows, columns, wanted)[0]]
    names = {cell(row.cells, columns.animal): True for row in bouts}
    return {row.target: False for row in bouts if row.target} | names


def names_videos(file: AnnotationFile) -> bool:
    """True where columns say of which recording each bout is."""
    columns = columns_of(file)
    return columns is not None and bool(columns.media)


def media_by_observation(file: AnnotationFile) -> dict[str, list[str]]:
    """What `#observation=` can name → names of the recording; empty where the table names no recordings."""
    columns = columns_of(file)
    if columns is None or not columns.media:
        return {}
    rows = (cells for row, cells in file.iter_rows() if row > file.header_row and any(cells))
    sources = list(dict.fromkeys(_source(cells, columns) for cells in rows))
    one_rater = len({source.rater for source in sources}) < 2
    media: dict[str, list[str]] = {}
    for source, name in zip(sources, _recordings(sources), strict=True):
        if name:
            media.setdefault(name if one_rater else f"{name} {source.rater}".strip(), []).extend(source.recording)
    return media


def rows_of(
    file: AnnotationFile, wanted: Wanted, columns: BoutColumns, ends: Ends
) -> tuple[list[BoutRow], tuple[str, ...]]:
    """Rows of one recording, rater and animal, and notes.

    Raises
    ------
    InputError
        A column stands there twice, a row without behavior, or a choice that only the user can make.
    """
    _require_once(file, columns, ends)
    rows = [(row, cells) for row, cells in file.iter_rows() if row > file.header_row and any(cells)]
    rows, notes = _of_one_source(file, rows, columns, wanted)
    chosen = [_bout_row(file, row, cells, columns) for row, cells in rows]
    if any(cell(row.cells, columns.animal) for row in chosen):
        others = sorted({row.target for row in chosen if row.target})
        items = [(cell(row.cells, columns.animal) or _NO_ANIMAL, _is_of(row, wanted.behaviors), row) for row in chosen]
        chosen = choose_animal(file, "animal", items, wanted, others, may_join=True)
    return chosen, notes


def to_events(
    file: AnnotationFile,
    wanted: Wanted,
    format_name: str,
    rows: list[BoutRow],
    bouts: list[FoundBout],
    notes: tuple[str, ...],
) -> EventList:
    """Bouts of one recording as an `EventList`; those of ``unknown`` and its like say where nobody judged."""
    known = [bout for bout in bouts if not says_unknown(bout.behavior)]
    notes = (*notes, *_of_a_model(file, wanted, rows, bouts))
    if len(known) == len(bouts):
        return collect_bouts(file, format_name, bouts, {}, notes)
    is_judged = np.ones(wanted.n_frames, dtype=bool)
    for bout in bouts:
        if says_unknown(bout.behavior):
            is_judged[bout.start_frame : bout.stop_frame] = False
    note = (
        f"{file.path.name}: the behavior of {len(bouts) - len(known)} of {len(bouts)} bouts is a word for not scored. "
        f"Their {int((~is_judged).sum()):,} frames are not scored, but for bouts of other behaviors in them."
    )
    watched = tuple(runs_of_true(is_judged))
    return replace(collect_bouts(file, format_name, known, {}, (*notes, note)), watched=watched)


def _of_a_model(file: AnnotationFile, wanted: Wanted, rows: list[BoutRow], bouts: list[FoundBout]) -> tuple[str, ...]:
    """A doubt where bouts are a model's; a review's own file knows also where the model saw nothing."""
    origin, part = (file.folded.index(name) if name in file.folded else None for name in ("origin", "model_frames"))
    is_model = [cell(row.cells, origin).casefold() == "model" for row in rows]
    stretches = read_seal(file.path).get("from_model")
    frames = Counter({name: sum(stop - start for start, stop in own) for name, own in (stretches or {}).items()})
    if stretches is None:
        for row, bout, is_whole in zip(rows, bouts, is_model, strict=True):
            n_frames = is_whole * (bout.stop_frame - bout.start_frame)
            frames[bout.behavior] += whole_number(cell(row.cells, part)) or n_frames
    return model_doubts(file, wanted, (sum(is_model), len(bouts)), frames)


def _bout_row(file: AnnotationFile, row: int, cells: list[str], columns: BoutColumns) -> BoutRow:
    behavior, target = cell(cells, columns.behavior), cell(cells, columns.target)
    if is_missing(behavior):
        raise InputError(f"{file.at(row)}, names no behavior. Write one, or remove the row.")
    is_own = not is_given(target) or target.casefold() in (_SELF, cell(cells, columns.animal).casefold())
    return BoutRow(row, behavior, "" if is_own else target, cells)


def _is_of(row: BoutRow, behaviors: frozenset[str]) -> bool:
    return row.behavior in behaviors or row.bout(0, 0).full_name in behaviors


def _require_once(file: AnnotationFile, columns: BoutColumns, ends: Ends) -> None:
    for position in (columns.behavior, *ends[:2]):
        name = file.names[position] if position is not None else ""
        if file.folded.count(name.casefold()) > 1 or sum(pair.unit == ends.unit for pair in columns.ends) > 1:
            raise InputError(
                f"Expected one column of behaviors, one of starts and one of stops in {file.path.name}, found several: "
                f"{' | '.join(file.names)[:120]}. Remove the others, or call them something else."
            )


def _of_one_source(
    file: AnnotationFile, rows: list[Row], columns: BoutColumns, wanted: Wanted
) -> tuple[list[Row], tuple[str, ...]]:
    """Rows of one recording and rater, and a doubt where the only recording has quite another name than the video."""
    sources = list(dict.fromkeys(_source(cells, columns) for _, cells in rows))
    if sources in ([], [_Source((), "")]):
        return rows, ()  # Nothing to choose from, whatever is named.
    chosen = _of_recording(file, sources, wanted)
    whose = [source.rater for source in chosen]
    whose = whose if len(set(whose)) == len(whose) else [" | ".join(source.media) for source in chosen]
    if len(chosen) > 1:
        raise InputError(
            f"{file.path.name} holds bouts of one recording by {len(chosen)} raters or in {len(chosen)} files: "
            f"{listing(whose, 8)}. Name the one that is meant: {file.path.name}#observation={whose[0]}."
        )
    names = [] if wanted.choice.observation else chosen[0].recording
    doubts = [other_video_doubts(file, [name], wanted) for name in names]
    notes = doubts[0] if doubts and all(doubts) else ()
    return [row for row in rows if _source(row[1], columns) in chosen], notes


def _of_recording(file: AnnotationFile, sources: list[_Source], wanted: Wanted) -> list[_Source]:
    """Sources of the recording that is meant, and of the rater where one is named."""
    media, observation = wanted.choice.media, wanted.choice.observation
    fitting = [source for source in sources if source.fits(wanted.media_name)]
    own = [source for source in sources if observation and source.is_observation(observation)]
    if observation:
        fitting = [source for source in own if source in fitting] or ([] if media else own)
    elif not fitting and not media:
        fitting = sources
    if len(set(_recordings(fitting))) == 1:
        return fitting
    names = list(dict.fromkeys(_recordings(sources)))
    raters = list(dict.fromkeys(source.rater for source in sources if source.rater))
    by = f" by {listing(raters, 8)}" if raters else ""
    named = observation if observation and not own else wanted.media_name
    said = f", and {named} is not clearly one of them" if named else ""
    raise InputError(
        f"{file.path.name} holds bouts of {len(names)} recordings{by}: {listing(names, 12)}{said}."
        f"{did_you_mean(named, [*names, *raters]) if named else ''} Name the one that belongs to this video, and the "
        f"rater where there are several: {file.path.name}#media={names[0]}#observation={(raters or names)[0]}."
    )


def _source(cells: Sequence[str], columns: BoutColumns) -> _Source:
    media = tuple(cell(cells, i) for i in columns.media)
    return _Source(media if any(media) else (), cell(cells, columns.rater))


def _recordings(sources: list[_Source]) -> list[str]:
    """A name of each source's recording: by the column that has the fewest different names."""
    columns = list(zip(*(source.plain for source in sources if source.media), strict=True))
    if not columns or not all(source.media for source in sources):
        return [next(iter(source.plain), "") for source in sources]
    return list(min(columns, key=lambda column: len(set(column))))


def frames_note(file: AnnotationFile, ends: Ends) -> tuple[str, ...]:
    """A note where the column of stops has another name than ours, by which a last frame may be meant."""
    name = file.names[ends.stop]
    if ends.unit != FRAMES or name.casefold() == "stop_frame":
        return ()
    return (
        f"{file.path.name}: {name!r} is taken as the first frame without the behavior, as stop_frame is. If it is the "
        "last frame with it, add 1 and call the column stop_frame.",
    )
