"""Who is held out when: one individual at a time or k parts, with or without a nested validation recording.

All recordings of one individual stay on one side of every split: two videos of one mouse are not
independent, and a head that has seen the mouse would be scored too kindly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.errors import InputError


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


def group_by_individual(individuals: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Recording ids by individual, in order of first appearance; an unnamed individual is its own group."""
    groups: dict[str, list[str]] = {}
    for recording, individual in individuals.items():
        groups.setdefault(individual or f"\0{recording}", []).append(recording)
    return [tuple(group) for group in groups.values()]


def make_folds(
    individuals: Mapping[str, str],
    n_positive: Mapping[str, int],
    protocol: str,
    behavior: str,
    n_folds: int | None = None,
) -> list[Fold]:
    """The folds for one behavior.

    Parameters
    ----------
    individuals : mapping of str to str
        Individual of each training recording, in the order of recordings.csv.
    n_positive : mapping of str to int
        Scored positive frames of the behavior in each training recording: a nested validation group is
        chosen so that it has positives and leaves some for training.
    protocol : {"nested", "thesis"}
        Where early stopping looks.
    behavior : str
        For error texts.
    n_folds : int, optional
        Hold out so many parts in turn, each with about as much of the behavior, instead of one individual at a
        time; more of them where a part would leave too few individuals with the behavior to learn from.

    Raises
    ------
    InputError
        If there are too few individuals, or too few of them ever show the behavior.
    """
    groups = group_by_individual(individuals)
    needed = 3 if protocol == "nested" else 2
    if len(groups) < needed:
        raise InputError(_too_few(len(groups), len(individuals), protocol))
    positives = {group: sum(n_positive[r] for r in group) for group in groups}
    with_behavior = [group for group in groups if positives[group]]
    if len(with_behavior) < needed:
        raise InputError(
            f"The behavior {behavior!r} occurs in recordings of {len(with_behavior)} of the {len(groups)} training "
            f"individuals, but {protocol} cross-validation needs it in at least {needed}. Annotate it in more "
            "recordings, leave it out of `behaviors:`, or set cross_validation: none."
        )
    for n_parts in range(n_folds or len(groups), len(groups)):
        parts = _deal(groups, positives, n_parts)
        if all(len(set(with_behavior).difference(part)) >= needed - 1 for part in parts):
            names = [f"part {number} of {n_parts}" for number in range(1, n_parts + 1)]
            return [_fold(name, groups, part, positives, protocol) for name, part in zip(names, parts, strict=True)]
    return [_fold(" + ".join(group), groups, [group], positives, protocol) for group in groups]


def _fold(
    name: str,
    groups: Sequence[tuple[str, ...]],
    part: Sequence[tuple[str, ...]],
    positives: Mapping[tuple[str, ...], int],
    protocol: str,
) -> Fold:
    held_out = tuple(r for group in groups if group in part for r in group)
    after = groups.index(part[0]) + 1
    others = [group for group in (*groups[after:], *groups[:after]) if group not in part]
    validation = held_out if protocol == "thesis" else next(group for group in others if positives[group])
    train = tuple(r for group in groups for r in group if group not in part and group != validation)
    return Fold(name, train, validation, held_out)


def _deal(
    groups: Sequence[tuple[str, ...]], positives: Mapping[tuple[str, ...], int], n_hands: int
) -> list[list[tuple[str, ...]]]:
    """Part groups so that no part is without the behavior while another has several that show it."""
    hands: list[list[tuple[str, ...]]] = [[] for _ in range(n_hands)]
    for position, group in enumerate(sorted(groups, key=lambda group: -positives[group])):
        # To and fro, as teams are picked: the first hand does not get the best of every round.
        turn, place = divmod(position, n_hands)
        hands[place if turn % 2 == 0 else n_hands - 1 - place].append(group)
    return hands


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
    individuals: Mapping[str, str], held_out: Sequence[str], n_positive: Mapping[str, int], n_groups: int
) -> list[tuple[str, ...]]:
    """Part the recordings that a fold does not hold out, by individual, for settings chosen inside the fold.

    Each group is predicted by a head trained on the other groups, so that every probability from which
    the fold's settings are chosen comes from a head that saw neither that recording nor the held-out one.

    Parameters
    ----------
    individuals : mapping of str to str
        Individual of each training recording, in the order of recordings.csv.
    held_out : sequence of str
        Recordings that take no part.
    n_positive : mapping of str to int
        Scored positive frames of the behavior: those who show it most are dealt to the groups first,
        so that no group is without it while another has several.
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
    positives = {family: sum(n_positive[r] for r in family) for family in families}
    hands = _deal(families, positives, min(n_groups, len(families)))
    return [tuple(r for family in hand for r in family) for hand in hands]
