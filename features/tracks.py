"""Where the animal is: keypoints over time, and the one point that crops are cut around.

Coordinates are pixels of the full video frame, x to the right and y down, with the
center of the top-left pixel at (0, 0) as in OpenCV and DeepLabCut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOB = "blob"
"""The keypoint of an animal that was tracked in the video itself, by how it differs from the background."""
MIDDLE = "middle"
"""The keypoint where no animal is looked for: the middle of the picture."""


@dataclass(frozen=True)
class PoseOddity:
    """What is odd about a pose file, what it does to the results and what to do, in whole sentences.

    A `note` is good to know; with `is_change` it is told with a run's results too, since values were taken otherwise
    than they stand in the file. `is_doubt`: results may mean nothing at all.
    """

    found: str
    consequence: str
    remedy: str
    severity: Literal["warning", "note"] = "warning"
    is_change: bool = False
    is_doubt: bool = False


@dataclass(frozen=True)
class PoseTrack:
    """Keypoints of one individual over all frames of one recording, and the file they were read from."""

    keypoints: tuple[str, ...]
    xy_px: NDArray[np.float64]
    """Shape (n_frames, n_keypoints, 2): position in pixels of the full frame; NaN where missing."""
    likelihood: NDArray[np.float64]
    """Shape (n_frames, n_keypoints): confidence in [0, 1]; NaN where missing, 1.0 where the file gives none."""
    source_path: Path
    ends_with_last_seen: bool = False
    """True for formats that write nothing after the last frame in which the animal was found, so that the file may
    have fewer frames than the video."""
    oddities: tuple[PoseOddity, ...] = ()
    """What whoever made the track found odd about it."""
    box_px: NDArray[np.float64] | None = None
    """Shape (n_frames, 4): left, top, right and bottom of the animal's own box; NaN where missing. None where the
    format has no boxes."""

    @property
    def n_frames(self) -> int:
        """Number of rows, one per video frame."""
        return int(self.xy_px.shape[0])

    @property
    def is_blob(self) -> bool:
        """Whether the animal was tracked in the video itself, and not read from a pose file."""
        return self.keypoints == (BLOB,)


class Whose(NamedTuple):
    """Who is in a recording; as in `Animals`."""

    own: str
    present: tuple[str, ...]
    partner: str = ""


@dataclass(frozen=True)
class Animals:
    """Keypoints of those animals of one recording that features are made of.

    `own`: the one that the recording is of; "" where there is a single one, or where none is named. `present`: all that
    the pose file holds, `("",)` where it names none. `tracks` are by name and of one length. `partner`: the other
    animal that the recording is about; "" where none is named.
    """

    own: str
    present: tuple[str, ...]
    tracks: Mapping[str, PoseTrack]
    partner: str = ""

    @property
    def whose(self) -> Whose:
        """Who they are."""
        return Whose(self.own, self.present, self.partner)

    @property
    def main(self) -> PoseTrack:
        """The track of the recording's own animal; of the first one where none is its own."""
        return self.tracks[self.own] if self.own in self.tracks else next(iter(self.tracks.values()))

    def each(self, change: Callable[[PoseTrack], PoseTrack]) -> "Animals":
        """The same animals, each track changed."""
        return replace(self, tracks={name: change(track) for name, track in self.tracks.items()})


@dataclass(frozen=True)
class CenterTrack:
    """The point that crops are cut around."""

    xy_px: NDArray[np.float64]
    """Shape (n_frames, 2): position in pixels of the full frame; never NaN (gaps are filled or held)."""
    observed: NDArray[np.bool_]
    """Shape (n_frames,): False where the position was held through a long gap and is not to be trusted."""
    is_between: bool = False
    """Whether it is the middle of several animals, and so perhaps on none."""

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.xy_px.shape[0])
