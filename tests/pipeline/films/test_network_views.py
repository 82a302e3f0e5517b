"""Frames of a run as its networks see them: which are chosen, how they lie in the run's folder and on the page."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from features.sources.views import NetworkView, shown_pictures
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.films.network_views import FrameChoice, choose_frames, cut_network_views
from pipeline.report.network_views import views_of_run
from pipeline.run_folder.pictures import read_network_views
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.timeline import FULL, Timeline
from tests.lab import BEHAVIORS, N_FRAMES, make_video_lab

NOTHING: list[tuple[int, int]] = []
BOTH = "[frames, {source: frames, crop: {moments_s: [-0.2, 0, 0.2]}}]"


def timeline(recording: str, human: Any = None, model: Any = (NOTHING, NOTHING)) -> Timeline:
    """Bouts of two behaviors, [start, stop); without a human nobody scored it."""

    def active(bouts: Any) -> np.ndarray:
        frames = np.zeros((N_FRAMES, 2), dtype=bool)
        for column, own in enumerate(bouts):
            for start, stop in own:
                frames[start:stop, column] = True
        return frames

    true = None if human is None else active(human)
    scored = None if human is None else np.ones((N_FRAMES, 2), dtype=bool)
    predicted = active(model)
    return Timeline(recording, 10.0, BEHAVIORS, predicted.astype(float), {FULL: predicted}, true, scored)


def test_the_middles_of_the_first_bouts_that_are_not_short_are_shown() -> None:
    grooming = [(0, 2), (10, 20), (30, 38), (50, 60), (70, 72)]
    chosen = choose_frames(timeline("a", (grooming, NOTHING), (NOTHING, [(40, 50)])))
    assert chosen == [
        *(FrameChoice(frame, "grooming", "human") for frame in (15, 34, 55)),
        FrameChoice(45, "rearing", "model"),
    ]
    assert choose_frames(timeline("a", (NOTHING, NOTHING))) == []


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video_lab(tmp_path_factory.mktemp("lab"), n_train=2)


def cut(lab: Path, run: Path, timelines: list[Timeline], *overrides: str) -> Any:
    """Cut what the networks see; returns the checked recordings, the views and what the page shows."""
    config = load_config(lab, [*overrides, "frame_step=3"])
    checked, views = load_dataset(config), config.feature_source().views()
    assert cut_network_views(RunDir(run), checked, timelines, views, config.frame_step) == []
    return {item.id: item for item in checked}, views, views_of_run(SimpleNamespace(path=run, recordings=()))  # type: ignore[arg-type]


def test_every_network_has_a_row_of_the_pictures_that_it_is_given(lab: Path, tmp_path: Path) -> None:
    seen_by_two = timeline("v1", ([(50, 61)], NOTHING), (NOTHING, [(10, 15)]))
    timelines = [timeline("v0", ([(5, 25)], NOTHING)), seen_by_two]
    items, views, page = cut(lab, tmp_path, timelines, f"features={BOTH}")
    shown = read_network_views(RunDir(tmp_path))
    assert [(one.row, one.column, one.behavior, one.said_by, one.frame) for one in shown] == [
        (row, *rest) for row in (1, 2) for rest in ((1, "grooming", "human", 54), (2, "rearing", "model", 12))
    ]
    assert {one.recording for one in shown} == {"v1"} and shown[1].view == views[0] and shown[2].view == views[1]
    item = items["v1"]
    exact = shown_pictures(views, item.video, item.centers, None, np.array([12, 54]))
    for one in shown:
        picture = np.asarray(Image.open(io.BytesIO((tmp_path / one.file).read_bytes())), dtype=float)
        assert np.abs(picture - exact[one.row - 1][int(one.frame == 54)]).mean() < 5
    assert page["table"]["columns"] == [["grooming", "v1", "5.4 s"], ["rearing (predicted)", "v1", "1.2 s"]]
    assert [row["title"] for row in page["table"]["rows"]] == [
        "mobilenet_v2: the frame", "mobilenet_v2: −0.2 s, now, 0.2 s",
    ]  # fmt: skip
    assert len(page["words"]) == 1 and page["words"][0].startswith("Red is the picture 0.2 s before")


def test_without_moments_nothing_is_said_of_colors_and_without_bouts_the_beginning_is_shown(
    lab: Path, tmp_path: Path
) -> None:
    _, _, page = cut(lab, tmp_path, [timeline("v0")])
    assert page["words"] == []
    assert page["table"]["columns"] == [["v0", f"{time_s} s"] for time_s in ("0.0", "1.8", "3.9", "5.7")]


def test_where_no_network_looks_at_a_video_there_is_nothing(lab: Path, tmp_path: Path) -> None:
    checked = load_dataset(load_config(lab))
    assert cut_network_views(RunDir(tmp_path), checked, [timeline("v0")], [], 1) == []
    no_video = [timeline("elsewhere")]
    view = NetworkView("n", load_config(lab).crop, 32)
    assert cut_network_views(RunDir(tmp_path), checked, no_video, [view], 1) == []
    assert list(tmp_path.iterdir()) == [] and views_of_run(SimpleNamespace(path=tmp_path, recordings=())) is None  # type: ignore[arg-type]


def test_a_video_that_is_gone_is_a_note(lab: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    config = load_config(make_video_lab(folder, n_train=1))
    checked = load_dataset(config)
    (folder / "v0.avi").unlink()
    (note,) = cut_network_views(RunDir(tmp_path), checked, [timeline("v0")], config.feature_source().views(), 1)
    assert note.startswith("There are no pictures of what the network sees: ")
