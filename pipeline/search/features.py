"""Recordings with their features, once for all trials that need the same ones."""

import json
import logging
from collections.abc import Callable

from features.engines import require_engine
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording, load_dataset, summarise
from pipeline.search.workers import Workers
from pipeline.training.embed import EmbeddedRecording, run_stage_one

log = logging.getLogger(__name__)

# What heads are made of, which no feature depends on.
_OF_HEADS = {
    "name", "description", "execution", "head", "training", "baseline", "cross_validation", "protocol", "refit",
    "postprocess", "tuning", "calibration", "mask_disagreements",
}  # fmt: skip


class Features:
    """Stage one, done for each distinct way of making features when it is first asked for.

    Parameters
    ----------
    is_needed : callable
        Which recordings take any part.
    workers : Workers
    """

    def __init__(self, is_needed: Callable[[CheckedRecording], bool], workers: Workers) -> None:
        self._is_needed, self._workers = is_needed, workers
        self._found: dict[str, list[EmbeddedRecording]] = {}

    def of(self, config: ExperimentConfig) -> list[EmbeddedRecording]:
        """Recordings with the features that an experiment asks for, in the order of their table.

        Raises
        ------
        InputError
            As `load_dataset` and `run_stage_one`.
        """
        key = json.dumps(config.model_dump(mode="json", exclude=_OF_HEADS), sort_keys=True)
        if key not in self._found:
            require_engine(config.engine, config.precision)
            checked = [item for item in load_dataset(config, may_wait=True) if self._is_needed(item)]
            if not self._found:
                summarise(checked, config.behavior_names())
            self._workers.embed(config, checked)
            self._found[key] = run_stage_one(config, checked, only_cached=False).recordings
        return self._found[key]
