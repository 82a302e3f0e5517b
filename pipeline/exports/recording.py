"""What leaves: the bouts of one recording, as a model and a human see them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.names import shortened
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
    animal : str
        Its name where the video shows several, and its subject in BORIS; "" = there is one only.
    """

    id: str
    video_path: Path | None
    fps: float
    n_frames: int
    bouts: Mapping[str, Sequence[Bout]]
    unscored: Mapping[str, Sequence[Bout]] = field(default_factory=dict)
    exclusive: bool = False
    animal: str = ""

    @property
    def part(self) -> str:
        """What stands behind a file in the column `annotations`, so that its bouts are read as this animal's."""
        return f"#subject={self.animal}" if self.animal else ""


def name_of(recording: str, source: str) -> str:
    """Name of a recording's bouts in an export: the recording's id, with `` (human)`` behind it for a human's."""
    return recording if source == PREDICTED else f"{recording} ({source})"


def of_several_animals(recordings: Iterable[ExportRecording]) -> dict[str, list[ExportRecording]]:
    """Recordings of different animals in one video, by a name for all of them: ``<video> (all animals)``."""
    by_video: dict[tuple[Path, float, int], list[ExportRecording]] = {}
    for recording in recordings:
        if recording.animal and recording.video_path is not None:
            key = (recording.video_path, recording.fps, recording.n_frames)
            by_video.setdefault(key, []).append(recording)
    found = [own for own in by_video.values() if len({one.animal.casefold() for one in own}) == len(own) > 1]
    stems = [path.stem.casefold() for path, *_ in by_video]
    named = {}
    for own in found:
        assert own[0].video_path is not None
        stem = own[0].video_path.stem
        # Videos of two folders may have one name.
        video = stem if stems.count(stem.casefold()) == 1 else " + ".join(one.id for one in own)
        named[shortened(f"{video} (all animals)")] = own
    return named
