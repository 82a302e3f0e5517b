"""Frames to windows of fixed length, and back to frames.

To be learned from, a recording is cut into consecutive windows; to be predicted, into overlapping ones. No window
crosses from one recording into another, and what a window lacks is padded with zeros *at its end* and masked:
heads rely on the padding being at the end (a recurrent layer that runs forwards never meets it before
it has seen the real frames).

An offset shifts the cuts: the first window then holds only frames ``[0, offset)``, the second starts
at ``offset``. Drawing it anew each epoch shows a head the same frames with other contexts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.rows import Rows


@dataclass(frozen=True)
class FeatureSequence:
    """One recording as a head sees it: analysed frames only, in order.

    Attributes
    ----------
    name : str
        The recording's id, for messages.
    embeddings : Rows, shape (n_frames, n_features), float32
        Never NaN.
    target : ndarray, shape (n_frames, *frame_shape)
        What a task wants said of each frame; meaningless where `scored` is False.
    scored : ndarray, shape (n_frames,), bool
        Whether a human judged the frame. Unscored is not negative.
    """

    name: str
    embeddings: Rows
    target: NDArray[Any]
    scored: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Refuse arrays of unequal length: they are never repaired by cutting."""
        shape, n_frames = self.embeddings.shape, len(self.scored)
        if len(shape) != 2 or shape[0] != n_frames or len(self.target) != n_frames or self.scored.ndim != 1:
            raise ValueError(
                f"recording {self.name!r}: expected embeddings (n_frames, n_features), targets (n_frames, ...) and "
                f"scored (n_frames,), found {shape}, {self.target.shape} and {self.scored.shape}"
            )

    @property
    def n_frames(self) -> int:
        """Number of analysed frames."""
        return len(self.scored)


class Span(NamedTuple):
    """Frames ``[start, stop)`` of one recording that fill one window, at most ``window_frames`` of them."""

    recording_index: int
    start: int
    stop: int


@dataclass(frozen=True)
class Windows:
    """Windows ready to be learned from.

    Attributes
    ----------
    x : ndarray, shape (n_windows, window_frames, n_features), float32
        Embeddings; 0 where padded.
    mask : ndarray, shape (n_windows, window_frames), bool
        False where padded; True comes first in every window.
    y : ndarray, shape (n_windows, window_frames, *frame_shape), float32
        Targets; 0 where unscored or padded.
    weight : ndarray, shape (n_windows, window_frames), float32
        What the frame's loss counts; 0 where unscored or padded.
    """

    x: NDArray[np.float32]
    mask: NDArray[np.bool_]
    y: NDArray[np.float32]
    weight: NDArray[np.float32]


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


def cut_rows(
    recordings: Sequence[Rows], spans: Sequence[Span], window_frames: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Copy the features of `spans` into windows: `x` and `mask` of `Windows`.

    Parameters
    ----------
    recordings : sequence of Rows
        Those that the spans' `recording_index` counts; at least one.
    spans : sequence of Span
        One per window, none longer than `window_frames`.
    window_frames : int
        Length of a window.
    """
    x = np.zeros((len(spans), window_frames, recordings[0].shape[1]), np.float32)
    mask = np.zeros((len(spans), window_frames), bool)
    for row, (recording_index, start, stop) in enumerate(spans):
        x[row, : stop - start] = recordings[recording_index][start:stop]
        mask[row, : stop - start] = True
    return x, mask


def cut_windows(
    sequences: Sequence[FeatureSequence],
    weights: Sequence[NDArray[np.floating]],
    spans: Sequence[Span],
    window_frames: int,
) -> Windows:
    """Copy the frames of `spans` into windows, padded with zeros at the end; parameters as of `cut_rows`.

    `weights` holds, per recording, what each frame's loss counts, shape (n_frames,); unscored frames count 0
    whatever is given.
    """
    x, mask = cut_rows([s.embeddings for s in sequences], spans, window_frames)
    y = np.zeros((*mask.shape, *sequences[0].target.shape[1:]), np.float32)
    weight = np.zeros(mask.shape, np.float32)
    for row, (recording_index, start, stop) in enumerate(spans):
        sequence, scored = sequences[recording_index], sequences[recording_index].scored[start:stop]
        y[row, : stop - start][scored] = sequence.target[start:stop][scored]
        weight[row, : stop - start][scored] = weights[recording_index][start:stop][scored]
    return Windows(x, mask, y, weight)


def plan_overlapping(n_frames: int, window_frames: int) -> list[Span]:
    """Where to predict one recording: windows that begin at most two thirds of their length apart.

    The last one ends with the recording, so that only a recording shorter than a window is padded. There are one
    and a half times as many windows at most as without overlap.
    """
    last = n_frames - window_frames
    if last <= 0:
        return plan_windows([n_frames], window_frames)
    starts = np.linspace(0, last, 1 + math.ceil(1.5 * last / window_frames)).astype(int).tolist()
    return [Span(0, start, start + window_frames) for start in starts]


def stitch(values: NDArray[np.float32], spans: Sequence[Span], n_frames: int) -> NDArray[np.float32]:
    """Put one recording's windows back into one value per frame.

    Where windows overlap, each counts by a frame's distance from its nearer end: a head knows least there, and
    nothing may jump where a window begins or ends.

    Parameters
    ----------
    values : ndarray, shape (n_windows, window_frames, *frame_shape)
        What is said of each window's frames; what stands at padded frames is dropped.
    spans : sequence of Span
        Of one recording, in order, at least one.
    n_frames : int
        Length of the recording.

    Returns
    -------
    ndarray, shape (n_frames, *frame_shape)
        Of the dtype of `values`.

    Raises
    ------
    ValueError
        If the windows leave a frame without a value.
    """
    has_gap = any(b.start > a.stop for a, b in pairwise(spans))
    if has_gap or (spans[0].start, spans[-1].stop) != (0, n_frames):
        raise ValueError(f"windows at {[tuple(span[1:]) for span in spans]} do not cover {n_frames} frames")
    total, weights = np.zeros((n_frames, *values.shape[2:])), np.zeros(n_frames)
    for window, (_, start, stop) in zip(values, spans, strict=True):
        place = np.arange(1.0, stop - start + 1)
        weight = np.minimum(place, place[::-1])
        weights[start:stop] += weight
        total[start:stop].T[...] += weight * window[: stop - start].T
    return (total.T / weights).T.astype(values.dtype)
