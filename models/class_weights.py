"""Weights that make rare positives count as much, in total, as frequent negatives (thesis, eq. 4.1)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from models.windows import FeatureSequence


def class_weights(active: NDArray[np.bool_], scored: NDArray[np.bool_]) -> tuple[float, float]:
    """What a negative and a positive frame's loss counts: n/(2·n_neg) and n/(2·n_pos).

    Parameters
    ----------
    active : ndarray, shape (n_frames,), bool
        Labels of the training frames.
    scored : ndarray, shape (n_frames,), bool
        Only these frames are counted.

    Returns
    -------
    tuple of float
        (negative, positive); their mean over the scored frames is 1.

    Raises
    ------
    ValueError
        If there is no scored positive or no scored negative frame; `check_labels` tells the user first.
    """
    n = int(np.count_nonzero(scored))
    n_positive = int(np.count_nonzero(active & scored))
    n_negative = n - n_positive
    if n_positive == 0 or n_negative == 0:
        raise ValueError(f"expected positives and negatives, found {n_positive} and {n_negative}")
    return n / (2 * n_negative), n / (2 * n_positive)


def check_labels(sequences: Iterable[FeatureSequence]) -> None:
    """Refuse to learn from recordings that show only one side of a behavior.

    Raises
    ------
    InputError
        If no frame is scored, or none of the scored frames is positive, or none negative.
    """
    sequences = list(sequences)
    names = ", ".join(sequence.name for sequence in sequences)
    n = sum(int(np.count_nonzero(sequence.scored)) for sequence in sequences)
    n_positive = sum(int(np.count_nonzero(sequence.active & sequence.scored)) for sequence in sequences)
    remedy = (
        "Take this behavior out of the experiment's behaviors, check that its name is mapped to the right "
        "label, or add recordings in which it is annotated both present and absent."
    )
    found = f"{n:,} scored frames of the training recordings ({names}), of which {n_positive:,} are positive"
    if n == 0 or n_positive == 0 or n_positive == n:
        lacking = "no scored frame" if n == 0 else "no positive frame" if n_positive == 0 else "no negative frame"
        raise InputError(
            f"A head needs frames with and frames without the behavior to learn from, but there is "
            f"{lacking}: "
            f"found {found}. {remedy}"
        )
