"""What the folds of a finished run predicted, read back from its stored fits."""

import glob
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from pipeline.training.fits import open_fit
from pipeline.training.plan import HEAD, INNER

Predictions = dict[str, NDArray[np.float32]]
_KEY = re.compile(rf"(?P<kind>{HEAD}|{INNER})\.fold(?P<fold>\d+)(\.\d+)?(\.m\d+)?")


@dataclass(frozen=True)
class StoredFolds:
    """One head of a run in all of its folds.

    Attributes
    ----------
    held_out : frozenset of frozenset of str
        Recordings that were held out together; empty without cross-validation.
    crossed : dict of str to ndarray, shape (n_analysed, n_outputs)
        Each training recording by the fold that held it out.
    inner : dict of str to dict of str to ndarray
        By held-out recording, the others by heads that saw neither those nor it; empty where the run chose no settings.
    """

    held_out: frozenset[frozenset[str]]
    crossed: Predictions
    inner: dict[str, Predictions]


def read_folds(folder: Path, name: str, check: Callable[[Path], None]) -> StoredFolds:
    """Read the fits of one head; where a fold has several members, their mean.

    Parameters
    ----------
    folder : Path
        Of the stored fits of a finished run.
    name : str
        Of the head.
    check : callable
        Raises where a file is not as it was written.

    Raises
    ------
    InputError
        If a fit is damaged, or fits of other settings lie there too, so that a recording is predicted twice.
    """
    found: dict[tuple[str, str], dict[str, list[NDArray[np.float32]]]] = {}
    for path in sorted(folder.glob(f"{glob.escape(name)}.*.npz")):
        match = _KEY.fullmatch(path.name.removeprefix(f"{name}.").removesuffix(".npz"))
        if match is None:
            continue
        check(path)
        opened = open_fit(path)
        if opened is None:
            raise InputError(f"The stored fit {path} is damaged. Copy it again, or run the experiment again.")
        of_fold = found.setdefault((match["kind"], match["fold"]), defaultdict(list))
        for recording, probability in opened[1].probabilities.items():
            of_fold[recording].append(probability)
    counts = {len(p) for of_fold in found.values() for p in of_fold.values()}
    means = {key: {r: _mean(p) for r, p in of_fold.items()} for key, of_fold in found.items()}
    crossed: Predictions = {}
    inner: dict[str, Predictions] = {}
    held_out = []
    for (kind, fold), predicted in means.items():
        if kind != HEAD:
            continue
        of_inner = means.get((INNER, fold), {})
        if len(counts) > 1 or crossed.keys() & predicted.keys() or predicted.keys() & of_inner.keys():
            raise InputError(
                f"{folder} holds fits of {name!r} with other settings beside those of the run, left by an attempt that "
                "was cut off. Run the experiment again with --overwrite."
            )
        held_out.append(frozenset(predicted))
        crossed |= predicted
        inner |= {recording: of_inner for recording in predicted if of_inner}
    return StoredFolds(frozenset(held_out), crossed, inner)


def _mean(predicted: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    if len(predicted) == 1:
        return predicted[0]
    return np.stack(predicted).mean(axis=0, dtype=np.float64).astype(np.float32)
