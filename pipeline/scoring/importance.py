"""Rows of importance.csv: what a score loses when a feature tells nothing (permutation importance, Breiman 2001)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.tables import Row
from pipeline.scoring.metrics import average_precision

FoldPart = tuple[NDArray[np.bool_], NDArray[np.float32]]
"""Of some scored frames of a recording: the truth, shape (n,), and probabilities, shape (1 + n_features, n): as they
are, then with each feature in turn shuffled."""


def importance_rows(behavior: str, features: Sequence[str], folds: Sequence[Sequence[FoldPart]]) -> list[Row]:
    """Drop of average precision by each feature, mean and standard deviation over folds, the greatest first.

    Parameters
    ----------
    behavior : str
    features : sequence of str
    folds : sequence of sequence of FoldPart
        The held-out recordings of each fold. One without a positive frame tells nothing and is left out.
    """
    drops = []
    for parts in folds:
        true = np.concatenate([part[0] for part in parts])
        whole, *shuffled = (
            average_precision(true, values) for values in np.concatenate([part[1] for part in parts], axis=1)
        )
        if whole is not None:
            drops.append([whole - (one or 0.0) for one in shuffled])
    if not drops:
        return []
    mean = np.mean(drops, axis=0)
    spread = np.std(drops, axis=0, ddof=1) if len(drops) > 1 else [None] * len(features)
    return [
        {
            "behavior": behavior,
            "feature": features[i],
            "drop": float(mean[i]),
            "sd": None if spread[i] is None else float(spread[i]),
            "n_folds": len(drops),
        }
        for i in np.argsort(-mean, kind="stable")
    ]
