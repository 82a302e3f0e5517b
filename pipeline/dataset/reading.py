"""How the files of one recording are read and checked: once, for a run and for `audit`, so that both see the same."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from zlib import crc32

from common.errors import InputError
from common.notes import Doubt
from common.suggestions import did_you_mean, listing
from features.centers import CenterConfig
from features.identity import IdentityChanges
from features.poses import individuals_in, read_poses
from features.poses.blob_cache import cached_blob_track
from features.poses.middle import middle_track
from features.sources import default_source
from features.sources.base import Given, Measured, RecordingFiles
from features.sources.joined import JoinedSource
from features.tracks import BLOB, MIDDLE, Animals, CenterTrack, PoseTrack, Whose
from features.video.inspection import VIDEO_INDEX, VideoInfo, inspect_video
from features.video.together import inspect_together
from pipeline.annotations import RawAnnotation, read_annotation
from pipeline.config.frame_policy import FrameAllowance, FramesSetting, allowance
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.findings import Finding, change_finding, error_finding, video_findings
from pipeline.dataset.frame_fit import FittedPoses, fit_annotation, fit_poses
from pipeline.dataset.frames_agree import FramesDisagreeError, check_frames_agree, do_frames_agree
from pipeline.dataset.label_findings import seconds_findings
from pipeline.dataset.pose_findings import company_findings, find_changes, pose_findings, reading_findings
from pipeline.dataset.recording import Recording
from pipeline.runtime.machine import usable_cores
from pipeline.runtime.progress import Bar, under_title

Progress = Callable[[int, int], None]

# Each takes 150 MB, and a disk reads no faster for more.
_MOST_DECODERS = 8
_ANY_FPS = 30.0
"""Without a video it is only asked whether the keypoints are there, not how long gaps are."""


@dataclass(frozen=True)
class ReadingSettings:
    """What an experiment says of how files are read; the defaults are those of an experiment.

    `behaviors`: our name of each and its names in the annotations; empty where no experiment is given. `annotations`:
    whose labels are used. `source`: where features come from; by default the frames of videos. `table_folder`: of the
    table of recordings. `videos`: of all recordings that are read together, well mixed. `fps`: of videos whose
    row says nothing, where their headers are not to be believed. `corrections`: runs whose corrections are used.
    `may_wait`: a video is decoded when features are made of it, where its packets leave no doubt what will come out.
    """

    center: CenterConfig = field(default_factory=CenterConfig)
    cache_dir: Path = Path("cache")
    frames: FramesSetting = "strict"
    behaviors: dict[str, list[str]] = field(default_factory=dict)
    annotations: str | None = None
    source: JoinedSource = field(default_factory=default_source)
    table_folder: Path = Path()
    videos: tuple[Path, ...] = ()
    fps: float | None = None
    corrections: tuple[str, ...] = ()
    may_wait: bool = False

    @classmethod
    def of(cls, config: ExperimentConfig) -> "ReadingSettings":
        """Those of an experiment."""
        return cls(
            config.center,
            config.execution.cache_dir,
            config.frames,
            config.their_names(),
            config.annotations,
            config.feature_source(),
            Path(config.recordings).parent,
            fps=config.fps,
            corrections=config.corrections,
        )

    def among(self, recordings: Sequence[Recording]) -> "ReadingSettings":
        """Those for recordings that are read together."""
        # Neighbors in a table are often of one session, with the animal in one place: the order is by chance, but the
        # same each time, and hardly another when a row is added.
        paths = {recording.video_path for recording in recordings}
        return replace(self, videos=tuple(sorted(paths, key=lambda path: (crc32(os.fsencode(path.name)), path))))

    def allowance(self, recording: str) -> FrameAllowance:
        """What the frame policy means for a recording."""
        return allowance(self.frames, recording)


def read_recording_poses(
    recording: Recording, settings: ReadingSettings, video: VideoInfo | None, progress: Progress | None = None
) -> PoseTrack:
    """Poses as they stand in the file, or as the animal is tracked in the video.

    Raises
    ------
    InputError
        No pose file, one that can't be read or lacks the animal, or `center.individual` names another.
    """
    if recording.pose_word and video is not None:
        return _WITHOUT_FILE[recording.pose_word](recording, settings, video, progress)
    if recording.pose_path is None:
        raise InputError(
            f"Recording {recording.id} has no pose file, but its frames are cropped around the animal. Name the file "
            "in the column `poses` of the recordings table (to `predict`, with --poses), or write `blob` there to have "
            "a single animal tracked by how it differs from the background, or `middle` if the clip was cut around it."
        )
    named = settings.center.individual
    if not recording.animal:
        return read_poses(recording.pose_path, named)
    if named and named != recording.animal:
        raise InputError(
            f"center.individual is {named!r}, but the row of {recording.id} names the animal {recording.animal!r}. "
            "Leave center.individual out where the table has a column `animal`."
        )
    try:
        return read_poses(recording.pose_path, recording.animal)
    except InputError as error:
        raise InputError(f"{error} The column `animal` of {recording.id} asks for {recording.animal!r}.") from None


def read_animals(
    recording: Recording, settings: ReadingSettings, video: VideoInfo | None, progress: Progress | None = None
) -> Animals:
    """Poses of all animals that features are made of; as `read_recording_poses`.

    Raises
    ------
    InputError
        As there; or the source asks for an animal that the file hasn't.
    """
    own = recording.animal or settings.center.individual or ""
    if recording.pose_path is None or not (settings.source.needs_keypoints or recording.partner):
        return Animals(own, (own,), {own: read_recording_poses(recording, settings, video, progress)})
    present, alone = individuals_in(recording.pose_path)
    if recording.partner and recording.partner not in present:
        held = f"holds {listing(present)}" if any(present) else "holds a single animal without a name"
        raise InputError(
            f"The column `partner` of {recording.id} asks for {recording.partner!r}, but {recording.pose_path.name} "
            f"{held}.{did_you_mean(recording.partner, present)}"
        )
    whose = Whose(own, tuple(present), recording.partner)
    wanted = [*settings.source.animals(whose, recording.pose_path.name), *filter(None, [recording.partner])]
    tracks = {}
    for name in dict.fromkeys(wanted):
        if name == own:
            tracks[name] = alone if alone is not None and not own else read_recording_poses(recording, settings, video)
        else:
            tracks[name] = read_poses(recording.pose_path, name)
    return Animals(own, present, tracks, recording.partner)


def _follow_blob(
    recording: Recording, settings: ReadingSettings, video: VideoInfo, progress: Progress | None
) -> PoseTrack:
    return cached_blob_track(video, settings.cache_dir, progress, _other_videos(recording, settings))


_WITHOUT_FILE: dict[str, Callable[[Recording, ReadingSettings, VideoInfo, Progress | None], PoseTrack]] = {
    BLOB: _follow_blob,
    MIDDLE: lambda recording, settings, video, progress: middle_track(video),
}


def _other_videos(recording: Recording, settings: ReadingSettings) -> Iterator[VideoInfo]:
    """Yield what is known of the videos that are read too, without those that can't be; a run needs it anyway."""
    for path in settings.videos:
        if path != recording.video_path:
            try:
                yield inspect_video(path, settings.cache_dir / VIDEO_INDEX)
            except InputError:
                continue


