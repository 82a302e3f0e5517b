"""Exclusive classes: decisions against a slow reference, scores against scikit-learn."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.scoring.classes import ALL, class_score_rows, confusion_rows
from pipeline.scoring.postprocessing.classes import postprocess_classes
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.postprocessing.tuning import TuningConfig, grid_of
from pipeline.scoring.postprocessing.tuning_classes import count_class_candidates, tune_classes
from pipeline.scoring.timeline import FULL, RAW, Timeline
from tests.pipeline.scoring.test_tuning import OBJECTIVES, candidates, matched_bouts

FPS = 10.0
SMALL = TuningConfig(thresholds=(0.5,), smooth_s=(0, 0.3, 0.5), max_gap_s=(0, 0.1, 0.3), min_bout_s=(0, 0.2, 0.4))


def slow_classes(every: np.ndarray, config: PostprocessConfig) -> list[int]:
    """The classes of a stretch of predicted frames, by the words of the module's docstring; background last."""
    n_frames, n_classes = every.shape
    classes = [int(np.argmax(row)) for row in every]
    half = (max(1, int(config.smooth_s * FPS + 1e-6)) - 1) // 2
    smooth = []
    for i in range(n_frames):
        window = [classes[min(max(j, 0), n_frames - 1)] for j in range(i - half, i + half + 1)]
        most = max(window.count(c) for c in range(n_classes))
        tied = [c for c in range(n_classes) if window.count(c) == most]
        smooth.append(classes[i] if classes[i] in tied else tied[0])
    classes, background = smooth, n_classes - 1

    def runs() -> list[list[int]]:
        frames = iter(range(n_frames))
        return [[next(frames) for _ in members] for _, members in groupby(classes)]

    longest = int(config.max_gap_s * FPS + 1e-6)
    i = 1
    while i + 1 < len(runs()):
        before, gap, after = runs()[i - 1 : i + 2]
        if classes[before[0]] == classes[after[0]] != background and len(gap) <= longest:
            for frame in gap:
                classes[frame] = classes[before[0]]
            i = max(1, i - 1)
        else:
            i += 1
    shortest = int(np.ceil(config.min_bout_s * FPS - 1e-6))
    while len(runs()) > 1:
        short = [run for run in runs() if len(run) < shortest and classes[run[0]] != background]
        if not short:
            break
        run = min(short, key=lambda frames: (len(frames), frames[0]))
        beside = [classes[f] for f in (run[0] - 1, run[-1] + 1) if 0 <= f < n_frames]
        taker = max(beside, key=lambda c: round(float(every[run, c].sum()), 9))
        for frame in run:
            classes[frame] = taker
    return classes


def random_probability(rng: np.random.Generator, n_frames: int, n_behaviors: int, has_background: bool) -> np.ndarray:
    """Classes that last a while, with flicker; frames without prediction here and there."""
    true = np.repeat(rng.integers(n_behaviors + has_background, size=n_frames), rng.integers(1, 7, n_frames))[:n_frames]
    raw = rng.dirichlet(np.full(n_behaviors + has_background, 0.7), n_frames)
    raw[np.arange(n_frames), true] += 0.8
    # Few distinct values, so that some are equal.
    probability = np.round(raw / raw.sum(axis=1, keepdims=True) * 8) / 8
    probability /= np.maximum(probability.sum(axis=1, keepdims=True), 1)
    probability[np.repeat(rng.random(n_frames) < 0.04, 3)[:n_frames]] = np.nan
    return probability[:, :n_behaviors]


@pytest.mark.parametrize("seed", range(8))
def test_decisions_are_those_of_the_slow_way(seed):
    rng = np.random.default_rng(seed)
    probability = random_probability(rng, 150, 3, bool(seed % 2))
    for config in (c for _, c in candidates(grid_of(SMALL))):
        active = postprocess_classes(probability, config, FPS)
        assert active.sum(axis=1).max() <= 1
        known = ~np.isnan(probability).any(axis=1)
        assert not active[~known].any()
        for is_known, members in groupby(range(150), key=lambda i: bool(known[i])):
            if is_known:
                frames = list(members)
                of = probability[frames]
                every = np.column_stack([of, np.maximum(1 - of.sum(axis=1), 0)])
                found = np.where(active[frames].any(axis=1), active[frames].argmax(axis=1), 3)
                assert found.tolist() == slow_classes(every, config)


