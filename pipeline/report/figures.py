"""Every figure of the report, by name, in the order of the page."""

from collections.abc import Mapping
from pathlib import Path

from pipeline.report.bout_figures import draw_bout_lengths, draw_class_balance
from pipeline.report.raster_figures import draw_overview, draw_raster
from pipeline.report.run_files import Run
from pipeline.report.score_figures import draw_confusion, draw_precision_recall, draw_score_overview
from pipeline.report.style import FigureFile, figure_style, save_figure
from pipeline.report.training_figures import draw_stages, draw_training

CAPTIONS: Mapping[str, tuple[str, str]] = {
    "scores": (
        "Average precision at a glance",
        "Dots: single recordings. Diamond: all cross-validated recordings pooled; triangle: test recordings pooled. "
        "Gray ring: the baseline, pooled. Gray tick: chance, the share of positive frames.",
    ),
    "class_balance": (
        "How often each behavior occurs",
        "Share of a recording's scored frames in which a human saw the behavior.",
    ),
    "bout_lengths": (
        "Bout lengths, human and predicted",
        "Bouts of all labelled and predicted recordings, predicted ones after post-processing, both in scored frames "
        "only. Many more short predicted bouts than human ones means that bouts are broken into pieces.",
    ),
    "precision_recall": (
        "Precision and recall",
        "Pooled over recordings. Line: every threshold; filled mark: the threshold in use, before post-processing; "
        "open mark: after post-processing. Thin gray curves join points of equal F1; the dotted line is chance.",
    ),
    "confusion": (
        "Confusion matrices",
        "Frames after post-processing, pooled. Percentages are shares of a row: of the frames in which a human saw "
        "(or did not see) the behavior, how many the model called so.",
    ),
    "training": (
        "Training curves",
        "One line per fold, the final head in black. A dot marks the epoch whose weights were kept.",
    ),
    "overview": (
        "All recordings at one glance",
        "In each recording and behavior, above: what a human saw; below: predicted after post-processing. "
        "Gray: not scored by a human.",
    ),
    "stages": (
        "Where the time went",
        "Seconds per stage of this run; stages that were found finished take none.",
    ),
}


def draw_figures(run: Run, folder: Path) -> dict[str, FigureFile]:
    """Draw and save all figures that the run has material for.

    Parameters
    ----------
    run : Run
    folder : Path
        Where PNG and SVG files go.

    Returns
    -------
    dict of str to FigureFile
        By name: those in `CAPTIONS`, and `raster_<recording>` for each predicted recording.
    """
    painters = {
        "scores": draw_score_overview,
        "class_balance": draw_class_balance,
        "bout_lengths": draw_bout_lengths,
        "precision_recall": draw_precision_recall,
        "confusion": draw_confusion,
        "training": draw_training,
        "overview": draw_overview,
        "stages": draw_stages,
    }
    drawn: dict[str, FigureFile] = {}
    with figure_style():
        for name, paint in painters.items():
            figure = paint(run)
            if figure is not None:
                embed = "png" if name == "overview" else "svg"
                drawn[name] = save_figure(figure, folder, name, *CAPTIONS[name], embed=embed)
        for row in run.recordings:
            if row.recording in run.timelines:
                name = f"raster_{row.recording}"
                drawn[name] = save_figure(
                    draw_raster(run, row),
                    folder,
                    name,
                    row.recording,
                    "Above: human and predicted bouts; line: probability, dashed: threshold; gray: not scored.",
                    embed="png",
                )
    return drawn