def read_recording_labels(
    recording: Recording, annotator: str, measured: Measured, settings: ReadingSettings
) -> RawAnnotation:
    """One annotator's labels as they stand in the file.

    Raises
    ------
    InputError
        As `pipeline.annotations.read_annotation`.
    """
    allowed = settings.allowance(recording.id)
    return read_annotation(
        recording.annotation_paths[annotator],
        measured.n_frames,
        measured.fps,
        choice=recording.annotation_choices.get(annotator),
        video_name=recording.video_path.name,
        behaviors=[name for names in settings.behaviors.values() for name in names],
        tolerance_frames=allowed.tail_frames + abs(allowed.shift_labels_frames),
    )


def files_of(
    recording: Recording, table_folder: Path, fps: float | None = None, pose: PoseTrack | None = None
) -> RecordingFiles:
    """What sources of features are told of a recording; `fps` is that of the experiment, where it says one."""
    n_pose_frames = None if pose is None else pose.n_frames
    rate = recording.fps or fps
    return RecordingFiles(recording.id, recording.video_path, table_folder, rate, recording.has_video, n_pose_frames)


@dataclass(frozen=True)
class FittedLabels:
    """One annotator's labels of one recording, brought to the frames of its video.

    `findings`: what the frame policy did to them, and whether their times can be trusted.
    """

    annotation: RawAnnotation
    findings: list[Finding]


