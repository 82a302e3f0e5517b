"""From tracks of one or two animals to rows of features."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import listing
from features.kinematics.columns import Animal, Column, animal_columns
from features.kinematics.layout import Layout
from features.kinematics.pairs import pair_columns
from features.kinematics.steps import Span, length
from features.tracks import PoseTrack


@dataclass(frozen=True)
class Motion:
    """One animal, a pair, or an animal and its partner, ready to be measured; `spans` as of its frame rate."""

    animals: tuple[Animal, ...]
    spans: tuple[Span, ...]
    is_partner: bool = False

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Features of the frames [start, stop), shape (stop - start, n_features); NaN is missing.

        Frames around are looked at, so that rows are the same however they are cut.
        """
        around = max((span.half_frames for span in self.spans), default=0)
        first = max(0, start - around)
        own = slice(start - first, stop - first)
        animals = [animal.during(first, stop + around) for animal in self.animals]
        with np.errstate(invalid="ignore", over="ignore"):
            columns = [values[own] for _, values in _columns(animals, self.spans, self.is_partner)]
            return np.ascontiguousarray(np.array(columns, dtype=np.float32).T)


def feature_names(layout: Layout, spans_s: Sequence[float], n_animals: int = 1, is_partner: bool = False) -> list[str]:
    """Names of the features, in the order of the columns of ``Motion.rows``."""
    z = np.full((len(layout.keypoints), 1), np.nan + 0j)
    animal = Animal(layout, z, z.real, np.ones(z.shape, dtype=bool))
    spans = [Span(span_s, 1, 1.0) for span_s in spans_s]
    with np.errstate(invalid="ignore"):
        return [name for name, _ in _columns([animal] * n_animals, spans, is_partner)]


def _columns(animals: Sequence[Animal], spans: Sequence[Span], is_partner: bool) -> Iterator[Column]:
    if len(animals) == 1:
        return animal_columns(animals[0], spans)
    one, other = animals
    return pair_columns(one, other, spans, is_partner)


def animals_of(
    tracks: Mapping[str, PoseTrack], layout: Layout, min_likelihood: float, max_fill_frames: int = 0
) -> tuple[Animal, ...]:
    """Bring tracks of one recording's animals, by name, to body lengths.

    One is the median length of the axis, over both animals and all frames in which it is seen. A keypoint is missing
    where its likelihood is below `min_likelihood`. Gaps of up to `max_fill_frames` are filled by straight lines, and
    still count as missing.

    Raises
    ------
    InputError
        An animal of which nothing is ever seen, or both ends of the axis never together.
    """
    positions, seen, likelihoods = [], [], []
    for name, track in tracks.items():
        found = seen_positions(track, layout.keypoints, min_likelihood)
        if not found.seen.any():
            raise _never_seen(track, name, found.likelihood, min_likelihood)
        positions.append(found.z)
        seen.append(found.seen)
        likelihoods.append(found.likelihood)
    scale_px = _body_length_px(next(iter(tracks.values())), layout, positions)
    return tuple(
        Animal(layout, fill_gaps(z, is_seen, max_fill_frames) / scale_px, likelihood, ~is_seen)
        for z, is_seen, likelihood in zip(positions, seen, likelihoods, strict=True)
    )


class SeenPositions(NamedTuple):
    """Keypoints of one animal, each array of shape (n_keypoints, n_frames).

    `z`: x + iy in pixels, NaN where not `seen`; `likelihood` as the tracker says.
    """

    z: NDArray[np.complex128]
    seen: NDArray[np.bool_]
    likelihood: NDArray[np.float64]


def seen_positions(track: PoseTrack, keypoints: Sequence[str], min_likelihood: float) -> SeenPositions:
    """Where keypoints are, as far as the tracker saw them with a likelihood of at least `min_likelihood`."""
    places = [track.keypoints.index(name) for name in keypoints]
    xy_px, likelihood = track.xy_px[:, places], track.likelihood[:, places]
    with np.errstate(invalid="ignore"):
        is_seen = (likelihood >= min_likelihood) & np.isfinite(xy_px).all(axis=2)
    z = np.where(is_seen, xy_px[..., 0] + 1j * xy_px[..., 1], np.nan + 1j * np.nan)
    return SeenPositions(*(np.ascontiguousarray(array.T) for array in (z, is_seen, likelihood)))


def _never_seen(track: PoseTrack, name: str, likelihood: NDArray[np.float64], min_likelihood: float) -> InputError:
    best = f"the highest likelihood is {np.nanmax(likelihood):.2f}" if np.isfinite(likelihood).any() else "no value"
    whose = f" of {name!r}" if name else ""
    return InputError(
        f"No keypoint{whose} in {track.source_path.name} is seen in any of its {track.n_frames} frames ({best}, "
        f"min_likelihood is {min_likelihood:g}), so nothing can be measured. Lower center.min_likelihood, or track the "
        "video again; leave the recording out if the animal isn't in it."
    )


def _body_length_px(track: PoseTrack, layout: Layout, positions: Sequence[NDArray[np.complex128]]) -> float:
    if layout.axis is None:
        return 1.0
    length_px = axis_length_px(layout, positions)
    if length_px is None:
        raise InputError(
            f"The ends of the body axis ({listing(layout.axis)}) are in no frame of {track.source_path.name} seen "
            "together, so that the animal's length isn't known. Name other ends, from tail to head, in `axis` of the "
            "source `poses`, or lower center.min_likelihood."
        )
    return length_px


def axis_length_px(layout: Layout, positions: Sequence[NDArray[np.complex128]]) -> float | None:
    """Median length of the body axis over all animals and frames in which both its ends are seen; None without any."""
    lengths_px = np.concatenate([length(z[layout.head] - z[layout.tail]) for z in positions])
    known_px = lengths_px[lengths_px > 0]
    return float(np.median(known_px)) if len(known_px) else None


def fill_gaps(z: NDArray[np.complex128], seen: NDArray[np.bool_], max_fill_frames: int) -> NDArray[np.complex128]:
    """Positions (n_keypoints, n_frames) with short gaps between two seen frames filled by straight lines."""
    if not max_fill_frames:
        return z
    filled = z.copy()
    frames = np.arange(z.shape[1])
    for own, own_seen in zip(filled, seen, strict=True):
        known = np.flatnonzero(own_seen)
        if not len(known):
            continue
        after = np.clip(np.searchsorted(known, frames), 0, len(known) - 1)
        before = np.clip(np.searchsorted(known, frames, side="right") - 1, 0, None)
        n_gap = known[after] - known[before] - 1
        is_short = ~own_seen & (frames > known[0]) & (frames < known[-1]) & (n_gap <= max_fill_frames)
        own[is_short] = np.interp(frames[is_short], known, own[known])
    return filled
