"""The numbers behind every figure are those of the run's tables, and the marks drawn are those numbers."""

import csv
from typing import Any

import numpy as np
import pytest

from pipeline.report.figures.agreement import draw_agreement
from pipeline.report.figures.bouts import bout_durations_s, draw_bout_lengths, draw_class_balance
from pipeline.report.figures.curves import draw_calibration, draw_confusion, draw_precision_recall
from pipeline.report.figures.rasters import draw_overview, draw_raster
from pipeline.report.figures.scores import draw_score_overview, draw_variants
from pipeline.report.figures.statistics import draw_groups, draw_statistics, draw_time_bins
from pipeline.report.figures.style import Drawing, new_figure, save_figure
from pipeline.report.figures.training import draw_training
from pipeline.run_folder.reading import read_run
from pipeline.scoring.agreement import human_ceiling
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess
from tests.pipeline.report.report_runs import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Any:
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "run",
        n_train=4,
        n_test=2,
        n_predict=1,
        n_frames=1300,
        n_annotators=3,
        unscored=slice(100, 150),
    )
    return read_run(folder)


def rows_of(drawing: Drawing | None, **wanted) -> list[Any]:
    assert drawing is not None
    assert drawing.numbers
    assert all(list(row) == list(drawing.numbers[0]) for row in drawing.numbers)
    return [row for row in drawing.numbers if all(row[name] == value for name, value in wanted.items())]


def test_scores_at_a_glance(run):
    drawing = draw_score_overview(run)
    for score, variant in (("average_precision", "raw"), ("f1", "full"), ("bout_f1_iou50", "full")):
        for behavior in run.behaviors:
            row = run.tables.interval(behavior, "cross_validation", variant, score)
            (pooled,) = rows_of(drawing, behavior=behavior, subset="cross_validation", score=score, mark="pooled")
            assert (pooled["value"], pooled["low"], pooled["high"]) == (row["value"], row["low"], row["high"])
    singles = rows_of(drawing, behavior="mid_rearing", subset="test", score="f1", mark="recording")
    for row in singles:
        assert row["value"] == run.score("mid_rearing", "test", "full", row["recording"])["f1"]
    assert len(singles) == 2
    (humans,) = rows_of(drawing, behavior="grooming", subset="test", score="f1", mark="human pairs")
    ceiling = human_ceiling(run.tables.agreement, "grooming", "test", "f1")
    assert (humans["value"], humans["low"], humans["high"]) == (ceiling.mean, ceiling.low, ceiling.high)
    (baseline,) = rows_of(drawing, behavior="grooming", subset="test", mark="baseline")
    assert baseline["value"] == run.score("grooming", "test", "raw", baseline=True)["average_precision"]


def test_what_post_processing_did(run):
    drawing = draw_variants(run)
    for row in rows_of(drawing):
        key = (row["behavior"], row["subset"], row["postprocessed"])
        bouts = run.tables.bout_score(*key)
        assert row["f1"] == run.score(*key)["f1"]
        assert row["bout_f1_iou50"] == bouts["bout_f1_iou50"]
        assert row["predicted_per_true"] == bouts["n_predicted"] / bouts["n_true"]
    assert len(rows_of(drawing)) == 3 * 3
    bars = drawing.figure.axes[1].patches
    shown = rows_of(drawing, behavior=run.behaviors[0])
    assert [bar.get_height() for bar in bars] == [row["predicted_per_true"] for row in shown]


def test_precision_recall_and_confusion(run):
    drawing = draw_precision_recall(run)
    for behavior in run.behaviors:
        for subset in run.subsets:
            for variant in ("raw", "full"):
                row = run.score(behavior, subset, variant)
                (point,) = rows_of(drawing, behavior=behavior, subset=subset, what=f"operating point, {variant}")
                assert (point["recall"], point["precision"]) == (row["recall"], row["precision"])
            curve = rows_of(drawing, behavior=behavior, subset=subset, what="curve")
            assert curve[-1]["recall"] == 1
    for row in rows_of(draw_confusion(run)):
        table = run.score(row["behavior"], row["subset"], "full")
        assert all(row[name] == table[name] for name in ("tp", "fp", "fn", "tn"))


def test_calibration_shows_the_bins_of_the_first_subset(run):
    drawing = draw_calibration(run)
    table = [row for row in run.tables.calibration if row["subset"] == "cross_validation" and row["n_frames"]]
    shown = rows_of(drawing)
    assert shown == [{name: row[name] for name in shown[0]} for row in table]
    mine = rows_of(drawing, behavior="grooming")
    line = next(line for line in drawing.figure.axes[0].lines if line.get_marker() == "o" and len(line.get_xdata()))
    assert list(line.get_xdata()) == [row["mean_probability"] for row in mine]
    assert list(line.get_ydata()) == [row["observed"] for row in mine]


def test_agreement_shows_every_pair_in_every_measure(run):
    drawing = draw_agreement(run)
    table = [row for row in run.tables.agreement if row["recording"] == "pooled"]
    for row in table:
        for measure in ("kappa", "f1", "bout_f1_iou50", "onset_difference_s"):
            names = ("behavior", "subset", "kind", "first", "second")
            (shown,) = rows_of(drawing, measure=measure, **{name: row[name] for name in names})
            assert shown["value"] == row[measure]
    # The first panel's bands are the ranges of human pairs.
    axes = drawing.figure.axes[0]
    spans = [path.get_extents() for band in axes.collections for path in band.get_paths()]
    ceiling = human_ceiling(run.tables.agreement, "grooming", "cross_validation", "kappa")
    assert (spans[0].x0, spans[0].x1) == pytest.approx((ceiling.low, ceiling.high))


