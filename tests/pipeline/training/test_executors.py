"""Jobs name files and hold no arrays; what they hold while they run is bounded; any executor gives the same."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from features.cache.store import fingerprint, write_cache
from models.heads.lstm import LstmConfig
from models.settings import TrainingConfig
from models.tasks import Binary
from pipeline.command_line import main
from pipeline.config.execution import ExecutionConfig
from pipeline.training.executors import EXECUTORS, fit_job
from pipeline.training.executors.base import AnyJob, Executor, Needs
from pipeline.training.executors.fit_job import BoundedRows, FitJob, carry_out
from pipeline.training.fits import CacheFile, EmbeddingSource, Fit, read_fit
from pipeline.training.frame_labels import FrameLabels, LabelFile
from tests.lab import make_embedded_lab

N_FRAMES, N_FEATURES = 400, 32
N_BYTES = N_FRAMES * N_FEATURES * 4


def make_source(folder: Path, recording: str, seed: int) -> tuple[EmbeddingSource, np.ndarray]:
    embeddings = np.random.default_rng(seed).normal(size=(N_FRAMES, N_FEATURES)).astype(np.float32)
    recipe, path = f'{{"made": {seed}}}', folder / f"{recording}.h5"
    print_ = fingerprint({"made": seed})
    attributes = {"recording": recording, "recipe": recipe, "fingerprint": print_, "note": ""}
    write_cache(path, [embeddings], np.arange(N_FRAMES), np.ones(N_FRAMES, bool), N_FEATURES, attributes)
    return EmbeddingSource(recording, (CacheFile(path, print_, embeddings.shape[1]),)), embeddings


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, tuple[EmbeddingSource, np.ndarray]]:
    return {name: make_source(tmp_path, name, seed) for seed, name in enumerate(("a", "b", "c", "final"))}


def make_job(folder: Path, sources: dict[str, tuple[EmbeddingSource, np.ndarray]]) -> FitJob:
    labels = {
        name: FrameLabels(("g",), embeddings[:, :1] > 0.5, np.ones((N_FRAMES, 1), bool))
        for name, (_, embeddings) in sources.items()
    }
    training = TrainingConfig(window_frames=30, batch_windows=3, epochs=2, min_steps_per_epoch=2)
    fit = Fit(
        name="g", task=Binary(), outputs=("g",), kind="head", fold="c", key="g.head.fold01", train=("a", "b"),
        validation=("final",), predict=("c",), head=LstmConfig(layers=1, units=3), training=training, seed=1,
        refit=True,
    )  # fmt: skip
    files = tuple(source for source, _ in sources.values())
    return FitJob(fit, folder / "g.npz", "abc", files, LabelFile.write(folder / "labels.npz", labels), {})


def test_slices_are_those_of_the_whole_and_never_more_than_the_budget_is_held(sources):
    files = [source for source, _ in sources.values()]
    held = []
    for budget in (0, N_BYTES, 3 * N_BYTES - 1, 10 * N_BYTES):
        rows = BoundedRows(files, budget)
        for name, (_, embeddings) in sources.items():
            for _ in range(2):
                assert rows.of(name).shape == (N_FRAMES, N_FEATURES)
                for frames in (slice(0, 7), slice(13, 300), slice(390, 500), slice(0, 0)):
                    assert np.array_equal(rows.of(name)[frames], embeddings[frames])
        in_memory = sum(isinstance(rows.of(name), np.ndarray) for name in sources)
        assert rows.held_bytes == in_memory * N_BYTES <= budget
        held.append(in_memory)
    assert held == [0, 1, 2, 4]


def test_a_fit_is_the_same_whether_its_embeddings_are_held_or_read_by_slices(sources, tmp_path: Path):
    job = make_job(tmp_path, sources)
    found = []
    for budget in (10 * N_BYTES, N_BYTES, 0):
        carry_out(job, budget_bytes=budget)
        result = read_fit(job.path, job.fingerprint)
        assert result is not None and result.probabilities["c"].shape == (N_FRAMES, 1)
        found.append((result.probabilities["c"].tobytes(), [row["loss"] for row in result.history]))
    assert found[0] == found[1] == found[2]


def test_heads_of_a_fold_share_what_features_are_scaled_by(sources, tmp_path: Path, monkeypatch):
    """Learned once for each set of recordings: those of the fit and of its refit; labels play no part."""
    job = make_job(tmp_path, sources)
    training = job.fit.training.model_copy(update={"reduce_features": 4})
    learned = []
    learn = fit_job.learn_scaler
    monkeypatch.setattr(fit_job, "learn_scaler", lambda *given: (learned.append(given), learn(*given))[1])
    found = []
    for name in "gh":
        carry_out(replace(job, fit=replace(job.fit, name=name, training=training)))
        result = read_fit(job.path, job.fingerprint)
        assert result is not None
        found.append(result.probabilities["c"].tobytes())
    assert [len(rows) for rows, *_ in learned] == [2, 3]
    assert found[0] == found[1]


def test_a_job_holds_no_arrays(sources, tmp_path: Path):
    job = make_job(tmp_path, sources)
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301
    assert len(pickle.dumps(job)) < 4000 < N_BYTES


def test_files_that_changed_meanwhile_are_not_learned_from(sources, tmp_path: Path):
    job = make_job(tmp_path, sources)
    (cache,) = sources["b"][0].caches
    content = bytearray(cache.path.read_bytes())
    place = content.index(sources["b"][1][200, 3].tobytes())
    content[place] ^= 1
    cache.path.write_bytes(content)
    with pytest.raises(InputError, match=r"b\.h5 vanished or were damaged"):
        carry_out(job)
    job.labels.path.write_bytes(b"other")
    with pytest.raises(InputError, match=r"labels\.npz\) vanished or were changed"):
        carry_out(job)
    assert not job.path.exists()


class Mailed(Executor):
    """Another executor as one file would add it: every job goes through bytes, in this process, the last one first."""

    def __init__(self, execution: ExecutionConfig, n_jobs: int, needs: Needs) -> None:
        self.n_workers = 7

    def run(self, jobs: Sequence[AnyJob], on_event: Callable[[AnyJob, dict[str, Any]], None]) -> Iterator[AnyJob]:
        for job in reversed(jobs):
            pickle.loads(pickle.dumps(job)).carry_out()  # noqa: S301
            yield job

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_results_come_out_the_same_whatever_the_executor(tmp_path: Path, monkeypatch):
    config = make_embedded_lab(tmp_path / "lab", n_train=3)
    settings = ["baseline=none", "training.epochs=1", "behaviors={grooming: grooming}"]
    arguments = [str(config), *(word for one in settings for word in ("--set", one))]
    assert main([*arguments, "--set", "workers=2", "--output", str(tmp_path / "local")]) == 0
    monkeypatch.setitem(EXECUTORS, "local", Mailed)
    # What another executor finished is taken up, and what it left is finished by this one.
    (tmp_path / "mailed" / "fits").mkdir(parents=True)
    done = tmp_path / "mailed" / "fits" / "grooming.head.fold02.npz"
    done.write_bytes((tmp_path / "local" / "fits" / done.name).read_bytes())
    before = done.stat().st_mtime_ns
    assert main([*arguments, "--output", str(tmp_path / "mailed")]) == 0
    assert done.stat().st_mtime_ns == before
    for name in ("scores.csv", "predictions/r1.csv", "predictions/r3.csv"):
        assert (tmp_path / "mailed" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
