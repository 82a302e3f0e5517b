"""Geometry of keypoints, of one animal or two: no video is needed, and no network."""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from common.errors import InputError
from common.names import canonical_names
from common.suggestions import did_you_mean, listing
from features.cache.store import CACHE_VERSION
from features.centers import CenterConfig, gap_frames, track_whole
from features.kinematics.distances import AxisSettings
from features.kinematics.layout import Layout, layout_of
from features.kinematics.rows import Motion, animals_of, feature_names
from features.kinematics.steps import Span
from features.poses import sha256_of_poses
from features.sources.base import (
    ExtractionSettings,
    FeatureRows,
    FeatureSource,
    Given,
    Measured,
    Progress,
    RecordingFiles,
    SourceConfig,
    single_frames,
)
from features.sources.partners import OTHER, find_partner
from features.tracks import Animals, CenterTrack, PoseTrack, Whose
from features.video.inspection import VIDEO_INDEX, VideoInfo, inspect_video

POSES_VERSION = 1
"""Raised when the code makes other features of the same keypoints."""


class PoseSourceConfig(SourceConfig):
    """Geometry of keypoints: postures, distances, speeds and turning, as docs/pose_features.md lists them."""

    source: Literal["poses"] = "poses"
    keypoints: tuple[str, ...] | None = Field(
        default=None, description="Keypoints that are used. Empty: all of the pose file, the same in all recordings."
    )
    axis: tuple[str, str] | None = Field(
        default=None,
        description="Ends of the body axis, from tail to head, such as `[tailbase, nose]`; its median length is the "
        "unit of all lengths. Empty: by the keypoints' names.",
    )
    pair: tuple[str, str] | None = Field(
        default=None,
        description="Two individuals of the pose file whose labels belong to both: features that stay the same when "
        "the two are swapped. Empty: the two of a file that holds two, where no recording names an animal.",
    )
    partner: str | None = Field(
        default=None,
        description="The individual that the recording's own animal (column `animal`, or center.individual) has to do "
        "with; `other`: the one in the column `partner`, or the other one of two.",
    )
    spans_s: tuple[Annotated[float, Field(gt=0, le=60)], ...] = Field(
        default=(0.2, 0.6, 2.0), description="Stretches of time, in seconds around a frame, over which motion is told."
    )
    fill_gaps_s: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Missing keypoints are put on a straight line across gaps of up to so many seconds; they stay "
        "marked as missing. 0: what is missing stays so.",
    )
    min_likelihood: float | None = Field(
        default=None, ge=0, le=1, description="A keypoint below it is missing. Empty: center.min_likelihood."
    )
    max_gap_s: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="Frames of longer gaps without any keypoint are not trained on. Empty: center.max_gap_s.",
    )

    _names = field_validator("keypoints", "axis", "pair", "partner", mode="before")(canonical_names)

    @field_validator("axis", "pair", mode="before")
    @classmethod
    def _are_two(cls, named: Any) -> Any:
        if named is not None and (not isinstance(named, list | tuple) or len(named) != 2):
            raise ValueError("should be a list of two names")
        return named

    @field_validator("keypoints", "axis", "pair", "spans_s")
    @classmethod
    def _named_once(cls, named: Any) -> Any:
        if named is not None and (not named or len(set(named)) != len(named)):
            raise ValueError("should name at least one, and none twice")
        return named

    @model_validator(mode="after")
    def _has_one_company(self) -> Self:
        if self.pair and self.partner:
            raise ValueError("has both pair and partner; labels belong to a pair as a whole, or to one with a partner")
        return self


