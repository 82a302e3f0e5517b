"""The space of a search: which keys of an experiment are tried with which values, checked before anything starts."""

import copy
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from features.backbones import BACKBONES
from models.heads import HEADS
from pipeline.config.fields import walk_fields
from pipeline.config.schema import ExperimentConfig, parse_config
from pipeline.scoring.objectives import OBJECTIVES

_KINDS: Mapping[str, Mapping[str, Any]] = {"backbone": BACKBONES, "head": HEADS}
_MOST_POINTS = 20_000
_SCORED = "it would change what is scored, so that trials could not be compared"
_REFUSED = {
    "execution": "it changes no result",
    "name": "it changes no result",
    "description": "it changes no result",
    "schema": "it changes no result",
    "baseline": "no baseline takes part in a search",
    "seed": "a seed that happens to score high is no better setting",
    "protocol": _SCORED,
    "search": "the settings of a search can't be searched",
} | dict.fromkeys(
    ("recordings", "behaviors", "task", "annotations", "corrections", "cross_validation", "demo", "frames", "fps"),
    _SCORED,
)
_OF_DECISIONS = ("postprocess", "tuning", "calibration")

Settings = Mapping[str, Any]
"""Values by dotted key."""


_Bound = Annotated[int | float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]


class Range(BaseModel):
    """Numbers between two bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: _Bound = Field(description="the least value")
    high: _Bound = Field(description="the largest value")
    log: bool = Field(False, description="draw on a logarithmic scale: 1 to 10 is as wide as 10 to 100")
    step: Annotated[int | float, Field(gt=0, le=1e9, allow_inf_nan=False)] | None = Field(
        None, description="only values at this distance from each other, from `low` on"
    )

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if self.low >= self.high:
            raise ValueError(f"low should be less than high (found {self.low} and {self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"log: true needs a low above 0 (found {self.low})")
        if self.log and self.step is not None:
            raise ValueError("log and step don't go together; leave out one of them")
        return self


@dataclass(frozen=True)
class Dimension:
    """One key of the space.

    Attributes
    ----------
    key : str
        Dotted, as `--set` takes it.
    choices : tuple
        Values as they stand in the YAML; empty for a range.
    low, high, step : int or float
        Of a range; `step` None = any number.
    log, is_whole : bool
    owners : frozenset of str
        Names of the heads or backbones that have the key; empty for one that belongs to all.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    is_whole: bool = False
    owners: frozenset[str] = frozenset()

    @property
    def section(self) -> str:
        """The first word of the key."""
        return self.key.partition(".")[0]

    def values(self) -> list[Any]:
        """All values there are; of a range its steps.

        Raises
        ------
        InputError
            If it is a range without steps.
        """
        if self.choices:
            return list(self.choices)
        if self.step is None:
            raise InputError(
                f"method: grid needs a list of choices or a step, but search.space.{self.key} is a range without one. "
                f"Write for example {self.key}: {{low: {self.low}, high: {self.high}, step: "
                f"{(self.high - self.low) / 4:g}}}, or choose method: random."
            )
        n = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        if n > _MOST_POINTS:
            raise InputError(f"search.space.{self.key} has {n:,} steps; at most {_MOST_POINTS:,} can be tried.")
        # Rounded, so that .1 + .2 is .3.
        return [self.low + i * self.step if self.is_whole else round(self.low + i * self.step, 12) for i in range(n)]

    def ends(self) -> list[Any]:
        """Values to be checked against the schema."""
        return list(self.choices) or [self.low, self.high]


@dataclass(frozen=True)
class Space:
    """The keys that are tried, and the experiment's YAML that they are put into.

    Attributes
    ----------
    dimensions : tuple of Dimension
        Names of heads and backbones first, as others depend on them.
    tree : mapping
        The experiment as it was written, without `search`.
    """

    dimensions: tuple[Dimension, ...]
    tree: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """The dotted keys."""
        return tuple(dimension.key for dimension in self.dimensions)

    def applies(self, dimension: Dimension, chosen: Settings) -> bool:
        """Whether a key has a meaning beside the head and the backbone that were chosen so far."""
        if not dimension.owners:
            return True
        section = self.tree.get(dimension.section)
        own = section.get("name") if isinstance(section, Mapping) else None
        return chosen.get(f"{dimension.section}.name", own) in dimension.owners

    def tree_of(self, chosen: Settings) -> dict[str, Any]:
        """The experiment's tree with other settings.

        Another head (or backbone) takes those keys over that it has itself.
        """
        tree: dict[str, Any] = copy.deepcopy(dict(self.tree))
        for key, value in chosen.items():
            section, _, rest = key.partition(".")
            if rest == "name" and section in _KINDS:
                own = tree.get(section)
                kept = own if isinstance(own, dict) else {}
                if kept.get("name") != value:
                    known = _KINDS[section][value].model_fields if value in _KINDS[section] else {}
                    kept = {name: setting for name, setting in kept.items() if name in known}
                tree[section] = kept | {"name": value}
            else:
                _put(tree, key, value)
        return tree

    def experiment(self, chosen: Settings) -> ExperimentConfig:
        """The experiment with other settings.

        Raises
        ------
        InputError
            If they don't go together.
        """
        return parse_config(self.tree_of(chosen), settings_words(chosen) or "the experiment")

    def points(self, seed: int) -> list[dict[str, Any]]:
        """All combinations that differ, in an order that `seed` gives, so that the first few are spread.

        Raises
        ------
        InputError
            If there are too many, or a range has no steps.
        """
        values = [dimension.values() for dimension in self.dimensions]
        n_points = math.prod(map(len, values))
        if n_points > _MOST_POINTS:
            raise InputError(
                f"The grid has {n_points:,} combinations; at most {_MOST_POINTS:,} can be tried. Choose method: bayes "
                "or random with a number of trials."
            )
        found: dict[str, dict[str, Any]] = {}
        for combination in itertools.product(*values):
            chosen: dict[str, Any] = {}
            for dimension, value in zip(self.dimensions, combination, strict=True):
                if self.applies(dimension, chosen):
                    chosen[dimension.key] = value
            found.setdefault(json.dumps(chosen, sort_keys=True, default=str), chosen)
        points = list(found.values())
        return [points[i] for i in np.random.default_rng(seed).permutation(len(points))]