@given(st.integers(0, 2**31), st.permutations(range(3)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_behaviors_does_not_matter(seed, order):
    rng = np.random.default_rng(seed)
    probability = rng.dirichlet(np.ones(4), 60)[:, :3]
    config = PostprocessConfig(max_gap_s=0.3, min_bout_s=0.4)
    active = postprocess_classes(probability, config, FPS)
    assert np.array_equal(postprocess_classes(probability[:, order], config, FPS), active[:, order])


def random_timelines(seed: int, n: int = 5, background: str = "rest") -> list[Timeline]:
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        n_frames = int(rng.integers(60, 140))
        probability = random_probability(rng, n_frames, 3, bool(background))
        true = postprocess_classes(random_probability(rng, n_frames, 3, bool(background)), PostprocessConfig(), FPS)
        mixed = np.where(rng.random((n_frames, 1)) < 0.6, true + 0.0, 0)
        probability = np.clip((probability + mixed) / (1 + mixed.sum(axis=1, keepdims=True)), 0, 1)
        predicted = {v: postprocess_classes(probability, PostprocessConfig(), FPS) for v in (RAW, FULL)}
        is_known = (rng.random(n_frames) < 0.9) & (true.any(axis=1) | bool(background))
        scored = np.repeat(is_known[:, None], 3, axis=1)
        made.append(
            Timeline(
                f"r{i}", FPS, ("a", "b", "c"), probability, predicted, true, scored, (), "test", f"m{i}", "exclusive",
                background,
            )
        )  # fmt: skip
    return made


@pytest.mark.parametrize("background", ["rest", ""])
@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_scikit_learn(seed, background):
    timelines = random_timelines(seed, background=background)
    names = ["a", "b", "c", *([background] if background else [])]
    true, predicted, probability = [], [], []
    for t in timelines:
        used = t.scored[:, 0] & ~np.isnan(t.probability[:, 0])
        for found, active in ((true, t.true), (predicted, t.predicted[FULL])):
            found.append(np.where(active.any(axis=1), active.argmax(axis=1), 3)[used])
        of = t.probability[used]
        probability.append(np.column_stack([of, 1 - of.sum(axis=1)]))
    truth, guess, p = np.concatenate(true), np.concatenate(predicted), np.concatenate(probability)
    rows = class_score_rows(timelines, "lstm", (RAW, FULL))
    pooled = {(r["class"], r["score"]): r for r in rows if r["recording"] == "pooled" and r["postprocessed"] == FULL}
    shown = sorted(set(truth))
    f1 = {"labels": shown, "zero_division": 0}
    expected = {
        "accuracy": metrics.accuracy_score(truth, guess),
        "balanced_accuracy": metrics.recall_score(truth, guess, average="macro", **f1),
        "macro_f1": metrics.f1_score(truth, guess, average="macro", **f1),
        "weighted_f1": metrics.f1_score(truth, guess, average="weighted", **f1),
        "cohen_kappa": metrics.cohen_kappa_score(truth, guess),
    }
    for score, value in expected.items():
        row = pooled[ALL, score]
        assert row["value"] == pytest.approx(value), score
        assert row["low"] <= value <= row["high"] and row["n_individuals"] == 5
    for c, name in enumerate(names):
        assert pooled[name, "f1"]["value"] == pytest.approx(metrics.f1_score(truth == c, guess == c))
        specificity = metrics.recall_score(truth != c, guess != c)
        assert pooled[name, "specificity"]["value"] == pytest.approx(specificity)
        ranked = next(
            r for r in rows if r["recording"] == "pooled" and (r["class"], r["score"]) == (name, "average_precision")
        )
        assert ranked["value"] == pytest.approx(metrics.average_precision_score(truth == c, p[:, c]))
    matrix = metrics.confusion_matrix(truth, guess, labels=range(len(names)))
    found = [r for r in confusion_rows(timelines, (FULL,)) if r["recording"] == "pooled"]
    assert [r["n_frames"] for r in found] == matrix.ravel().tolist()
    assert sum(r["share"] for r in found) == pytest.approx(len(names))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_tuning_tries_what_postprocessing_and_counting_give(objective):
    timelines = random_timelines(7, n=3)
    grid = grid_of(SMALL)
    counts = count_class_candidates(timelines, grid)
    slow = {}
    for place, config in candidates(grid):
        per_class = []
        for column in range(3):
            frames, bouts = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
            for t in timelines:
                used = t.scored[:, 0] & ~np.isnan(t.probability[:, 0])
                true = t.true[:, column] & used
                guess = postprocess_classes(t.probability, config, FPS)[:, column] & used
                frames += [(true & guess).sum(), (~true & guess).sum(), (true & ~guess).sum()]
                bouts += matched_bouts(true, guess)
            f1 = [2 * tp / (2 * tp + fp + fn) for tp, fp, fn in (frames, bouts)]
            per_class.append(f1)
            assert counts[column].frame_f1[place] == f1[0] and counts[column].bout_f1[place] == f1[1]
        frame_f1, bout_f1 = np.mean(per_class, axis=0)
        slow[config] = {"frame_f1": frame_f1, "bout_f1@0.5": bout_f1, "mean": (frame_f1 + bout_f1) / 2}[objective]
    result = tune_classes(timelines, SMALL.model_copy(update={"objective": objective}))
    assert result.chosen.value == pytest.approx(max(slow.values()))
    assert slow[result.config] == pytest.approx(max(slow.values()))


def clips_of(seed: int, background: str) -> list[Timeline]:
    """Recordings of one class each, by turns; some frames are unscored or not predicted."""
    made = random_timelines(seed, 12, background)
    whole = [np.tile(np.arange(3) == i % (4 if background else 3), (t.n_frames, 1)) for i, t in enumerate(made)]
    return [replace(t, true=true, scored=t.scored | (not background)) for t, true in zip(made, whole, strict=True)]


@pytest.mark.parametrize("background", ["rest", ""])
def test_a_clip_is_what_is_most_probable_on_its_frames_together(background):
    timelines = clips_of(3, background)
    names = ["a", "b", "c", *([background] if background else [])]
    truth, mean = [], []
    for i, t in enumerate(timelines):
        frames = [f for f in range(t.n_frames) if t.scored[f, 0] and not np.isnan(t.probability[f, 0])]
        of = np.mean([t.probability[f] for f in frames], axis=0)
        mean.append([*of, 1 - of.sum()][: len(names)])
        truth.append(i % len(names))
    guess, p = np.argmax(mean, axis=1), np.array(mean)
    rows = [r for r in class_score_rows(timelines, "lstm", (RAW, FULL)) if r["postprocessed"] == "clips"]
    found = {(r["class"], r["score"]): r["value"] for r in rows}
    assert len(found) == len(rows) and rows[0]["n_frames"] == rows[0]["n_individuals"] == 12
    assert found[ALL, "accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess))
    assert found[ALL, "macro_f1"] == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    for c, name in enumerate(names):
        is_class = np.array(truth) == c
        assert found[name, "average_precision"] == pytest.approx(metrics.average_precision_score(is_class, p[:, c]))
    matrix = [r["n_frames"] for r in confusion_rows(timelines, (FULL,)) if r["postprocessed"] == "clips"]
    assert matrix == metrics.confusion_matrix(truth, guess, labels=range(len(names))).ravel().tolist()
    # One recording of two classes: these are no clips.
    timelines[0].true[0] = timelines[1].true[0]
    timelines[0].scored[0] = True
    timelines[0].probability[0] = 0.25
    assert "clips" not in {r["postprocessed"] for r in class_score_rows(timelines, "lstm", (RAW, FULL))}
