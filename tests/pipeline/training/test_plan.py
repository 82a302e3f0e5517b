"""Which fits there are, and that nothing of a recording reaches the settings by which it is read."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.schema import ExperimentConfig, parse_config
from pipeline.dataset.labels import LabelTrack
from pipeline.dataset.load import CheckedRecording
from pipeline.dataset.recording import Recording
from pipeline.run_folder.contents import CHOICES
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import FINAL, read_tables
from pipeline.training.chosen_settings import choice_rows, make_choices
from pipeline.training.cross_validation import StageTwo
from pipeline.training.embed import EmbeddedRecording
from pipeline.training.fits import CacheFile, EmbeddingSource, FitResult
from pipeline.training.plan import HEAD, FitPlan, plan_folds

N_FRAMES = 200


def config_of(**settings: object) -> ExperimentConfig:
    tree = {
        "name": "x", "recordings": "r.csv", "behaviors": {"g": "g"}, "features": [{"source": "precomputed", "fps": 10}],
        "head": {"name": "lstm"}, "postprocess": "tune", "tuning": {"inner_folds": 2, "smooth_s": [0.0]},
    }  # fmt: skip
    return parse_config(tree | settings, "test")


def recording(name: str, start: int, n_active: int = 50) -> EmbeddedRecording:
    """One bout."""
    active = np.zeros((N_FRAMES, 1), bool)
    active[start : start + n_active] = True
    row = Recording(name, Path(name), None, {"": Path(name)}, f"mouse of {name}", "", "train")
    labels = LabelTrack(("g",), active, np.ones_like(active))
    checked = CheckedRecording(row, None, None, labels, None, N_FRAMES, 10.0)
    source = EmbeddingSource(name, (CacheFile(Path(name), name, 3),))
    return EmbeddedRecording(checked, source, np.arange(N_FRAMES), np.ones(N_FRAMES, bool))


def plan_of(
    names: list[str], absent: tuple[str, ...] = (), **settings: object
) -> tuple[FitPlan, list[EmbeddedRecording]]:
    config = config_of(**settings)
    recordings = [recording(name, 20 * i, 0 if name in absent else 50) for i, name in enumerate(names)]
    return FitPlan(config, recordings, plan_folds(config, [r.checked for r in recordings]), Path), recordings


def test_only_the_final_heads_are_kept_whatever_a_recording_is_called():
    plan, _ = plan_of(["a", "b", "final", "c"], postprocess={})
    fits = [*plan.cross_fits(), *plan.final_fits([])]
    assert [fit.key for fit in fits if fit.bundle_path is not None] == ["g.head.final"]
    assert len({fit.key for fit in fits}) == len(fits) == plan.n_fits == 10
    assert [fit.fold for fit in fits] == [*2 * ["a", "b", "final", "c"], None, None]


def test_no_window_or_batch_is_larger_than_all_data_and_it_is_said():
    plan, _ = plan_of(["a", "b", "c"], postprocess={}, training={"window_frames": 90_000, "batch_windows": 4000})
    fits = [*plan.cross_fits(), *plan.final_fits([])]
    assert {(fit.training.window_frames, fit.training.batch_windows) for fit in fits} == {(N_FRAMES, 3)}
    windows, batch = plan.notes()
    assert "training.window_frames is 90000" in windows and f"{N_FRAMES} is used" in windows
    assert "training.batch_windows is 4000" in batch and "3 is used" in batch
    plan, _ = plan_of(["a", "b", "c"], postprocess={}, training={"window_frames": 50, "batch_windows": 12})
    assert plan.notes() == [] and plan.cross_fits()[0].training.batch_windows == 12


def test_features_that_are_not_more_stay_as_they_are_and_the_baseline_sees_all():
    plan, _ = plan_of(["a", "b", "c"], postprocess={}, training={"reduce_features": 3})
    assert {fit.training.reduce_features for fit in plan.cross_fits()} == {0}
    *_, said = plan.notes()
    assert "training.reduce_features is 3, but there are no more features: 0 is used" in said
    plan, _ = plan_of(["a", "b", "c"], postprocess={}, training={"reduce_features": 2})
    assert {(fit.kind, fit.training.reduce_features) for fit in plan.cross_fits()} == {("head", 2), ("baseline", 0)}
    assert not [note for note in plan.notes() if "reduce_features" in note]


@pytest.fixture
def chosen_with_a_recording_called_final(tmp_path: Path) -> RunDir:
    """Settings of a run in which `final` is read by another threshold than the recordings that took no part."""
    _, recordings = plan_of(["a", "b", "final"])
    truth = {r.id: r.checked.labels.active[:, 0] for r in recordings if r.checked.labels is not None}
    low = {name: np.where(active, 0.32, 0.28).astype(np.float32) for name, active in truth.items()}
    high = {name: np.where(active, 0.72, 0.68).astype(np.float32) for name, active in truth.items()}
    inner = {("g", out): {name: high[name] for name in truth if name != out} for out in truth}
    stage_two = StageTwo({HEAD: {name: {"g": values} for name, values in low.items()}}, inner)
    choices = make_choices(config_of(), recordings, stage_two)
    assert choices.of("g", "final").chosen_on == ("a", "b")
    run = RunDir(tmp_path)
    CHOICES.write(run, choice_rows(choices, ["g"], [*truth, "new"]))
    return run


def test_a_recording_called_final_is_read_by_settings_chosen_without_it(chosen_with_a_recording_called_final: RunDir):
    tables = read_tables(chosen_with_a_recording_called_final)
    thresholds = {}
    for name in ("a", "final", "new", FINAL):
        settings = tables.settings("g", name)
        assert settings is not None
        thresholds[name] = settings.threshold
    assert thresholds == {"a": 0.7, "final": 0.7, "new": 0.3, FINAL: 0.3}


@pytest.mark.parametrize("protocol", ["nested", "thesis"])
@pytest.mark.parametrize(
    ("n_recordings", "cross_validation"), [*((n, "leave_one_video_out") for n in (3, 4, 7)), (24, 5)]
)
@pytest.mark.parametrize("inner_folds", [2, 3])
def test_inner_heads_train_for_epochs_that_were_best_on_other_recordings(
    protocol: str, n_recordings: int, cross_validation: str | int, inner_folds: int
):
    names = [f"r{i}" for i in range(n_recordings)]
    chosen = {"protocol": protocol, "baseline": "none", "cross_validation": cross_validation}
    plan, _ = plan_of(names, tuning={"inner_folds": inner_folds}, **chosen)
    asked = dict(enumerate(plan.cross_fits(), start=10))
    if cross_validation == 5:
        # Two validation recordings of a part may lie in two inner groups.
        assert protocol == "thesis" or len(asked) > 10
        n_recordings = 5
    else:
        assert len(asked) == n_recordings * (1 if protocol == "thesis" else 2)
    inner = plan.inner_fits([(fit, FitResult({}, [], epoch, "")) for epoch, fit in asked.items()])
    assert len(inner) == n_recordings * min(inner_folds, len(names) - 1)
    for fold, fit in inner:
        assert fit.n_epochs is not None
        source = asked[fit.n_epochs]
        assert not set(source.validation) & set(fit.predict)
        assert not set(fit.train) & {*fit.predict, *fold.held_out}
        # In the thesis' protocol the fold itself stops on the held-out recording; nothing else may see it.
        if source.kind != HEAD or protocol == "nested":
            assert not {*source.train, *source.validation} & set(fold.held_out)
    every = [*asked.values(), *(fit for _, fit in inner), *plan.final_fits([])]
    assert len({fit.key for fit in every}) == len(every) == plan.n_fits
