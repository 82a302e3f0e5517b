"""What leaves: the bouts of one recording, as a model and a human see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.scoring.bouts.bouts import Bout

PREDICTED = "predicted"
HUMAN = "human"
NO_DATE = "2000-01-01T00:00:00"  # programs need one, and the present time would make equal exports differ


@dataclass(frozen=True)
class ExportRecording:
    """Bouts of one recording, by source.

    Attributes
    ----------
    id : str
        The recording's.
    video_path : Path or None
        Written into the exports as it stands here (so: absolute, where a program is to find the video from
        anywhere); None = no video is known.
    fps, n_frames : float, int
        Of the video.
    bouts : mapping of str to sequence of Bout
        By source, `PREDICTED` or `HUMAN`; in any order. Bouts of one behavior do not overlap; they may touch.
    unscored : mapping of str to sequence of Bout
        By source: stretches in which nobody said whether the behavior was shown. A source that isn't named was
        scored everywhere.
    exclusive : bool
        Whether its behaviors are classes, of which a frame has one.
    """

    id: str
    video_path: Path | None
    fps: float
    n_frames: int
    bouts: Mapping[str, Sequence[Bout]]
    unscored: Mapping[str, Sequence[Bout]] = field(default_factory=dict)
    exclusive: bool = False


def name_of(recording: str, source: str) -> str:
    """Name of a recording's bouts in an export: the recording's id, with `` (human)`` behind it for a human's."""
    return recording if source == PREDICTED else f"{recording} ({source})"
