"""A data set of images: counted and cut again by other means, killed and resumed, loaded as its README says."""

import hashlib
import logging
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from features.sources.views import shown_pictures
from features.tracks import CenterTrack
from features.video.inspection import NotAsPromisedError, VideoInfo
from pipeline.commands.dataset import run_dataset_command
from pipeline.config.schema import ExperimentConfig, load_config
from pipeline.image_dataset import make as make_module
from pipeline.image_dataset import plan as plan_module
from pipeline.image_dataset import work as work_module
from pipeline.image_dataset.folder import DatasetDir
from pipeline.image_dataset.make import chosen_view, make_dataset
from pipeline.image_dataset.plan import Plan
from pipeline.image_dataset.settings import ImageSettings
from pipeline.image_dataset.work import jobs_of, make_video
from tests.conftest import made_once
from tests.lab import BEHAVIORS, N_FRAMES, make_embedded_lab, make_video_lab, write_table
from tests.pipeline.dataset.test_animals import ANIMALS, labels_of, make_pair_lab, row_of, write_rows

EXCLUSIVE = "task={name: exclusive, priority: [grooming, rearing]}"
CLASSES = (*BEHAVIORS, "other")
CROP_PX = 40


@pytest.fixture(scope="session")
def pair_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of two mice each, the last one for testing."""

    def make(folder: Path) -> None:
        make_pair_lab(folder)
        rows = [row_of(i, animal, "test" if i == 2 else "train") for i in range(3) for animal in ANIMALS]
        write_rows(folder, rows)

    return made_once(tmp_path_factory, "pair_images_lab", make) / "experiment.yaml"


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "MOST_UNIT_IMAGES", 70)


def make(config: ExperimentConfig, path: Path, overwrite: bool = False, **settings: object) -> Plan:
    return make_dataset(config, DatasetDir(path), ImageSettings(**settings), overwrite)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, str]:
    """All files and folders below one, with the hash of each file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def true_class(video: int, animal: str, frame: int) -> str:
    """Read off the known labels: grooming counts first where both are seen."""
    grooming, rearing = labels_of(video, animal)[frame]
    return "grooming" if grooming else "rearing" if rearing else "other"


