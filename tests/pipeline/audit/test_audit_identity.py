"""What `audit` shows of tracks that swap places: the frames before and after, each animal in its color."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from common.colors import PALETTE
from common.errors import InputError
from features.poses import read_poses
from features.tracks import Animals
from pipeline.audit.identity import seen_changes
from pipeline.audit.recording import audit_table
from pipeline.commands.audit import write_audit_page
from pipeline.config.frame_policy import FrameAllowance
from pipeline.config.schema import ExperimentConfig, load_config
from pipeline.dataset import pose_findings
from pipeline.dataset.load import load_recordings
from pipeline.dataset.pose_findings import find_changes
from pipeline.dataset.reading import ReadingSettings
from pipeline.dataset.table import read_recordings
from tests.lab import N_FRAMES, known_labels, make_video_lab, write_video

SWAP = 70
KEYPOINTS = ("nose", "midbody", "tailbase")


def write_tracks(path: Path) -> None:
    """Two animals that sway; the tracks swap places in frame `SWAP`."""
    columns = [(name, point, axis) for name in ("dark", "light") for point in KEYPOINTS for axis in ("x", "y")]
    rows = [",".join([level, *(column[i] for column in columns)])
            for i, level in enumerate(("individuals", "bodyparts", "coords"))]  # fmt: skip
    rows.insert(0, ",".join(["scorer", *["net"] * len(columns)]))
    for frame in range(N_FRAMES):
        order = (45, 15) if frame >= SWAP else (15, 45)
        x = dict(zip(("dark", "light"), order, strict=True))
        sway = np.sin(frame / 5)
        cells = [
            x[name] + sway if axis == "x" else 20 + 8 * KEYPOINTS.index(point) for name, point, axis in columns
        ]  # fmt: skip
        rows.append(",".join([str(frame), *(f"{value:.2f}" for value in cells)]))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def make_lab(folder: Path, partners: tuple[str, str] = ("", "")) -> Path:
    config = make_video_lab(folder, n_train=0)
    write_video(folder / "w.avi", known_labels(0))
    write_tracks(folder / "w_dlc.csv")
    rows = [
        f"w_{animal},w.avi,w_dlc.csv,,{animal},{other}"
        for animal, other in zip(("dark", "light"), partners, strict=True)
    ]
    heads = "recording,video,poses,annotations,animal,partner"
    (folder / "recordings.csv").write_text("\n".join([heads, *rows]) + "\n")
    return config


def test_a_file_is_looked_at_once_for_all_rows_and_again_when_it_is_another(tmp_path: Path, monkeypatch):
    looked: list[int] = []
    look = pose_findings.identity_changes
    monkeypatch.setattr(pose_findings, "identity_changes", lambda *given: looked.append(1) or look(*given))
    names = [f"id{i}" for i in range(pose_findings._MOST_TRACKS + 1)]

    def read(n_tracks: int) -> list[str]:
        cells = np.arange(10.0)[:, None] + np.repeat(np.arange(n_tracks) * 50, 2)
        heads = [["scorer", *["net"] * 2 * n_tracks], ["individuals", *np.repeat(names[:n_tracks], 2)],
                 ["bodyparts", *["midbody"] * 2 * n_tracks], ["coords", *["x", "y"] * n_tracks]]  # fmt: skip
        lines = [*heads, *([str(i), *map(str, row)] for i, row in enumerate(cells))]
        (tmp_path / "w.csv").write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
        found = []
        for name in names[:2] * 2:
            alone = Animals(name, ("",), {name: read_poses(tmp_path / "w.csv", name)})
            found += find_changes("m", alone, tmp_path / "w.csv", (10, 30.0), FrameAllowance(), 0.6)[1]
        return [finding.found for finding in found]

    assert not read(3) and len(looked) == 1
    assert not read(4) and len(looked) == 2
    assert set(read(25)) == {"w.csv holds 25 tracks, which are pieces of fewer animals."} and len(looked) == 2


def test_the_first_frames_are_shown_once_for_all_animals_of_a_video(tmp_path: Path, caplog):
    config = make_lab(tmp_path)
    settings = ReadingSettings(cache_dir=tmp_path / "cache", table_folder=tmp_path)
    audit = audit_table(tmp_path / "recordings.csv", settings, is_experiment=False)
    found = [finding for finding in audit.findings if "swap places" in finding.found]
    assert [finding.recording for finding in found] == ["w_dark", "w_light"]
    assert len([equal for equal in audit.finding_kinds if "swap places" in equal.first.found]) == 1
    (seen,) = seen_changes(audit)
    assert (seen.recording, seen.said, seen.before, seen.frame) == ("w_dark", "dark and light swap places", 69, 70)
    reds = []
    for jpeg in seen.pictures:
        picture = np.asarray(Image.open(io.BytesIO(jpeg)), dtype=float)
        is_dark = np.abs(picture - ImageColor.getrgb(PALETTE[0])).sum(axis=2) < 60
        reds.append(np.flatnonzero(is_dark.any(axis=0)).mean() / picture.shape[1])
    assert reds[0] < 0.5 < reds[1], "the track of `dark` is left before, and right after"
    page = write_audit_page(audit, tmp_path / "audit.html", "x", [], [], [seen]).read_text(encoding="utf-8")
    assert page.count('alt="dark and light swap places: frame') == 2
    # A run says it too.
    with caplog.at_level("WARNING"):
        load_recordings(load_config(config), read_recordings(tmp_path / "recordings.csv"))
    assert sum("swap places" in record.getMessage() for record in caplog.records) == 1


def config_with(path: Path, setting: str) -> ExperimentConfig:
    """The experiment with other crops, or with other features and none."""
    if setting.startswith("features"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"(?m)^(backbone|crop|engine):.*\n", "", text), encoding="utf-8")
    return load_config(path, [setting])


LINE = "crop={around: box, keypoint_overlay: true, skeleton: [[nose, tailbse]]}"


@pytest.mark.parametrize(
    ("setting", "factor", "said"),
    [
        (LINE, 1, "a line to 'tailbse'.*Did you mean 'tailbase'"),
        ("crop.around=box", 9, "w_light .*: Boxes of w_dlc.csv lie outside the picture"),
        ("features={source: poses, keypoints: [snout]}", 1, "snout"),
    ],
)
def test_what_would_stop_a_run_at_its_crops_is_found_when_files_are_read(
    tmp_path: Path, setting: str, factor: int, said: str
):
    path = make_lab(tmp_path)
    config = config_with(path, setting)
    poses = tmp_path / "w_dlc.csv"
    lines = poses.read_text(encoding="utf-8").splitlines()
    cells = [[number, *(f"{float(x) * factor}" for x in xy)] for number, *xy in (line.split(",") for line in lines[4:])]
    poses.write_text("\n".join([*lines[:4], *map(",".join, cells)]) + "\n", encoding="utf-8")
    audit = audit_table(tmp_path / "recordings.csv", ReadingSettings.of(config), is_experiment=False)
    errors = [finding for finding in audit.findings if finding.severity == "error"]
    assert [finding.recording for finding in errors] == ["w_dark", "w_light"]
    assert re.search(said, errors[1].found + errors[1].remedy)
    with pytest.raises(InputError):
        load_recordings(config, read_recordings(tmp_path / "recordings.csv"), True, may_wait=True)


@pytest.mark.parametrize("setting", ["crop.around=pair", "features={source: poses, partner: other}"])
def test_frames_that_are_lost_because_of_the_partner_are_told(tmp_path: Path, setting: str):
    path = make_lab(tmp_path, partners=("light", "dark"))
    poses = tmp_path / "w_dlc.csv"
    lines = poses.read_text(encoding="utf-8").splitlines()
    lines[-60:] = [",".join([*line.split(",")[:7], *[""] * 6]) for line in lines[-60:]]
    poses.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = ReadingSettings.of(config_with(path, setting))
    dark, light = audit_table(tmp_path / "recordings.csv", settings, is_experiment=False).recordings
    (lost,) = (finding.found for finding in dark.findings if "not observed" in finding.found)
    assert lost.startswith(f"In {60 / N_FRAMES:.0%} of the frames the animal or its partner is not observed")
    (own,) = (finding.found for finding in light.findings if "not observed" in finding.found)
    assert "the animal is not observed" in own, "it is the animal itself, which is said once"
