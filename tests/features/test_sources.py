"""Sources of features and engines as members of their tables, and fingerprints that outlive versions."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from features.cache.rows import cached_rows, find_rows
from features.cache.store import fingerprint, list_caches
from features.engines import ENGINES, EngineKind
from features.sources import SOURCES, open_sources
from features.sources.base import (
    ExtractionSettings,
    FeatureRows,
    FeatureSource,
    Given,
    Measured,
    RecordingFiles,
    SourceConfig,
)
from features.sources.frames import FrameSource, FrameSourceConfig
from features.sources.precomputed import PrecomputedRows
from features.tracks import CenterTrack
from features.video.inspection import inspect_video
from tests.features.stage_one import CROP, MeanEngine, recipe_of, tiny_backbone, wandering_centers, write_video

SETTINGS = ExtractionSettings(frame_step=2, batch_frames=8)


class CountConfig(SourceConfig):
    """A source that a test adds: rows of ten frames each, which hold their number."""

    source: Literal["count"] = "count"
    n_rows: int = 600


class CountRows(FeatureRows):
    n_features = 3
    batch_rows = 50

    def __init__(self, recording: str, n_rows: int) -> None:
        self.recording = recording
        self.recipe = {"backbone": {"name": "count"}, "n_rows": n_rows}
        starts = 10 * np.arange(n_rows)
        self.spans = np.stack([starts, starts + 10], axis=1)
        self.observed = np.ones(n_rows, dtype=bool)
        self.n_made = 0
        self.stop_after = n_rows

    def batches(self, first_row: int) -> Generator[np.ndarray, None, None]:
        for start in range(first_row, len(self.spans), self.batch_rows):
            if start >= self.stop_after:
                raise KeyboardInterrupt
            rows = np.arange(start, min(start + self.batch_rows, len(self.spans)), dtype=np.float32)
            self.n_made += len(rows)
            yield np.repeat(rows[:, None], 3, axis=1)


class CountSource(FeatureSource[CountConfig]):
    config_class: ClassVar[type[SourceConfig]] = CountConfig
    needs_poses = False

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Any = None) -> Measured:
        return Measured(10 * self.config.n_rows, 25.0, ())

    def rows_of(self, files: RecordingFiles, n_frames: int, *_: Any) -> CountRows:
        return CountRows(files.id, n_frames // 10)

    def described(self) -> dict[str, Any]:
        return {"requested": "count", "used": "count", "weights": "", "note": ""}


def test_a_source_is_one_line_in_the_table_and_resumes_like_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, "count", CountSource)
    source = open_sources([CountConfig()], SETTINGS)
    files = RecordingFiles("m1", Path("m1.mp4"), Path())
    measured = source.measure(files, tmp_path)
    (rows,) = source.rows_of(files, measured.n_frames, None, None)
    assert isinstance(rows, CountRows)
    rows.stop_after = 400
    with pytest.raises(KeyboardInterrupt):
        cached_rows([rows], tmp_path)
    assert [(row.backbone, row.state, row.n_frames) for row in list_caches(tmp_path)] == [("count", "unfinished", 250)]
    rows.stop_after = 600
    rows.n_made = 0
    told: list[tuple[int, int]] = []
    (cache,) = cached_rows([rows], tmp_path, lambda done, total: told.append((done, total)))
    assert (rows.n_made, told[0], told[-1]) == (350, (250, 600), (600, 600))
    np.testing.assert_array_equal(cache.embeddings[:, 1], np.arange(600))
    np.testing.assert_array_equal(cache.frames, 10 * np.arange(600))
    assert find_rows(rows, tmp_path) is not None


def test_an_engine_is_one_line_in_the_table_and_part_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[Any, ...]] = []

    def build(resolved: Any, precision: str, batch_frames: int, seed: int, network_dir: Any) -> MeanEngine:
        built.append((precision, batch_frames, seed))
        return MeanEngine(batch_frames)

    monkeypatch.setitem(ENGINES, "mean", EngineKind(build))
    monkeypatch.setattr(FrameSource, "resolved", tiny_backbone())
    video, centers = inspect_video(write_video(tmp_path / "m1.avi", 40)), wandering_centers(40)
    files = RecordingFiles("m1", video.path, tmp_path)
    settings = ExtractionSettings(batch_frames=8, seed=5, engine="mean")
    config = FrameSourceConfig(backbone=tiny_backbone().config, crop=CROP)
    source = open_sources([config], settings)
    (rows,) = source.rows_of(files, 40, video, centers)
    assert rows.recipe["engine"] == "mean" and not built
    (cache,) = cached_rows([rows], tmp_path)
    cached_rows([rows], tmp_path)
    assert built == [("float32", 8, 5)]
    assert cache.embeddings.shape == (40, 48)
    by_default = open_sources([config], ExtractionSettings(batch_frames=8, seed=5))
    assert fingerprint(by_default.rows_of(files, 40, video, centers)[0].recipe) != cache.fingerprint


@pytest.fixture
def mean_engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Engines without networks under the names of the real ones; which were built."""
    built: list[str] = []

    def kind(name: str) -> EngineKind:
        return EngineKind(lambda *of: built.append(name) or MeanEngine(8), is_faster_here=lambda: name == "openvino")

    for name in ("tensorflow", "openvino"):
        monkeypatch.setitem(ENGINES, name, kind(name))
    monkeypatch.setattr(FrameSource, "resolved", tiny_backbone())
    return built


