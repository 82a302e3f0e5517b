"""Frames to windows of fixed length, and back to frames.

A recording is cut into consecutive windows. No window crosses from one recording into another, every
frame lies in exactly one window, and what a window lacks is padded with zeros *at its end* and masked:
heads rely on the padding being at the end (a recurrent layer that runs forwards never meets it before
it has seen the real frames).

An offset shifts the cuts: the first window then holds only frames ``[0, offset)``, the second starts
at ``offset``. Drawing it anew each epoch shows a head the same frames with other contexts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FeatureSequence:
    """One recording as a head sees it: analysed frames only, in order.

    Attributes
    ----------
    name : str
        The recording's id, for messages.
    embeddings : ndarray, shape (n_frames, n_features), float32
        Never NaN.
    active : ndarray, shape (n_frames,), bool
        Whether the behavior is shown; meaningless where `scored` is False.
    scored : ndarray, shape (n_frames,), bool
        Whether a human judged the frame. Unscored is not negative.
    """

    name: str
    embeddings: NDArray[np.float32]
    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse arrays of unequal length: they are never repaired by cutting."""
        n_frames = len(self.embeddings)
        if self.embeddings.ndim != 2 or self.active.shape != (n_frames,) or self.scored.shape != (n_frames,):
            raise ValueError(
                f"recording {self.name!r}: expected embeddings (n_frames, n_features) with active and scored "
                f"(n_frames,), found {self.embeddings.shape}, {self.active.shape} and {self.scored.shape}"
            )

    @property
    def n_frames(self) -> int:
        """Number of analysed frames."""
        return len(self.embeddings)


class Span(NamedTuple):
    """Frames ``[start, stop)`` of one recording that fill one window, at most ``window_frames`` of them."""

    recording_index: int
    start: int
    stop: int


@dataclass(frozen=True)
class Windows:
    """Windows ready for a network.

    Attributes
    ----------
    x : ndarray, shape (n_windows, window_frames, n_features), float32
        Embeddings; 0 where padded.
    y : ndarray, shape (n_windows, window_frames), float32
        1 where the behavior is shown, else 0.
    weight : ndarray, shape (n_windows, window_frames), float32
        What the frame's loss counts; 0 where unscored or padded.
    mask : ndarray, shape (n_windows, window_frames), bool
        False where padded; True comes first in every window.
    recording_index : ndarray, shape (n_windows,), int64
        Position in the list that was cut.
    start : ndarray, shape (n_windows,), int64
        First frame of the window in its recording.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    weight: NDArray[np.float32]
    mask: NDArray[np.bool_]
    recording_index: NDArray[np.int64]
    start: NDArray[np.int64]


def plan_windows(n_frames: Sequence[int], window_frames: int, offset: int = 0) -> list[Span]:
    """Where to cut recordings of these lengths.

    Parameters
    ----------
    n_frames : sequence of int
        Length of each recording; an empty recording gets no window.
    window_frames : int
        Length of a window, at least 1.
    offset : int
        Frames in the first, shorter window of each recording; 0 for none. From 0 to ``window_frames - 1``.

    Returns
    -------
    list of Span
        In order of recording and frame; each frame lies in exactly one span.

    Raises
    ------
    ValueError
        If `window_frames` or `offset` is out of range.
    """
    if window_frames < 1 or not 0 <= offset < window_frames:
        raise ValueError(f"expected 0 <= offset < window_frames, received {offset} and {window_frames}")
    spans = []
    for recording_index, length in enumerate(n_frames):
        first = offset if offset < length else 0
        starts = [*([0] if first else []), *range(first, length, window_frames)]
        spans += [Span(recording_index, a, b) for a, b in pairwise([*starts, length])]
    return spans


def gather_windows(
    sequences: Sequence[FeatureSequence],
    spans: Sequence[Span],
    window_frames: int,
    sample_weights: tuple[float, float] | None = None,
) -> Windows:
    """Copy the frames of `spans` into windows, padded with zeros at the end.

    Parameters
    ----------
    sequences : sequence of Sequence
        The recordings that the spans' `recording_index` counts; at least one.
    spans : sequence of Span
        One per window, none longer than `window_frames`.
    window_frames : int
        Length of a window.
    sample_weights : tuple of float, optional
        What a negative and a positive frame's loss counts, as from `class_weights`; 1 and 1 if omitted.
        Unscored and padded frames count 0 whatever is given.

    Returns
    -------
    Windows
        With ``len(spans)`` windows.
    """
    n_features = sequences[0].embeddings.shape[1]
    negative_weight, positive_weight = (1.0, 1.0) if sample_weights is None else sample_weights
    shape = (len(spans), window_frames)
    x = np.zeros((*shape, n_features), np.float32)
    y, weight, mask = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, bool)
    for row, (recording_index, start, stop) in enumerate(spans):
        sequence, n = sequences[recording_index], stop - start
        active, scored = sequence.active[start:stop], sequence.scored[start:stop]
        x[row, :n] = sequence.embeddings[start:stop]
        y[row, :n] = active & scored
        weight[row, :n] = np.where(active, positive_weight, negative_weight) * scored
        mask[row, :n] = True
    return Windows(
        x=x,
        y=y,
        weight=weight,
        mask=mask,
        recording_index=np.array([span.recording_index for span in spans], np.int64),
        start=np.array([span.start for span in spans], np.int64),
    )


def cut_windows(
    sequences: Sequence[FeatureSequence],
    window_frames: int,
    offset: int = 0,
    sample_weights: tuple[float, float] | None = None,
) -> Windows:
    """Cut whole recordings into windows; see `plan_windows` and `gather_windows` for the parameters."""
    spans = plan_windows([sequence.n_frames for sequence in sequences], window_frames, offset)
    return gather_windows(sequences, spans, window_frames, sample_weights)


def stitch(values: NDArray[np.float32], starts: NDArray[np.int64], n_frames: int) -> NDArray[np.float32]:
    """Put one recording's windows back into one value per frame; the inverse of cutting.

    Parameters
    ----------
    values : ndarray, shape (n_windows, window_frames)
        One value per frame of each window; what stands at padded frames is dropped.
    starts : ndarray, shape (n_windows,)
        First frame of each window, in any order. A window reaches to the next one's start.
    n_frames : int
        Length of the recording.

    Returns
    -------
    ndarray, shape (n_frames,)
        Of the dtype of `values`.

    Raises
    ------
    ValueError
        If the windows leave a frame without a value.
    """
    order = np.argsort(starts, kind="stable")
    bounds = [*np.asarray(starts)[order].tolist(), n_frames]
    lengths = np.diff(bounds)
    if bounds[0] != 0 or (lengths < 0).any() or (lengths > values.shape[1]).any():
        raise ValueError(
            f"windows of {values.shape[1]} frames that start at {bounds[:-1]} do not cover {n_frames} frames"
        )
    stitched = np.empty(n_frames, values.dtype)
    for window, start, length in zip(values[order], bounds[:-1], lengths, strict=True):
        stitched[start : start + length] = window[:length]
    return stitched
