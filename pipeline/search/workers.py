"""Who carries out the jobs of a search, for all of its trials."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording
from pipeline.training.executors import Executor, open_executor
from pipeline.training.executors.embed_job import embed_ahead, needs_of


class Workers:
    """An executor that is opened when it is first asked for, and anew after `stop`; for a `with` block.

    Parameters
    ----------
    folder : Path
        Of the search, where results of jobs go to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._executor: Executor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def executor(self, config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> Executor:
        """Whoever the settings of an experiment on these recordings ask for; raises as `open_executor`."""
        if self._executor is None:
            n_together = 2 * len(config.task.heads(config.behavior_names())) * len(checked)
            needs = needs_of(config, checked, self._folder)
            self._executor = open_executor(config.execution, n_together, needs).__enter__()
        return self._executor

    def embed(self, config: ExperimentConfig, checked: Sequence[CheckedRecording]) -> None:
        """Have recordings embedded, where that is done by workers; raises as `embed_ahead`."""
        embed_ahead(config, checked, self.executor(config, checked))

    def stop(self) -> None:
        """End what was started."""
        if self._executor is not None:
            self._executor.__exit__()
            self._executor = None