def test_auto_uses_what_is_cached_and_keeps_to_one_engine(tmp_path: Path, mean_engines: list[str]) -> None:
    video, centers = inspect_video(write_video(tmp_path / "m.avi", 40)), wandering_centers(40)
    config = FrameSourceConfig(backbone=tiny_backbone().config, crop=CROP)
    given = [Given(RecordingFiles(name, video.path, tmp_path), 40, video, centers) for name in ("m1", "m2", "m3")]

    def extract(engine: str, n_recordings: int, folder: Path) -> str:
        settled = open_sources([config], replace(SETTINGS, engine=engine)).settled(given[:n_recordings], folder)
        for of in given[:n_recordings]:
            cached_rows(settled.rows_of(*of), folder)
        return str(settled.described()[0]["engine"])

    older, newer = tmp_path / "older", tmp_path / "newer"
    assert extract("tensorflow", 2, older) == "tensorflow"
    assert extract("auto", 2, older) == "tensorflow"
    assert mean_engines == ["tensorflow"], "what was cached was made anew"
    # A recording more joins those that are there, by their engine.
    assert extract("auto", 3, older) == "tensorflow"
    assert extract("openvino", 3, older) == "openvino"
    assert len(list_caches(older)) == 6
    assert extract("auto", 2, newer) == extract("auto", 3, newer) == "openvino"


def test_heads_get_features_by_the_engine_that_they_learned_from(
    mean_engines: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = FrameSourceConfig(backbone=tiny_backbone().config, crop=CROP)
    source = open_sources([config], replace(SETTINGS, engine="auto"))
    used = open_sources([config], SETTINGS).described()[0] | {"used": "mobilenet_v2"}

    def engine_for(told: dict[str, Any]) -> str:
        return str(source.as_used([told]).described()[0]["engine"])

    without = {key: value for key, value in used.items() if key != "engine"}
    assert (engine_for(without), engine_for(used)) == ("tensorflow", "tensorflow"), "older runs name no engine"
    assert engine_for(used | {"engine": "openvino"}) == "openvino" and not caplog.records
    absent = EngineKind(ENGINES["openvino"].build, lambda precision: "It is not installed.")
    monkeypatch.setitem(ENGINES, "openvino", absent)
    assert engine_for(used | {"engine": "openvino"}) == "tensorflow"
    assert "It is not installed." in caplog.text


def test_fingerprints_are_those_of_the_first_caches(tmp_path: Path) -> None:
    """Computed when engines had no names and each source cached by itself: such caches must be found."""
    video = replace(inspect_video(write_video(tmp_path / "m1.avi", 5)), sha256="ab" * 32, n_frames=3)
    centers = CenterTrack(np.array([[1.0, 2.0], [3.5, 4.0], [5.0, 6.25]]), np.array([True, False, True]))
    resolved = tiny_backbone()
    recipe = recipe_of(video, centers, resolved, CROP, SETTINGS)
    recipe["backbone"]["n_features"] = 1280  # The network's that `tiny_backbone` passes for.
    assert fingerprint(recipe) == "46cde59ea0640c55504086522bfd9fdcdb94d8035d6dfc8d2b3299ecfa4c6454"
    np.save(tmp_path / "m1.npy", np.arange(12.0).reshape(6, 2))
    rows = PrecomputedRows("m1", tmp_path / "m1.npy", 6, 2)
    assert fingerprint(rows.recipe) == "d1c3ad75fcd6f23263fc6891710836bf94c23065618c02449c94b5ba85f60cf3"


def test_table_names_are_the_configs_own() -> None:
    assert {name: source.config_class.model_fields["source"].default for name, source in SOURCES.items()} == {
        name: name for name in SOURCES
    }
