"""Features of one animal: each kind with name, unit and formula, and how its columns are computed."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from features.kinematics.layout import Layout
from features.kinematics.steps import Positions, Span, Values, angle_between, before_and_after, direction, length

Column = tuple[str, Values]


class Kind(NamedTuple):
    """What a column is: its name (K, L stand for keypoints, S for a span in seconds), unit and formula in words."""

    name: str
    unit: str
    formula: str


LENGTH = "body lengths"
"""Pixels where there is a single keypoint."""

KINDS = (
    Kind("K right", LENGTH, "part of K - center across the axis, positive to the animal's right"),
    Kind("K forward", LENGTH, "part of K - center along the axis, positive towards the head"),
    Kind("K to L", LENGTH, "distance of two keypoints"),
    Kind("bend at K", "rad", "angle head - K - tail, 0 to π (straight)"),
    Kind("speed of K, S s", f"{LENGTH}/s", "|K(t + S/2) - K(t - S/2)| / S"),
    Kind("acceleration of K, S s", f"{LENGTH}/s²", "|K(t + S/2) - 2 K(t) + K(t - S/2)| / (S/2)²"),
    Kind("forward speed, S s", f"{LENGTH}/s", "part of (center(t + S/2) - center(t - S/2)) / S along the axis at t"),
    Kind("sideways speed, S s", f"{LENGTH}/s", "the same across the axis, to either side"),
    Kind("turning, S s", "rad", "angle from the axis at t - S/2 to that at t + S/2, -π to π, positive to the right"),
    Kind("turning either way, S s", "rad", "the same without its sign"),
    Kind("likelihood of K", "0 to 1", "as the tracker says; 0 where it gives no position"),
    Kind("K missing", "0 or 1", "1 where K has no position, or one below min_likelihood"),
)
"""Of one animal. Where there is no axis, turning is that of the path: from K(t) - K(t - S/2) to K(t + S/2) - K(t)."""


class Animal:
    """One animal's keypoints over some frames.

    Parameters
    ----------
    layout : Layout
    z : ndarray, shape (n_keypoints, n_frames), complex128
        Positions; NaN where missing.
    likelihood : ndarray, shape (n_keypoints, n_frames), float64
        NaN where there is none.
    missing : ndarray, shape (n_keypoints, n_frames), bool
        Where the tracker has not seen a keypoint, also where a gap was filled.
    """

    def __init__(self, layout: Layout, z: Positions, likelihood: Values, missing: Any) -> None:
        self.layout = layout
        self.z, self.likelihood, self.missing = z, likelihood, missing
        self.tail, self.head = z[layout.tail], z[layout.head]
        self.center = (self.tail + self.head) / 2
        self.axis = None if layout.axis is None else direction(self.head - self.tail)

    def during(self, start: int, stop: int) -> "Animal":
        """The same animal in the frames [start, stop)."""
        frames = slice(start, stop)
        return Animal(self.layout, self.z[:, frames], self.likelihood[:, frames], self.missing[:, frames])


def animal_columns(animal: Animal, spans: Sequence[Span]) -> Iterator[Column]:
    """Yield the columns of ``KINDS`` by name, each of shape (n_frames,)."""
    names = animal.layout.keypoints
    yield from _shape(animal)
    for span in spans:
        before, after = before_and_after(animal.z, span.half_frames)
        speed = length(after - before) / (2 * span.half_s)
        acceleration = length(after - 2 * animal.z + before) / span.half_s**2
        s = f"{span.name_s:g} s"
        for name, values in zip(names, speed, strict=True):
            yield f"speed of {name}, {s}", values
        for name, values in zip(names, acceleration, strict=True):
            yield f"acceleration of {name}, {s}", values
        yield from _course(animal, span, s)
    for name, likelihood, missing in zip(names, animal.likelihood, animal.missing, strict=True):
        yield f"likelihood of {name}", np.nan_to_num(likelihood)
        yield f"{name} missing", missing.astype(np.float64)


def _shape(animal: Animal) -> Iterator[Column]:
    """Yield where keypoints are to each other at one moment."""
    names, z = animal.layout.keypoints, animal.z
    if animal.axis is not None:
        own = (z - animal.center) * np.conj(animal.axis)
        for i in animal.layout.beside_axis:
            yield f"{names[i]} right", own[i].imag
            yield f"{names[i]} forward", own[i].real
    for i in range(len(names)):
        for j in range(i + 1, len(names)):
            yield f"{names[i]} to {names[j]}", length(z[i] - z[j])
    for i in animal.layout.beside_axis if animal.axis is not None else ():
        to_head, to_tail = direction(animal.head - z[i]), direction(animal.tail - z[i])
        yield f"bend at {names[i]}", np.abs(angle_between(to_head, to_tail))


def _course(animal: Animal, span: Span, s: str) -> Iterator[Column]:
    """Yield how the animal as a whole moves, seen from itself."""
    before, after = before_and_after(animal.center, span.half_frames)
    if animal.axis is None:
        turning = angle_between(direction(animal.center - before), direction(after - animal.center))
    else:
        moved = (after - before) * np.conj(animal.axis) / (2 * span.half_s)
        yield f"forward speed, {s}", moved.real
        yield f"sideways speed, {s}", np.abs(moved.imag)
        turning = angle_between(*before_and_after(animal.axis, span.half_frames))
    yield f"turning, {s}", turning
    yield f"turning either way, {s}", np.abs(turning)