class PoseSource(FeatureSource[PoseSourceConfig]):
    """Features of keypoints as ``features.kinematics`` measures them.

    Which keypoints, which axis, and of how many animals is settled by the first recording, for all.
    """

    config_class: ClassVar[type[SourceConfig]] = PoseSourceConfig
    needs_poses = True
    layout: Layout | None = None
    n_animals: int = 1

    @property
    def needs_keypoints(self) -> bool:
        """Features are made of them."""
        return True

    def measure(self, files: RecordingFiles, cache_dir: Path, progress: Progress | None = None) -> Measured:
        """Decode the video once, or count the poses where none is named."""
        if files.has_video:
            video = inspect_video(files.video_path, cache_dir / VIDEO_INDEX, progress, files.fps)
            return Measured(video.n_frames, video.fps, (video.sha256,), video)
        if files.fps is None:
            raise InputError(
                f"Recording {files.id} has no video, and nothing else tells its frames per second, on which speeds "
                "depend. Add a column `fps` to the recordings table, or `fps:` to the experiment."
            )
        if files.n_pose_frames is None:
            raise InputError(f"Recording {files.id} has neither a video nor a pose file: name one in its row.")
        return Measured(files.n_pose_frames, files.fps, (sha256_of_poses(files.video_path),))

    def animals(self, whose: Whose, where: str) -> tuple[str, ...]:
        """A pair, or the recording's own animal first."""
        own, present = whose.own, whose.present
        pair, partner = self.config.pair, self.config.partner
        named = [partner] if partner not in (None, OTHER) else pair or ()
        for name in named:
            if name not in present:
                held = f"holds {listing(present)}" if any(present) else "names no individuals"
                raise InputError(
                    f"The source `poses` asks for the individual {name!r} ({'pair' if pair else 'partner'}), but "
                    f"{where} {held}.{did_you_mean(str(name), present)}"
                )
        if pair is not None:
            return pair
        if partner is not None:
            return own, find_partner(whose, where, "The source `poses`", partner)
        if not own and len(present) > 2:
            raise InputError(
                f"{where} holds several individuals ({listing(present)}), and none was chosen. Name one for each "
                "recording in the column `animal` of the recordings table, or the two that labels belong to: "
                f"features: {{source: poses, pair: [{present[0]}, {present[1]}]}}."
            )
        return tuple(present) if not own and len(present) == 2 else (own,)

    def center(self, animals: Animals, config: CenterConfig, fps: float) -> CenterTrack:
        """The mean of what is seen of the animal; of a pair, of both: unobserved where neither is seen."""
        assert self.config.max_gap_s is not None and self.config.min_likelihood is not None
        tracks = [*self._tracks(animals).values()][: 1 if self.config.partner else None]
        return track_whole(tracks, self.config.min_likelihood, gap_frames(self.config.max_gap_s, fps))

    def axis_settings(self, config: CenterConfig) -> AxisSettings:
        """Its own axis, and from which likelihood on it takes a keypoint."""
        own = self.config.min_likelihood
        least = config.min_likelihood if own is None else own
        return AxisSettings(self.config.axis, least, self.config.keypoints, self.config.fill_gaps_s)

    def _tracks(self, animals: Animals) -> dict[str, PoseTrack]:
        where = animals.main.source_path.name
        return {name: animals.tracks[name] for name in self.animals(animals.whose, where)}

    def _layout_of(self, track: PoseTrack) -> Layout:
        return layout_of(track.keypoints, track.source_path.name, self.config.keypoints, self.config.axis)

    def settled(self, recordings: Sequence[Given], cache_dir: Path) -> Self:
        """Keypoints, axis and number of animals of the first recording, which all others must share."""
        given = [
            (each.files.id, [*self._tracks(each.animals).values()]) for each in recordings if each.animals is not None
        ]
        if not given:
            return self
        first, tracks = given[0]
        settled = self._with(self._layout_of(tracks[0]), len(tracks))
        for recording, its_tracks in given:
            settled._require_same(its_tracks, recording, first)
        return settled

    def _require_same(self, tracks: Sequence[PoseTrack], recording: str, first: str) -> None:
        """Refuse another number of animals than the first recording has, or other keypoints; any order will do."""
        if len(tracks) != self.n_animals:
            raise InputError(
                f"The poses of {recording} are of {len(tracks)} animals, those of {first} of {self.n_animals}: "
                "features would differ. Name the animals in the same way for all recordings (pair, partner, or the "
                "column "
                "`animal`), or make two experiments."
            )
        for track in tracks:
            self._require_same_keypoints(track, recording, first)

    def _require_same_keypoints(self, track: PoseTrack, recording: str, first: str) -> None:
        assert self.layout is not None
        names = self.layout.keypoints
        found = [name for name in track.keypoints if self.config.keypoints is None or name in names]
        if set(found) != set(names):
            common = [name for name in names if name in found]
            raise InputError(
                f"The pose file of {recording} ({track.source_path.name}) has the keypoints "
                f"{listing(track.keypoints)}; that of {first} has {listing(names)}. Features must be of the same "
                f"keypoints: name those to use, as in {{source: poses, keypoints: [{', '.join(common)}]}}."
            )

    def _with(self, layout: Layout, n_animals: int) -> Self:
        other = type(self)(self.config, self.settings, self._engines)
        other.layout, other.n_animals = layout, n_animals
        return other

    def check(self, given: Given) -> NDArray[np.bool_] | None:
        """Look for the keypoints and the axis, and where each of two animals is seen."""
        assert given.animals is not None and self.config.min_likelihood is not None
        tracks = [*self._tracks(given.animals).values()]
        if self.layout is None:
            self._layout_of(tracks[0])
        fps = given.files.fps or (given.video.fps if given.video else None)
        if len(tracks) < 2 or fps is None:
            return None
        assert self.config.max_gap_s is not None
        longest = gap_frames(self.config.max_gap_s, fps)
        return np.logical_and.reduce([_observed(track, self.config.min_likelihood, longest) for track in tracks])

    def rows_of(
        self,
        files: RecordingFiles,
        n_frames: int,
        video: VideoInfo | None,
        centers: CenterTrack | None,
        animals: Animals | None = None,
    ) -> "PoseRows":
        """Features of every analysed frame; motion is measured on all frames."""
        assert animals is not None
        tracks = self._tracks(animals)
        fps = files.fps or (video.fps if video else None)
        assert fps is not None
        settled, named = self, "the heads"
        if self.layout is None:
            settled, named = self._with(self._layout_of(next(iter(tracks.values()))), len(tracks)), files.id
        settled._require_same([*tracks.values()], files.id, named)
        layout = settled.layout
        assert layout is not None
        observed = self.center(animals, CenterConfig(), fps).observed
        if centers is not None:
            observed = observed & centers.observed
        return PoseRows(files.id, tracks, layout, self.config, fps, self.settings, observed)

    @cached_property
    def names(self) -> list[str]:
        """Of the features; [] where nothing is settled yet."""
        if self.layout is None:
            return []
        return feature_names(self.layout, self.config.spans_s, self.n_animals, self.config.partner is not None)

    def described(self) -> dict[str, Any]:
        """Keypoints and names of the features."""
        layout = self.layout
        return {
            "requested": "poses",
            "used": "poses",
            "weights": "none",
            "note": "",
            "words": self._in_words(),
            "version": POSES_VERSION,
            "keypoints": list(layout.keypoints) if layout else [],
            "axis": list(layout.axis) if layout and layout.axis else [],
            "n_animals": self.n_animals,
            "names": self.names,
        }

    def _in_words(self) -> str:
        who = "one animal" if self.n_animals == 1 else "an animal and its partner" if self.config.partner else "a pair"
        layout = self.layout
        if layout is None:
            return f"the geometry of the keypoints of {who}"
        unit = f"lengths of the body axis ({' to '.join(layout.axis)})" if layout.axis else "pixels"
        spans = ", ".join(f"{span_s:g}" for span_s in self.config.spans_s)
        return (
            f"the geometry of the keypoints {listing(layout.keypoints)} of {who}, in {unit}, and their motion over "
            f"{spans} s"
        )

    def as_used(self, used: Mapping[str, Any]) -> Self:
        """The keypoints, axis and number of animals of another run."""
        names, axis = tuple(used.get("keypoints", ())), tuple(used.get("axis", ()))
        if not names:
            return self
        return self._with(Layout(names, (axis[0], axis[1]) if axis else None), int(used.get("n_animals", 1)))

    def identity(self) -> dict[str, Any]:
        """Names of the features, and how they are computed."""
        return {"version": POSES_VERSION, "names": self.names}


