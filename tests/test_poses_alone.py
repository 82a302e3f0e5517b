"""An experiment on the poses of pairs, without a video, from files to predictions of new ones."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.kinematics.distances import MEASURES
from models.bundle import read_metadata
from pipeline.command_line import main
from pipeline.report.figures.proximity import draw_proximity
from pipeline.report.figures.style import figure_style
from pipeline.run_folder.features import feature_names
from pipeline.run_folder.frame_tables import read_distances, read_labels
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.proximity import Apart, proximity_rows
from pipeline.scoring.timeline import Timeline
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
    # Without labels there is no proximity of behaviors, but the distances are there.
    same, other = (tmp_path / "out" / "proximity" / f"{name}.csv" for name in ("same", "swapped"))
    assert same.read_bytes() == other.read_bytes() and not (tmp_path / "out" / "proximity.csv").exists()


def test_poses_that_were_learned_from_are_known(lab: Path, tmp_path: Path) -> None:
    shutil.copy(lab / "p0.csv", tmp_path / "again.csv")
    (tmp_path / "new.csv").write_text("recording,poses,fps\nagain,again.csv,10\n", encoding="utf-8")
    run = lab / "runs" / "tiny"
    assert (
        main(["predict", str(run), "--recordings", str(tmp_path / "new.csv"), "--output", str(tmp_path / "out")]) == 0
    )
    (doubt,) = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))["doubts"]
    assert "again: the heads were trained on this pose file (as p0)" in doubt


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


def test_proximity_is_told_and_can_be_computed_again_from_the_runs_files(lab: Path) -> None:
    run = read_run(lab / "runs" / "tiny")
    rows = run.tables.proximity
    # Three training recordings, which no head predicted, and a test recording are told apart.
    assert {(row["subset"], row["n_individuals"]) for row in rows if row["recording"] == "pooled"} == {
        ("cross_validation", 3), ("test", 1),
    }  # fmt: skip
    apart = []
    for row, pair in zip(run.recordings, run.tables.proximity_pairs, strict=True):
        assert (pair["own"], pair["other"], pair["nose"], pair["is_swappable"]) == ("anna", "ben", "nose", True)
        assert pair["body_length_px"] == pytest.approx(40, rel=0.05)
        found, labels = read_distances(RunDir(run.path), row), read_labels(RunDir(run.path), row, run.behaviors)
        assert labels is not None
        nothing = np.full(labels.active.shape, np.nan)
        timeline = run.timelines.get(row.recording) or Timeline(
            row.recording, row.fps, run.behaviors, nothing, {}, labels.active, labels.scored, subset=row.subset
        )
        px, body = ({m: found[f"{m}_{unit}"] for m in MEASURES} for unit in ("px", "body_lengths"))
        apart.append(Apart(timeline, px, body, pair["resampled_with"]))
    again = proximity_rows(apart)
    for row, stored in zip(again, rows, strict=True):
        assert {name: pytest.approx(value, abs=2e-6) if isinstance(value, float) else value
                for name, value in row.items()} == stored  # fmt: skip
    # Along a diagonal, they are 30 px apart when they groom, 120 px when not; a missing keypoint leaves it unknown.
    (row,) = (r for r in rows if (r["behavior"], r["recording"], r["measure"]) == ("grooming", "p3", "centers"))
    medians = [row["shown_median_px"], row["not_shown_median_px"]]
    assert medians == pytest.approx([30 * 2**0.5, 120 * 2**0.5], abs=2)
    assert row["auc"] > 0.99 and row["n_unknown_shown"] > 0
    assert row["n_shown"] + row["n_unknown_shown"] == known_labels(3)[:, 0].sum()


def test_the_page_says_where_distance_alone_does_as_well(lab: Path) -> None:
    run = read_run(lab / "runs" / "tiny")
    page = " ".join(run.path.joinpath("report.html").read_text(encoding="utf-8").split())
    for said in (
        'id="proximity"',
        "Distance alone does as well as the head",
        "Between their centers, the animals are 1.",
        "Distance alone, nearest first, reaches an average precision of 1.000",
        "can’t be compared with the head: the head predicted none of these frames",
        "nose to tail base is the less of both ways",
        "in the middle half of the frames) apart while it is shown",
    ):
        assert said in page
    with figure_style():
        drawing = draw_proximity(run)
    assert drawing is not None
    sums = dict.fromkeys(("shown_percent", "not_shown_percent"), 0.0)
    for bin_ in drawing.numbers:
        if (bin_["behavior"], bin_["measure"]) == ("grooming", "centers"):
            assert bin_["subset"] == "test"
            sums = {key: sums[key] + bin_[key] for key in sums}
    assert sums == pytest.approx(dict.fromkeys(sums, 100.0))
