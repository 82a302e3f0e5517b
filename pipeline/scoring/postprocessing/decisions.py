"""How probabilities become behavior, by task. A new way is a function and a line in ``DECISIONS``."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.postprocessing.classes import postprocess_classes
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, postprocess

Decide = Callable[[NDArray[np.floating], Sequence[PostprocessConfig], float], NDArray[np.bool_]]


def decide_each(
    probability: NDArray[np.floating], settings: Sequence[PostprocessConfig], fps: float
) -> NDArray[np.bool_]:
    """Each behavior by itself, shape (n_frames, n_behaviors)."""
    columns = [postprocess(probability[:, column], own, fps) for column, own in enumerate(settings)]
    return np.stack(columns, axis=1)


def decide_class(
    probability: NDArray[np.floating], settings: Sequence[PostprocessConfig], fps: float
) -> NDArray[np.bool_]:
    """At most one behavior per frame, shape (n_frames, n_behaviors); the settings are the same for all."""
    return postprocess_classes(probability, settings[0], fps)


BINARY = "binary"
EXCLUSIVE = "exclusive"
DECISIONS: dict[str, Decide] = {BINARY: decide_each, EXCLUSIVE: decide_class}
