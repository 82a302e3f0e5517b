"""How far two animals are apart, frame by frame: between their centers, nose to nose, nose to tail base."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from common.errors import InputError
from common.suggestions import listing
from features.centers import CenterConfig, gap_frames, track_center
from features.kinematics.layout import Layout, layout_of
from features.kinematics.rows import axis_length_px, fill_gaps, seen_positions
from features.kinematics.steps import Positions, Values, length
from features.tracks import Animals, PoseTrack

CENTERS, NOSE_TO_NOSE, NOSE_TO_TAIL_BASE = "centers", "nose_to_nose", "nose_to_tail_base"
MEASURES = (CENTERS, NOSE_TO_NOSE, NOSE_TO_TAIL_BASE)

# Trackers are not more exact than this; few distinct values make ranking cheap, and files hold them as they are.
_PX_DECIMALS = 1
_BODY_LENGTH_DECIMALS = 2


class AxisSettings(NamedTuple):
    """What a source of features says of keypoints: ends of the body axis (tail, head), None = by their names; and among
    which keypoints these are looked for, None = all. Gaps of up to `fill_gaps_s` are filled by straight lines.
    """

    axis: tuple[str, str] | None
    min_likelihood: float
    keypoints: tuple[str, ...] | None = None
    fill_gaps_s: float = 0.0


@dataclass(frozen=True)
class PairDistances:
    """Distances of one recording's two animals.

    `px`: by measure, pixels of the frame to a tenth, shape (n_frames,); NaN where a keypoint is missing. Measures that
    can't be taken at all are left out, and `reason` says why. `body_length_px`: median length of the body axis over
    both animals and all frames in which it is seen; None where there is no axis. `own`, `other`: the animals' names.
    With `is_swappable` neither is the recording's own, and nose to tail base is the less of both ways.
    `center`: the keypoints whose mean the center is; `axis`: tail base and nose.
    """

    own: str
    other: str
    is_swappable: bool
    px: Mapping[str, Values]
    body_length_px: float | None
    center: tuple[str, ...]
    axis: tuple[str, str] | None
    reason: str = ""

    @property
    def body_lengths(self) -> dict[str, Values]:
        """The same in body lengths, to a hundredth; {} where the body's length isn't known."""
        if self.body_length_px is None:
            return {}
        return {name: np.round(px / self.body_length_px, _BODY_LENGTH_DECIMALS) for name, px in self.px.items()}


def pair_distances(animals: Animals, center: CenterConfig, settings: AxisSettings, fps: float) -> PairDistances | None:
    """Measure the recording's own animal and its partner, or the two of a pair; None where there are not two.

    The center is that of crops (`track_center`) where both have `center.keypoints`, else the middle of the body axis,
    else the mean of all keypoints. A keypoint counts where its likelihood reaches `min_likelihood`, and in gaps that
    the source of features fills too.
    """
    names = _names(animals)
    tracks = [animals.tracks[name] for name in names or ()]
    shared = [name for name in tracks[0].keypoints if name in tracks[1].keypoints] if names else []
    if names is None or not shared:
        return None
    axis, reason = _axis(shared, tracks[0], settings)
    centers = _center(shared, center, axis)
    fill_frames = gap_frames(settings.fill_gaps_s, fps)

    def positions(track: PoseTrack, keypoints: Sequence[str]) -> Positions:
        found = seen_positions(track, keypoints, settings.min_likelihood)
        return fill_gaps(found.z, found.seen, fill_frames)

    one, another = (_center_of(track, centers, center, positions, fps) for track in tracks)
    px = {CENTERS: length(another - one)}
    is_swappable = animals.own not in names
    body_length_px = None
    if axis is not None:
        seen = [seen_positions(track, axis, settings.min_likelihood).z for track in tracks]
        body_length_px = axis_length_px(Layout(axis, axis), seen)
        (tail, nose), (other_tail, other_nose) = (positions(track, axis) for track in tracks)
        px[NOSE_TO_NOSE] = length(other_nose - nose)
        there, back = length(other_tail - nose), length(tail - other_nose)
        px[NOSE_TO_TAIL_BASE] = np.minimum(there, back) if is_swappable else there
        if body_length_px is None:
            reason = f"{listing(axis)} are in no frame seen together, so that the body's length is not known"
    rounded = {name: np.round(values, _PX_DECIMALS) for name, values in px.items()}
    return PairDistances(*names, is_swappable, rounded, body_length_px, centers, axis, reason)


def _center_of(
    track: PoseTrack, names: tuple[str, ...], center: CenterConfig, positions: Callable[..., Positions], fps: float
) -> Positions:
    """Where crops are cut around, bridged over the same gaps, if these are the crops' keypoints; NaN = unknown."""
    if names == center.keypoint_names:
        with suppress(InputError):  # of which the crops' own center speaks
            found = track_center(track, center, fps)
            z: Positions = found.xy_px[:, 0] + 1j * found.xy_px[:, 1]
            z[~found.observed] = np.nan
            return z
    # A mean is missing where one of its keypoints is.
    return positions(track, names).mean(axis=0)


def _names(animals: Animals) -> tuple[str, str] | None:
    """The own animal first, where one is."""
    names = [*animals.tracks]
    if animals.partner and {animals.own, animals.partner} <= set(names):
        return animals.own, animals.partner
    if len(names) != 2:
        return None
    first, second = names
    return (second, first) if second == animals.own else (first, second)


def _axis(shared: Sequence[str], track: PoseTrack, settings: AxisSettings) -> tuple[tuple[str, str] | None, str]:
    """Tail base and nose; or None, and why."""
    among = [name for name in shared if settings.keypoints is None or name in settings.keypoints]
    try:
        axis = layout_of(shared, track.source_path.name, among, settings.axis).axis
    except InputError:
        return None, f"no nose and tail base are found among the keypoints {listing(among)}"
    return axis, "" if axis else f"there is a single keypoint ({listing(among)})"


def _center(shared: Sequence[str], center: CenterConfig, axis: tuple[str, str] | None) -> tuple[str, ...]:
    if set(center.keypoint_names) <= set(shared):
        return center.keypoint_names
    return axis or tuple(shared)
