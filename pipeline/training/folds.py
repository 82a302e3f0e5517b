"""Who is held out when: one individual at a time or k parts, with or without nested validation recordings.

All recordings of one individual stay on one side of every split: two videos of one mouse are not
independent, and a head that has seen the mouse would be scored too kindly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

Group = tuple[str, ...]
# Frames of each kind that a task tells apart, shape (n_kinds,), by recording or group.
Examples = Mapping[str, NDArray[np.int64]]
_N_DEALS = 500
# Of the individuals that a part leaves, one in so many is held back for early stopping.
_ONE_IN = 8


@dataclass(frozen=True)
class Fold:
    """One split of the training recordings.

    Attributes
    ----------
    name : str
        The held-out individual's recordings, joined by ` + `; of k parts, which one.
    train, validation, held_out : tuple of str
        Recording ids. Early stopping looks at `validation`; `held_out` is only scored.
        In the thesis' protocol the two are the same recordings.
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[str, ...]


def group_by_individual(individuals: Mapping[str, str]) -> list[Group]:
    """Recording ids by individual, in order of first appearance; an unnamed individual is its own group."""
    groups: dict[str, list[str]] = {}
    for recording, individual in individuals.items():
        groups.setdefault(individual or f"\0{recording}", []).append(recording)
    return [tuple(group) for group in groups.values()]


def make_folds(
    individuals: Mapping[str, str],
    examples: Examples,
    protocol: str,
    kinds: Sequence[str],
    n_folds: int | None = None,
    seed: int = 0,
    background: str = "",
) -> list[Fold]:
    """The folds of one head.

    Parameters
    ----------
    individuals : mapping of str to str
        Individual of each training recording, in the order of recordings.csv.
    examples : mapping of str to ndarray of int, shape (n_kinds,)
        Scored frames of each kind in each training recording: validation recordings are chosen so that they have
        as many kinds as can be, and leave all of them for training.
    protocol : {"nested", "thesis"}
        Where early stopping looks.
    kinds : sequence of str
        What the kinds are called, for error texts: the behavior, or all classes.
    n_folds : int, optional
        Hold out so many parts in turn, each with about as much of every kind, instead of one individual at a
        time; more of them where a part would leave too few individuals with a kind to learn from.
    seed : int
        Of the parts.
    background : str
        The kind that is none of the behaviors, if there is one.

    Raises
    ------
    InputError
        If there are too few individuals, or too few of them ever show a kind.
    """
    groups = group_by_individual(individuals)
    needed = 3 if protocol == "nested" else 2
    if len(groups) < needed:
        raise InputError(_too_few(len(groups), len(individuals), protocol))
    shown = {group: sum_of(group, examples) for group in groups}
    # Of several classes early stopping can do without one.
    needed_of_each = needed if len(kinds) == 1 else 2
    n_with_kind = np.count_nonzero([shown[group] for group in groups], axis=0)
    for kind, n in zip(kinds, n_with_kind, strict=True):
        if n < needed_of_each:
            raise InputError(_too_rare(kind, int(n), len(groups), protocol, needed_of_each, background))
    for n_parts in range(n_folds or len(groups), len(groups)):
        parts = _balanced_parts(groups, shown, n_parts, seed)
        left = [n_with_kind - np.count_nonzero([shown[group] for group in part], axis=0) for part in parts]
        are_enough = all(len(groups) - len(part) >= needed - 1 for part in parts)
        if are_enough and (np.array(left) >= needed_of_each - 1).all():
            names = [f"part {number} of {n_parts}" for number in range(1, n_parts + 1)]
            return [_fold(name, groups, part, shown, protocol) for name, part in zip(names, parts, strict=True)]
    return [_fold(" + ".join(group), groups, [group], shown, protocol) for group in groups]


def sum_of(recordings: Sequence[str], examples: Examples) -> NDArray[np.int64]:
    """Frames of each kind in several recordings, shape (n_kinds,)."""
    return np.sum([examples[recording] for recording in recordings], axis=0)


def choose_validation(groups: Sequence[Group], shown: Mapping[Group, NDArray[np.int64]], n_groups: int = 1) -> Group:
    """Recordings of some of the groups, by which early stopping is judged.

    The first group is taken that leaves most kinds to the others and, of these, has most kinds itself; then, one after
    the other, those that add most kinds and take none from the rest. There may be twice as many groups as asked for, so
    that all kinds are there: a clip has one.
    """
    left, chosen = list(groups), list[Group]()
    present = {group: shown[group] > 0 for group in groups}
    n_kinds = np.count_nonzero(np.any([*present.values()], axis=0))
    has, new = (np.zeros(len(shown[groups[0]]), dtype=bool) for _ in range(2))
    while len(chosen) < n_groups or (has.sum() < n_kinds and len(chosen) < 2 * n_groups):
        own = np.array([present[group] for group in left])
        n_left = np.count_nonzero(own.sum(axis=0) - own, axis=1)
        n_new = np.count_nonzero(own & ~new, axis=1)
        if chosen:
            candidates = np.flatnonzero(n_left == np.count_nonzero(own.any(axis=0)))
        else:
            # Without any kind nothing can be measured.
            candidates = np.flatnonzero(own.any(axis=1))
        if len(left) == bool(chosen) or not candidates.size:
            break
        # A single kind need not come twice: rare ones are rather learned from.
        rank = -n_new if n_kinds > 1 or not chosen else own.sum(axis=1)
        best = min(candidates.tolist(), key=lambda i: ((0 if chosen else -n_left[i]), rank[i], i))
        chosen.append(left.pop(best))
        has, new = has | present[chosen[-1]], new | present[chosen[-1]]
        if new.sum() == n_kinds:
            new[:] = False
    return tuple(r for group in groups if group in chosen for r in group)


