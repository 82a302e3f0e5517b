"""The sources of an experiment as one: their rows lie side by side, each source has a recipe and a cache of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.centers import CenterConfig
from features.kinematics.distances import AxisSettings
from features.sources.base import FeatureRows, FeatureSource, Given, Measured, Progress, RecordingFiles
from features.sources.views import NetworkView
from features.tracks import Animals, CenterTrack, Whose
from features.video.inspection import VideoInfo


class JoinedSource:
    """One or several sources; what they say is listed in their order."""

    def __init__(self, members: Sequence[FeatureSource[Any]]) -> None:
        self.members = tuple(members)
        self.needs_poses = any(member.needs_poses for member in members)
        self.needs_keypoints = any(member.needs_keypoints for member in members)

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Find out how long a recording is; a video is decoded once.

        Raises
        ------
        InputError
            Its files can't be read, or the sources' own are of different lengths or frame rates.
        """
        return _joined(files, [member.measure(files, cache_dir, progress) for member in self.members])

    def expected(self, files: RecordingFiles, cache_dir: Path) -> Measured | None:
        """What ``measure`` will most likely find; None unless all sources can tell. Errors as there."""
        found = [measured for member in self.members if (measured := member.expected(files, cache_dir)) is not None]
        return _joined(files, found) if len(found) == len(self.members) else None

    def animals(self, whose: Whose, where: str) -> tuple[str, ...]:
        """Whose keypoints are needed by any source; as ``FeatureSource.animals``."""
        with_poses = [member for member in self.members if member.needs_poses]
        return tuple(dict.fromkeys(name for member in with_poses for name in member.animals(whose, where)))

    def center(self, animals: Animals, config: CenterConfig, fps: float) -> CenterTrack:
        """Where crops are cut, if any are; as ``FeatureSource.center``."""
        with_poses = [member for member in self.members if member.needs_poses]
        # Where a network looks, if any does, and there where the center itself is cropped.
        first = min(with_poses, key=lambda member: (member.view() is None, member.needs_keypoints))
        return first.center(animals, config, fps)

    def axis_settings(self, config: CenterConfig) -> AxisSettings:
        """Those of the source that is made of keypoints, if any is; as ``FeatureSource.axis_settings``."""
        return max(self.members, key=lambda member: member.needs_keypoints).axis_settings(config)

    def check(self, given: Given) -> NDArray[np.bool_] | None:
        """Where all animals are observed that any source needs; as ``FeatureSource.check``."""
        found = [observed for member in self.members if (observed := member.check(given)) is not None]
        return np.logical_and.reduce(found) if found else None

    def rows_of(
        self,
        files: RecordingFiles,
        n_frames: int,
        video: VideoInfo | None,
        centers: CenterTrack | None,
        animals: Animals | None = None,
    ) -> list[FeatureRows]:
        """The rows of one recording by source, not yet made; as ``FeatureSource.rows_of``.

        Raises
        ------
        InputError
            When weights can't be had, files don't fit the recording, or rows of two sources are of other frames.
        """
        rows = [member.rows_of(files, n_frames, video, centers, animals) for member in self.members]
        for other in rows[1:]:
            if not np.array_equal(other.spans, rows[0].spans):
                raise InputError(
                    f"The features of recording {files.id} can't be joined: their rows stand for different frames "
                    f"({len(rows[0].spans)} and {len(other.spans)} rows)."
                )
        return rows

    def settled(self, recordings: Sequence[Given], cache_dir: Path) -> "JoinedSource":
        """The same sources with what was left open decided; as ``FeatureSource.settled``."""
        return JoinedSource([member.settled(recordings, cache_dir) for member in self.members])

    def described(self) -> list[dict[str, Any]]:
        """What is really used, for provenance: as ``FeatureSource.described``, and the name of the `source`."""
        return [{"source": member.config.source} | member.described() for member in self.members]

    def views(self) -> list[NetworkView]:
        """What the networks of those sources that have one are shown."""
        found = (member.view() for member in self.members)
        return [view for view in found if view is not None]

    def as_used(self, used: Sequence[Mapping[str, Any]]) -> "JoinedSource":
        """The same sources with what another run really used, as its ``described`` says."""
        return JoinedSource([member.as_used(facts) for member, facts in zip(self.members, used, strict=True)])

    def identity(self) -> list[dict[str, Any]]:
        """What must be equal, by name, where trained heads meet new recordings."""
        return [{"source": member.config.source} | member.identity() for member in self.members]


def _joined(files: RecordingFiles, found: Sequence[Measured]) -> Measured:
    """What several sources say of one recording."""
    first = found[0]
    for other in found[1:]:
        if (other.n_frames, other.fps) != (first.n_frames, first.fps):
            raise InputError(
                f"The features of recording {files.id} can't be joined: one source has {first.n_frames} frames at "
                f"{first.fps:g} per second, another {other.n_frames} at {other.fps:g}. They must be made from one "
                "video."
            )
    hashes = dict.fromkeys(sha256 for each in found for sha256 in each.file_hashes)
    video = next((each.video for each in found if each.video is not None), None)
    return Measured(first.n_frames, first.fps, tuple(hashes), video)
