import csv
from typing import Any

import pytest

from features.errors import InputError
from pipeline.report.comparison import COMPARISON_COLUMNS, compare_runs, write_comparison
from pipeline.report.run_files import read_run
from tests.pipeline.report_runs import make_run
from tests.pipeline.test_report import Page


@pytest.fixture(scope="module")
def run_dirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    shape: dict[str, Any] = {"n_train": 2, "n_test": 1, "n_frames": 300, "behaviors": ("grooming", "turning")}
    good = make_run(folder / "exp1", name="exp1", noise=0.6, note="compact was used", **shape)
    poor = make_run(folder / "exp3", name="exp3 <b>", noise=2.5, head={"name": "tcn"}, baseline=False, **shape)
    return [good, poor]


@pytest.fixture(scope="module")
def compared(run_dirs):
    out_path = run_dirs[0].parent / "comparison.html"
    rows = write_comparison(run_dirs, out_path)
    return rows, out_path


def test_rows_hold_what_the_score_tables_say(run_dirs, compared):
    rows, _ = compared
    assert [(row.behavior, row.run) for row in rows] == [
        ("grooming", "exp1"),
        ("grooming", "exp3 <b>"),
        ("turning", "exp1"),
        ("turning", "exp3 <b>"),
    ]
    run: Any = read_run(run_dirs[0])
    first = rows[0]
    assert first.cv_average_precision == run.score("grooming", "cross_validation", "raw")["average_precision"]
    assert first.cv_f1 == run.score("grooming", "cross_validation", "closed")["f1"]
    assert first.test_f1 == run.score("grooming", "test", "closed")["f1"]
    assert (first.head, first.backbone) == ("lstm", "compact")
    assert (rows[1].head, rows[1].backbone, rows[1].baseline_average_precision) == ("tcn", "resnet50v2", None)
    assert first.minutes == pytest.approx((31.2 + 120.5 + 190.0 + 25.0) / 60)


def test_the_best_is_marked_per_behavior_and_score(compared):
    rows, _ = compared
    turning = [row for row in rows if row.behavior == "turning"]
    assert "cv_average_precision" in turning[0].best
    assert "cv_average_precision" not in turning[1].best


def test_a_lone_run_is_not_the_best_of_anything(run_dirs):
    assert all(row.best == frozenset() for row in compare_runs([read_run(run_dirs[0])]))


def test_the_csv_holds_the_same_rows(compared):
    rows, out_path = compared
    with out_path.with_suffix(".csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert tuple(table[0]) == COMPARISON_COLUMNS
    assert [line["run"] for line in table] == [row.run for row in rows]
    assert float(table[0]["cv_f1"]) == pytest.approx(rows[0].cv_f1, abs=1e-6)
    assert table[1]["baseline_average_precision"] == ""


def test_the_page_shows_the_numbers_beside_the_thesis(compared):
    rows, out_path = compared
    text = out_path.read_text(encoding="utf-8")
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    assert f"{rows[0].cv_average_precision:.3f}" in page.text
    assert "Table 5.1: grooming" in page.text
    assert "0.679" in page.text
    assert "Table 5.2" not in page.text
    assert "exp3 <b>" in page.text
    assert "compact was used" in page.text
    assert "scored on different frames" not in page.text
    assert (out_path.parent / "comparison_figures" / "comparison.svg").exists()


def test_runs_on_other_frames_or_protocols_are_called_out(run_dirs, tmp_path):
    other = make_run(
        tmp_path / "other",
        name="other",
        behaviors=("grooming",),
        n_train=2,
        n_test=0,
        n_frames=200,
        protocol="thesis",
    )
    write_comparison([run_dirs[0], other], tmp_path / "comparison.html")
    page = Page((tmp_path / "comparison.html").read_text(encoding="utf-8"))
    assert "grooming: scored on different frames in exp1 | other." in page.text
    assert "different protocols" in page.text


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"config\.yaml"):
        write_comparison([tmp_path], tmp_path / "comparison.html")
