"""An experiment on the poses of pairs, without a video, from files to predictions of new ones."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.bundle import read_metadata
from pipeline.command_line import main
from pipeline.run_folder.features import feature_names
from pipeline.run_folder.run_dir import RunDir
from tests.conftest import made_once, without_figures
from tests.lab import N_FRAMES, known_labels, write_experiment, write_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

KEYPOINTS = ("nose", "neck", "tailbase")
COLUMNS = "recording,poses,annotations,individual,split,fps"
SETTINGS = "cross_validation: none\nbaseline: none\n"


def write_pair(path: Path, seed: int, names: tuple[str, str] = ("anna", "ben")) -> None:
    """Two animals that are close together when they groom (the first behavior); some points are missing."""
    rng = np.random.default_rng(seed)
    apart = np.where(known_labels(seed)[:, 0], 30.0, 120.0)[:, None]
    shape = np.array([[20.0, 0], [8, 2], [-20, 0]])
    tracks = [x[:, None] + shape + rng.normal(0, 1, (N_FRAMES, 3, 2)) for x in (200 + apart / 2, 200 - apart / 2)]
    rows = [["scorer", *["sim"] * 18], ["individuals", *[name for name in names for _ in range(9)]]]
    rows += [
        ["bodyparts", *[name for name in KEYPOINTS for _ in range(3)] * 2],
        ["coords", *["x", "y", "likelihood"] * 6],
    ]
    for frame in range(N_FRAMES):
        cells = [[f"{x:.3f}", f"{y:.3f}", "0.99"] for track in tracks for x, y in track[frame]]
        lost = rng.uniform(size=6) < 0.1
        rows.append(
            [
                str(frame),
                *(text for cell, gone in zip(cells, lost, strict=True) for text in (["", "", ""] if gone else cell)),
            ]
        )
    path.write_text("\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")


def run_lab(folder: Path) -> None:
    rows = [COLUMNS]
    for i in range(4):
        write_pair(folder / f"p{i}.csv", i)
        write_labels(folder / f"p{i} labels.csv", known_labels(i))
        rows.append(f"p{i},p{i}.csv,p{i} labels.csv,pair{i},{'train' if i < 3 else 'test'},10")
    table = folder / "recordings.csv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = write_experiment(folder, table, "features: poses", "{name: lstm, layers: 1, units: 8, dropout: 0.0}")
    text = config.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 8")
    config.write_text(text + SETTINGS, encoding="utf-8")
    with without_figures():
        assert main([str(config)]) == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    return made_once(tmp_path_factory, "pairs", run_lab)


def probabilities(folder: Path, name: str) -> np.ndarray:
    text = (folder / "predictions" / f"{name}.csv").read_text(encoding="utf-8")
    return np.array([float(row["grooming_probability"]) for row in csv.DictReader(text.splitlines())])


def test_a_pair_is_learned_from_poses_alone_and_the_features_keep_their_names(lab: Path) -> None:
    run = RunDir(lab / "runs" / "tiny")
    active = known_labels(3)[:, 0]
    found = probabilities(run.path, "p3")
    assert found[active].mean() > found[~active].mean() + 0.3
    (facts,) = json.loads((run.path / "provenance.json").read_text(encoding="utf-8"))["features"]
    assert facts["axis"] == ["tailbase", "nose"] and facts["n_animals"] == 2
    assert len(feature_names([facts])) == facts["n_features"] and "nose to nose of the other" in facts["names"]
    assert read_metadata(run.head_path("grooming"))["recipe"]["features"] == [facts]
    page = run.report_path.read_text(encoding="utf-8")
    assert "the geometry of the keypoints nose, neck, tailbase of a pair, in lengths of the body axis" in page
    assert (run.path / "recordings.csv").read_text(encoding="utf-8").count(",10.000000,120,") == 4


def test_new_poses_are_predicted_the_same_whoever_of_the_two_is_called_what(lab: Path, tmp_path: Path) -> None:
    run = tmp_path / "copied" / "tiny"
    shutil.copytree(lab / "runs" / "tiny", run)  # Away from its cache.
    shutil.copy(lab / "p3.csv", tmp_path / "same.csv")
    text = (lab / "p3.csv").read_text(encoding="utf-8")
    head, *rest = text.splitlines()
    swapped = [",".join([(cells := line.split(","))[0], *cells[10:], *cells[1:10]]) for line in rest]
    (tmp_path / "swapped.csv").write_text("\n".join([head, *swapped]) + "\n", encoding="utf-8")
    table = tmp_path / "new.csv"
    table.write_text("recording,poses,fps\nsame,same.csv,10\nswapped,swapped.csv,10\n", encoding="utf-8")
    assert main(["predict", str(run), "--recordings", str(table), "--output", str(tmp_path / "out")]) == 0
    expected = probabilities(run, "p3")
    np.testing.assert_array_equal(probabilities(tmp_path / "out", "same"), expected)
    np.testing.assert_array_equal(probabilities(tmp_path / "out", "swapped"), expected)


def test_poses_that_were_learned_from_are_known(lab: Path, tmp_path: Path) -> None:
    shutil.copy(lab / "p0.csv", tmp_path / "again.csv")
    (tmp_path / "new.csv").write_text("recording,poses,fps\nagain,again.csv,10\n", encoding="utf-8")
    run = lab / "runs" / "tiny"
    assert (
        main(["predict", str(run), "--recordings", str(tmp_path / "new.csv"), "--output", str(tmp_path / "out")]) == 0
    )
    (doubt,) = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["doubts"]
    assert "again: the heads were trained on this very pose file (as p0)" in doubt


def test_what_needs_a_video_says_so(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["overlay", str(lab / "runs" / "tiny")]) == 2
    assert "features are of poses alone" in " ".join(capsys.readouterr().err.split())
    config = lab / "experiment.yaml"
    assert (
        main([str(config), "--set", "name=other", "--set", "features=frames", "--set", "backbone={name: compact}"]) == 2
    )
    assert "Recording p0 has no video, but features are made of its pictures" in " ".join(
        capsys.readouterr().err.split()
    )


def test_copies_of_poses_stay_on_one_side(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("p0", "p3"):
        shutil.copy(lab / "p0.csv", tmp_path / f"{name}.csv")
        shutil.copy(lab / f"{name} labels.csv", tmp_path)
    rows = ["p0,p0.csv,p0 labels.csv,a,train,10", "p3,p3.csv,p3 labels.csv,b,test,10"]
    table = tmp_path / "recordings.csv"
    table.write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    assert main([str(write_experiment(tmp_path, table, "features: poses"))]) == 2
    assert "'p0' is for train and 'p3' for test" in " ".join(capsys.readouterr().err.split())