def _fold(
    name: str,
    groups: Sequence[Group],
    part: Sequence[Group],
    shown: Mapping[Group, NDArray[np.int64]],
    protocol: str,
) -> Fold:
    held_out = tuple(r for group in groups if group in part for r in group)
    if protocol == "thesis":
        train = tuple(r for group in groups if group not in part for r in group)
        return Fold(name, train, held_out, held_out)
    after = groups.index(part[0]) + 1
    left = [group for group in (*groups[after:], *groups[:after]) if group not in part]
    chosen = choose_validation(left, shown, 1 if len(part) == 1 else max(1, round(len(left) / _ONE_IN)))
    train, validation = (
        tuple(r for group in groups if group in left for r in group if (r in chosen) == is_chosen)
        for is_chosen in (False, True)
    )
    return Fold(name, train, validation, held_out)


def _balanced_parts(
    groups: Sequence[Group], shown: Mapping[Group, NDArray[np.int64]], n_parts: int, seed: int
) -> list[list[Group]]:
    """Of many ways to deal the groups out, the one whose parts have most nearly the same share of every kind."""
    rng = np.random.default_rng(seed)
    frames = np.array([shown[group] for group in groups], dtype=np.float64)
    shares = frames / np.maximum(frames.sum(axis=0), 1)
    best, least = np.zeros(0, dtype=np.int64), np.inf
    for _ in range(_N_DEALS):
        order = rng.permutation(len(groups))
        of_parts = np.zeros((n_parts, shares.shape[1]))
        np.add.at(of_parts, np.arange(len(groups)) % n_parts, shares[order])
        spread = float(((of_parts - 1 / n_parts) ** 2).sum())
        if spread < least:
            best, least = order, spread
    return [[groups[i] for i in sorted(best[part::n_parts])] for part in range(n_parts)]


def _deal(groups: Sequence[Group], shown: Mapping[Group, NDArray[np.int64]], n_hands: int) -> list[list[Group]]:
    """Part groups so that no part is without a kind while another has several that show it, the rarest kinds first."""
    rarest = np.argsort(np.sum([shown[group] for group in groups], axis=0), kind="stable")
    ordered: list[Group] = []
    for kind in rarest:
        left = sorted((g for g in groups if g not in ordered), key=lambda g: -shown[g][kind])
        ordered += [group for group in left if shown[group][kind]]
    ordered += [group for group in groups if group not in ordered]
    hands: list[list[Group]] = [[] for _ in range(n_hands)]
    for position, group in enumerate(ordered):
        # To and fro, as teams are picked: the first hand does not get the best of every round.
        turn, place = divmod(position, n_hands)
        hands[place if turn % 2 == 0 else n_hands - 1 - place].append(group)
    return hands


def _too_rare(kind: str, n_with_kind: int, n_groups: int, protocol: str, needed: int, background: str) -> str:
    if kind == background:
        return (
            f"The background {kind!r} (frames in which none of the behaviors is annotated) occurs in recordings of "
            f"{n_with_kind} of the {n_groups} training individuals, but {protocol} cross-validation needs it in at "
            f"least {needed}. If every frame has a class, say so: task: {{name: exclusive, other: null}}."
        )
    return (
        f"The behavior {kind!r} occurs in recordings of {n_with_kind} of the {n_groups} training "
        f"individuals, but {protocol} cross-validation needs it in at least {needed}. Annotate it in more "
        "recordings, leave it out of `behaviors:` or merge it with another, or set cross_validation: none."
    )


def _too_few(n_groups: int, n_recordings: int, protocol: str) -> str:
    needed = 3 if protocol == "nested" else 2
    other = " With two, `protocol: thesis` is possible (its numbers are optimistic)." if n_groups == 2 else ""
    return (
        f"Cross-validation with protocol {protocol} needs annotated training recordings of at "
        f"least {needed} individuals; found {n_recordings} recording{'s' * (n_recordings != 1)} of {n_groups} "
        f"individual{'s' * (n_groups != 1)} with split `train`.{other} Annotate more recordings, or set "
        "cross_validation: none to train the final heads without an estimate of how good they are."
    )


def inner_groups(
    individuals: Mapping[str, str], held_out: Sequence[str], examples: Examples, n_groups: int
) -> list[Group]:
    """Part the recordings that a fold does not hold out, by individual, for settings chosen inside the fold.

    Each group is predicted by a head trained on the other groups, so that every probability from which
    the fold's settings are chosen comes from a head that saw neither that recording nor the held-out one.

    Parameters
    ----------
    individuals : mapping of str to str
        Individual of each training recording, in the order of recordings.csv.
    held_out : sequence of str
        Recordings that take no part.
    examples : mapping of str to ndarray of int, shape (n_kinds,)
        As of `make_folds`: those who show most of a kind are dealt to the groups first.
    n_groups : int
        At most one group per individual is made.

    Returns
    -------
    list of tuple of str
        Every recording that is not held out, once. Empty with fewer than two individuals left.
    """
    left = {recording: name for recording, name in individuals.items() if recording not in held_out}
    families = group_by_individual(left)
    if len(families) < 2:
        return []
    shown = {family: sum_of(family, examples) for family in families}
    hands = _deal(families, shown, min(n_groups, len(families)))
    return [tuple(r for family in hand for r in family) for hand in hands]
