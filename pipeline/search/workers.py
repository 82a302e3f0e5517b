"""Who carries out the fits of all trials: started once, and anew where something went wrong."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording
from pipeline.training.executors import Executor, open_executor
from pipeline.training.executors.base import Needs
from pipeline.training.executors.embed_job import embed_ahead, needs_of


class Workers:
    """The executor that the experiment asks for, for a `with` block; `folder` is that of the search."""

    def __init__(self, config: ExperimentConfig, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._n_jobs, self._needs = 1, Needs()
        self._executor: Executor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def embed(self, config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> None:
        """Have them make the features of an experiment, where they are those who do; they are started first."""
        if self._executor is None:
            n_heads = len(config.task.heads(config.behavior_names()))
            self._n_jobs = max(1, 2 * n_heads * len(checked))
            self._needs = needs_of(config, checked, self._folder)
        embed_ahead(config, checked, self.executor())

    def executor(self) -> Executor:
        """Whoever carries fits out."""
        if self._executor is None:
            self._executor = open_executor(self._config.execution, self._n_jobs, self._needs).__enter__()
        return self._executor

    def stop(self) -> None:
        """End what was started."""
        if self._executor is not None:
            self._executor.__exit__(None, None, None)
            self._executor = None
