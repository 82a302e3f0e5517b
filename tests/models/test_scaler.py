import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models import rows
from models.rows import Rows
from models.scaler import Scaler


def scaled_by(scaler: Scaler, embeddings: np.ndarray) -> np.ndarray:
    return (embeddings - scaler.mean) / scaler.std


@given(hnp.arrays(np.float32, (30, 3), elements=st.floats(-1000, 1000, width=32)), st.integers(1, 29))
def test_training_frames_become_mean_0_deviation_1(embeddings: np.ndarray, cut: int) -> None:
    scaler = Scaler.fit([embeddings[:cut], embeddings[cut:]])
    varies = embeddings.std(axis=0) > 1e-2 * np.maximum(1, np.abs(embeddings).max(axis=0))
    scaled = scaled_by(scaler, embeddings)[:, varies]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=2e-3)


def test_a_constant_feature_is_not_blown_up() -> None:
    scaler = Scaler.fit([np.full((100, 1), 0.1, np.float32)])
    assert abs(scaled_by(scaler, np.array([[0.6]], np.float32))[0, 0] - 0.5) < 1e-6


def test_large_offsets_lose_no_precision() -> None:
    embeddings = (1e4 + np.random.default_rng(0).normal(size=(5000, 1))).astype(np.float32)
    assert abs(Scaler.fit([embeddings]).std[0] - embeddings.astype(np.float64).std()) < 1e-6


def test_faint_features_are_not_amplified_above_the_floor() -> None:
    wave = np.tile([1.0, -1.0], 50)
    embeddings = np.stack([7 * wave, wave, 0 * wave], 1).astype(np.float32)
    assert Scaler.fit([embeddings]).std.tolist() == [7, 1, 1]
    rms = np.sqrt((49 + 1 + 0) / 3)
    np.testing.assert_allclose(Scaler.fit([embeddings], 1.0).std, [7, rms, rms], rtol=1e-6)
    np.testing.assert_allclose(Scaler.fit([embeddings], 0.1).std, [7, 1, 1], rtol=1e-6)


def test_the_identity_changes_nothing() -> None:
    embeddings = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    assert np.array_equal(scaled_by(Scaler.identity(2), embeddings), embeddings)


def test_statistics_are_the_same_to_the_last_bit_however_little_is_read_at_once(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    recordings = [(1e3 * rng.normal(size=(n, 7))).astype(np.float32) for n in (1, 501, 90)]
    whole = Scaler.fit(recordings)
    monkeypatch.setattr(rows, "CHUNK_BYTES", 4 * 7 * 13)
    assert [len(chunk) for chunk in rows.chunks(recordings[2])] == [13] * 6 + [12]
    piecewise = Scaler.fit(recordings)
    assert np.array_equal(piecewise.mean, whole.mean) and np.array_equal(piecewise.std, whole.std)


def test_each_source_is_scaled_by_itself_and_weighs_as_much_as_any_other() -> None:
    """A wide source in large units beside a narrow one in small ones."""
    rng = np.random.default_rng(0)
    wide, narrow = 100 * rng.normal(size=(2000, 60)), 0.01 * rng.normal(size=(2000, 4))
    narrow[:, 3] *= 0.001
    embeddings = np.concatenate([wide, narrow], axis=1).astype(np.float32)
    scaler = Scaler.fit([embeddings], 1.0, (60, 4))
    power = np.square(scaled_by(scaler, embeddings)).mean(axis=0)
    np.testing.assert_allclose([power[:60].sum(), power[60:63].sum()], [32, 32 * 3 / 4], rtol=0.1)
    # The floor is of its own source: the faint feature of the narrow one stays faint, the others don't.
    assert power[63] < 1e-4
    alone = Scaler.fit([embeddings[:, :60]], 1.0)
    np.testing.assert_allclose(scaler.std[:60] / alone.std, np.sqrt(60 * 2 / 64), rtol=1e-6)
    assert np.array_equal(Scaler.fit([embeddings], 1.0, (64,)).std, Scaler.fit([embeddings], 1.0).std)
    with pytest.raises(ValueError, match="sources of"):
        Scaler.fit([embeddings], 1.0, (60, 5))


def reduced(scaler: Scaler, embeddings: Rows) -> np.ndarray:
    return scaler.rows(embeddings)[:].astype(np.float64)


@given(hnp.arrays(np.float32, (40, 6), elements=st.floats(-100, 100, width=32)), st.integers(1, 39), st.integers(1, 8))
def test_the_kept_space_is_that_of_the_first_components(embeddings: np.ndarray, cut: int, n_kept: int) -> None:
    """Against the singular values of all frames at once, which need no covariance."""
    scaler = Scaler.fit([embeddings], 1.0)
    found = reduced(scaler.reducing([embeddings[:cut], embeddings[cut:]], n_kept), embeddings)
    assert found.shape == (40, min(n_kept, 6))
    scaled = scaled_by(scaler, embeddings.astype(np.float64))
    expected = np.linalg.svd(scaled - scaled.mean(axis=0), compute_uv=False)[:n_kept]
    if np.square(expected).mean() > 1e-6:
        values = np.linalg.svd(found - found.mean(axis=0), compute_uv=False)
        np.testing.assert_allclose(values, expected * np.sqrt(40 / np.square(expected).mean()), atol=2e-2)


def test_two_sources_weigh_in_the_kept_space_what_they_weigh_in_the_scaled_features() -> None:
    """A wide source of one signal, a narrow one of another: both are kept, noise is not, and no feature is strong."""
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(2000, 2))
    wide = signals[:, :1] @ rng.normal(size=(1, 60)) * 100 + rng.normal(size=(2000, 60))
    narrow = signals[:, 1:] @ rng.normal(size=(1, 4)) * 0.01 + 0.0001 * rng.normal(size=(2000, 4))
    embeddings = np.concatenate([wide, narrow], axis=1).astype(np.float32)
    scaler = Scaler.fit([embeddings], 1.0, (60, 4)).reducing([embeddings], 2)
    found = reduced(scaler, embeddings)
    told = found @ np.linalg.lstsq(found, signals, rcond=None)[0]
    assert np.square(told - signals).mean() < 1e-3
    np.testing.assert_allclose(np.square(found).mean(axis=0), 1, atol=0.3)
    assert np.array_equal(reduced(scaler.in_network, found.astype(np.float32)), found.astype(np.float32))
    again = Scaler.fit([embeddings], 1.0, (60, 4)).reducing([embeddings], 2)
    assert np.array_equal(again.components, scaler.components)


