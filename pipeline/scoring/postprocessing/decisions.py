"""How probabilities become behavior, by task. A new way is a function and a line in ``DECISIONS``."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.postprocessing.classes import postprocess_classes
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig, describe_postprocess, postprocess

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


def describe_class_decision(config: PostprocessConfig) -> str:
    """Say in one plain sentence how exclusive classes are decided on; steps that are off are not mentioned."""
    words = ["each frame gets its most probable class"]
    if config.smooth_s > 0:
        words.append(f"then the most frequent one of the {config.smooth_s:g} s around it")
    if config.max_gap_s > 0:
        words.append(f"gaps of up to {config.max_gap_s:g} s in a behavior are filled")
    if config.min_bout_s > 0:
        words.append(f"bouts shorter than {config.min_bout_s:g} s are given to their stronger neighbor")
    sentence = "; ".join(words) if len(words) > 1 else f"{words[0]}; nothing else is done"
    return sentence[0].upper() + sentence[1:] + "."


DESCRIPTIONS: dict[str, Callable[[PostprocessConfig], str]] = {
    BINARY: describe_postprocess,
    EXCLUSIVE: describe_class_decision,
}
