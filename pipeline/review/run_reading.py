"""What a review needs of a run folder: also of one that has predictions alone, without labels or scores."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.review.ranking import BehaviorTimeline
from pipeline.run_folder.reading import RecordingRow, Run, read_run, section
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import FINAL
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, Timeline


@dataclass(frozen=True)
class ReviewRun:
    """A run's name, its behaviors, and the recordings to review."""

    path: Path
    name: str
    behaviors: tuple[str, ...]
    recordings: tuple["ReviewRecording", ...]
    names_in_annotations: Mapping[str, str]
    ethogram: tuple[str, ...]
    """All names that annotations of the run's behaviors have."""
    video_paths: tuple[Path, ...]
    """Where the run found the videos of all its recordings, also of those that are not reviewed."""

    def annotated_as(self, behavior: str) -> str:
        """The name under which corrections are written: that of the experiment's own annotations."""
        return self.names_in_annotations.get(behavior, behavior)


@dataclass(frozen=True)
class ReviewRecording:
    """One recording with what is predicted and known of it.

    Attributes
    ----------
    recording : str
    subset : str
        Its role in the run, as in recordings.csv.
    video_path : Path or None
        Where the run found the video.
    video_sha256 : str
        "" where the run doesn't say.
    fps : float
    n_frames : int
    timelines : tuple of BehaviorTimeline
        One for each behavior, in the run's order.
    """

    recording: str
    subset: str
    video_path: Path | None
    video_sha256: str
    fps: float
    n_frames: int
    timelines: tuple[BehaviorTimeline, ...]

    @property
    def fingerprint(self) -> str:
        """Tells predictions apart: the corrections of one are not those of another."""
        digest = hashlib.sha256(f"{self.n_frames} {self.fps:.6f} {self.video_sha256}".encode())
        for line in self.timelines:
            digest.update(line.behavior.encode())
            digest.update(np.packbits(line.predicted).tobytes())
        return digest.hexdigest()[:16]


def read_review_run(run_dir: Path, names: Collection[str] = ()) -> ReviewRun:
    """Read a run's predictions, with the human labels where there are any.

    Parameters
    ----------
    run_dir : Path
        Of a run or of predictions.
    names : collection of str
        Recordings to read; none = all that were predicted.

    Returns
    -------
    ReviewRun

    Raises
    ------
    InputError
        When it is no run folder, a recording is not in it, a file cannot be read, or nothing is predicted.
    """
    run = read_run(run_dir, names or None)
    known = [row.recording for row in run.recordings]
    for name in names:
        if name not in known:
            raise InputError(
                f"{run_dir} has no recording {name!r}.{did_you_mean(name, known)} It has: {listing(known)}."
            )
    recordings = tuple(
        _review_recording(run, row, run.timelines[row.recording])
        for row in run.recordings
        if row.recording in run.timelines
    )
    if not recordings:
        raise InputError(
            f"Expected predictions to review in {RunDir(run_dir).predictions_path('RECORDING').parent}, found none for "
            f"{listing(list(names) or known)}. Give the folder of a run that is finished, or run it again."
        )
    return ReviewRun(
        run_dir,
        run.name,
        run.behaviors,
        recordings,
        run.names_in_annotations,
        run.ethogram,
        tuple(row.video_path for row in run.recordings if row.video_path),
    )


def _review_recording(run: Run, row: RecordingRow, lines: Timeline) -> ReviewRecording:
    timelines = []
    for column, behavior in enumerate(run.behaviors):
        settings = _settings(run, behavior, row.recording)
        timelines.append(
            BehaviorTimeline(
                behavior,
                row.fps,
                lines.probability[:, column],
                lines.predicted[FULL][:, column],
                settings.threshold,
                settings.min_bout_s,
                None if lines.true is None else lines.true[:, column],
                None if lines.scored is None else lines.scored[:, column],
            )
        )
    return ReviewRecording(
        row.recording, row.subset, row.video_path, row.video_sha256, row.fps, row.n_frames, tuple(timelines)
    )


def _settings(run: Run, behavior: str, recording: str) -> PostprocessConfig:
    """With what this recording's bouts were made."""
    found = run.tables.settings(behavior, recording) or run.tables.settings(behavior, FINAL)
    if found is not None:
        return found
    fixed = section(run.config, "postprocess")
    known = {name: fixed[name] for name in ("threshold", "min_bout_s") if name in fixed}
    return PostprocessConfig.model_validate(known)
