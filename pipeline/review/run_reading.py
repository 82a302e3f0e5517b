"""What a review needs of a run folder: also of one that has predictions alone, without labels or scores."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.review.disagreements import Place
from pipeline.review.ranking import rank
from pipeline.review.videos import NO_VIDEO, PageVideo
from pipeline.run_folder.reading import RecordingRow, Run, read_run, section
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.tables import FINAL
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.timeline import FULL, Timeline

_FOUND_OUT = ("places", "fingerprint")


@dataclass(frozen=True)
class Review:
    """One recording with what is predicted and known of it (`timeline`, with its settings), and what its page plays."""

    row: RecordingRow
    timeline: Timeline
    video: PageVideo = NO_VIDEO

    @cached_property
    def places(self) -> list[Place]:
        """Where a look is worth most."""
        return rank(self.timeline)

    def with_video(self, video: PageVideo) -> "Review":
        """The same with another video; what was found out already is kept."""
        other = replace(self, video=video)
        other.__dict__.update({name: self.__dict__[name] for name in _FOUND_OUT if name in self.__dict__})
        return other

    @cached_property
    def fingerprint(self) -> str:
        """Tells predictions apart: the corrections of one are not those of another."""
        digest = hashlib.sha256(f"{self.row.n_frames} {self.row.fps:.6f} {self.row.video_sha256}".encode())
        for behavior, predicted in zip(self.timeline.behaviors, self.timeline.predicted[FULL].T, strict=True):
            digest.update(behavior.encode())
            digest.update(np.packbits(predicted).tobytes())
        return digest.hexdigest()[:16]


def read_review_run(run_dir: Path, names: Collection[str] = ()) -> tuple[Run, list[Review]]:
    """Read a run's predictions, with the human labels where there are any.

    Parameters
    ----------
    run_dir : Path
        Of a run or of predictions.
    names : collection of str
        Recordings to read; none = all that were predicted.

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
    reviews = []
    for row in run.recordings:
        if row.recording in run.timelines:
            settings = tuple({FULL: _settings(run, behavior, row.recording)} for behavior in run.behaviors)
            reviews.append(Review(row, replace(run.timelines[row.recording], settings=settings)))
    if not reviews:
        raise InputError(
            f"Expected predictions to review in {RunDir(run_dir).predictions_path('RECORDING').parent}, found none for "
            f"{listing(list(names) or known)}. Give the folder of a run that is finished, or run it again."
        )
    return run, reviews


def _settings(run: Run, behavior: str, recording: str) -> PostprocessConfig:
    """With what this recording's bouts were made."""
    found = run.tables.settings(behavior, recording) or run.tables.settings(behavior, FINAL)
    if found is not None:
        return found
    fixed = section(run.config, "postprocess")
    return PostprocessConfig.model_validate({key: fixed[key] for key in ("threshold", "min_bout_s") if key in fixed})
