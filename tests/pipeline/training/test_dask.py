"""A Dask cluster gives the very tables of one process, loses at most a task, and says in words what it lacks."""

import os
import pickle
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import h5py
import pytest

from common.errors import InputError, LostWorkError
from features.video import inspection
from pipeline.command_line import main
from pipeline.config.execution import ExecutionConfig, SlurmConfig
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.training.embed import run_stage_one
from pipeline.training.executors import EXECUTORS, dask_clusters, dask_executor, embed_job, open_executor
from pipeline.training.executors.base import Executor, Job, Needs, OnEvent
from pipeline.training.executors.dask_executor import DaskExecutor
from pipeline.training.executors.embed_job import EmbedJob, embed_ahead
from pipeline.training.executors.reach import held_locks, look, wanted
from tests.lab import make_video_lab
from tests.pipeline.training.test_decode_once import config_path, known, made_in  # noqa: F401

pytest.importorskip("distributed")


@dataclass(frozen=True)
class Errand(Job):
    """A job that leaves its name in a file, or goes wrong on the way."""

    path: Path
    how: str = ""
    uses_networks = False

    @property
    def key(self) -> str:
        return self.path.name

    @property
    def words(self) -> str:
        return f"writing {self.path.name}"

    def absolute(self) -> "Errand":
        return replace(self, path=self.path.absolute())

    def carry_out(self, on_event: OnEvent | None = None) -> None:
        if self.how == "wrong":
            raise InputError("It is wrong; write it anew.")
        begun = self.path.with_suffix(".begun")
        if self.how and not begun.exists():
            begun.touch()
            os.kill(os.getppid() if self.how == "worker dies" else os.getpid(), signal.SIGKILL)
        if on_event is not None:
            on_event({"pid": os.getppid()})
        self.path.write_text(self.path.name, encoding="utf-8")


def carried_out(executor: Executor, errands: list[Errand], on_event: Any) -> list[str]:
    """Keys of what was done; a worker that is lost fails the test, which waits for none."""
    assert isinstance(executor, DaskExecutor)
    limit = threading.Timer(120, executor._client.close)
    limit.start()
    try:
        return [job.key for job in executor.run(errands, on_event)]
    finally:
        limit.cancel()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a scheduler with two workers, each a process."""
    from distributed import LocalCluster

    dask_clusters.require_dask()
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def tables_of(run: Path) -> dict[str, bytes]:
    """All of them but those that say how long something took."""
    timed = {"training.csv", "stages.csv"}
    paths = [path for path in run.rglob("*.csv") if path.name not in timed]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no such signal")
def test_a_worker_that_dies_loses_its_task_and_errors_come_back_in_words(address: str, tmp_path: Path):
    errands = [Errand(tmp_path / f"{i}.txt") for i in range(6)]
    errands[2], errands[4] = replace(errands[2], how="worker dies"), replace(errands[4], how="its process dies")
    heard: dict[str, Any] = {}
    with open_executor(ExecutionConfig(backend="dask", scheduler=address), 6, Needs((), (tmp_path,))) as executor:
        assert executor.n_workers == 2 and executor.embeds
        done = carried_out(executor, errands, lambda job, event: heard.update({job.key: event["pid"]}))
        assert sorted(done) == [f"{i}.txt" for i in range(6)]
        assert all(errand.path.read_text(encoding="utf-8") == errand.key for errand in errands)
        assert len({*heard.values()}) >= 2
        with pytest.raises(InputError, match=r"It is wrong; write it anew\."):
            carried_out(executor, [Errand(tmp_path / "x.txt", "wrong")], lambda job, event: None)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".txt", ".begun"}


def test_workers_or_a_scheduler_that_are_gone_end_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    for name, value_s in (("TICK", 0.02), ("COUNTED_EVERY", 0.0), ("WARNED_AFTER", 0.0), ("LOST_AFTER", 0.2)):
        monkeypatch.setattr(dask_executor, f"_{name}_S", value_s)
    client, known = MagicMock(status="running"), {"id": "one", "workers": {"tcp://w": {"resources": {}}}}
    client.scheduler_info.return_value, client.run.return_value = known, {}
    monkeypatch.setattr(dask_executor, "open_cluster", lambda execution, n_jobs: (client, None))
    with open_executor(ExecutionConfig(backend="dask", scheduler="tcp://s:1"), 1) as executor:
        client.scheduler_info.return_value = known | {"workers": {}}
        with pytest.raises(LostWorkError, match="All workers of the Dask scheduler tcp://s:1 are gone"):
            carried_out(executor, [Errand(tmp_path / "x.txt")], None)
        assert "has no workers at this moment" in caplog.text and client.cancel.called
        # Another one answers at the address.
        client.scheduler_info.return_value = known | {"id": "other"}
        with pytest.raises(LostWorkError, match="The connection to the Dask scheduler tcp://s:1 was lost"):
            carried_out(executor, [Errand(tmp_path / "x.txt")], None)


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_tables_are_those_of_one_process_byte_for_byte(address: str, tmp_path: Path):
    config = make_video_lab(tmp_path / "lab")
    small = ["training.epochs=1", "behaviors={grooming: grooming}", "baseline=none", "refit=false"]
    settings = [word for one in small for word in ("--set", one)]
    for name, more in (("local", ["--set", "workers=1"]), ("dask", ["--dask", address])):
        cache = ["--set", f"cache_dir={(tmp_path / name / 'cache').as_posix()}"]
        run = str(tmp_path / name / "run")
        assert main([str(config), *settings, *cache, *more, "--output", run]) == 0
    assert tables_of(tmp_path / "local" / "run") == tables_of(tmp_path / "dask" / "run")
    caches = [sorted((tmp_path / name / "cache").glob("*.h5")) for name in ("local", "dask")]
    for here, there in zip(*caches, strict=True):
        assert here.name == there.name
        with h5py.File(here) as one, h5py.File(there) as other:
            assert one["embeddings"][:].tobytes() == other["embeddings"][:].tobytes()
    assert "wait" not in (tmp_path / "dask" / "run" / "log.txt").read_text(encoding="utf-8").casefold()


class Mailed(DaskExecutor):
    """Jobs of a cluster, carried out here after a journey through bytes."""

    def __init__(self, execution: ExecutionConfig, n_jobs: int, needs: Needs) -> None:
        self.sizes: list[int] = []

    def run(self, jobs: Any, on_event: Any) -> Iterator[Any]:
        for job in jobs:
            sent = pickle.dumps(job.absolute())
            self.sizes.append(len(sent))
            pickle.loads(sent).carry_out(lambda event, job=job: on_event(job, event))  # noqa: S301
            yield job

    def __exit__(self, *_: object) -> None: ...


def test_recordings_are_embedded_from_their_files_alone(
    config_path: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Also one whose video gives other frames than it promises; what workers decoded is not decoded again."""
    _, here = made_in("here", config_path, may_wait=True)
    config = load_config(config_path, [f"cache_dir={(tmp_path / 'there').as_posix()}", "batch_frames=8"])
    checked = load_dataset(config, may_wait=True)
    monkeypatch.setitem(EXECUTORS, "local", Mailed)
    with open_executor(config.execution, 2) as executor:
        assert embed_ahead(config, checked, executor) == sum(item.n_frames for item in checked)
        assert embed_ahead(config, checked, executor) == 0
    assert isinstance(executor, Mailed) and max(executor.sizes) < 20_000
    monkeypatch.setattr(inspection, "iter_frames", lambda path: pytest.fail("decoded again"))
    there = run_stage_one(config, checked, only_cached=True)
    assert known(there) == known(here)
    # Another machine's files may be other ones.
    job = EmbedJob((checked[0].recording,), config.model_dump_json(), "[]", fingerprints=("other",))
    monkeypatch.setattr(embed_job, "_opened", lambda settings, used: (config, config.feature_source()))
    with pytest.raises(InputError, match="sees other files of recording v0"):
        job.absolute().carry_out()


