"""What the figures show, read back from their axes."""

import os
import re
from concurrent.futures.process import BrokenProcessPool
from itertools import combinations, pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from common.colors import PALETTE, behavior_colors
from common.processes import start_workers
from pipeline.report.figures import catalog
from pipeline.report.figures.agreement import draw_agreement
from pipeline.report.figures.bouts import bout_durations_s, draw_bout_lengths, draw_class_balance
from pipeline.report.figures.curves import draw_calibration, draw_confusion, draw_precision_recall, thin_curve
from pipeline.report.figures.rasters import draw_overview, draw_raster
from pipeline.report.figures.scores import draw_score_overview, draw_variants
from pipeline.report.figures.statistics import draw_groups, draw_statistics, draw_time_bins
from pipeline.report.figures.style import Drawing, arrange, figure_style, new_figure, save_figure, shorten
from pipeline.report.figures.training import draw_stages, draw_training
from pipeline.run_folder.reading import read_run
from pipeline.scoring.metrics import average_precision, precision_recall_curve
from tests.pipeline.report.report_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "run",
        n_train=2,
        n_test=1,
        n_predict=1,
        n_frames=400,
        never=("mouse_01", "grooming"),
        unscored=slice(100, 150),
    )
    return read_run(folder)


def axes_of(drawing) -> list[Any]:
    assert drawing is not None
    return drawing.figure.axes


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_drawing_leaves_the_global_settings_alone(run):
    before = dict(mpl.rcParams)
    with figure_style():
        draw_score_overview(run)
        assert mpl.rcParams["svg.hashsalt"] == "rearview"
    assert dict(mpl.rcParams) == before


def test_colors_are_one_per_behavior_in_every_figure(run):
    colors = behavior_colors(run.behaviors)
    assert list(colors.values()) == list(PALETTE[:3])
    marks = {to_hex(line.get_color()).upper() for line in axes_of(draw_class_balance(run))[0].lines}
    assert marks == set(colors.values())


def test_the_precision_recall_legend_carries_the_tables_values(run):
    for axes, behavior in zip(axes_of(draw_precision_recall(run)), run.behaviors, strict=True):
        row = run.score(behavior, "test", "raw")
        words = [text.get_text() for text in axes.get_legend().get_texts()]
        assert f"test: AP {row['average_precision']:.3f}" in words
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("Recall", "Precision")


def test_the_marks_of_an_operating_point_lie_above_all_curves_and_both_are_seen(run):
    axes = axes_of(draw_precision_recall(run))[1]
    marks, curves = ([line for line in axes.lines if (len(line.get_xdata()) == 1) == n] for n in (1, 0))
    assert min(mark.get_zorder() for mark in marks) > max(curve.get_zorder() for curve in curves)
    filled, ring = marks[0], marks[1]
    # Where post-processing changed nothing both lie in one place: the ring is larger, and there is nothing in it.
    assert ring.get_markersize() > filled.get_markersize() + 2
    assert ring.get_markerfacecolor() == "none"
    figure = axes.figure
    figure.draw_without_rendering()
    for panel in figure.axes:
        assert not panel.get_legend().get_window_extent().overlaps(panel.bbox)


def shown_texts(figure):
    """The texts of a figure that are drawn, with their places in pixels."""
    labels = {
        label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks() + axis.get_minor_ticks() for label in (tick.label1, tick.label2)
    }  # fmt: skip
    drawn = {
        label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) if axis.get_visible()
        for tick in axis._update_ticks() for label in (tick.label1, tick.label2)
    }  # fmt: skip
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and (text not in labels or text in drawn):
            yield text.get_text(), text.get_window_extent()


LONG_NAMES = ("social investigation of the partner", "rearing at the wall", "digging", "grooming", "mounting", "rest")


