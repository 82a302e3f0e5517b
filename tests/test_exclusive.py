"""Exclusive classes from labels to predictions of new recordings, on the smallest lab."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from pipeline.command_line import main
from tests.conftest import made_once, without_figures
from tests.lab import BEHAVIORS, known_labels, make_embedded_lab, write_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

ARGUMENTS = [
    "--set", "task=exclusive", "--set", "postprocess=tune", "--set", "tuning.inner_folds=2",
    "--set", "tuning.smooth_s=[0, 0.5]", "--set", "training.epochs=2", "--set", "refit=false",
]  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def one_class(seed: int) -> np.ndarray:
    """Known labels without overlaps."""
    active = known_labels(seed)
    active[active[:, 0], 1] = False
    return active


def make_lab(folder: Path) -> Path:
    config = make_embedded_lab(folder)
    for i in range(5):
        write_labels(folder / f"r{i} labels.csv", one_class(i))
    return config


def train(folder: Path) -> None:
    with without_figures():
        assert main([str(make_lab(folder)), *ARGUMENTS]) == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A lab's experiment and its finished run."""
    folder = made_once(tmp_path_factory, "exclusive", train)
    return folder / "experiment.yaml", folder / "runs" / "tiny"


def classes_of(path: Path) -> np.ndarray:
    """Numbers of the classes in a table with a column per behavior; 2 = the background."""
    active = np.array([[row[b] == "1" for b in BEHAVIORS] for row in rows_of(path)])
    assert active.sum(axis=1).max() <= 1
    return np.where(active.any(axis=1), active.argmax(axis=1), 2)


def test_scores_can_be_recomputed_from_the_tables_beside_them(lab: tuple[Path, Path]) -> None:
    _, run = lab
    recordings = [f"r{i}" for i in range(4)]
    predicted, true = (
        np.concatenate([classes_of(run / folder / f"{r}.csv") for r in recordings])
        for folder in ("predictions", "labels")
    )
    wanted = {"head": "lstm", "subset": "cross_validation", "recording": "pooled", "postprocessed": "full"}
    found = {
        (row["class"], row["score"]): float(row["value"])
        for row in rows_of(run / "class_scores.csv")
        if wanted.items() <= row.items()
    }
    assert found["all classes", "macro_f1"] == pytest.approx(
        metrics.f1_score(true, predicted, average="macro"), abs=2e-6
    )
    assert found["other", "f1"] == pytest.approx(metrics.f1_score(true == 2, predicted == 2), abs=2e-6)
    assert found["all classes", "macro_f1"] > 0.6
    pooled = [
        int(row["n_frames"])
        for row in rows_of(run / "confusion.csv")
        if (row["subset"], row["recording"], row["postprocessed"]) == ("cross_validation", "pooled", "full")
    ]
    assert pooled == metrics.confusion_matrix(true, predicted).ravel().tolist()
    heads = {row["head"] for row in rows_of(run / "class_scores.csv")}
    assert heads == {"lstm", "logistic"}


def test_settings_of_a_recording_are_the_same_whatever_its_own_labels_say(
    lab: tuple[Path, Path], tmp_path: Path
) -> None:
    _, run = lab
    config = make_lab(tmp_path)
    write_labels(tmp_path / "r1 labels.csv", one_class(1)[::-1, ::-1])
    assert main([str(config), *ARGUMENTS, "--set", "baseline=none"]) == 0
    corrupted = tmp_path / "runs" / "tiny"
    of_both = [
        [row for row in rows_of(path / "postprocess.csv") if row["recording"] == "r1"] for path in (run, corrupted)
    ]
    assert of_both[0] == of_both[1] and of_both[0]
    same = [path.joinpath("predictions", "r1.csv").read_bytes() for path in (run, corrupted)]
    assert same[0] == same[1]


def test_new_recordings_are_predicted_as_the_run_predicted_its_test_recording(
    lab: tuple[Path, Path], tmp_path: Path
) -> None:
    config, run = lab
    table = str(config.parent / "recordings.csv")
    assert main(["predict", str(run), "--recordings", table, "--output", str(tmp_path / "new")]) == 0
    for folder in ("predictions", "bouts"):
        assert (tmp_path / "new" / folder / "r4.csv").read_bytes() == (run / folder / "r4.csv").read_bytes()
    scores = [
        {
            tuple(row.items())
            for row in rows_of(path / "class_scores.csv")
            if row["subset"] == "test" and row["head"] == "lstm"
        }
        for path in (run, tmp_path / "new")
    ]
    assert scores[0] == scores[1] and scores[0]


def test_overlapping_labels_are_an_error_unless_one_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_lab(tmp_path)
    active = one_class(2)
    active[20:30] = True
    write_labels(tmp_path / "r2 labels.csv", active)
    assert main([str(config), *ARGUMENTS]) == 2
    told = " ".join(capsys.readouterr().err.split())
    for words in ("r2 labels.csv", "frames 20 to 29 (2.00 to 3.00 s)", "'grooming' and as 'rearing'", "priority: ["):
        assert words in told
    first = ["--set", "task={name: exclusive, priority: [rearing, grooming]}", "--set", "postprocess={}"]
    first += ["--set", "cross_validation=none"]
    assert main([str(config), *ARGUMENTS[4:], *first, "--set", "baseline=none"]) == 0
    labels = rows_of(tmp_path / "runs" / "tiny" / "labels" / "r2.csv")
    assert {(row["grooming"], row["rearing"]) for row in labels[20:30]} == {("0", "1")}