def test_what_a_worker_lacks_is_said_by_file_folder_and_version(tmp_path: Path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "m1.mp4").write_bytes(b"video")
    cache = tmp_path / "cache"
    needs = Needs((tmp_path / "v" / "m1.mp4", tmp_path / "v" / "gone.mp4"), (cache,), (cache,))
    # A command that was killed left this long ago.
    cache.mkdir()
    (cache / ".reach-old").touch()
    os.utime(cache / ".reach-old", (1, 1))
    with wanted(needs) as asked, held_locks(asked):
        assert look(asked).problems == look(asked).folders_without_locks == ()
        elsewhere = replace(asked, folders=(str(tmp_path / "v"), str(tmp_path / "nowhere")), files={str(tmp_path): -1})
        elsewhere = replace(elsewhere, versions=asked.versions | {"numpy": "0.1", "extra": "1"})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.training.executors.reach._WAIT_S", 0.0)
            said = " ".join(look(elsewhere).problems)
    for words in (
        "numpy 2", "(not 0.1)", "extra is not installed (not 1)", f"doesn't see the file {tmp_path}",
        f"folder {tmp_path / 'v'}, but it is another one", f"has no folder {tmp_path / 'nowhere'}",
    ):  # fmt: skip
        assert words in said
    assert [*cache.iterdir()] == []


def test_nobody_to_do_the_work_is_one_clear_paragraph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    monkeypatch.setattr(dask_clusters, "_CONNECT_S", "0.3s")
    with pytest.raises(InputError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        open_executor(ExecutionConfig(backend="dask", scheduler="tcp://127.0.0.1:9"), 1)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install -r requirements-cluster\.txt"):
        open_executor(ExecutionConfig(backend="dask"), 1)
    config = make_video_lab(tmp_path, n_train=1)
    assert main([str(config), "--dask", "host"]) == 2
    assert "execution.scheduler should be the address that the scheduler prints" in capsys.readouterr().err


def test_jobs_of_slurm_ask_for_what_the_yaml_says():
    pytest.importorskip("dask_jobqueue")
    slurm = SlurmConfig(
        cores=6, memory="20GB", walltime="02:30:00", queue="gpu", account="mice", jobs=3, gpu=True,
        directives=("--constraint=a100",), before=("module load cuda",),
    )  # fmt: skip
    with dask_clusters.slurm_cluster(
        slurm, scheduler_options={"host": "127.0.0.1", "dashboard_address": None}
    ) as cluster:
        script = cluster.job_script()
    lines = script.splitlines()
    for line in ("-p gpu", "-A mice", "-n 1", "--cpus-per-task=6", "--mem=19G", "-t 02:30:00", "--gres=gpu:1",
                 "--constraint=a100"):  # fmt: skip
        assert f"#SBATCH {line}" in lines
    *_, start = [line for line in lines if line]
    assert "module load cuda" in lines and any(line.startswith("export PYTHONPATH=") for line in lines)
    assert lines.index("module load cuda") < lines.index(start)
    assert "--nthreads 6" in start and "--nworkers" not in start and "--resources GPU=1" in start


def test_every_executor_is_known_to_the_settings():
    assert all(issubclass(one, Executor) for one in EXECUTORS.values())
    assert {ExecutionConfig(backend=name).backend for name in EXECUTORS} == {*EXECUTORS}  # type: ignore[arg-type]
