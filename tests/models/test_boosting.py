"""Boosted trees: what they see, what they learn, and what a random split of frames would make of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from common.errors import InputError
from models.centered_means import CenteredMeans
from models.fitting import FitInput, Fitted
from models.heads.base import HeadConfig
from models.heads.boosting import BoostingConfig, RandomFramesConfig
from models.quantile_bins import QuantileBins
from models.settings import TrainingConfig
from models.tasks import Binary
from models.windows import FeatureSequence

QUICK = BoostingConfig(iterations=20)


@given(
    n=st.integers(1, 40), step_s=st.sampled_from([0.02, 0.1, 0.4, 3.0]), seed=st.integers(0, 99),
    missing=st.sampled_from([0.0, 0.3, 1.0]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_means_are_those_of_a_slow_reference(n: int, step_s: float, seed: int, missing: float):
    rng = np.random.default_rng(seed)
    values = rng.normal(1000, 1, size=(n, 3)).astype(np.float32)
    values[rng.random((n, 3)) < missing] = np.nan
    spans_s = (0.5, 2.0)
    expected = [values]
    for span_s in spans_s:
        half = max(0, round((span_s / step_s - 1) / 2))
        means = np.full((n, 3), np.nan)
        for frame in range(n):
            for column in range(3):
                window = values[max(0, frame - half) : frame + half + 1, column].astype(np.float64)
                if not np.isnan(window).all():
                    means[frame, column] = np.nanmean(window)
        expected.append(means.astype(np.float32))
    frames = rng.permutation(n)
    found = CenteredMeans(values, step_s, spans_s).rows(frames)
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1)[frames], rtol=1e-6)


def test_a_span_has_the_frames_of_its_seconds():
    values = np.arange(100, dtype=np.float32)[:, None] ** 2
    row = CenteredMeans(values, 1 / 30, (0.5,)).rows(np.array([50]))[0]
    assert row.tolist() == pytest.approx([2500, np.mean(np.arange(43, 58) ** 2)])


@given(seed=st.integers(0, 99), n=st.integers(1, 2000), n_distinct=st.sampled_from([1, 2, 200, 10_000]))
@settings(max_examples=40, deadline=None)
def test_bins_keep_the_order_of_values_and_are_of_about_one_size(seed: int, n: int, n_distinct: int):
    rng = np.random.default_rng(seed)
    values = rng.integers(n_distinct, size=(n, 2)).astype(np.float32)
    values[rng.random((n, 2)) < 0.2] = np.nan
    places = QuantileBins(values).places(values)
    for column, place in zip(values.T, places.T, strict=True):
        known = ~np.isnan(column)
        if not known.any():
            assert (place == 0).all()  # scikit-learn can't bin a column of missing values alone
            continue
        np.testing.assert_array_equal(np.isnan(place), ~known)
        order = np.argsort(column[known], kind="stable")
        assert (np.diff(place[known][order]) >= 0).all()
        n_values, counts = len(np.unique(column[known])), np.unique(place[known], return_counts=True)[1]
        assert len(counts) == n_values if n_values <= 255 else 100 < len(counts) <= 255
        if n_distinct > n:
            assert counts.max(initial=0) <= n / 255 + 8


def test_a_feature_that_no_frame_has_is_no_fault():
    values = np.random.default_rng(0).random((200, 2)).astype(np.float32)
    values[:, 1] = np.nan
    recordings = dict.fromkeys("abc", (values, values[:, 0] > 0.5))
    assert (fit(BoostingConfig(iterations=3), recordings, ("c",)).predictions["c"][values[:, 0] > 0.6] > 0.5).all()


Recordings = dict[str, tuple[np.ndarray, np.ndarray]]


def fit(head: HeadConfig, recordings: Recordings, predict: tuple[str, ...], seed: int = 1, **settings_) -> Fitted:
    """Learned from all recordings but those to be predicted, or from all where these are all."""
    names = tuple(recordings)
    train = tuple(r for r in names if r not in predict) or names

    def labelled(wanted) -> list[FeatureSequence]:
        return [FeatureSequence(r, recordings[r][0], recordings[r][1], np.arange(len(recordings[r][1])) % 7 != 0)
                for r in wanted]  # fmt: skip

    step_s = dict.fromkeys(names, 0.1)
    task, training = Binary(), TrainingConfig(**settings_)
    rows = {r: features for r, (features, _) in recordings.items()}
    return head.fit(FitInput(task, training, train, (), predict, labelled, rows.__getitem__, seed, step_s=step_s))


def noisy(n_recordings: int = 3, n_frames: int = 400) -> Recordings:
    """The third of four features tells of the behavior, by its mean more than by itself."""
    found = {}
    for i in range(n_recordings):
        rng = np.random.default_rng(i)
        active = np.repeat(rng.random(n_frames // 10) < 0.3, 10)
        features = rng.normal(size=(n_frames, 4)).astype(np.float32)
        features[:, 2] += active
        features[rng.random(n_frames) < 0.1, 3] = np.nan
        found[f"r{i}"] = features, active
    return found


def drifting() -> Recordings:
    """Features drift slowly and differently in each recording, the behavior too, and have nothing to do with it."""
    found = {}
    for i in range(4):
        rng = np.random.default_rng(i)
        features = rng.normal(size=(400, 3)).cumsum(axis=0).astype(np.float32) + 100 * rng.normal(size=3)
        found[f"r{i}"] = features.astype(np.float32), np.repeat(rng.random(8) < 0.4, 50)
    return found


def test_boosting_learns_from_features_and_their_means_with_values_missing():
    recordings = noisy()
    fitted = fit(QUICK, recordings, ("r2",))
    probability, active = fitted.predictions["r2"], recordings["r2"][1]
    alone = average_precision_score(active, recordings["r2"][0][:, 2])
    assert average_precision_score(active, probability) > alone + 0.1 > active.mean() + 0.1
    assert (fitted.history.rows, fitted.history.best_epoch, fitted.head) == ([], 0, None)


def test_same_seed_same_result_and_shuffled_features_start_from_it():
    recordings = noisy()
    shuffling = QUICK.model_copy(update={"n_shuffled": 100, "most_frames": 300})
    first, again = (fit(shuffling, recordings, ("r2",)) for _ in range(2))
    frames, predictions = first.shuffled["r2"]
    assert (len(frames), predictions.shape) == (100, (5, 100))
    np.testing.assert_array_equal(first.predictions["r2"], again.predictions["r2"])
    np.testing.assert_array_equal(predictions, again.shuffled["r2"].predictions)
    np.testing.assert_array_equal(predictions[0], first.predictions["r2"][frames])
    other = fit(shuffling, recordings, ("r2",), seed=2)
    assert not np.array_equal(other.predictions["r2"], first.predictions["r2"])


def test_what_is_not_scored_is_not_learned():
    recordings = noisy()
    changed = {
        r: (features, np.where(np.arange(len(active)) % 7 == 0, ~active, active))
        for r, (features, active) in recordings.items()
    }
    first, other = (fit(QUICK, given_, ("r2",)).predictions["r2"] for given_ in (recordings, changed))
    np.testing.assert_array_equal(first, other)


def test_a_random_split_of_frames_leaks():
    recordings = drifting()
    names = tuple(recordings)
    active = np.concatenate([recordings[r][1] for r in names])
    leaking = fit(RandomFramesConfig(iterations=20), recordings, names).predictions
    honest = {r: fit(QUICK, recordings, (r,)).predictions[r] for r in names}
    leak, score = (average_precision_score(active, np.concatenate([p[r] for r in names])) for p in (leaking, honest))
    assert leak > 0.95 and score < 0.6


def test_many_features_are_seen_as_a_few_components():
    recordings = {
        r: (np.concatenate([features[:, :3], np.tile(features[:, 2:3], 600)], axis=1), active)
        for r, (features, active) in noisy().items()
    }
    assert (QUICK.reduced_to(603), QUICK.reduced_to(600)) == (64, 0)
    probability = fit(QUICK, recordings, ("r2",), reduce_features=4).predictions["r2"]
    assert average_precision_score(recordings["r2"][1], probability) > 0.6


def test_labels_that_lack_a_side_are_refused():
    recordings = {r: (features, np.zeros_like(active)) for r, (features, active) in noisy().items()}
    with pytest.raises(InputError, match="no positive frame"):
        fit(QUICK, recordings, ("r2",))