def test_what_does_not_vary_and_few_frames_give_components_that_harm_nobody() -> None:
    constant = np.full((5, 8), 7, np.float32)
    assert not reduced(Scaler.fit([constant], 1.0).reducing([constant], 3), constant).any()
    few = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    scaler = Scaler.fit([few], 1.0).reducing([few], 6)
    assert reduced(scaler, few).shape == (3, 3)
    elsewhere = np.random.default_rng(1).normal(size=(50, 8)).astype(np.float32)
    assert np.abs(reduced(scaler, elsewhere)).max() < 20


def test_slices_of_what_was_reduced_are_those_of_the_whole(monkeypatch) -> None:
    embeddings = np.random.default_rng(0).normal(size=(90, 7)).astype(np.float32)
    scaler = Scaler.fit([embeddings]).reducing([embeddings], 3)
    whole = (scaled_by(scaler, embeddings) @ scaler.components).astype(np.float32)
    for chunk_bytes in (rows.CHUNK_BYTES, 4 * 7 * 13):
        monkeypatch.setattr(rows, "CHUNK_BYTES", chunk_bytes)
        for frames in (slice(None), slice(0, 7), slice(20, 85), slice(80, 200), slice(5, 5)):
            np.testing.assert_allclose(scaler.rows(embeddings)[frames], whole[frames], atol=1e-5)


def test_missing_values_do_not_count_and_become_the_mean() -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.normal(3, 2, size=(200, 4)).astype(np.float32)
    embeddings[rng.uniform(size=embeddings.shape) < 0.3] = np.nan
    embeddings[:, 3] = np.nan
    scaler = Scaler.fit([embeddings[:77], embeddings[77:]])
    np.testing.assert_allclose(scaler.mean[:3], np.nanmean(embeddings[:, :3], axis=0), rtol=1e-5)
    np.testing.assert_allclose(scaler.std[:3], np.nanstd(embeddings[:, :3], axis=0), rtol=1e-5)
    scaled = scaler.scale(embeddings)
    assert (scaled[np.isnan(embeddings)] == 0).all() and scaler.mean[3] == 0
    assert scaler.scale(np.full((1, 4), 800, np.float32))[0, 3] == 0, "no training frame told what it means"
    filled = np.where(np.isnan(embeddings), scaler.mean, embeddings)
    reducing = scaler.reducing([embeddings], 2)
    np.testing.assert_allclose(reducing.components, scaler.reducing([filled], 2).components, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(reducing.rows(embeddings)[:], reducing.rows(filled)[:], atol=1e-5)


def test_a_source_in_mixed_units_has_no_floor() -> None:
    wave = np.tile([1.0, -1.0], 50)
    embeddings = np.stack([7 * wave, wave, 70 * wave, 0.1 * wave], 1).astype(np.float32)
    scaler = Scaler.fit([embeddings], 1.0, widths=[2, 2], one_unit=[True, False])
    np.testing.assert_allclose(scaler.std, [7, 5, 70, 0.1], rtol=1e-6)
