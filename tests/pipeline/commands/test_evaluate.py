"""The `evaluate` command: a table of labels and probabilities from any program, scored."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.command_line import main
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def score(folder: Path, behavior: str, variant: str, column: str = "f1", table: str = "scores.csv") -> float:
    (row,) = [
        row
        for row in rows_of(folder / table)
        if (row["behavior"], row["recording"], row["postprocessed"]) == (behavior, "pooled", variant)
    ]
    return float(row[column])


def write(path: Path, label: str, probability: list[float | str], header: str = "frame,human,model") -> Path:
    """A table of one behavior; `label` has one character per frame, `.` = not scored."""
    lines = [f"{i},{'' if c == '.' else c},{p}" for i, (c, p) in enumerate(zip(label, probability, strict=True))]
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def evaluate(table: Path, output: Path, *more: str) -> int:
    return main(
        ["evaluate", str(table), "--behavior", "rear=human,model", "--fps", "10", "--output", str(output), *more]
    )


@pytest.mark.shared
def test_the_thesis_predictions_give_the_figures_of_the_thesis_model(shared_dir: Path, tmp_path: Path):
    """Frame F1 at threshold .5, raw and with gaps of up to 10 frames closed, as computed from the file by others."""
    table = shared_dir / "data" / "thesis_predictions" / "HD_ChR2_510A_resnet_lstm.csv"
    behaviors = ["grooming=grooming,g_prediction", "mid=rearing_mig,mr_prediction", "wall=rearing_paret,wr_prediction"]
    arguments = [part for text in behaviors for part in ("--behavior", text)]
    output = tmp_path / "thèse"
    options = ["--fps", "10", "--threshold", ".5", "--max-gap-s", "1", "--min-bout-s", "0"]
    assert main(["evaluate", str(table), *arguments, *options, "--output", str(output)]) == 0
    for behavior, raw, closed in (("grooming", 0.938, 0.936), ("mid", 0.667, 0.651), ("wall", 0.802, 0.765)):
        assert round(score(output, behavior, "raw"), 3) == raw
        assert round(score(output, behavior, "closed"), 3) == closed
        assert score(output, behavior, "full") == score(output, behavior, "closed")
    # Frame F1 .94 beside more than four times too many bouts.
    n_true, n_predicted = (score(output, "grooming", "raw", c, "bout_scores.csv") for c in ("n_true", "n_predicted"))
    assert (n_true, n_predicted) == (5, 22)
    assert (output / "report.html").stat().st_size > 10_000


def test_a_hand_made_table_scored_before_and_after_postprocessing(tmp_path: Path):
    label = "0011111100..0000"
    probability = [0.1, 0.1, 0.9, 0.9, 0.2, 0.9, 0.9, 0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.9, 0.1]
    table = write(tmp_path / "mouse é.csv", label, probability)
    output = tmp_path / "out"
    assert evaluate(table, output, "--max-gap-s", "0.1", "--min-bout-s", "0.2") == 0
    # raw: 5 of 6 found, one false alarm; closing fills the hole; the minimum bout drops the single frame
    assert score(output, "rear", "raw") == pytest.approx(10 / 12, abs=1e-6)
    assert score(output, "rear", "closed") == pytest.approx(12 / 13, abs=1e-6)
    assert score(output, "rear", "full") == 1.0
    assert score(output, "rear", "full", "n_frames") == 14
    assert [row["rear"] for row in rows_of(output / "predictions" / "mouse é.csv")][:9] == list("001111110")
    assert score(output, "rear", "raw", "n_predicted", "bout_scores.csv") == 3
    assert score(output, "rear", "full", "bout_f1_iou50", "bout_scores.csv") == 1.0


def test_without_options_it_postprocesses_as_an_experiment_does(tmp_path: Path):
    """Gaps of up to .2 s are filled and bouts shorter than .5 s dropped, at any frame rate."""
    label = "00111110011111100000011000"
    probability = [0.9 if c == "1" else 0.1 for c in "00111110011100011100011000"]
    table = write(tmp_path / "t.csv", label, probability)
    assert evaluate(table, tmp_path / "out") == 0
    found = "".join(row["rear"] for row in rows_of(tmp_path / "out" / "predictions" / "t.csv"))
    # At 10 fps two frames are a gap of .2 s, three are not filled, and three or two frames make no bout.
    assert found == "00111111111100000000000000"
    full = [row for row in rows_of(tmp_path / "out" / "postprocess.csv") if row["postprocessed"] == "full"]
    usual = PostprocessConfig()
    assert {(float(row["max_gap_s"]), float(row["min_bout_s"])) for row in full} == {
        (usual.max_gap_s, usual.min_bout_s)
    }


def test_several_files_are_several_recordings(tmp_path: Path):
    rng = np.random.default_rng(0)
    tables = []
    for i in range(5):
        label = "".join(rng.choice(list("01"), size=60))
        tables.append(write(tmp_path / f"m{i}.csv", label, [0.5 * (c == "1") + 0.5 * rng.random() for c in label]))
    arguments = ["--behavior", "rear=human,model", "--fps", "25", "--output", str(tmp_path / "out")]
    assert main(["evaluate", *map(str, tables), *arguments]) == 0
    recordings = {row["recording"] for row in rows_of(tmp_path / "out" / "scores.csv")}
    assert recordings == {"pooled", *(f"m{i}" for i in range(5))}
    intervals = {row["score"]: row for row in rows_of(tmp_path / "out" / "intervals.csv")}
    row = intervals["average_precision"]
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"]) and row["n_individuals"] == "5"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--behavior", "rear=human"], "NAME=LABEL_COLUMN,PROBABILITY_COLUMN"),
        (["--behavior", "x=humen,model"], "Did you mean 'human'"),
        (["--behavior", "a/b=human,model"], "cannot be used in file names"),
        (["--behavior", "Rear=human,model"], "twice"),
        (["--threshold", "50"], "between 0 and 1; found 50"),
        (["--max-gap-s", "-1"], "seconds from 0 to 3600; found -1"),
        (["--min-bout-s", "nan"], "seconds from 0 to 3600; found nan"),
        (["--fps", "0"], "from 0.01 to 2000; found 0"),
        (["--fps", "1e300"], "from 0.01 to 2000"),
        (["--max-gap-s", "1e300"], "from 0 to 3600"),
        (["--frame", "model"], "expected frame"),
    ],
)
def test_wrong_arguments_get_one_paragraph(tmp_path: Path, capsys, arguments, expected):
    table = write(tmp_path / "t.csv", "0011", [0.1, 0.2, 0.8, 0.9])
    assert evaluate(table, tmp_path / "out", *arguments) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("label", "probability", "expected"),
    [
        ("0021", [0.1, 0.2, 0.8, 0.9], "row 4, column 'human': expected a label"),
        ("0011", [0.1, 0.2, 8, 0.9], "row 4, column 'model': expected a probability"),
        ("0011", [0.1, 0.2, "high", 0.9], "found 'high'"),
    ],
)
def test_wrong_cells_are_named(tmp_path: Path, capsys, label, probability, expected):
    table = write(tmp_path / "t.csv", label, probability)
    assert evaluate(table, tmp_path / "out") == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_frame_is_noticed(tmp_path: Path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("frame,human,model\n5,0,0.1\n6,0,0.2\n8,1,0.9\n", encoding="utf-8")
    assert evaluate(path, tmp_path / "out", "--frame", "frame") == 2
    assert "row 4, column 'frame': expected frame 7" in capsys.readouterr().err


def test_earlier_results_are_kept_unless_asked(tmp_path: Path, capsys):
    table = write(tmp_path / "t.csv", "0011", [0.1, 0.2, 0.8, 0.9])
    assert evaluate(table, tmp_path / "out") == 0
    before = (tmp_path / "out" / "scores.csv").read_bytes()
    assert evaluate(table, tmp_path / "out", "--threshold", "0.85") == 2
    assert "already holds results" in capsys.readouterr().err
    assert (tmp_path / "out" / "scores.csv").read_bytes() == before
    assert evaluate(table, tmp_path / "out", "--threshold", "0.85", "--overwrite") == 0
    assert (tmp_path / "out" / "scores.csv").read_bytes() != before


def test_a_probability_that_equals_the_threshold_is_active(tmp_path: Path):
    """.7 is a little less as float32, in which probabilities are kept."""
    table = write(tmp_path / "t.csv", "0011", [0.1, 0.2, 0.7, 0.7])
    assert evaluate(table, tmp_path / "out", "--threshold", "0.7") == 0
    assert score(tmp_path / "out", "rear", "raw") == 1.0


def test_a_row_of_empty_cells_is_a_frame_that_nobody_scored(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("human,model\n1,0.9\n,\n0,0.1\n1,0.8\n\n", encoding="utf-8")
    assert evaluate(path, tmp_path / "out") == 0
    assert len(rows_of(tmp_path / "out" / "predictions" / "t.csv")) == 4
    assert score(tmp_path / "out", "rear", "raw", "n_frames") == 3


def test_an_odd_character_for_a_frame_number_is_named(tmp_path: Path, capsys):
    path = tmp_path / "t.csv"
    path.write_text("frame,human,model\n0,0,0.1\n²,1,0.9\n", encoding="utf-8")
    assert evaluate(path, tmp_path / "out", "--frame", "frame") == 2
    assert "found '²'" in capsys.readouterr().err


def test_decimal_commas_of_a_table_with_semicolons(tmp_path: Path):
    table = tmp_path / "excel.csv"
    table.write_text("frame;human;model\n0;1;0,9\n1;1;0,4\n2;0;0,6\n", encoding="utf-8")
    assert evaluate(table, tmp_path / "out", "--max-gap-s", "0") == 0
    found = [row["rear_probability"] for row in rows_of(tmp_path / "out" / "predictions" / "excel.csv")]
    assert [float(text) for text in found] == pytest.approx([0.9, 0.4, 0.6])


def test_a_decimal_comma_within_a_comma_table_is_refused(tmp_path: Path, capsys):
    table = tmp_path / "quoted.csv"
    table.write_text('frame,human,model\n0,1,"0,9"\n1,0,0.2\n', encoding="utf-8")
    assert evaluate(table, tmp_path / "out") == 2
    assert "'0,9'" in capsys.readouterr().err


def test_two_videos_of_one_animal_count_once(tmp_path: Path, capsys):
    tables = [str(write(tmp_path / f"v{i}.csv", "0110", [0.1, 0.9, 0.8, 0.2])) for i in range(3)]
    arguments = ["evaluate", *tables, "--behavior", "rear=human,model", "--fps", "10"]
    names = ["--individual", "a", "--individual", "a", "--individual", "b"]
    assert main([*arguments, *names, "--output", str(tmp_path / "out")]) == 0
    assert [row["individual"] for row in rows_of(tmp_path / "out" / "recordings.csv")] == ["a", "a", "b"]
    assert {row["n_individuals"] for row in rows_of(tmp_path / "out" / "intervals.csv")} == {"2"}
    assert main([*arguments, *names[:4], "--output", str(tmp_path / "other")]) == 2
    assert "expected 3, found 2" in capsys.readouterr().err
