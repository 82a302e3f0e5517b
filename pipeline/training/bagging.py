"""Several heads in the place of one: bootstrap samples of its training individuals, or other seeds.

Bagging (Breiman 1996, Machine Learning 24, 123-140). What is drawn are individuals, with all their recordings: frames
of one animal are not independent of each other. A recording that is drawn twice is there twice: it gives twice the
windows, and counts twice in scaling and class weights. Only training recordings are drawn from; those that stop
training early, and those to be predicted, are every member's alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.config.ensemble import EnsembleConfig
from pipeline.training.fits import Fit, derive_seed
from pipeline.training.folds import group_by_individual

MOST_DRAWS = 100


def members_of(
    fit: Fit,
    ensemble: EnsembleConfig,
    individuals: Mapping[str, str],
    lacking: Callable[[Sequence[str]], str],
    tell: Callable[[Fit], None] = lambda _: None,
) -> list[Fit]:
    """The fits in the place of one.

    Parameters
    ----------
    fit : Fit
    ensemble : EnsembleConfig
    individuals : mapping of str to str
        Individual of each training recording.
    lacking : callable
        What training recordings lack to be learned from; "" where they lack nothing.
    tell : callable
        Is called with each member for which no draw was enough, so that it has all individuals once.

    Returns
    -------
    list of Fit
        The fit itself where there is one member only.
    """
    if ensemble.is_one_head:
        return [fit]
    members = []
    for number in range(1, ensemble.members + 1):
        seed = derive_seed(fit.seed, "member", str(number))
        train = fit.train if ensemble.by == "seeds" else draw_individuals(fit.train, individuals, seed, lacking)
        bundle_path = None if fit.bundle_path is None else fit.bundle_path / f"m{number}"
        key = f"{fit.key}.m{number}"
        member = replace(fit, key=key, train=train or fit.train, seed=seed, bundle_path=bundle_path, member=number)
        if train is None:
            tell(member)
        members.append(member)
    return members


def draw_individuals(
    train: Sequence[str], individuals: Mapping[str, str], seed: int, lacking: Callable[[Sequence[str]], str]
) -> tuple[str, ...] | None:
    """Draw as many individuals as there are, with replacement; drawn anew where one can't learn from them.

    Returns
    -------
    tuple of str or None
        Recordings in their order, those of an individual that was drawn twice twice. None where a hundred draws lacked
        something.
    """
    families = group_by_individual({recording: individuals[recording] for recording in train})
    rng = np.random.default_rng(seed)
    for _ in range(MOST_DRAWS):
        drawn = np.sort(rng.integers(len(families), size=len(families)))
        found = tuple(recording for place in drawn for recording in families[place])
        if not lacking(found):
            return found
    return None
