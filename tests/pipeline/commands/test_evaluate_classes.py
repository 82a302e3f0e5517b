"""`evaluate --exclusive`: classes of another program, scored as scikit-learn scores them."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from pipeline.command_line import main

CLASSES = ("groom", "rear", "nothing")
N_FRAMES = 400
pytestmark = pytest.mark.usefixtures("no_figures")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def evaluate(table: Path, output: Path, *arguments: str) -> int:
    return main(["evaluate", str(table), "--fps", "10", "--output", str(output), "--other", "nothing", *arguments])


def made() -> tuple[np.ndarray, np.ndarray]:
    """Labels as numbers, -1 = nobody looked, shape (n_frames,), and probabilities, shape (n_frames, 3)."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, N_FRAMES // 8).repeat(8)
    score = rng.normal(size=(N_FRAMES, 3)) + 1.5 * np.eye(3)[label]
    label[40:60] = -1
    return label, np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)


def write(path: Path, label: np.ndarray, probability: np.ndarray, columns: int = 3) -> Path:
    header = ["human", *(f"p_{name}" for name in CLASSES[:columns]), "model"]
    lines = [
        ["" if number < 0 else CLASSES[number], *(f"{value:.5f}" for value in p[:columns]), CLASSES[p.argmax()]]
        for number, p in zip(label, probability, strict=True)
    ]
    path.write_text("\n".join(map(",".join, [header, *lines])) + "\n", encoding="utf-8")
    return path


def raw_scores(folder: Path) -> dict[str, float]:
    wanted = ("pooled", "raw", "all classes")
    rows = rows_of(folder / "class_scores.csv")
    return {
        row["score"]: float(row["value"])
        for row in rows
        if (row["recording"], row["postprocessed"], row["class"]) == wanted
    }


def test_classes_from_probabilities_labels_and_arrays_are_scored_alike(tmp_path: Path):
    label, probability = made()
    table = write(tmp_path / "m1.csv", label, probability)
    np.save(tmp_path / "m1.npy", np.column_stack([label, probability, probability.argmax(axis=1)]))
    named = ["--behavior", "groom=p_groom", "--behavior", "rear=p_rear"]
    by_number = [part for i, name in enumerate(CLASSES) for part in ("--behavior", f"{name}={i + 1}")]
    ways = {
        "rest": (table, ["--exclusive", "human", *named]),
        "whole": (table, ["--exclusive", "human", *named, "--behavior", "nothing=p_nothing"]),
        "labels": (table, ["--exclusive", "human", "--predicted", "model"]),
        "array": (tmp_path / "m1.npy", ["--exclusive", "0", *by_number]),
        "two columns": (
            tmp_path / "m1.npy",
            ["--exclusive", "0", "--predicted", "4", *(part for name in CLASSES for part in ("--behavior", name))],
        ),
    }
    used = label >= 0
    true, predicted = label[used], probability[used].argmax(axis=1)
    for way, (file, arguments) in ways.items():
        assert evaluate(file, tmp_path / way, *arguments) == 0
        found = raw_scores(tmp_path / way)
        assert found["accuracy"] == pytest.approx(accuracy_score(true, predicted), abs=1e-6)
        assert found["macro_f1"] == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-6)
        assert found["cohen_kappa"] == pytest.approx(cohen_kappa_score(true, predicted), abs=1e-6)
        confusion = {
            (row["true"], row["predicted"]): int(row["n_frames"])
            for row in rows_of(tmp_path / way / "confusion.csv")
            if (row["recording"], row["postprocessed"]) == ("pooled", "raw")
        }
        assert confusion["groom", "nothing"] == np.count_nonzero((true == 0) & (predicted == 2))
        assert 'id="classes"' in (tmp_path / way / "report.html").read_text(encoding="utf-8")
    # Labels have been through all steps of their program.
    kept = [row["groom"] for row in rows_of(tmp_path / "labels" / "predictions" / "m1.csv")]
    assert kept == [str(int(number == 0)) for number in probability.argmax(axis=1)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--exclusive", "human"], "'rear' has no column of probabilities"),
        (["--exclusive", "human", "--behavior", "groom=p_groom"], "row 2, column 'human': expected one of the classes"),
        (
            ["--exclusive", "human", "--behavior", "groom=p_groom", "--behavior", "rear=p_groom",
             "--behavior", "nothing=p_nothing"],
            "row 2: the probabilities of exclusive classes should add up to 1; found",
        ),
        (["--exclusive", "humen", "--predicted", "model"], "Did you mean 'human'"),
        (["--predicted", "model"], "add --exclusive"),
        (["--exclusive", "human", "--predicted", "model", "--threshold", "0.4"], "--threshold plays no part"),
        ([], "Name what is scored"),
    ],
)  # fmt: skip
def test_what_is_no_class_gets_one_paragraph(tmp_path: Path, capsys, arguments: list[str], expected: str):
    label, probability = made()
    label[0] = 1
    table = write(tmp_path / "m1.csv", label, probability)
    assert evaluate(table, tmp_path / "out", *arguments) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_array_of_another_shape_is_named(tmp_path: Path, capsys):
    np.save(tmp_path / "m1.npy", np.zeros((3, 2, 2)))
    assert evaluate(tmp_path / "m1.npy", tmp_path / "out", "--exclusive", "0", "--predicted", "1") == 2
    assert "shape (3, 2, 2)" in capsys.readouterr().err


def test_classes_that_are_numbers_are_the_same_however_they_are_written(tmp_path: Path) -> None:
    # pandas writes whole numbers beside an empty cell as 1.0.
    lines = ["human,model", *(f"{number}.0,{number}" for number in (5, 5, 7, 7, 5)), ",7"]
    table = tmp_path / "numbers.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    arguments = ["--fps", "10", "--exclusive", "human", "--predicted", "model", "--output", str(tmp_path / "run")]
    assert main(["evaluate", str(table), *arguments]) == 0
    scores = {(row["class"], row["score"]): row["value"] for row in rows_of(tmp_path / "run" / "class_scores.csv")}
    assert float(scores["all classes", "accuracy"]) == 1 and {name for name, _ in scores} == {"all classes", "5", "7"}
