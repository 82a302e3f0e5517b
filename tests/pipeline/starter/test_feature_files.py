"""Features that were made elsewhere are found, paired, and put into a table and a YAML that run."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from common.errors import InputError
from pipeline.commands.init import run_init_command
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.starter.feature_files import FeatureFile, Owner, features_in, pair_features
from pipeline.training.embed import given_of
from tests.lab import N_FRAMES, known_labels, write_labels, write_video


def features(seed: int, n_rows: int = N_FRAMES) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_rows, 6)).astype(np.float32)


def make_lab(folder: Path, has_videos: bool, pattern: str, n_rows: int = N_FRAMES) -> Path:
    for i in range(3):
        path = folder / pattern.format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npz":
            np.savez(path, embeddings=features(i, n_rows), frames=np.arange(n_rows))
        else:
            np.save(path, features(i, n_rows))
        write_labels(folder / f"mouse{i} labels.csv", known_labels(i))
        if has_videos:
            write_video(folder / f"mouse{i}.avi", known_labels(i))
    return folder


def rows_read(yaml: Path) -> list[np.ndarray]:
    """The features that an experiment takes, by recording."""
    config = load_config(yaml)
    source = config.feature_source()
    found = []
    for item in load_dataset(config):
        (rows,) = source.rows_of(*given_of(config, item))
        found.append(np.concatenate(list(rows.batches(0))))
    return found


@pytest.mark.parametrize(
    "pattern", ["mouse{}.npy", "features/mouse{}_dinov2.npz", "mouse{}/embeddings.npy"], ids=["beside", "folder", "own"]
)
@pytest.mark.parametrize("has_videos", [True, False])
def test_a_folder_of_features_becomes_an_experiment(
    tmp_path: Path, has_videos: bool, pattern: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    lab = make_lab(tmp_path / "lab é", has_videos, pattern)
    if not has_videos and "dinov2" in pattern:
        for i in range(3):
            (lab / pattern.format(i)).rename(lab / f"features/mouse{i}_features.npz")
    run_init_command([str(lab)])
    (yaml,) = lab.glob("*.yaml")
    table = lab / "recordings.csv"
    if not has_videos:
        text = table.read_text(encoding="utf-8")
        assert text.count(",train,\n") == 3, "nothing tells the frames per second"
        assert "THIS NEEDS the frames per second" in yaml.read_text(encoding="utf-8")
        table.write_text(text.replace(",train,\n", ",train,10\n"), encoding="utf-8")
    read = rows_read(yaml)
    assert len(read) == 3 and all(np.array_equal(rows, features(i)) for i, rows in enumerate(read))


def test_a_row_for_every_second_frame_makes_the_frame_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    lab = make_lab(tmp_path / "lab", True, "mouse{}.npy", N_FRAMES // 2)
    run_init_command([str(lab)])
    assert load_config(lab / "lab.yaml").frame_step == 2
    assert all(np.array_equal(rows, features(i, N_FRAMES // 2)) for i, rows in enumerate(rows_read(lab / "lab.yaml")))


def test_what_is_not_clear_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    lab = make_lab(tmp_path / "lab", True, "clip/mouse{}.npy")
    make_lab(lab, True, "dino/mouse{}_dino.npy")
    np.save(lab / "clip" / "mouse9.npy", features(0))
    np.save(lab / "clusters.npy", np.arange(9))
    (lab / "notes.docx").write_bytes(b"PK")
    run_init_command([str(lab)])
    config = load_config(lab / "lab.yaml")
    assert [source.source for source in config.features] == ["frames", "frames"]
    said = " ".join(capsys.readouterr().out.split())
    assert "Not paired (7 files)" in said and "clip/mouse0.npy: one of 2 sets of features" in said
    assert "(Likewise clip/mouse1.npy, clip/mouse2.npy, dino/mouse0_dino.npy" in said
    assert "clip/mouse9.npy: features, but no recording here has this name" in said
    assert "clusters.npy: it has one whole number per row" in said and "not opened: .docx" in said
    remarks = (lab / "lab.yaml").read_text(encoding="utf-8").partition("# Not used")[2]
    assert "one of 2 sets of features" in remarks and ".docx" in remarks


def test_features_alone_that_are_not_clear_are_refused_with_a_reason(tmp_path: Path):
    lab = make_lab(tmp_path / "lab", False, "mouse{}.npy")
    make_lab(lab, False, "mouse{}_features.npy")
    with pytest.raises(InputError, match=r"none of the 6 files .*: 2 files could be the features of mouse0"):
        run_init_command([str(lab)])
    assert not list(lab.glob("*.yaml"))


def test_animals_of_one_name_are_told_by_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    lab = tmp_path / "lab"
    for i, place in enumerate(("HD", "WT", "KO")):
        (lab / place).mkdir(parents=True)
        np.save(lab / place / "1.npy", features(i))
        write_labels(lab / place / "1 labels.csv", known_labels(i))
    run_init_command([str(lab)])
    table = (lab / "recordings.csv").read_text(encoding="utf-8")
    for place in ("HD", "WT", "KO"):
        assert f"{place}_1,{place}/1.npy,,{place}/1 labels.csv" in table


def test_features_are_told_by_name_and_rows():
    owners = [Owner(name, Path(f"{name}.mp4"), name, 100, has_labels=name != "m3") for name in ("m1", "m10", "m3")]
    m1, m10 = (FeatureFile(Path(f"f/{name}.npy"), "", 100, 8) for name in ("m1_x", "m10_x"))
    found, unpaired = pair_features([m1, m10], owners)
    assert found is not None and dict(found.files) == {"m1": m1, "m10": m10} and not unpaired
    for other, reason in (
        (m10._replace(n_rows=90), "90 rows"),
        (m10._replace(path=Path("m10_day2_x.npy")), "no recording"),
    ):
        found, unpaired = pair_features([m1, other], owners)
        assert found is None and reason in unpaired[0].reason
        assert "1 of the 2 recordings with labels only" in unpaired[1].reason


def test_files_say_what_they_hold(tmp_path: Path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/features"], file["times"] = features(0), np.arange(4.0)
    assert features_in(tmp_path / "a.h5") == (tmp_path / "a.h5", "group/features", N_FRAMES, 6)
    np.savez(tmp_path / "b.npz", x=features(0), y=features(1))
    np.save(tmp_path / "c.npy", np.zeros((4, 3), bool))
    np.save(tmp_path / "xy.npy", np.zeros((40, 2)))
    np.save(tmp_path / "d.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (tmp_path / "e.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(InputError, match=r"several arrays that could be features \(x, y\)"):
        features_in(tmp_path / "b.npz")
    assert features_in(tmp_path / "c.npy") is None
    with pytest.raises(InputError, match="as positions have"):
        features_in(tmp_path / "xy.npy")
    for damaged in ("d.npy", "e.npz"):
        with pytest.raises(InputError, match="can't be read as arrays"):
            features_in(tmp_path / damaged)