@dataclass
class LoadedRecording:
    """One recording's files, read once and brought to the frames of its video; None = could not be read.

    `animals` are as in the file; `poses` has a pose of the main one, and `fitted` of each, for each frame of the video;
    `centers` are made of those, or else of `animals`. `labels` are by annotator, without those that can't be read or
    are of other frames. `identity`: where tracks of several animals are not what they say. `findings`: about
    video and poses, and everything that would end a run.
    """

    recording: Recording
    measured: Measured | None = None
    animals: Animals | None = None
    poses: FittedPoses | None = None
    fitted: Animals | None = None
    centers: CenterTrack | None = None
    labels: dict[str, FittedLabels] = field(default_factory=dict)
    identity: IdentityChanges = field(default_factory=IdentityChanges)
    findings: list[Finding] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.recording.id

    @property
    def pose(self) -> PoseTrack | None:
        """Poses of the main animal, as in the file."""
        return None if self.animals is None else self.animals.main

    @property
    def video(self) -> VideoInfo | None:
        """What is known of the video; None where there is none or it can't be read."""
        return None if self.measured is None else self.measured.video


def inspect_ahead(recordings: Sequence[Recording], settings: ReadingSettings, bar: Bar) -> None:
    """Inspect the videos of recordings beside each other, where features are made of them and it can't wait."""
    if settings.source.needs_poses:
        videos = []
        shown = [recording for recording in recordings if recording.has_video]
        for done, recording in enumerate(shown):
            bar.update(done, len(shown), f"Looking at {recording.video_path.name}")  # long ones are hashed long
            with suppress(InputError):  # which comes when its turn comes
                if _expected(recording, settings) is None:
                    videos.append((recording.video_path, recording.fps or settings.fps))
        decoding = under_title(bar, "Decoding videos")
        inspect_together(videos, settings.cache_dir / VIDEO_INDEX, min(usable_cores(), _MOST_DECODERS), decoding)


def _expected(recording: Recording, settings: ReadingSettings) -> Measured | None:
    """What is known of a recording before its video is decoded, where that may wait; tracking decodes it at once."""
    if not settings.may_wait or recording.has_blob_poses or not recording.has_video:
        return None
    return settings.source.expected(files_of(recording, settings.table_folder, settings.fps), settings.cache_dir)


def load_recording(
    recording: Recording, settings: ReadingSettings, bar: Bar, lists_errors: bool = False
) -> LoadedRecording:
    """Read a recording's video, poses and labels once, and check that they agree; the bar shows how far it is decoded.

    With `lists_errors`, everything that is wrong becomes a finding, and each file that can be read is looked at
    (`audit`).

    Raises
    ------
    InputError
        At the first thing that is wrong, unless errors are listed.
    """
    loaded = LoadedRecording(recording)
    listed = partial(_listed, loaded) if lists_errors else nullcontext
    if settings.source.needs_keypoints and not recording.has_video:  # their length is the recording's
        with listed():
            loaded.animals = read_animals(recording, settings, None)
    with listed():
        files = files_of(recording, settings.table_folder, settings.fps, loaded.pose)
        decoding = under_title(bar, f"Decoding {loaded.id}")
        loaded.measured = _expected(recording, settings) or settings.source.measure(files, settings.cache_dir, decoding)
        if loaded.video is not None:
            loaded.findings += video_findings(loaded.id, loaded.video)
    is_wanted = settings.source.needs_poses and (recording.has_video or not settings.source.needs_keypoints)
    if is_wanted and (loaded.video is not None or not recording.pose_word):
        with listed():
            tracking = under_title(bar, f"Tracking the animal in {loaded.id}")
            loaded.animals = read_animals(recording, settings, loaded.video, tracking)
    annotations = {}
    if loaded.measured is not None:
        for annotator in recording.annotation_paths:
            with listed():
                annotations[annotator] = read_recording_labels(recording, annotator, loaded.measured, settings)
        _fit_poses(loaded, annotations, settings, listed)
    with listed():
        _find_center(loaded, settings)
    _find_changes(loaded, settings)
    _fit_labels(loaded, annotations, settings)
    return loaded


@contextmanager
def _listed(loaded: LoadedRecording) -> Iterator[None]:
    """What would end a run becomes a finding."""
    try:
        yield
    except InputError as error:
        loaded.findings.append(error_finding(loaded.id, error))


