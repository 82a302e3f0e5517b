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
from models.tasks import Binary, Exclusive
from pipeline.training.cross_validation import short_training_notes
from pipeline.training.fits import (
    CacheFile,
    EmbeddingSource,
    Fit,
    FitResult,
    derive_seed,
    fit_fingerprint,
    perform_fit,
    read_fit,
    store_fit,
)
from pipeline.training.frame_labels import FrameLabels
from pipeline.training.plan import HEAD, baseline_kind


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


def labels_of(active: list[bool], trainable: list[bool]) -> FrameLabels:
    """Labels of two behaviors, of which the second is never shown."""
    return FrameLabels(
        ("g", "w"),
        np.stack([active, np.zeros(len(active), bool)], axis=1),
        np.stack([trainable, np.ones(len(active), bool)], axis=1),
    )


def make_fit(**changes) -> tuple[Fit, dict[str, EmbeddingSource], dict[str, FrameLabels]]:
    settings_ = {
        "name": "g", "task": Binary(), "outputs": ("g",), "kind": "head", "fold": "c", "key": "k", "train": ("a",),
        "validation": ("b",), "predict": ("c",), "head": LogisticConfig(), "training": TrainingConfig(), "seed": 1,
    }  # fmt: skip
    sources = {r: EmbeddingSource(r, (CacheFile(Path(r), f"print-{r}", 3),)) for r in "abc"}
    labels = {r: labels_of([True, False], [True, True]) for r in "abc"}
    return Fit(**(settings_ | changes)), sources, labels


def test_everything_that_changes_a_fit_changes_its_fingerprint():
    prints = [fit_fingerprint(*make_fit())]
    for change in (
        {"seed": 2},
        {"refit": True},
        {"train": ("b",)},
        {"n_epochs": 3},
        {"training": TrainingConfig(epochs=3)},
        {"training": TrainingConfig(reduce_features=2)},
        {"task": Exclusive()},
        {"task": Binary(loss="focal")},
        {"outputs": ("g", "w")},
        {"step_s": dict.fromkeys("abc", 0.1)},
        {"step_s": dict.fromkeys("abc", 0.2)},
    ):
        prints.append(fit_fingerprint(*make_fit(**change)))
    fit, sources, labels = make_fit()
    prints.append(
        fit_fingerprint(fit, sources | {"c": EmbeddingSource("c", (CacheFile(Path("c"), "other", 3),))}, labels)
    )
    unscored = labels_of([True, False], [True, False])
    prints.append(fit_fingerprint(fit, sources, labels | {"b": unscored}))
    assert len(set(prints)) == len(prints)


def test_labels_of_the_held_out_recording_and_of_other_behaviors_do_not_enter_a_fit():
    fit, sources, labels = make_fit()
    other = FrameLabels(("g", "w"), ~labels["a"].active, labels["a"].trainable)
    assert fit_fingerprint(fit, sources, labels | {"c": other}) == fit_fingerprint(fit, sources, labels)
    other = FrameLabels(("g", "w"), labels["a"].active ^ [False, True], labels["a"].trainable ^ [False, True])
    assert fit_fingerprint(fit, sources, labels | {"a": other}) == fit_fingerprint(fit, sources, labels)


def test_seeds_differ_between_fits_and_stay_the_same_between_runs():
    seeds = {derive_seed(0, b, k, f) for b in "gw" for k in ("head", "baseline") for f in "abc"}
    assert len(seeds) == 12
    assert derive_seed(0, "grooming", "head", "final") == derive_seed(0, "grooming", "head", "final")
    assert derive_seed(0, "grooming") != derive_seed(1, "grooming")


def test_a_cache_that_vanished_is_said_in_plain_words(tmp_path: Path):
    from common.errors import InputError

    with pytest.raises(InputError, match="vanished or were damaged"):
        EmbeddingSource("r1", (CacheFile(tmp_path / "gone.h5", "abc", 3),)).load()


def test_a_refit_learns_from_the_validation_recording_too():
    """The behavior's sign in the embeddings is told by the validation recording only."""
    rng = np.random.default_rng(0)
    active = rng.random(60) < 0.5
    noise = {r: rng.normal(size=(60, 1)).astype(np.float32) for r in "abc"}
    telling = {r: (2.0 * active[:, None] - 1.0).astype(np.float32) * (r != "a") + noise[r] * (r == "a") for r in "abc"}
    labels = {r: labels_of(active.tolist(), [True] * 60) for r in "abc"}
    training = TrainingConfig(window_frames=30, epochs=15, learning_rate=0.1, min_steps_per_epoch=10, patience=15)
    scores = {}
    for refit in (False, True):
        fit, _, _ = make_fit(training=training, refit=refit)
        probability = perform_fit(fit, telling.__getitem__, labels, {}).probabilities["c"][:, 0]
        scores[refit] = float(probability[active].mean() - probability[~active].mean())
    assert scores[True] > scores[False] + 0.2


def test_training_that_ended_too_early_is_noted():
    def crossed(*best_epochs: int, name: str = "grooming", kind: str = HEAD) -> list[tuple[Fit, FitResult]]:
        return [
            (cast(Fit, SimpleNamespace(name=name, kind=kind, member=0)), FitResult({}, [], epoch, ""))
            for epoch in best_epochs
        ]

    (note,) = short_training_notes([*crossed(10, 3, 10), *crossed(10, 10, kind=baseline_kind("logistic"))], 10)
    assert note.startswith("The last of 10 epochs was the best one (grooming, in 2 of 3 folds), so")
    assert short_training_notes([*crossed(10, 3, 4), *crossed(10, kind=baseline_kind("logistic"))], 10) == []
    (both,) = short_training_notes([*crossed(10), *crossed(10, name="rearing")], 10)
    assert "grooming, in 1 of 1 folds; rearing, in 1 of 1 folds" in both
