"""Whether an experiment whose files are in order can learn: the checks that a run makes before stage one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from features.errors import InputError
from pipeline.audit.recording import Finding, error_finding
from pipeline.config import ExperimentConfig
from pipeline.cross_validation import plan_behavior
from pipeline.gather import gather


def learning_findings(config: ExperimentConfig) -> list[Finding]:
    """Errors that end a run although every file can be read: too few animals, a behavior that is too rare."""
    errors: dict[str, None] = {}
    with _silence():
        try:
            gathered = gather(config)
        except InputError as error:
            return [error_finding("", error)]
        for behavior in config.behavior_names():
            try:
                plan_behavior(config, gathered, behavior)
            except InputError as error:
                errors[str(error)] = None
    return [error_finding("", InputError(error)) for error in errors]


@contextmanager
def _silence() -> Iterator[None]:
    """No log: what is odd about the recordings has been said."""
    logger = logging.getLogger("pipeline")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
