"""Several baselines in one run: each is scored by itself, the head is compared with the best, the leak is apart."""

import json
from pathlib import Path
from statistics import mean

import numpy as np
import pytest

from common.tables import read_table
from models.heads.boosting import BoostingConfig
from pipeline.command_line import main
from pipeline.report.baselines import baseline_lines
from pipeline.report.figures.importance import draw_importance
from pipeline.run_folder.contents import BASELINE_SCORES, IMPORTANCE, RANDOM_FRAME_SCORES
from pipeline.run_folder.evidence import evidence_of
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.importance import importance_rows
from pipeline.training.fits import CacheFile, EmbeddingSource, read_fit
from pipeline.training.plan import RANDOM_FRAMES, named_features
from tests.conftest import made_once, without_figures
from tests.lab import BEHAVIORS, N_FRAMES, make_embedded_lab
from tests.pipeline.training.test_plan import plan_of

NAMES = ("logistic", "boosting")


@pytest.mark.parametrize("protocol", ["nested", "thesis", "compare"])
def test_boosting_learns_from_all_of_a_fold_but_what_is_held_out(protocol: str):
    plan, _ = plan_of(["a", "b", "c", "d"], protocol=protocol, postprocess={}, baseline=["boosting", "logistic"])
    fits = [*plan.cross_fits(), *plan.thesis_fits(), *plan.final_fits([])]
    assert plan.n_fits == len(fits) == len({fit.key for fit in fits})
    boosted = [fit for fit in fits if fit.kind == "boosting" and fit.fold is not None]
    assert len(boosted) == 4
    for fit in boosted:
        assert {*fit.train} == {*"abcd"} - {*fit.predict}
        assert (fit.validation, fit.n_epochs, fit.refit, fit.bundle_path) == ((), None, False, None)
        assert fit.step_s == dict.fromkeys(fit.recordings, 0.1)
    assert not any(fit.step_s for fit in fits if fit.kind in ("head", "baseline", "thesis"))
    (leaking,) = [fit for fit in fits if fit.kind == RANDOM_FRAMES]
    assert leaking.train == leaking.predict == tuple("abcd")


def test_features_that_can_be_named_are_shuffled_where_recordings_are_held_out():
    plan, recordings = plan_of(["a", "b", "c"], postprocess={}, baseline="boosting")
    assert plan.feature_names == ("feature 1", "feature 2", "feature 3") and not plan.no_importance
    fits = [fit for fit in (*plan.cross_fits(), *plan.final_fits([])) if isinstance(fit.head, BoostingConfig)]
    assert [fit.head.n_shuffled > 0 for fit in fits if isinstance(fit.head, BoostingConfig)] == [True] * 3 + [False]
    named = CacheFile(Path("a"), "a", 2, names=("nose speed", "turn"))
    assert EmbeddingSource("a", (named, named)).names == ("nose speed", "turn") * 2
    assert EmbeddingSource("a", (named, *recordings[0].source.caches)).names is None
    assert named_features(500, ["x"] * 500) == (("x",) * 500, "")
    assert named_features(65, None) == ((), "the 65 features have no names")
    assert named_features(2048, ["x"] * 2048)[0] == ()


def test_without_folds_nothing_is_split_at_random():
    plan, _ = plan_of(["a", "b", "c"], postprocess={}, baseline="boosting", cross_validation="none")
    assert [fit.kind for fit in (*plan.cross_fits(), *plan.final_fits([]))] == ["head", "boosting"]


def test_importance_is_the_mean_drop_over_folds_that_show_the_behavior():
    true = np.array([True, False, False, False])
    best, half, worst = [0.9, 0.1, 0.1, 0.1], [0.5, 0.9, 0.1, 0.1], [0.1, 0.9, 0.9, 0.9]
    probability = [np.array([best, a, b], np.float32) for a, b in ((half, best), (worst, best))]
    folds = [[(true, probability[0])], [(true, probability[1])], [(~true[1:3] & False, probability[0][:, 1:3])]]
    second, first = importance_rows("g", ("x", "y"), folds)[::-1]
    assert first == {
        "behavior": "g", "feature": "x", "drop": pytest.approx(mean([0.5, 0.75])),
        "sd": pytest.approx(np.std([0.5, 0.75], ddof=1)), "n_folds": 2,
    }  # fmt: skip
    assert (second["feature"], second["drop"]) == ("y", 0.0)
    assert importance_rows("g", ("x", "y"), folds[2:]) == []


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return made_once(tmp_path_factory, "baselines", run_with_two) / "runs" / "tiny"


def run_with_two(folder: Path) -> None:
    with without_figures():
        lab = make_embedded_lab(folder, n_train=3)
        assert main([str(lab), "--set", "baseline=[boosting, logistic]", "--set", "refit=false"]) == 0


@pytest.mark.slow
def test_each_baseline_is_scored_and_only_probabilities_are_kept(run: Path):
    rows = BASELINE_SCORES.read(RunDir(run))
    assert tuple(dict.fromkeys(row["baseline"] for row in rows)) == NAMES
    pooled = {(r["baseline"], r["behavior"], r["subset"]): r for r in rows if r["recording"] == "pooled"}
    assert len(pooled) == 8 and all(row["average_precision"] > 0.6 for row in pooled.values())
    for name in ("r0.csv", "boosting/r0.csv", "r3.csv", "boosting/r3.csv"):
        assert len(read_table(run / "baseline_predictions" / name)) == N_FRAMES
    assert {path.name for path in (run / "heads").iterdir()} == {*BEHAVIORS}
    leaking = RANDOM_FRAME_SCORES.read(RunDir(run))
    assert {(row["baseline"], row["split"], row["subset"]) for row in leaking} == {
        ("boosting", "frames at random (leaks)", "cross_validation")
    }


@pytest.mark.slow
def test_what_gives_a_behavior_away_mattered_most(run: Path):
    rows = IMPORTANCE.read(RunDir(run))
    for behavior, feature in zip(BEHAVIORS, ("feature 1", "feature 2"), strict=True):
        first, second, *rest = [row for row in rows if row["behavior"] == behavior]
        assert (first["feature"], first["n_folds"], len(rest)) == (feature, 3, 3)
        assert first["drop"] > 0.2 > second["drop"]
    drawing = draw_importance(read_run(run))
    assert drawing is not None and drawing.numbers == rows


@pytest.mark.slow
def test_the_head_is_compared_with_the_best_of_them(run: Path):
    found = read_run(run)
    for line in baseline_lines(found):
        scores = {name: row["average_precision"] for name, row in line["baselines"].items()}
        subset = next(s for s in found.subsets if line["subset"].startswith(s[:4]))
        evidence = evidence_of(found, line["behavior"], subset)
        assert (evidence.baseline, evidence.baseline_name) == max((v, k) for k, v in scores.items())
        assert (line["leak"] is not None) == (subset == "cross_validation")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert 'id="baselines"' in page and "random_frame_scores.csv" in page and "the best of them" in page


@pytest.mark.slow
def test_stored_fits_with_shuffled_features_are_taken_up_again(run: Path):
    path = run / "fits" / "grooming.boosting.fold01.npz"
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(stored["header"].tobytes().decode("utf-8"))
    result = read_fit(path, header["fingerprint"])
    assert result is not None
    (frames, predictions) = result.shuffled["r0"]
    np.testing.assert_array_equal(predictions[0], result.probabilities["r0"][frames])
    assert predictions.shape == (6, N_FRAMES, 1)