def test_images_and_rows_are_what_was_annotated(pair_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    decoded: list[str] = []
    frames = VideoInfo.frames

    def counted(self: VideoInfo) -> Iterator[object]:
        decoded.append(self.path.name)
        return frames(self)

    monkeypatch.setattr(VideoInfo, "frames", counted)
    make(load_config(pair_lab, [EXCLUSIVE]), tmp_path / "set", every=3, images="png")
    assert decoded == ["w0.avi", "w1.avi", "w2.avi"]

    wanted = {
        f"{'test' if video == 2 else 'train'}/{true_class(video, animal, frame)}/w{video}_{animal}/{frame:07d}.png"
        for video in range(3)
        for animal in ANIMALS
        for frame in range(0, N_FRAMES, 3)
    }
    assert {path for path in tree(tmp_path / "set") if path.endswith(".png")} == wanted
    table = pd.read_csv(tmp_path / "set" / "images.csv", dtype={"path": str})
    assert set(table.path) == wanted and len(table) == len(wanted) == 240
    assert (table.path.str.split("/").str[1] == table["class"]).all()
    assert table.groupby("individual").split.nunique().eq(1).all()
    assert np.allclose(table.time_s, table.frame / 10)

    readings = {i: read_frames(pair_lab.parent / f"w{i}.avi") for i in range(3)}
    for row in table.itertuples():
        whole = np.pad(readings[int(row.recording[1])][row.frame], ((50, 50), (50, 50), (0, 0)), mode="edge")
        assert (row.center_x_px, row.center_y_px) == (ANIMALS[row.animal], 32)
        left, top = ANIMALS[row.animal] - CROP_PX // 2, 32 - CROP_PX // 2
        assert (row.left_px, row.top_px, row.right_px, row.bottom_px) == (left, top, left + CROP_PX, top + CROP_PX)
        cut = whole[top + 50 : top + 50 + CROP_PX, left + 50 : left + 50 + CROP_PX]
        assert np.array_equal(cv2.imread(str(tmp_path / "set" / row.path)), cut)


def read_frames(path: Path) -> list[np.ndarray]:
    reader, frames = cv2.VideoCapture(str(path)), []
    while (got := reader.read())[0]:
        frames.append(got[1])
    return frames


def test_pictures_of_moments_are_those_that_the_network_is_shown(pair_lab: Path, tmp_path: Path):
    moments = "crop={size_px: 40, moments_s: [-0.3, 0, 0.5]}"
    config = load_config(pair_lab, [moments])
    plan = make(config, tmp_path / "set", every=2, images="png", size_px=24)
    images = plan.recordings[1]
    view = chosen_view(config, 1)
    view = type(view)(view.network, view.crop, 24)
    centers = CenterTrack(images.centers_xy_px, np.ones(N_FRAMES, bool))
    (shown,) = shown_pictures([view], images.video, centers, None, images.frames)
    table = pd.read_csv(tmp_path / "set" / "images.csv").query("recording == @images.recording")
    for path, wanted in zip(table.path, shown, strict=True):
        assert np.array_equal(cv2.imread(str(tmp_path / "set" / path))[..., ::-1], wanted)


def test_squares_of_a_pair_are_told_as_they_are_cut(tmp_path: Path):
    config = load_config(make_pair_lab(tmp_path, n_videos=1), ["crop={around: pair, margin_percent: 25}"])
    points = {"midbody": -4, "tailbase": 4}
    heads = [(animal, point, axis) for animal in ANIMALS for point in points for axis in ("x", "y", "likelihood")]
    cells = [str({"x": ANIMALS[a] + points[p], "y": 32 + points[p], "likelihood": 0.99}[axis]) for a, p, axis in heads]
    names = zip(("individuals", "bodyparts", "coords"), zip(*heads, strict=True), strict=True)
    lines = [["scorer", *["sim"] * 12], *([name, *own] for name, own in names)]
    lines += [[str(frame), *cells] for frame in range(N_FRAMES)]
    (tmp_path / "w0_dlc.csv").write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
    make(config, tmp_path / "set", every=40, images="png")
    table = pd.read_csv(tmp_path / "set" / "images.csv")
    # Boxes reach from x = 16 to 48, and a fourth of that is added at each end.
    assert {(*row,) for row in table.filter(regex="(left|top|right|bottom)_px").to_numpy().tolist()} == {(8, 8, 56, 56)}
    row = table[table.recording == "w0_light"].iloc[1]
    assert (row.center_x_px, row.center_y_px) == (ANIMALS["light"] - 4, 28)
    cut = read_frames(tmp_path / "w0.avi")[40][8:56, 8:56]
    wanted = cv2.resize(cut, (32, 32), interpolation=cv2.INTER_AREA)  # what the network sees
    assert np.array_equal(cv2.imread(str(tmp_path / "set" / row.path)), wanted)


def killed_after(n_files: int) -> Callable[[Path, Path], Path]:
    """What takes the place of ``Path.replace``: after so many files it leaves what SIGKILL would."""
    replace, n_left = Path.replace, n_files

    def replacing(self: Path, target: Path) -> Path:
        nonlocal n_left
        n_left -= 1
        if n_left < 0:
            self.with_name(f".{Path(target).name}.0123abcd.tmp").write_bytes(b"half")
            raise KeyboardInterrupt
        return replace(self, target)

    return replacing


@pytest.mark.parametrize("layout", ["folders", "webdataset"])
def test_killed_at_any_file_it_ends_the_same(
    pair_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, layout: str
):
    config = load_config(pair_lab, [EXCLUSIVE])
    settings = {"every": 3, "format": layout}
    make(config, tmp_path / "whole", **settings)
    wanted = tree(tmp_path / "whole")

    folder = tmp_path / "killed"
    for n_files in (1, 70, 73) if layout == "folders" else (1, 2, 4):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Path, "replace", killed_after(n_files))
            make(config, folder, **settings)
    make(config, folder, **settings)
    assert tree(folder) == wanted

    # What is damaged is noticed and made again; the rest is left alone.
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".tar"))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[-1].unlink()
    make(config, folder, **settings)
    assert "missing or damaged in 2 parts" in caplog.text
    assert tree(folder) == wanted
    # And nothing is made where all is there.
    monkeypatch.setattr(VideoInfo, "frames", lambda self: pytest.fail("decoded"))
    with caplog.at_level(logging.INFO):
        make(config, folder, **settings)
    assert "is finished already" in caplog.text


