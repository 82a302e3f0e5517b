"""An experiment on several sources of features: the frames, three moments of them, and features made elsewhere."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from features.cache.store import list_caches
from models.bundle import read_metadata
from pipeline.command_line import main
from pipeline.run_folder.run_dir import RunDir
from tests.conftest import made_once, without_figures
from tests.lab import N_FRAMES, known_labels, make_video_lab, write_poses, write_video

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

SETTINGS = """features:
- frames
- source: frames
  crop: {moments_s: [-0.2, 0, 0.2]}
- source: precomputed
  files: "{recording}.npy"
- poses
cross_validation: none
baseline: none
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run, and one video more."""
    return made_once(tmp_path_factory, "joined", run_joined_lab)


def run_joined_lab(folder: Path) -> None:
    config = make_video_lab(folder)
    write_video(folder / "new.avi", known_labels(8))
    write_poses(folder / "new_dlc.csv", N_FRAMES)
    for number, name in enumerate(("v0", "v1", "v2", "new")):
        np.save(folder / f"{name}.npy", np.random.default_rng(number).normal(size=(N_FRAMES, 5)))
    with (folder / "recordings.csv").open("a", encoding="utf-8") as table:
        table.write("new,new.avi,new_dlc.csv,,mouse9,,\n")
    assert main([str(config), "--stage", "features"]) == 0
    config.write_text(config.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
    with without_figures():
        assert main([str(config)]) == 0


def test_a_source_more_is_all_that_is_extracted(lab: Path) -> None:
    caches = list_caches(lab / "cache")
    assert sorted(row.n_features for row in caches) == [5] * 4 + [14] * 4 + [1280] * 8
    assert sum(row.backbone == "mobilenet_v2 of three moments" for row in caches) == 4
    provenance = json.loads((lab / "runs" / "tiny" / "provenance.json").read_text(encoding="utf-8"))
    # The frames were cached before, by the same experiment without the others.
    assert next(s["n_frames"] for s in provenance["stages"] if s["stage"] == "features") == 3 * 4 * N_FRAMES
    widths = [(facts["source"], facts["used"], facts["n_features"]) for facts in provenance["features"]]
    assert widths == [
        *[("frames", "mobilenet_v2", 1280)] * 2,
        ("precomputed", "precomputed", 5),
        ("poses", "poses", 14),
    ]
    crop = {"size_px": 40, "moments_s": [-0.2, 0.0, 0.2], "follow": False, "around": "center", "animal": "own"}
    assert crop.items() <= provenance["features"][1]["crop"].items()


def test_the_heads_learned_from_all_and_say_so(lab: Path) -> None:
    run = RunDir(lab / "runs" / "tiny")
    metadata = read_metadata(run.head_path("grooming"))
    assert [facts["n_features"] for facts in metadata["recipe"]["features"]] == [1280, 1280, 5, 14]
    page = run.report_path.read_text(encoding="utf-8")
    assert "mobilenet_v2 + mobilenet_v2 of three moments + precomputed + poses" in page
    assert "three moments (-0.2, 0, 0.2 s from the frame" in page and "each source is scaled by itself" in page


def test_new_videos_are_predicted_from_all_sources(lab: Path, tmp_path: Path) -> None:
    run = tmp_path / "copied" / "tiny"
    shutil.copytree(lab / "runs" / "tiny", run)  # Away from its cache.
    table = tmp_path / "lab" / "recordings.csv"
    table.parent.mkdir()
    table.write_text("recording,video,poses\nnew,new.avi,new_dlc.csv\n", encoding="utf-8")
    for name in ("new.avi", "new_dlc.csv", "new.npy"):
        shutil.copy(lab / name, table.parent)
    assert main(["predict", str(run), "--recordings", str(table), "--output", str(tmp_path / "predicted")]) == 0
    found, expected = (
        [
            float(row["grooming_probability"])
            for row in csv.DictReader((folder / "predictions" / "new.csv").read_text(encoding="utf-8").splitlines())
        ]
        for folder in (tmp_path / "predicted", run)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_other_moments_than_the_heads_know_are_refused_by_name(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "copied" / "tiny"
    shutil.copytree(lab / "runs" / "tiny", run)
    path = run / "config.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("- -0.2\n", "- -0.4\n"), encoding="utf-8")
    RunDir(run).manifest.update(["config.yaml"], "2026-11-29")
    assert main(["predict", str(run), str(lab / "new.avi"), "--output", str(tmp_path / "predicted")]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "features[2].crop.moments_s[1] was -0.2 when the heads were trained, config.yaml says -0.4" in error
