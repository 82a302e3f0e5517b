"""What is stored of a fit is what comes back, or nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.heads.logistic import LogisticConfig
from models.settings import TrainingConfig
from pipeline.training.cross_validation import short_training_notes
from pipeline.training.fits import (
    EmbeddingSource,
    Fit,
    FitResult,
    Target,
    derive_seed,
    fit_fingerprint,
    perform_fit,
    read_fit,
    store_fit,
)
from pipeline.training.plan import BASELINE, HEAD


def result() -> FitResult:
    probabilities = {"a b": np.array([0.1, 0.9], np.float32), "é": np.zeros(0, np.float32)}
    return FitResult(probabilities, [{"epoch": 1, "loss": 0.5, "validation_average_precision": None}], 1, "note")


def test_a_fit_comes_back_as_it_was(tmp_path: Path):
    store_fit(tmp_path / "f.npz", "abc", result())
    found = read_fit(tmp_path / "f.npz", "abc")
    assert found is not None
    assert list(found.probabilities) == ["a b", "é"]
    assert found.probabilities["a b"].tolist() == result().probabilities["a b"].tolist()
    assert (found.history, found.best_epoch, found.note) == (result().history, 1, "note")


def test_a_fit_made_from_something_else_is_not_used(tmp_path: Path):
    store_fit(tmp_path / "f.npz", "abc", result())
    assert read_fit(tmp_path / "f.npz", "abd") is None
    assert read_fit(tmp_path / "none.npz", "abc") is None


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_fit_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fit") / "f.npz"
    store_fit(path, "abc", result())
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    found = read_fit(path, "abc")
    # A flipped bit in a part of the zip that carries nothing (a time stamp) may go unseen, a changed number may not.
    assert found is None or found.probabilities["a b"].tolist() == result().probabilities["a b"].tolist()


def test_a_flipped_bit_anywhere_never_ends_in_another_error(tmp_path):
    """One bit of a zip's header says `encrypted`, which zipfile reports by a RuntimeError."""
    path = tmp_path / "f.npz"
    store_fit(path, "abc", result())
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        found = read_fit(path, "abc")
        assert found is None or found.probabilities["a b"].tolist() == result().probabilities["a b"].tolist()


def make_fit(**changes) -> tuple[Fit, dict, dict]:
    settings_ = {
        "behavior": "g", "kind": "head", "fold": "c", "key": "k", "train": ("a",), "validation": ("b",),
        "predict": ("c",), "head": LogisticConfig(), "training": TrainingConfig(), "seed": 1,
    }  # fmt: skip
    sources = {r: EmbeddingSource(r, Path(r), f"print-{r}") for r in "abc"}
    targets = {(r, "g"): Target(np.array([True, False]), np.array([True, True])) for r in "abc"}
    return Fit(**(settings_ | changes)), sources, targets


def test_everything_that_changes_a_fit_changes_its_fingerprint():
    prints = [fit_fingerprint(*make_fit())]
    for change in (
        {"seed": 2},
        {"refit": True},
        {"train": ("b",)},
        {"n_epochs": 3},
        {"training": TrainingConfig(epochs=3)},
    ):
        prints.append(fit_fingerprint(*make_fit(**change)))
    fit, sources, targets = make_fit()
    prints.append(fit_fingerprint(fit, sources | {"c": EmbeddingSource("c", Path("c"), "other")}, targets))
    unscored = Target(np.array([True, False]), np.array([True, False]))
    prints.append(fit_fingerprint(fit, sources, targets | {("b", "g"): unscored}))
    assert len(set(prints)) == len(prints)


def test_labels_of_the_held_out_recording_do_not_enter_a_fit():
    fit, sources, targets = make_fit()
    changed = targets | {("c", "g"): Target(np.array([False, True]), np.array([True, True]))}
    assert fit_fingerprint(fit, sources, changed) == fit_fingerprint(fit, sources, targets)


def test_seeds_differ_between_fits_and_stay_the_same_between_runs():
    seeds = {derive_seed(0, b, k, f) for b in "gw" for k in ("head", "baseline") for f in "abc"}
    assert len(seeds) == 12
    assert derive_seed(0, "grooming", "head", "final") == derive_seed(0, "grooming", "head", "final")
    assert derive_seed(0, "grooming") != derive_seed(1, "grooming")


def test_a_cache_that_vanished_is_said_in_plain_words(tmp_path: Path):
    from common.errors import InputError

    with pytest.raises(InputError, match="vanished or were damaged"):
        EmbeddingSource("r1", tmp_path / "gone.h5", "abc").load()


def test_a_refit_learns_from_the_validation_recording_too():
    """The behavior's sign in the embeddings is told by the validation recording only."""
    rng = np.random.default_rng(0)
    active = rng.random(60) < 0.5
    noise = {r: rng.normal(size=(60, 1)).astype(np.float32) for r in "abc"}
    telling = {r: (2.0 * active[:, None] - 1.0).astype(np.float32) * (r != "a") + noise[r] * (r == "a") for r in "abc"}
    targets = {(r, "g"): Target(active, np.ones(60, dtype=bool)) for r in "abc"}
    training = TrainingConfig(window_frames=30, epochs=15, learning_rate=0.1, min_steps_per_epoch=10, patience=15)
    scores = {}
    for refit in (False, True):
        fit, _, _ = make_fit(training=training, refit=refit)
        probability = perform_fit(fit, telling.__getitem__, targets, {}).probabilities["c"]
        scores[refit] = float(probability[active].mean() - probability[~active].mean())
    assert scores[True] > scores[False] + 0.2


def test_training_that_ended_too_early_is_noted():
    def crossed(*best_epochs: int, behavior: str = "grooming", kind: str = HEAD) -> list[tuple[Fit, FitResult]]:
        return [
            (cast(Fit, SimpleNamespace(behavior=behavior, kind=kind)), FitResult({}, [], epoch, ""))
            for epoch in best_epochs
        ]

    (note,) = short_training_notes([*crossed(10, 3, 10), *crossed(10, 10, kind=BASELINE)], 10)
    assert note.startswith("grooming: in 2 of 3 folds the last of 10 epochs was the best one")
    assert short_training_notes([*crossed(10, 3, 4), *crossed(10, kind=BASELINE)], 10) == []
    assert len(short_training_notes([*crossed(10), *crossed(10, behavior="rearing")], 10)) == 2