def test_work_may_go_to_another_process_and_videos_may_be_other_than_promised(
    pair_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    config = load_config(pair_lab, [EXCLUSIVE])
    plan = make(config, tmp_path / "whole", every=4)
    facts = DatasetDir(tmp_path / "whole").facts()
    tries: list[int] = []

    def sent(jobs: list[work_module.VideoJob], *_: object) -> None:
        tries.append(len(jobs))
        for job in jobs[: 2 if len(tries) == 1 else None]:
            make_video(pickle.loads(pickle.dumps(job)))  # noqa: S301 - our own
        if len(tries) == 1:
            raise NotAsPromisedError("other frames")

    monkeypatch.setattr(make_module, "make_videos", sent)
    make(config, tmp_path / "again", every=4)
    assert tries == [3, 1]
    assert tree(tmp_path / "again") == tree(tmp_path / "whole")
    assert DatasetDir(tmp_path / "again").facts() == facts
    assert [len(job.units) for job in jobs_of(plan, plan.units, "", tmp_path)] == [1, 1, 1]


def test_unknown_is_not_negative(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=3)
    for i in range(3):
        labels = pd.read_csv(tmp_path / f"v{i} labels.csv", dtype="Int64")
        labels.loc[:39, "grooming"] = pd.NA
        labels.loc[:19, "rearing"] = pd.NA
        labels.to_csv(tmp_path / f"v{i} labels.csv", index=False)
    config = load_config(config_path)
    make(config, tmp_path / "set", validation=0.3)
    table = pd.read_csv(tmp_path / "set" / "images.csv", dtype={"grooming": "Int64", "rearing": "Int64"})
    assert sorted(table.groupby("recording").split.unique().str[0]) == ["train", "train", "validation"]
    for i in range(3):
        own = table[table.recording == f"v{i}"].set_index("frame")
        labels = pd.read_csv(tmp_path / f"v{i} labels.csv", dtype="Int64", index_col="frame")
        assert own.index.tolist() == list(range(20, N_FRAMES))
        assert (
            own[list(BEHAVIORS)].to_numpy(int, na_value=-1).tolist() == labels[20:].to_numpy(int, na_value=-1).tolist()
        )
    assert "60 others, which are not scored" in (tmp_path / "set" / "README.md").read_text(encoding="utf-8")

    make(config, tmp_path / "set", overwrite=True, unlabeled=True)
    table = pd.read_csv(tmp_path / "set" / "images.csv")
    assert len(table) == 3 * N_FRAMES and set(table.split) == {"train"}
    assert table.path.str.startswith("unlabeled/").sum() == 60
    assert all((tmp_path / "set" / path).is_file() for path in table.path)
    assert not (tmp_path / "set" / "validation").exists()

    # One behavior makes two classes.
    make(load_config(config_path, ["behaviors={rearing: rearing}"]), tmp_path / "one")
    table = pd.read_csv(tmp_path / "one" / "images.csv")
    assert table.path.str.startswith("train/rearing/").eq(table.rearing == 1).all()
    assert table.path.str.startswith("train/not_rearing/").eq(table.rearing == 0).all()


@pytest.mark.parametrize("task", [EXCLUSIVE, "task=binary"])
@pytest.mark.parametrize("layout", ["folders", "webdataset"])
def test_the_lines_of_its_readme_load_it(
    pair_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, layout: str
):
    import keras

    make(load_config(pair_lab, [task]), tmp_path, every=6, format=layout)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    # Other tests of this process may have asked TensorFlow to be exact, which then wants a seed.
    keras.utils.set_random_seed(0)
    exec(readme.partition("```python\n")[2].partition("```")[0], names)
    batches = list(names["train"])  # type: ignore[call-overload]
    assert {tuple(pictures.shape[1:]) for pictures, _ in batches} == {(CROP_PX, CROP_PX, 3)}
    shown = np.concatenate([np.asarray(labels) for _, labels in batches])
    train = [(video, animal, frame) for video in (0, 1) for animal in ANIMALS for frame in range(0, N_FRAMES, 6)]
    if task == EXCLUSIVE:
        said = [CLASSES.index(true_class(*one)) for one in train]
        assert np.bincount(shown, minlength=3).tolist() == np.bincount(said, minlength=3).tolist()
    else:
        said = [tuple(labels_of(video, animal)[frame].astype(int)) for video, animal, frame in train]
        assert sorted(map(tuple, shown.astype(int).tolist())) == sorted(said)


def test_what_cannot_be_done_is_said(pair_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config, folder = load_config(pair_lab, [EXCLUSIVE]), tmp_path / "set"
    make(config, folder, every=20)
    with pytest.raises(InputError, match="data set of other settings: every 20, now 10"):
        make(config, folder, every=10)
    with pytest.raises(InputError, match="recordings have changed since"):
        make(load_config(pair_lab, [EXCLUSIVE, "behaviors={grooming: rearing, rearing: grooming}"]), folder, every=20)
    (folder / "images.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"images\.csv is not as it was written"):
        make(config, folder, every=20)
    with pytest.raises(InputError, match="holds other files"):
        make(config, pair_lab.parent)
    with pytest.raises(InputError, match="--view 2 is none of the experiment's crops"):
        make(config, tmp_path / "none", view=2)
    with pytest.raises(InputError, match="--quality 0 is out of bounds"):
        make(config, tmp_path / "none", quality=0)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(InputError, match=r"data set needs about .* has 1\.0 kB free"):
        make(config, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_has_no_images_is_said(tmp_path: Path):
    embedded = load_config(make_embedded_lab(tmp_path / "embedded"))
    with pytest.raises(InputError, match="shows no network any frame"):
        make(embedded, tmp_path / "none")
    config_path = make_video_lab(tmp_path, n_train=2)
    write_table(tmp_path, [f"v{i},v{i}.avi,v{i}_dlc.csv,v{i} labels.csv,mouse,,train" for i in range(2)])
    with pytest.raises(InputError, match="of 1 only"):
        make(load_config(config_path), tmp_path / "none", validation=0.5)
    for i in range(2):
        labels = pd.read_csv(tmp_path / f"v{i} labels.csv", dtype="Int64")
        labels.loc[:9, list(BEHAVIORS)] = pd.NA
        labels.to_csv(tmp_path / f"v{i} labels.csv", index=False)
    with pytest.raises(InputError, match=r"nothing to make images of.* of 2 frames, .* in 0, and 2 are not scored"):
        make(load_config(config_path), tmp_path / "none", every=N_FRAMES)


def test_the_command_estimates_and_makes(pair_lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = [str(pair_lab), "--output", str(tmp_path / "set"), "--every", "30", "--size", "32"]
    assert run_dataset_command([*arguments, "--estimate"]) == 0
    assert "24 images are to be made" in capsys.readouterr().out
    assert not (tmp_path / "set").exists()
    assert run_dataset_command(arguments) == 0
    assert "24 images:" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "set" / "images.csv")
    sizes = {cv2.imread(str(tmp_path / "set" / path)).shape for path in table.path}
    assert sizes == {(32, 32, 3)} and set(table.frame) == {0, 30, 60, 90}
