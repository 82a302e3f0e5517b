"""Numbers told by their places among quantiles, which is all that trees look at."""

import numpy as np
from numpy.typing import NDArray

_MOST_BINS = 255


class QuantileBins:
    """Bins of each column, each with about as many of the given values; at most 255.

    scikit-learn's own, since its version 1.9 those of weighted values, take minutes for some hundred columns.

    Parameters
    ----------
    values : ndarray, shape (n_rows, n_columns)
        NaN where missing. A column of nothing else has one bin, missing values included: scikit-learn can't bin it.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        self._edges = [_edges(column) for column in values.T]
        self._is_empty = np.isnan(values).all(axis=0)

    def places(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """The bin of each value, counted from 0, shape as of `values`; NaN where missing."""
        found = np.empty(values.shape, np.float64)
        for into, column, edges in zip(found.T, values.T, self._edges, strict=True):
            into[:] = np.searchsorted(edges, column)
            into[np.isnan(column)] = np.nan
        found[:, self._is_empty] = 0
        return found


def _edges(column: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest value of each bin but the last."""
    known = np.sort(column[~np.isnan(column)])
    distinct = known[np.flatnonzero(np.diff(known, append=np.inf))]
    if len(distinct) <= _MOST_BINS:
        return distinct[:-1]
    return np.unique(known[np.arange(1, _MOST_BINS) * len(known) // _MOST_BINS])
