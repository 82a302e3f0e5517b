"""Every figure of the report, by name, in the order of the page."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from common.processes import start_workers, stop_workers
from pipeline.report.ensemble import draw_ensemble
from pipeline.report.figures.agreement import draw_agreement
from pipeline.report.figures.bouts import draw_bout_lengths, draw_class_balance
from pipeline.report.figures.curves import draw_calibration, draw_confusion, draw_precision_recall
from pipeline.report.figures.importance import draw_importance
from pipeline.report.figures.proximity import draw_proximity
from pipeline.report.figures.rasters import draw_overview, part_for_raster, raster_name, save_raster
from pipeline.report.figures.scores import draw_score_overview, draw_variants
from pipeline.report.figures.statistics import draw_groups, draw_statistics, draw_time_bins
from pipeline.report.figures.style import Drawing, FigureFile, figure_style, save_figure
from pipeline.report.figures.training import draw_stages, draw_training
from pipeline.report.prediction import draw_found
from pipeline.run_folder.reading import RecordingRow, Run
from pipeline.runtime.machine import usable_cores
from pipeline.runtime.progress import progress_bars

log = logging.getLogger(__name__)

# By name, in the order of the page: what draws it, its title and its caption.
FIGURES: Mapping[str, tuple[Callable[[Run], Drawing | None], str, str]] = {
    "found": (
        draw_found,
        "Share of time per recording",
        "One dot per recording, after post-processing; line: mean. Recordings are beside each other by group.",
    ),
    "scores": (
        draw_score_overview,
        "Scores",
        "Large mark: pooled over recordings, with its 95 % interval where there are enough individuals; dots: single "
        "recordings. For comparison: chance (the share of positive frames) and the "
        "(best) baseline for average precision, pairs of humans for F1 where several annotated.",
    ),
    "variants": (
        draw_variants,
        "What post-processing did",
        "Raw: the threshold alone, or the most probable class; closed only: then gaps filled; all steps: the full "
        "chain. Above: F1 of frames and of bouts, pooled, with 95 % intervals where there are enough individuals. "
        "Below: predicted bouts per human bout; 1 is right. A line that falls from raw to closed only shows that "
        "closing did harm.",
    ),
    "ensemble": (
        draw_ensemble,
        "What the ensemble adds",
        "Score of the ensemble minus that of its best member (colored) and minus the mean of its members’ scores "
        "(gray), with 95 % intervals over individuals where there are enough. Where a line crosses 0, the difference "
        "may be chance.",
    ),
    "class_balance": (
        draw_class_balance,
        "How often each behavior occurs",
        "Share of a recording's scored frames in which a human saw the behavior.",
    ),
    "bout_lengths": (
        draw_bout_lengths,
        "Bout lengths, human and predicted",
        "Bouts of all labelled and predicted recordings, predicted ones after post-processing, both in scored frames "
        "only. Many more short predicted bouts than human ones means that bouts are broken into pieces.",
    ),
    "precision_recall": (
        draw_precision_recall,
        "Precision and recall",
        "Pooled over recordings. Line: every threshold; filled mark: raw, without post-processing; open mark: after "
        "all of its steps. Thin gray curves join points of equal F1; the dotted line is chance.",
    ),
    "confusion": (
        draw_confusion,
        "Confusion matrices",
        "Frames after post-processing, pooled. Percentages are shares of a row: of the frames that a human called so, "
        "how many the model called so.",
    ),
    "calibration": (
        draw_calibration,
        "Calibration",
        "Above: of the frames whose probability lies in a tenth, the share in which a human saw the behavior; on the "
        "dotted line probabilities are calibrated. Below: how many frames are in each tenth (logarithmic).",
    ),
    "agreement": (
        draw_agreement,
        "The model next to the human ceiling",
        "Above each line: pairs of humans, their range as a gray band and their mean as a black line; below it: the "
        "model compared with each human, in the behavior's color. A model inside the band agrees with a human as well "
        "as humans do with each other.",
    ),
    "proximity": (
        draw_proximity,
        "How far the animals are apart",
        "Share of a behavior's frames at each distance: colored while a human saw it, gray while not; lines: medians. "
        "Scored frames in which the distance is known; the last bin holds all that is farther.",
    ),
    "importance": (
        draw_importance,
        "What mattered to boosting",
        "By how much boosting’s average precision on held-out recordings drops when one feature, its means with it, is "
        "shuffled over frames: mean over folds, and a standard deviation to each side. The first 20; of features that "
        "carry the same information, each alone may seem unimportant.",
    ),
    "training": (
        draw_training,
        "Training curves",
        "One line per fold, the final head in black. A dot marks the epoch whose weights were kept.",
    ),
    "overview": (
        draw_overview,
        "All recordings",
        "In each recording and behavior, above: what a human saw; below: predicted after post-processing. "
        "Gray: not scored by a human.",
    ),
    "statistics": (
        draw_statistics,
        "Predicted against human, per recording",
        "Left of each pair: predicted against human value. Right: Bland–Altman, the difference against the mean of "
        "both, with bias and 95 % limits of agreement. On the frames that both human and model know.",
    ),
    "time_bins": (
        draw_time_bins,
        "Over time",
        "Share of each bin's known time spent in the behavior, human and predicted, over all recordings that a human "
        "scored; drawn at the middle of the bin.",
    ),
    "groups": (
        draw_groups,
        "Groups",
        "One dot per individual (the mean over its recordings), by group: as humans counted and as predicted.",
    ),
    "stages": (
        draw_stages,
        "Where the time went",
        "Seconds per stage of this run; stages that were finished before take none.",
    ),
}
_WITHOUT_HUMANS = {
    "overview": "In each recording, what is predicted after post-processing.",
    "time_bins": "Share of each bin's known time spent in the behavior as predicted; drawn at the middle of the bin.",
}
# A process needs seconds before it draws: fewer rasters are drawn sooner without another one.
_RASTERS_PER_WORKER = 4
_MAX_WORKERS = 8


def draw_figures(run: Run, folder: Path) -> dict[str, FigureFile]:
    """Draw and save all figures for which the run has the numbers.

    Parameters
    ----------
    run : Run
    folder : Path
        Where PNG, SVG and CSV files go.

    Returns
    -------
    dict of str to FigureFile
        By name: those in `FIGURES`, and `raster_<recording>` for each predicted recording.

    Raises
    ------
    InputError
        When a file cannot be written.
    """
    rows = [row for row in run.recordings if row.recording in run.timelines]
    n_figures = len(FIGURES) + len(rows)
    log.info("Drawing %d figures.", n_figures)
    drawn: dict[str, FigureFile | None] = {}
    with progress_bars() as bars, _rasters_elsewhere(run, folder, rows) as elsewhere:
        bar = bars.add("Drawing figures", n_figures)
        for name in FIGURES:
            drawn[name] = _draw_named(run, folder, name)
            bar.update(len(drawn) + _n_done(elsewhere))
        # The other processes began with the first ones.
        for row in reversed(rows):
            if elsewhere[row.recording].cancel():
                drawn[raster_name(row)] = save_raster(run, row, folder)
                bar.update(len(drawn) + _n_done(elsewhere))
        for row in rows:
            if raster_name(row) not in drawn:
                drawn[raster_name(row)] = _raster_of(elsewhere[row.recording], run, row, folder)
                bar.update(len(FIGURES) + sum(future.done() for future in elsewhere.values()))
    names = (*FIGURES, *map(raster_name, rows))
    return {name: figure for name in names if (figure := drawn[name]) is not None}


def _draw_named(run: Run, folder: Path, name: str) -> FigureFile | None:
    draw, title, caption = FIGURES[name]
    has_humans = any(lines.has_labels for lines in run.timelines.values())
    words = caption if has_humans else _WITHOUT_HUMANS.get(name, caption)
    with figure_style():
        drawing = draw(run)
        if drawing is None:
            return None
        return save_figure(drawing, folder, name, title, words, "png" if name == "overview" else "svg")


@contextmanager
def _rasters_elsewhere(
    run: Run, folder: Path, rows: Sequence[RecordingRow]
) -> Iterator[dict[str, "Future[FigureFile]"]]:
    """Begin to draw rasters in processes of their own; those that nobody began can be canceled."""
    n_workers = min(usable_cores() - 1, len(rows) // _RASTERS_PER_WORKER, _MAX_WORKERS)
    if n_workers < 1:
        yield {row.recording: Future() for row in rows}
        return
    pool = start_workers(n_workers)
    try:
        yield {row.recording: pool.submit(save_raster, part_for_raster(run, row), row, folder) for row in rows}
    finally:
        stop_workers(pool)


def _n_done(futures: Mapping[str, "Future[FigureFile]"]) -> int:
    return sum(future.done() and not future.cancelled() for future in futures.values())


def _raster_of(future: "Future[FigureFile]", run: Run, row: RecordingRow, folder: Path) -> FigureFile:
    try:
        return future.result()
    except BrokenProcessPool:
        # Where no other process lives, this one still can draw.
        return save_raster(run, row, folder)
