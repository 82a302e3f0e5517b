"""Reads everything the user gave and checks that it fits together, before anything long begins."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.files import is_file
from common.names import find_path
from common.notes import Doubt, ModelLabels
from common.suggestions import listing
from features.tracks import Animals, CenterTrack
from features.video.inspection import VideoInfo
from models.tasks import Exclusive
from pipeline.config.frame_policy import require_known_recordings
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.annotators import ChosenLabels, check_annotators, choose_labels
from pipeline.dataset.corrections.taken import with_corrections
from pipeline.dataset.equal_findings import equal_notes, finding_kinds, names_of
from pipeline.dataset.exclusive import one_class, with_background
from pipeline.dataset.findings import Finding
from pipeline.dataset.label_findings import label_findings
from pipeline.dataset.labels import LabelTrack, label_tracks
from pipeline.dataset.reading import LoadedRecording, ReadingSettings, inspect_ahead, load_recording
from pipeline.dataset.recording import Recording
from pipeline.dataset.split_groups import require_one_side, split_groups
from pipeline.dataset.table import nothing_to_learn_from, read_recordings
from pipeline.demo.make import SIMULATORS, make_demo
from pipeline.runtime.progress import Bar, progress_bars

log = logging.getLogger(__name__)

CROSS_VALIDATION = "cross_validation"
TEST = "test"
PREDICT = "predict"


@dataclass(frozen=True)
class CheckedRecording:
    """One recording with everything that is known of it before stage one.

    `video` is None where there is none, `centers` where features are not made around the animal, `animals` where they
    are not made of keypoints. `labels` are those
    that heads learn from and are scored against; None where nobody annotated it. `file_hashes`: SHA-256 of each file
    that features are made of. `notes`: what a reader of the report should know of its files. `disagreement`, shape
    (n_frames, n_behaviors): what several annotators scored differently; None without labels. `annotators`: everyone's
    labels, of which `labels` is one or a consensus. Recordings of one `split_group` (one individual, one video) stay on
    one side of every split.
    """

    recording: Recording
    video: VideoInfo | None
    centers: CenterTrack | None
    labels: LabelTrack | None
    file_hashes: tuple[str, ...]
    n_frames: int
    fps: float
    animals: Animals | None = None
    notes: tuple[str, ...] = ()
    disagreement: NDArray[np.bool_] | None = None
    annotators: dict[str, LabelTrack] = field(default_factory=dict)
    split_group: str = ""

    @property
    def id(self) -> str:
        """The recording's id."""
        return self.recording.id

    @property
    def subset(self) -> str:
        """`cross_validation`, `test` or `predict` (nothing to score it against)."""
        if self.recording.split == "train":
            return CROSS_VALIDATION
        return TEST if self.recording.split == "test" and self.labels is not None else PREDICT

    @property
    def known_by(self) -> str:
        """SHA-256 of the video, or of the pose file where that is all there is; "" where there is neither."""
        if self.video is not None:
            return self.video.sha256
        return "" if self.recording.has_video else self.file_hashes[0]

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether the animal was seen, per frame; True where its position is not asked for, if the frame is there."""
        if self.centers is not None:
            return self.centers.observed
        return np.ones(self.n_frames, dtype=bool) if self.video is None else self.video.seen

    def analysed_frames(self, frame_step: int) -> NDArray[np.int64]:
        """Numbers of the frames that are embedded, shape (n_analysed,)."""
        return np.arange(0, self.n_frames, frame_step, dtype=np.int64)


def load_dataset(config: ExperimentConfig, may_wait: bool = False) -> list[CheckedRecording]:
    """Read recordings, videos' frame counts, poses and annotations, and check that they agree.

    Parameters as `load_recordings` takes them.

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    recordings = with_corrections(read_recordings(recordings_csv(config)), config.corrections)
    if not any(r.split == "train" for r in recordings):
        raise InputError(nothing_to_learn_from(recordings_csv(config)))
    require_known_recordings(config.frames, [r.id for r in recordings])
    return load_recordings(config, recordings, may_wait=may_wait)


def load_recordings(
    config: ExperimentConfig,
    recordings: Sequence[Recording],
    are_behaviors_known: bool = False,
    beside: Sequence[Recording] = (),
    may_wait: bool = False,
) -> list[CheckedRecording]:
    """The same for recordings that need not be of the experiment's own table.

    With `are_behaviors_known` the names are known from elsewhere, so that one may be in none of these annotations.
    `beside`: all recordings of which these are some. With `may_wait`, videos that leave no doubt what they hold are not
    decoded yet (``VideoInfo.awaited``).

    Raises
    ------
    InputError
        At the first thing that is wrong, by file, row and key.
    """
    for recording in recordings:
        check_annotators(recording, config.annotations)
    settings = replace(ReadingSettings.of(config).among(beside or recordings), may_wait=may_wait)
    loaded = []
    with progress_bars() as bars:
        bar = bars.add("Checking recordings", total=len(recordings))
        frames = bars.add("")
        inspect_ahead(recordings, settings, frames)
        for done, recording in enumerate(recordings):
            bar.update(done, text=f"Checking {recording.id}")
            loaded.append(_load(recording, settings, frames))
    return check_recordings(loaded, config, are_behaviors_known)


