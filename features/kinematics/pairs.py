"""Features of two animals: of the pair as a whole, or of one that has a partner."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from features.kinematics.columns import LENGTH, Animal, Column, Kind, animal_columns
from features.kinematics.steps import Positions, Span, Values, angle_between, before_and_after, direction, length

PAIR_KINDS = (
    Kind("K to K of the other", LENGTH, "distance of the same keypoint of both animals"),
    Kind("center to center", LENGTH, "distance of the centers"),
    Kind("least distance", LENGTH, "of any keypoint of one and any of the other, of those that are seen"),
    Kind("between headings", "rad", "angle between the axes, 0 (the same way) to π"),
    Kind("closing speed, S s", f"{LENGTH}/s", "loss of center to center from t - S/2 to t + S/2, / S"),
    Kind("closing of the least, S s", f"{LENGTH}/s", "the same of the least distance"),
)
"""Of both animals alike: the same when they are swapped."""

SIDED_KINDS = (
    Kind("K to L of the other", LENGTH, "distance of a keypoint to another one of the other animal"),
    Kind("head to the other", LENGTH, "least distance of the head's end of the axis to a keypoint of the other"),
    Kind("facing", "rad", "angle between the axis and the way to the other's center, 0 (faces it) to π"),
    Kind("approach, S s", f"{LENGTH}/s", "speed of the center towards where the other's center is at t"),
)
"""Of one animal towards the other. A pair has all of these, and all kinds of one animal, twice: ``(less)`` is the less
of the two animals' values, or of one alone where the other's is missing; ``(more)`` the greater, missing where one is.
With `partner`, those of the partner are called ``(partner)``."""


class _Sided(NamedTuple):
    """A column of one animal and of the other."""

    name: str
    of_one: Values
    of_other: Values


def pair_columns(one: Animal, other: Animal, spans: Sequence[Span], is_partner: bool) -> Iterator[Column]:
    """Yield all columns of two animals by name, each of shape (n_frames,).

    With `is_partner` the second is the partner of the first; without, nothing changes when they are swapped.
    """
    apart = length(one.z[:, None] - other.z[None, :])  # (n_keypoints of one, of the other, n_frames)
    for name, of_one, of_other in _sided(one, other, apart, spans):
        if is_partner:
            yield name, of_one
            yield f"{name} (partner)", of_other
        else:
            yield f"{name} (less)", np.fmin(of_one, of_other)
            yield f"{name} (more)", np.maximum(of_one, of_other)
    yield from _alike(one, other, apart, spans)


def _sided(one: Animal, other: Animal, apart: Values, spans: Sequence[Span]) -> Iterator[_Sided]:
    for (name, of_one), (_, of_other) in zip(animal_columns(one, spans), animal_columns(other, spans), strict=True):
        yield _Sided(name, of_one, of_other)
    names = one.layout.keypoints
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            yield _Sided(f"{names[i]} to {names[j]} of the other", apart[i, j], apart[j, i])
    way = direction(other.center - one.center)
    if one.axis is not None and other.axis is not None:
        head = one.layout.head
        yield _Sided("head to the other", np.fmin.reduce(apart[head], axis=0), np.fmin.reduce(apart[:, head], axis=0))
        yield _Sided("facing", np.abs(angle_between(one.axis, way)), np.abs(angle_between(other.axis, -way)))
    for span in spans:
        towards = (_towards(animal, w, span) for animal, w in ((one, way), (other, -way)))
        yield _Sided(f"approach, {span.name_s:g} s", *towards)


def _alike(one: Animal, other: Animal, apart: Values, spans: Sequence[Span]) -> Iterator[Column]:
    for i, name in enumerate(one.layout.keypoints):
        yield f"{name} to {name} of the other", apart[i, i]
    centers, least = length(other.center - one.center), np.fmin.reduce(apart, axis=(0, 1))
    yield "center to center", centers
    yield "least distance", least
    if one.axis is not None and other.axis is not None:
        yield "between headings", np.abs(angle_between(one.axis, other.axis))
    for span in spans:
        for name, distance in (("closing speed", centers), ("closing of the least", least)):
            before, after = before_and_after(distance, span.half_frames)
            yield f"{name}, {span.name_s:g} s", (before - after) / (2 * span.half_s)


def _towards(animal: Animal, way: Positions, span: Span) -> Values:
    before, after = before_and_after(animal.center, span.half_frames)
    return ((after - before) * np.conj(way)).real / (2 * span.half_s)