def test_statistics_are_the_pairs_that_the_table_of_agreement_sums_up(run):
    drawing = draw_statistics(run)
    for row in run.tables.statistics_agreement:
        if row["statistic"] in ("total_s", "n_bouts"):
            key = {name: row[name] for name in ("behavior", "subset", "statistic")}
            pairs = rows_of(drawing, **key)
            errors = np.array([pair["predicted"] - pair["human"] for pair in pairs])
            assert len(pairs) == row["n_recordings"]
            assert errors.mean() == pytest.approx(row["bias"], abs=1e-6)
            assert np.abs(errors).mean() == pytest.approx(row["mean_absolute_error"], abs=1e-6)
            assert np.mean([pair["human"] for pair in pairs]) == pytest.approx(row["human_mean"], abs=1e-6)


def test_time_bins_are_means_over_the_recordings_that_a_human_scored(run):
    drawing = draw_time_bins(run)
    for row in rows_of(drawing):
        cells = [
            cell["fraction"]
            for cell in run.tables.statistics_bins
            if all(cell[name] == row[name] for name in ("behavior", "source", "bin"))
            and cell["recording"] != "mouse_07"
            and cell["fraction"] is not None
        ]
        assert row["n_recordings"] == len(cells) == 6
        assert row["mean_percent"] == pytest.approx(100 * np.mean(cells))
    # What is left of the last minute stands in the table, but is no point like the others.
    lengths_s = {row["bin"]: row["length_s"] for row in run.tables.statistics_bins}
    assert set(lengths_s) == {0, 1, 2} and lengths_s[2] < lengths_s[0] / 2
    assert [row["bin"] for row in rows_of(drawing, behavior="grooming", source="human")] == [0, 1]


def test_group_means_are_those_of_the_table(run):
    drawing = draw_groups(run)
    for row in run.tables.groups:
        key = {name: row[name] for name in ("behavior", "measure", "source")}
        first = [item["value"] for item in rows_of(drawing, group=row["first_group"], **key)]
        second = [item["value"] for item in rows_of(drawing, group=row["second_group"], **key)]
        assert (len(first), len(second)) == (row["n_first"], row["n_second"])
        assert np.mean(first) - np.mean(second) == pytest.approx(row["difference"], abs=1e-6)


def test_bout_lengths_and_class_balance_count_scored_frames(run):
    lengths = draw_bout_lengths(run)
    for behavior in run.behaviors:
        human, predicted = bout_durations_s(run, behavior)
        rows = rows_of(lengths, behavior=behavior)
        assert (sum(r["n_human"] for r in rows), sum(r["n_predicted"] for r in rows)) == (human.size, predicted.size)
    for row in rows_of(draw_class_balance(run)):
        table = run.score(row["behavior"], row["subset"], "raw", row["recording"])
        assert row["n_scored"] == table["n_frames"] == 1250
        assert row["percent_positive"] == pytest.approx(100 * table["n_positive"] / table["n_frames"])


def test_a_raster_holds_every_frame_and_unknown_is_empty(run, tmp_path):
    drawing = draw_raster(run, run.recordings[0])
    save_figure(drawing, tmp_path, "raster", "A raster", "Of one recording.")
    with (tmp_path / "raster.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    lines = run.timelines["mouse_01"]
    assert len(rows) == 1300
    assert {rows[i]["grooming_human"] for i in range(100, 150)} == {""}
    probability = np.array([float(row["mid_rearing_probability"]) for row in rows])
    assert probability == pytest.approx(lines.probability[:, 1], abs=1e-6)
    predicted = [row["mid_rearing_predicted"] == "1" for row in rows]
    assert predicted == postprocess(lines.probability[:, 1], PostprocessConfig(), 10.0).tolist()
    bars = [row for row in draw_overview(run).numbers if row["recording"] == "mouse_01" and row["bar"] == "predicted"]
    total_s = sum(bar["stop_s"] - bar["start_s"] for bar in bars if bar["behavior"] == "mid_rearing")
    assert total_s == pytest.approx(sum(predicted) / 10)


def test_curves_of_the_other_protocol_and_of_inner_folds_are_kept_out(run, tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=2, n_test=0, n_frames=200)
    path = folder / "training.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    own = [line for line in lines if line.startswith("rear,lstm,")]
    more = [line.replace(",lstm,", f",lstm ({mark}),") for line in own for mark in ("thesis protocol", "for settings")]
    path.write_text("\n".join([*lines, *more]) + "\n", encoding="utf-8")
    drawing = draw_training(read_run(folder))
    assert len(rows_of(drawing)) == len(own)
    curves = [line for line in drawing.figure.axes[0].lines if line.get_linestyle() == "-"]
    assert len(curves) == 3


def test_numbers_are_written_beside_the_figure_and_none_without_any(tmp_path):
    figure = new_figure(2, 2)
    figure.add_subplot().plot([0, 1], [0.5, 0.25])
    numbers = [{"x": 0, "y": 0.5}, {"x": 1, "y": None}]
    save_figure(Drawing(figure, numbers), tmp_path, "line", "A line", "It falls.")
    assert (tmp_path / "line.csv").read_text(encoding="utf-8") == "x,y\n0,0.500000\n1,\n"
    empty = new_figure(2, 2)
    empty.add_subplot()
    save_figure(Drawing(empty, []), tmp_path, "empty", "Nothing", "Nothing at all.")
    assert not (tmp_path / "empty.csv").exists()