@pytest.mark.parametrize(("n_behaviors", "only"), [(1, ()), (6, ("scores", "class_balance", "overview"))])
def test_no_word_of_a_figure_is_cut_off_or_written_over(tmp_path, n_behaviors, only):
    # Names as long as those of a lab; the last tick is at the very end. Some figures name behaviors in a legend.
    folder = make_run(
        tmp_path / "run", LONG_NAMES[:n_behaviors], n_train=2, n_test=1, n_frames=600, prefix="a_name_of_a_recording_"
    )
    run = read_run(folder)
    with figure_style():
        drawings = {
            name: draw(run) for name, (draw, *_) in catalog.FIGURES.items() if name in (only or catalog.FIGURES)
        }
        drawings["raster"] = draw_raster(run, run.recordings[0])
        for name, drawing in drawings.items():
            if drawing is None:
                continue
            arrange(drawing.figure)
            drawing.figure.draw_without_rendering()
            found = list(shown_texts(drawing.figure))
            assert found
            canvas = drawing.figure.bbox.padded(1.5)
            for text, box in found:
                assert canvas.containsx(box.x0) and canvas.containsx(box.x1), (name, text)
                assert canvas.containsy(box.y0) and canvas.containsy(box.y1), (name, text)
            for (text, box), (other, own) in combinations(found, 2):
                both = (min(box.x1, own.x1) - max(box.x0, own.x0), min(box.y1, own.y1) - max(box.y0, own.y0))
                assert min(both[0] - 1, both[1] - 2) <= 0, (name, text, other)


def test_a_thinned_curve_still_shows_the_area_that_is_printed():
    rng = np.random.default_rng(1)
    true = rng.random(30000) < 0.1
    probability = np.clip(true * 0.3 + rng.random(30000) * 0.7, 0, 1)
    curve = precision_recall_curve(true, probability)
    assert curve is not None
    recall, precision = thin_curve(curve)
    assert recall.size <= 600
    assert recall[-1] == 1
    area = np.sum(np.diff(recall, prepend=0) * precision)
    assert area == pytest.approx(average_precision(true, probability), abs=0.005)


def test_operating_points_lie_where_the_table_says(run):
    axes = axes_of(draw_precision_recall(run))[1]
    points = {(float(x[0]), float(y[0])) for x, y in (line.get_data() for line in axes.lines) if len(x) == 1}
    for variant in ("raw", "full"):
        row = run.score(run.behaviors[1], "test", variant)
        assert (row["recall"], row["precision"]) in points


def test_confusion_shows_the_counts(run):
    axes = axes_of(draw_confusion(run))[len(run.subsets)]
    row = run.score(run.behaviors[1], "cross_validation", "full")
    shown = texts(axes)
    assert [f"{row[name]:,}" for name in ("tp", "fn", "fp", "tn")] == shown[0::2]


def test_a_raster_shows_human_and_predicted_bouts_at_their_times(run):
    row = run.recordings[0]
    axes = axes_of(draw_raster(run, row))[2]
    lines = run.timelines[row.recording]
    # The first collection is the area under the probability.
    unscored, human, predicted = ([path.get_extents() for path in bars.get_paths()] for bars in axes.collections[1:4])
    assert [(round(box.x0 * 10), round(box.x1 * 10)) for box in unscored] == [(100, 150)]
    total = sum(box.x1 - box.x0 for box in human)
    assert total == pytest.approx((lines.true[:, 2] & lines.scored[:, 2]).sum() / row.fps)
    assert sum(box.x1 - box.x0 for box in predicted) == pytest.approx(lines.predicted["full"][:, 2].sum() / row.fps)


def test_a_long_recording_is_broken_into_lines(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=1, n_test=0, n_frames=9000)
    run = read_run(folder)
    axes = axes_of(draw_raster(run, run.recordings[0]))
    assert len(axes) == 3
    limits = [ax.get_xlim() for ax in axes]
    assert limits[0][0] == 0
    assert limits[-1][1] == pytest.approx(900)
    assert all(later[0] == pytest.approx(earlier[1]) for earlier, later in pairwise(limits))


def test_a_recording_without_labels_has_no_human_bars(run):
    axes = axes_of(draw_raster(run, run.recordings[-1]))[0]
    assert "human" not in [label.get_text() for label in axes.get_yticklabels()]
    assert len(axes_of(draw_overview(run))[0].get_yticklabels()) == 4