def _load(recording: Recording, settings: ReadingSettings, bar: Bar) -> LoadedRecording:
    try:
        return load_recording(recording, settings, bar)
    except InputError:
        if not settings.may_wait:
            raise
        # Perhaps the video is not what its packets promise.
        return load_recording(recording, replace(settings, may_wait=False), bar)


def check_recordings(
    loaded: Sequence[LoadedRecording], config: ExperimentConfig, are_behaviors_known: bool = False
) -> list[CheckedRecording]:
    """Make the labels of recordings that were read without an error, whoever's the experiment wants.

    Raises
    ------
    InputError
        A behavior that no file has, or that can't be read; copies of one video for train and for test.
    """
    annotations = {_Source(item.id, name): found.annotation for item in loaded for name, found in item.labels.items()}
    n_frames = {item.id: item.measured.n_frames for item in loaded if item.measured is not None}
    tracks = label_tracks(
        {str(source): annotation for source, annotation in annotations.items()},
        config.their_names(),
        {str(source): n_frames[source.recording] for source in annotations},
        are_behaviors_known,
    )
    by_recording: dict[str, dict[str, LabelTrack]] = {}
    for source in annotations:
        by_recording.setdefault(source.recording, {})[source.annotator] = tracks[str(source)]
    chosen = {recording: choose_labels(found, config.annotations) for recording, found in by_recording.items()}
    if isinstance(config.task, Exclusive):
        fps = {item.id: item.measured.fps for item in loaded if item.measured is not None}
        files = {str(source): annotation.path.name for source, annotation in annotations.items()}
        chosen = {r: _exclusive(config, config.task, r, found, files, fps[r]) for r, found in by_recording.items()}
    # Where there is no video, it is the pose file that nobody may learn from and be tested on.
    shown = [(item, item.measured) for item in loaded if item.measured and (item.video or not item.recording.has_video)]
    sha256 = {item.id: measured.file_hashes[0] for item, measured in shown}
    recordings = [item.recording for item in loaded]
    require_one_side(Path(config.recordings), recordings, sha256)
    groups = split_groups(recordings, sha256)
    told = {item.id: _told(item) for item in loaded}
    for finding in label_findings(annotations, config.their_names(), n_frames):
        if finding.severity == "warning":
            told[finding.recording].append(finding)
    for kind in finding_kinds((finding for found in told.values() for finding in found), recordings):
        numbers = ", with other numbers," if kind.has_other_numbers else ""
        more = f" (Likewise{numbers} {kind.n_findings - 1} more: {kind.where}.)" if kind.n_findings > 1 else ""
        log.warning("%s%s", kind.first.note, more)
    needs_keypoints = config.feature_source().needs_keypoints
    return [_checked(item, chosen.get(item.id), groups[item.id], told[item.id], needs_keypoints) for item in loaded]


def _exclusive(
    config: ExperimentConfig,
    task: Exclusive,
    recording: str,
    tracks: dict[str, LabelTrack],
    files: dict[str, str],
    fps: float,
) -> ChosenLabels:
    """Labels of one recording with at most one class in each frame."""
    everyone = {
        name: one_class(with_background(track), task, f"{files[str(source)]}, recording {source}", fps)
        for name, track in tracks.items()
        for source in [_Source(recording, name)]
    }
    # The background is agreed on like any class: it is not what is left where annotators see different classes.
    chosen = choose_labels({name: with_background(track) for name, track in everyone.items()}, config.annotations)
    labels = one_class(chosen.labels, task, f"Recording {recording}, {config.annotations} of annotators", fps)
    return ChosenLabels(labels, chosen.disagreement[:, :-1], everyone)


class _Source(NamedTuple):
    """Who annotated what; "" = the table names nobody."""

    recording: str
    annotator: str

    def __str__(self) -> str:
        return f"{self.recording} (annotator {self.annotator})" if self.annotator else self.recording


def _checked(
    loaded: LoadedRecording,
    chosen: ChosenLabels | None,
    split_group: str,
    told: Sequence[Finding],
    needs_keypoints: bool,
) -> CheckedRecording:
    assert loaded.measured is not None
    is_alone = loaded.fitted is None or len(loaded.fitted.tracks) < 2
    animals = None if is_alone and not needs_keypoints else loaded.fitted
    return CheckedRecording(
        loaded.recording,
        loaded.video,
        loaded.centers,
        chosen.labels if chosen else None,
        loaded.measured.file_hashes,
        loaded.measured.n_frames,
        loaded.measured.fps,
        animals,
        (*(finding.note for finding in told), *_notes_of_readers(loaded)),
        chosen.disagreement if chosen else None,
        chosen.annotators if chosen else {},
        split_group,
    )