def _observed(track: PoseTrack, min_likelihood: float, max_gap_frames: int) -> NDArray[np.bool_]:
    """Where anything of an animal is seen, shape (n_frames,), but for short gaps."""
    try:
        return track_whole([track], min_likelihood, max_gap_frames).observed
    except InputError:  # nowhere
        return np.zeros(track.n_frames, dtype=bool)


class PoseRows(FeatureRows):
    """Features of the analysed frames of one recording; `observed` (n_frames,) is where the animal is seen.

    `tracks`: the animal, the animal and its partner, or the pair; they have the keypoints of the layout.

    Raises
    ------
    InputError
        As ``features.kinematics.rows.animals_of``.
    """

    batch_rows = 4096
    is_slow = False
    has_missing = True
    is_one_unit = False

    def __init__(
        self,
        recording: str,
        tracks: Mapping[str, PoseTrack],
        layout: Layout,
        config: PoseSourceConfig,
        fps: float,
        settings: ExtractionSettings,
        observed: NDArray[np.bool_],
    ) -> None:
        assert config.min_likelihood is not None
        self.recording = recording
        self.spans = single_frames(len(observed), settings.frame_step)
        self.observed = observed[self.spans[:, 0]]
        is_partner = config.partner is not None
        self.names = feature_names(layout, config.spans_s, len(tracks), is_partner)
        self.n_features = len(self.names)
        spans = tuple(Span.of(span_s, fps) for span_s in config.spans_s)
        fill_frames = gap_frames(config.fill_gaps_s, fps)
        animals = animals_of(tracks, layout, config.min_likelihood, fill_frames)
        self._motion = Motion(animals, spans, is_partner)
        self._step = settings.frame_step
        self.recipe = {
            "cache_version": CACHE_VERSION,
            "backbone": {"name": "poses", "n_features": self.n_features, "version": POSES_VERSION},
            "poses": [_hash(track, layout) for track in tracks.values()],
            "observed": hashlib.sha256(observed.tobytes()).hexdigest(),
            "keypoints": list(layout.keypoints),
            "axis": list(layout.axis or ()),
            "is_partner": is_partner,
            "spans_s": list(config.spans_s),
            "fps": fps,
            "min_likelihood": config.min_likelihood,
            "fill_frames": fill_frames,
            "frame_step": settings.frame_step,
        }

    def batches(self, first_row: int) -> Generator[NDArray[np.float32], None, None]:
        """Measure some thousand frames at a time."""
        for start in range(first_row, len(self.spans), self.batch_rows):
            frames = self.spans[start : start + self.batch_rows, 0]
            yield self._motion.rows(int(frames[0]), int(frames[-1]) + 1)[:: self._step]


def _hash(track: PoseTrack, layout: Layout) -> str:
    places = [track.keypoints.index(name) for name in layout.keypoints]
    digest = hashlib.sha256()
    for array in (track.xy_px[:, places], track.likelihood[:, places]):
        digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()