def test_bouts_are_counted_in_scored_frames_of_labelled_recordings(run):
    human, predicted = bout_durations_s(run, "wall_rearing")
    lines = [run.timelines[f"mouse_{i:02d}"] for i in (1, 2, 3)]
    assert human.sum() * 10 == pytest.approx(sum((x.true & x.scored)[:, 2].sum() for x in lines))
    assert predicted.sum() * 10 == pytest.approx(sum((x.predicted["full"] & x.scored)[:, 2].sum() for x in lines))
    shown = texts(axes_of(draw_bout_lengths(run))[2])
    assert shown[0].startswith(f"human: {human.size}, median {np.median(human):.1f} s")


def test_training_curves_leave_the_baseline_out_and_mark_the_kept_epoch(run):
    loss_axes = axes_of(draw_training(run))[0]
    folds = {row.fold for row in run.training if row.head == "lstm" and row.behavior == "grooming"}
    curves = [line for line in loss_axes.lines if line.get_linestyle() == "-"]
    marks = [line for line in loss_axes.lines if line.get_marker() == "o"]
    assert len(curves) == len(marks) == len(folds)
    kept = {row.epoch for row in run.training if row.head == "lstm" and row.behavior == "grooming" and row.best}
    assert {int(mark.get_xdata()[0]) for mark in marks} == kept


def test_stages_are_written_out_in_seconds(run):
    assert " 120.5 s" in texts(axes_of(draw_stages(run))[0])


def test_figures_without_numbers_are_not_drawn(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=0, n_test=0, n_predict=1, n_frames=60)
    (folder / "training.csv").unlink()
    (folder / "provenance.json").write_text("{}", encoding="utf-8")
    run = read_run(folder)
    for draw in (
        draw_agreement,
        draw_calibration,
        draw_groups,
        draw_score_overview,
        draw_statistics,
        draw_time_bins,
        draw_variants,
        draw_precision_recall,
        draw_confusion,
        draw_class_balance,
        draw_bout_lengths,
        draw_training,
        draw_stages,
    ):
        assert draw(run) is None
    assert draw_overview(run) is not None


def test_saved_figures_have_no_date_and_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        with figure_style():
            figure = new_figure(2, 2)
            figure.add_subplot().plot([0, 1], [0, 1])
            save_figure(Drawing(figure, []), tmp_path / name, "line", "A line", "It rises.")
    for kind in ("png", "svg"):
        first = (tmp_path / "a" / f"line.{kind}").read_bytes()
        assert first == (tmp_path / "b" / f"line.{kind}").read_bytes()
        assert not re.search(rb"20\d\d-\d\d-\d\d", first)


@pytest.mark.parametrize(("text", "short"), [("abc", "abc"), ("abcdefghij", "abc…ghij"), ("12345678", "12345678")])
def test_long_names_lose_their_middle(text, short):
    assert shorten(text, 8) == short


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rasters_are_the_same_from_this_process_another_one_or_after_its_end(run, tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "FIGURES", {"stages": catalog.FIGURES["stages"]})
    monkeypatch.setattr(catalog, "_RASTERS_PER_WORKER", 2)
    monkeypatch.setattr(catalog, "usable_cores", lambda: 1)
    alone = catalog.draw_figures(run, tmp_path / "alone")
    assert list(alone) == ["stages", *(f"raster_mouse_{i:02d}" for i in range(1, 5))]

    monkeypatch.setattr(catalog, "usable_cores", lambda: 2)
    elsewhere = []
    raster_of = catalog._raster_of
    monkeypatch.setattr(catalog, "_raster_of", lambda future, *of: elsewhere.append(future) or raster_of(future, *of))
    assert catalog.draw_figures(run, tmp_path / "together") == alone
    assert elsewhere
    assert not any(future.exception() for future in elsewhere)

    elsewhere.clear()
    monkeypatch.setattr(catalog, "start_workers", lambda n: start_workers(n, os._exit, (1,)))
    assert catalog.draw_figures(run, tmp_path / "ended") == alone
    assert any(isinstance(future.exception(), BrokenProcessPool) for future in elsewhere)
    assert files_of(tmp_path / "alone") == files_of(tmp_path / "together") == files_of(tmp_path / "ended")
