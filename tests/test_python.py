"""Rearview from Python: what a run left is read as it was written."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score

import rearview
from tests.conftest import made_once
from tests.lab import BEHAVIORS, N_FRAMES
from tests.pipeline.prediction.test_predict import run_video_lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "Büro 2", run_video_lab)


@pytest.fixture(scope="module")
def finished_run(lab: Path) -> Path:
    return lab / "runs" / "tiny"


def test_a_run_is_read_as_tables_and_arrays(finished_run: Path):
    run = rearview.read_run(finished_run)
    scores = rearview.table(run, "scores")
    assert {"behavior", "f1", "average_precision"} <= set(scores.columns) and len(scores)
    bouts = rearview.bouts(run)
    assert list(bouts.columns[:5]) == ["recording", "individual", "group", "animal", "behavior"]
    files = [pd.read_csv(path) for path in sorted((finished_run / "bouts").glob("*.csv"))]
    assert len(bouts) == sum(map(len, files)) and set(bouts["recording"]) <= {row.recording for row in run.recordings}
    recording = run.recordings[0].recording
    line = rearview.timeline(run, recording, BEHAVIORS[0])
    rows = scores.query("recording == @recording and behavior == @BEHAVIORS[0] and postprocessed == 'full'")
    used = line.used_frames()
    said = rearview.score(line.true, line.predicted, line.fps, used)
    assert rows["f1"].item() == pytest.approx(
        f1_score(line.true[used], line.predicted[used], zero_division=0), abs=1e-6
    )
    assert said["f1"] == pytest.approx(rows["f1"].item(), abs=1e-6)
    of_bouts = rearview.table(run, "bout_scores").query(
        "recording == @recording and behavior == @BEHAVIORS[0] and postprocessed == 'full'"
    )
    assert said["n_predicted"] == of_bouts["n_predicted"].item()
    assert said["cohen_kappa"] == pytest.approx(cohen_kappa_score(line.true[used], line.predicted[used]))


def test_a_video_is_embedded_as_the_run_did(lab: Path):
    """From the run's cache, since all is the same."""
    found = rearview.embed(lab / "experiment.yaml", lab / "v0.avi", lab / "v0_dlc.csv")
    assert found.features.shape[0] == len(found.frames) == N_FRAMES and found.observed.all()
    assert found.features.std() > 0


def test_the_lines_of_the_readme_run(lab: Path, capsys: pytest.CaptureFixture[str]):
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    lines = readme.partition("```python\n")[2].partition("```")[0]
    for theirs, ours in {
        "runs/exp1": (lab / "runs" / "tiny").as_posix(),
        "experiments/exp1.yaml": (lab / "experiment.yaml").as_posix(),
        "demo/HD_sim_07.mp4": (lab / "v0.avi").as_posix(),
        "demo/HD_sim_07_dlc.csv": (lab / "v0_dlc.csv").as_posix(),
        "HD_sim_07": "v0",
    }.items():
        assert theirs in lines
        lines = lines.replace(theirs, ours)
    exec(lines, {})
    assert f"({N_FRAMES}, " in capsys.readouterr().out


def test_ids_stay_names_and_damage_is_told(finished_run: Path, tmp_path: Path):
    shutil.copytree(finished_run, tmp_path / "run")
    path = tmp_path / "odd.csv"
    path.write_text("recording,individual,f1\n001,NA,0.5\n002,,\n", encoding="utf-8")
    odd = rearview._read_table(path)
    assert odd["recording"].tolist() == ["001", "002"] and odd["individual"].tolist() == ["NA", ""]
    scores = tmp_path / "run" / "scores.csv"
    scores.write_text(scores.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(rearview.InputError, match=r"scores\.csv"):
        rearview.table(tmp_path / "run", "scores")


def test_what_is_not_there_is_told(finished_run: Path):
    run = rearview.read_run(finished_run)
    with pytest.raises(rearview.InputError, match=r"no table 'scorse'.*Did you mean 'scores'"):
        rearview.table(run, "scorse")
    with pytest.raises(rearview.InputError, match="no behavior 'flying'"):
        rearview.timeline(run, run.recordings[0].recording, "flying")
    with pytest.raises(ValueError, match="one length"):
        rearview.score(np.zeros(3), np.zeros(4), 10)
