"""Timelines: what is known of each frame of a recording, by a human and by a model.

A `Timeline` is made once per recording, and post-processing runs once per variant: `raw` = the threshold
alone, `closed` = threshold and gaps closed, `full` = all steps of post-processing, fixed or tuned.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.postprocessing.decisions import BINARY, DECISIONS, EXCLUSIVE
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig

RAW = "raw"
CLOSED = "closed"
FULL = "full"
VARIANTS = (RAW, CLOSED, FULL)

# Settings of each variant, for one behavior in one recording.
Variants = Mapping[str, PostprocessConfig]


class Track(NamedTuple):
    """What one annotator (or the model) says, both bool and of one shape.

    `active` does not count where not `scored` (for the model: where it gave no probability).
    """

    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]


class BehaviorTimeline(NamedTuple):
    """One behavior in one recording, arrays of shape (n_frames,).

    `true`, `predicted`, `scored` are bool; `probability` is float in [0, 1] with NaN = not predicted; `fps` is
    frames per second.
    """

    true: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    probability: NDArray[np.floating]
    scored: NDArray[np.bool_]
    fps: float
    recording: str = ""

    def used_frames(self) -> NDArray[np.bool_]:
        """Frames that count, shape (n_frames,): a human scored them and the model predicted them."""
        return self.scored & ~np.isnan(self.probability)

    @property
    def human(self) -> Track:
        """What the human says."""
        return Track(self.true, self.scored)

    @property
    def model(self) -> Track:
        """What the model says."""
        return Track(self.predicted, ~np.isnan(self.probability))


@dataclass(frozen=True)
class Timeline:
    """One recording as scores, tables, figures and the review page see it.

    Attributes
    ----------
    recording, fps, behaviors
        Its id, frames per second of its video, and names of the columns.
    probability : ndarray of float, shape (n_frames, n_behaviors)
        In [0, 1]; NaN = not predicted.
    predicted : mapping of str to ndarray of bool, shape (n_frames, n_behaviors)
        What the probabilities become by each variant of post-processing that was asked for; empty where the
        recording was not predicted at all.
    true, scored : ndarray of bool, shape (n_frames, n_behaviors), or None
        Labels, and where a human judged; both None where nobody annotated the recording. Unscored is not negative.
    settings : tuple of mapping of str to PostprocessConfig
        For each behavior, by what each variant was made; () where that is not known here.
    subset : str
        `cross_validation` (each probability from a head that never saw the recording), `test`, `predict` or
        `evaluation`.
    individual : str
        Whose video it is, one name for all animals that were filmed together; "" = its own.
    task : str
        One of `DECISIONS`. With `exclusive` at most one behavior is true, and at most one predicted, in a frame.
    background : str
        What exclusive classes call frames without any of the behaviors; "" where there are none such.
    spread : ndarray of float, shape (n_frames, n_behaviors), or None
        Standard deviation of the members of an ensemble about `probability`; None of a single model.
    """

    recording: str
    fps: float
    behaviors: tuple[str, ...]
    probability: NDArray[np.floating]
    predicted: Mapping[str, NDArray[np.bool_]]
    true: NDArray[np.bool_] | None = None
    scored: NDArray[np.bool_] | None = None
    settings: tuple[Variants, ...] = ()
    subset: str = ""
    individual: str = ""
    task: str = BINARY
    background: str = ""
    spread: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together: nothing is cut to fit."""
        arrays = {"probability": self.probability, **self.predicted}
        if self.true is not None and self.scored is not None:
            arrays |= {"true": self.true, "scored": self.scored}
        if self.spread is not None:
            arrays["spread"] = self.spread
        shapes = {name: np.shape(array) for name, array in arrays.items()}
        if (self.true is None) != (self.scored is None) or len({*shapes.values()}) > 1:
            raise ValueError(f"Expected arrays of one shape for {self.recording}, labels in pairs. Received: {shapes}")
        if self.probability.ndim != 2 or self.probability.shape[1] != len(self.behaviors):
            raise ValueError(f"Expected a column for each of {self.behaviors}. Received: {self.probability.shape}")

    @property
    def n_frames(self) -> int:
        """Frames of the recording."""
        return len(self.probability)

    @property
    def is_exclusive(self) -> bool:
        """Whether its behaviors are classes, of which a frame has one."""
        return self.task == EXCLUSIVE

    @property
    def has_labels(self) -> bool:
        """Whether somebody annotated the recording."""
        return self.true is not None

    @property
    def is_predicted(self) -> bool:
        """Whether there is a model's answer at all."""
        return bool(self.predicted)

    def threshold(self, column: int, variant: str) -> float | None:
        """From which probability a frame is active; None for exclusive classes."""
        return None if self.is_exclusive else self.settings[column][variant].threshold

    def behavior(self, column: int, variant: str = FULL) -> BehaviorTimeline:
        """One behavior, post-processed by one variant; without labels no frame of it is scored."""
        nothing = np.zeros(self.n_frames, dtype=bool)
        return BehaviorTimeline(
            true=nothing if self.true is None else self.true[:, column],
            predicted=self.predicted[variant][:, column] if self.predicted else nothing,
            probability=self.probability[:, column],
            scored=nothing if self.scored is None else self.scored[:, column],
            fps=self.fps,
            recording=self.recording,
        )


def postprocess_variants(
    probability: NDArray[np.floating],
    settings: Sequence[Variants],
    fps: float,
    variants: Sequence[str] = VARIANTS,
    task: str = BINARY,
) -> dict[str, NDArray[np.bool_]]:
    """Turn all behaviors' probabilities into active frames by each variant, shape (n_frames, n_behaviors) each.

    Parameters
    ----------
    probability : ndarray, shape (n_frames, n_behaviors)
        In [0, 1]; NaN = not predicted.
    settings : sequence of mapping of str to PostprocessConfig
        For each behavior, those of every variant.
    fps, variants, task
        Frames per second; some of `VARIANTS`; one of `DECISIONS`.
    """
    decide = DECISIONS[task]
    return {variant: decide(probability, [of[variant] for of in settings], fps) for variant in variants}


def joined_frames(parts: Iterable[BehaviorTimeline]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Truth and probability, shape (n_used_frames,), of the frames that count, of several recordings in a row."""
    masked = [(part, part.used_frames()) for part in parts]
    true = np.concatenate([np.zeros(0, dtype=bool), *(part.true[used] for part, used in masked)])
    return true, np.concatenate([np.zeros(0), *(part.probability[used] for part, used in masked)])


def expand_to_all_frames(values: NDArray[np.float32], frames: NDArray[np.int64], n_frames: int) -> NDArray[np.float32]:
    """Probabilities of analysed frames, shape (n_analysed,), for every frame of the video, shape (n_frames,).

    `frames` are the numbers of the analysed ones, rising. Linear between them; the last value is held to the end.
    """
    if len(values) == n_frames:
        return values.astype(np.float32)
    return np.interp(np.arange(n_frames), frames, values).astype(np.float32)