def settings_words(chosen: Settings) -> str:
    """Settings in a row, for logs and errors."""
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in chosen.items()
    )


def open_space(given: Mapping[str, list[Any] | Range], tree: Mapping[str, Any], score: str, source: str) -> Space:
    """The space of a search, each key and each choice of which the schema takes.

    Parameters
    ----------
    given : mapping
        Choices or a range by dotted key.
    tree : mapping
        The experiment as it was written.
    score : str
        One of `OBJECTIVES`.
    source : str
        Names the YAML in errors.

    Raises
    ------
    InputError
        If a key is unknown or can't be searched for, or a value is refused.
    """
    dimensions = [_dimension(key, values, score, source) for key, values in given.items()]
    # Whether the others apply depends on these.
    dimensions.sort(key=lambda one: not one.key.endswith(".name"))
    space = Space(tuple(dimensions), tree)
    _require_apart(space.keys, source)
    for dimension in dimensions:
        for value in dimension.ends():
            _require_taken(space, dimension, value, source)
    return space


def _dimension(key: str, given: list[Any] | Range, score: str, source: str) -> Dimension:
    fields = [(owner, field) for known, owner, field in walk_fields(ExperimentConfig) if known == key]
    root, _, rest = key.partition(".")
    refusal = _REFUSED.get(root) or _of_no_use(root, score)
    if refusal is None and root == "features" and rest:
        refusal = "features is a list of sources; give whole lists as choices: features: [[frames], [poses]]"
    if refusal is not None:
        raise InputError(f"{source}: search.space.{key} cannot be searched for: {refusal}.")
    if not fields:
        known = dict.fromkeys(
            known for known, _, _ in walk_fields(ExperimentConfig) if known.partition(".")[0] not in _REFUSED
        )
        hint = did_you_mean(key, known) or " experiments/README.md lists all keys."
        raise InputError(f"{source}: search.space has the unknown key {key}.{hint}")
    owners = frozenset(owner for owner, _ in fields if owner) if root in _KINDS and rest != "name" else frozenset()
    if isinstance(given, list):
        # To Python, and so to Optuna, 1, 1.0 and true are the same.
        if any(value in given[:i] for i, value in enumerate(given)):
            raise InputError(f"{source}: search.space.{key} has the same choice twice: {listing(map(str, given))}.")
        return Dimension(key, tuple(given), owners=owners)
    kinds = {kind for _, field in fields for kind in _numbers(field.annotation)}
    if not kinds:
        raise InputError(f"{source}: search.space.{key} is no number; give a list of choices in place of a range.")
    is_whole = float not in kinds
    bounds = (given.low, given.high, *([] if given.step is None else [given.step]))
    if is_whole and any(number != int(number) for number in bounds):
        raise InputError(f"{source}: search.space.{key} is a whole number; found {listing(map(str, bounds))}.")
    low, high, *steps = map(int if is_whole else float, bounds)
    step = steps[0] if steps else 1 if is_whole and not given.log else None
    return Dimension(key, (), low, high, step, given.log, is_whole, owners)


def _of_no_use(root: str, score: str) -> str | None:
    if root in _OF_DECISIONS and not OBJECTIVES[score].needs_decisions:
        others = " or ".join(name for name, objective in OBJECTIVES.items() if objective.needs_decisions)
        return f"{score} is a property of probabilities, which it does not change; choose objective: {others}"
    return None


def _numbers(annotation: Any) -> Iterator[type]:
    if annotation in (int, float):
        yield annotation
    for member in get_args(annotation):
        if isinstance(member, type) or get_args(member):
            yield from _numbers(member)


def _require_apart(keys: Sequence[str], source: str) -> None:
    for first, second in itertools.permutations(keys, 2):
        if second.startswith(f"{first}."):
            raise InputError(
                f"{source}: search.space has {first} and {second}, which is a part of it. Keep one of them."
            )


def _require_taken(space: Space, dimension: Dimension, value: Any, source: str) -> None:
    """Raise unless the schema takes a value, beside one of the heads (or backbones) that have the key."""
    names = f"{dimension.section}.name"
    tried = next((one.choices for one in space.dimensions if one.key == names), ())
    candidates: list[dict[str, Any]] = [{}] if space.applies(dimension, {}) else []
    candidates += [{names: name} for name in tried if name in dimension.owners]
    if not candidates:
        raise InputError(
            f"{source}: search.space.{dimension.key} belongs to {' and '.join(sorted(dimension.owners))}, but neither "
            f"the experiment nor search.space.{names} names it."
        )
    parse_config(space.tree_of(candidates[0] | {dimension.key: value}), f"{source}, search.space")


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise InputError(
                f"search.space.{key}: {parent} is the single value {child!r:.80} in this experiment, it has no keys "
                "below it. Give it keys there, or search for another setting."
            )
        node = child
    node[last] = value
