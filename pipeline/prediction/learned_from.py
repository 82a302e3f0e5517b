"""What the heads of a run learned from, so that it is not taken for new."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.notes import Doubt
from pipeline.dataset.load import CROSS_VALIDATION, CheckedRecording
from pipeline.run_folder.recordings import read_recordings
from pipeline.run_folder.run_dir import RunDir

# Another camera's frame rate makes a window of so many frames another stretch of time.
_SAME_FPS = 0.01
# A mouse filmed from twice as far is half as large in the same crop.
_SAME_SIZE = 0.1


@dataclass(frozen=True)
class LearnedFrom:
    """Training recordings of a run, by the SHA-256 of their videos; what the run does not say is empty or None.

    Where there are poses alone, their file stands for the video. `individuals` are case-folded; `fps` is the median;
    `widths_px` are those of the videos.
    """

    videos: dict[str, str]
    individuals: frozenset[str]
    fps: float | None
    widths_px: tuple[int, ...]

    def knows(self, item: CheckedRecording) -> bool:
        """Whether the heads learned from this video, or from another one of the same individual."""
        return self._same_video(item) is not None or item.recording.individual.casefold() in self.individuals

    def _same_video(self, item: CheckedRecording) -> str | None:
        return self.videos.get(item.known_by)

    def notes(self, item: CheckedRecording) -> Iterator[str]:
        """Yield what a reader of this recording's predictions must know."""
        trained_as = self._same_video(item)
        if trained_as is not None:
            yield Doubt(
                f"{item.id}: the heads were trained on this {'video' if item.video else 'pose file'} (as "
                f"{trained_as}): its predictions look better than those of a new one. Use the run's own, which come "
                "from heads that never saw it."
            )
        elif item.recording.individual.casefold() in self.individuals:
            yield (
                f"{item.id}: the heads were trained on other videos of the individual {item.recording.individual}, so "
                "it is not scored: its scores would not hold for a new animal."
            )
        if self.fps and abs(item.fps / self.fps - 1) > _SAME_FPS:
            yield (
                f"{item.id} has {item.fps:g} frames per second, the training videos {self.fps:g}: behavior looks "
                "faster or slower than what the heads learned from. Check a few bouts before you trust these "
                "predictions, or convert "
                "the video to the frame rate of training."
            )
        if item.video is None or not self.widths_px:
            return
        least_px, most_px = min(self.widths_px), max(self.widths_px)
        if not least_px * (1 - _SAME_SIZE) <= item.video.width_px <= most_px * (1 + _SAME_SIZE):
            yield (
                f"{item.id} is {item.video.width_px} px wide, the training videos {least_px} to {most_px} px: if the "
                "animal is larger or smaller in pixels, the crop shows more or less of it than the heads learned. "
                "Compare the film of a few bouts, or scale the video."
            )


def read_learned_from(run_path: Path) -> LearnedFrom:
    """Read what a run was trained on from its recordings.csv; empty where it says nothing.

    Raises
    ------
    InputError
        If the table is missing, damaged or cannot be read.
    """
    rows = [row for row in read_recordings(RunDir(run_path)) if row.subset == CROSS_VALIDATION]
    return LearnedFrom(
        {row.video_sha256: row.recording for row in rows if row.video_sha256},
        frozenset(row.individual.casefold() for row in rows if row.individual),
        statistics.median(row.fps for row in rows) if rows else None,
        tuple(row.width_px for row in rows if row.width_px),
    )