def _fit_poses(
    loaded: LoadedRecording,
    annotations: Mapping[str, RawAnnotation],
    settings: ReadingSettings,
    listed: Callable[[], AbstractContextManager[None]],
) -> None:
    """Compare the lengths of all files, and give each frame of the video a pose."""
    assert loaded.measured is not None
    n_frames, allowed = loaded.measured.n_frames, settings.allowance(loaded.id)
    n_pose_rows = None if loaded.pose is None else loaded.pose.n_frames
    if loaded.pose is not None and loaded.pose.ends_with_last_seen:  # which may be before the video's end
        n_pose_rows = max(loaded.pose.n_frames, n_frames)
    do_poses_agree = do_frames_agree(loaded.id, n_frames, n_pose_rows, None, allowed)
    labels: list[RawAnnotation | None] = list(annotations.values())
    for number, annotation in enumerate(labels or [None]):
        # What is wrong with the poses is said once, not with every annotator.
        rows = n_pose_rows if do_poses_agree or number == 0 else None
        span, notes = (None, ()) if annotation is None else (annotation.span, annotation.notes)
        with listed():
            try:
                check_frames_agree(loaded.id, n_frames, rows, span, allowed, loaded.recording.has_video)
            except FramesDisagreeError as error:
                # That labels are of another video explains the rest.
                doubts = [note for note in notes if isinstance(note, Doubt)]
                raise FramesDisagreeError(" ".join([*doubts, error.found]), error.remedy) from None
    if loaded.pose is not None and do_poses_agree:
        loaded.poses = fit_poses(loaded.pose, n_frames, allowed)
        assert loaded.animals is not None
        loaded.fitted = loaded.animals.each(lambda track: fit_poses(track, n_frames, allowed).pose)
        loaded.findings += [change_finding(loaded.id, note) for note in loaded.poses.notes]


def _find_center(loaded: LoadedRecording, settings: ReadingSettings) -> None:
    """Find the animal's center, also where the poses' rows are not those of the video or there is none.

    Where they are, it is looked whether features can be made, before any are.
    """
    animals = loaded.fitted or loaded.animals
    if animals is None:
        return
    pose = animals.main
    loaded.findings += reading_findings(loaded.id, pose)
    centers = settings.source.center(animals, settings.center, loaded.measured.fps if loaded.measured else _ANY_FPS)
    if loaded.poses is not None:
        seen = True if loaded.video is None else loaded.video.seen  # of a damaged one not all
        centers = replace(centers, observed=centers.observed & loaded.poses.covered & seen)
    loaded.centers = centers
    loaded.findings += pose_findings(loaded.id, pose, centers, settings.center, loaded.video)
    if loaded.measured is not None and loaded.fitted is not None:
        files = files_of(loaded.recording, settings.table_folder, loaded.measured.fps)
        given = Given(files, loaded.measured.n_frames, loaded.video, centers, loaded.fitted)
        observed = settings.source.check(given)
        loaded.findings += company_findings(loaded.id, loaded.fitted, centers, observed, settings.center, loaded.video)


def _find_changes(loaded: LoadedRecording, settings: ReadingSettings) -> None:
    animals, measured = loaded.fitted, loaded.measured
    if animals is not None and measured is not None and (path := loaded.recording.pose_path) is not None:
        frames, allowed = (measured.n_frames, measured.fps), settings.allowance(loaded.id)
        loaded.identity, found = find_changes(loaded.id, animals, path, frames, allowed, settings.center.min_likelihood)
        loaded.findings += found


def _fit_labels(loaded: LoadedRecording, annotations: Mapping[str, RawAnnotation], settings: ReadingSettings) -> None:
    """Bring labels to the frames of the video, where they can be of it."""
    allowed = settings.allowance(loaded.id)
    stop_frame = loaded.poses.stop_frame if loaded.poses else None
    for annotator, annotation in annotations.items():
        assert loaded.measured is not None
        n_frames = loaded.measured.n_frames
        if do_frames_agree(loaded.id, n_frames, None, annotation.span, allowed):
            fitted, notes = fit_annotation(annotation, n_frames, allowed, stop_frame)
            changes = [change_finding(loaded.id, note) for note in notes]
            odd = seconds_findings(loaded.id, annotation, loaded.video)
            loaded.labels[annotator] = FittedLabels(fitted, [*changes, *odd])