def _told(loaded: LoadedRecording) -> list[Finding]:
    """What a reader of the report must know: nothing is moved, left out or doubtful in silence."""
    findings = [*loaded.findings, *(finding for found in loaded.labels.values() for finding in found.findings)]
    told = [finding for finding in findings if finding.is_change or finding.severity == "warning"]
    return sorted(told, key=lambda finding: not finding.is_change)


def _notes_of_readers(loaded: LoadedRecording) -> Iterator[str]:
    for name, found in loaded.labels.items():
        for note in found.annotation.notes:
            # What makes labels doubtful stays marked as such.
            source = str(_Source(loaded.id, name))
            yield note.about(source) if isinstance(note, Doubt) else f"{source}: {note}"


def model_labels(recordings: Sequence[CheckedRecording]) -> tuple[Doubt, ...]:
    """A doubt where some of what heads learn from was said by a model: how much of all, and in how many recordings."""
    learned = [item for item in recordings if item.subset == CROSS_VALIDATION and item.labels is not None]
    counts = {item.id: sum(n.n_labels for n in item.notes if isinstance(n, ModelLabels)) for item in learned}
    n_model, n_all = sum(counts.values()), sum(item.labels.scored.sum() for item in learned if item.labels is not None)
    if not n_model:
        return ()
    text = (
        f"Labels of a model: of {n_all:,} labels (a behavior in a frame) that this run learned from, {n_model:,} "
        f"({n_model / max(1, n_all):.1%}) are a model's, left or accepted in a review, in "
        f"{sum(map(bool, counts.values()))} of {len(learned)} recordings. Scores tell how well the heads agree with "
        "these, too."
    )
    return (ModelLabels(text, n_model),)


def notes_on(recordings: Sequence[CheckedRecording]) -> list[str]:
    """All that is to be known of the recordings' files; what is the same for several of them, once."""
    names = {item.id: names_of(item.recording) for item in recordings}
    corrected = [item.id for item in recordings if item.recording.is_corrected]
    words = f"Labels corrected in a review are used in place of the table's for {listing(corrected, 5)}."
    left = [item.id for item in recordings if item.recording.is_corrected and not item.recording.split]
    if left:
        words += f" Not trained on, as their individual or video is in a test recording: {listing(left, 5)}."
    return [*([words] if corrected else ()), *equal_notes({item.id: item.notes for item in recordings}, names)]


def recordings_csv(config: ExperimentConfig) -> Path:
    """The table of recordings; the demo's is made on first use."""
    name = config.recordings
    if name not in SIMULATORS:
        path = find_path(Path(name))
        if not is_file(path):
            raise InputError(
                f"There is no table of recordings {name} (looked in {Path.cwd()}). Its path starts at the folder in "
                "which the command is run: change to that folder, or say where the table is: --set recordings=PATH."
            )
        return path
    with progress_bars() as bars:
        return make_demo(Path(name), config.demo, bars.add(f"Simulating {SIMULATORS[name].title}"), name)


def summarise(recordings: Sequence[CheckedRecording], behaviors: Sequence[str]) -> None:
    """Log what was found: one line a recording."""
    corrected = [item.id for item in recordings if item.recording.is_corrected]
    if corrected:
        log.info("Corrected in a review, and used in place of the table's labels: %s", listing(corrected, 5))
    for item in recordings:
        positives = ""
        if item.labels is not None:
            shares = item.labels.active.sum(axis=0) / max(1, item.n_frames)
            positives = ", ".join(f"{b} {share:.1%}" for b, share in zip(behaviors, shares, strict=True))
        unobserved = int((~item.observed).sum())
        log.info(
            "%s: %s, %d frames at %g fps, %d unobserved%s",
            item.id, item.subset, item.n_frames, item.fps, unobserved, f"; {positives}" if positives else "",
        )  # fmt: skip


def input_fingerprints(recordings: Sequence[CheckedRecording]) -> dict[str, str]:
    """Hash of all that was read of each recording, by its id: two runs are of the same inputs when these are equal."""
    return {item.id: _input_fingerprint(item) for item in recordings}


def _input_fingerprint(item: CheckedRecording) -> str:
    row = item.recording
    digest = hashlib.sha256(repr((row.individual, row.group, row.split, item.n_frames, item.fps)).encode("utf-8"))
    for file_hash in item.file_hashes:
        digest.update(file_hash.encode("utf-8"))
    if item.centers is not None:
        digest.update(item.centers.xy_px.tobytes() + item.centers.observed.tobytes())
    for track in item.animals.tracks.values() if item.animals else ():
        digest.update(repr(track.keypoints).encode("utf-8") + track.xy_px.tobytes() + track.likelihood.tobytes())
    for name, labels in sorted({"": item.labels, **item.annotators}.items()):
        if labels is not None:
            digest.update(repr((name, labels.behaviors)).encode("utf-8"))
            digest.update(labels.active.tobytes() + labels.scored.tobytes())
    return digest.hexdigest()
