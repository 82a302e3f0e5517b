"""One row of a table of recordings."""

from dataclasses import dataclass, field
from pathlib import Path

from features.tracks import BLOB
from pipeline.annotations import AnnotationChoice


@dataclass(frozen=True)
class Recording:
    """One animal in one video, with its files.

    `id` is unique, safe as a file name on every system. `video_path`: with features computed elsewhere, their file (a
    part of it after ``#``); the pose file where the table names no video (`has_video`). `pose_path`: None where the
    table names none, or has a word instead (`pose_word`: `blob`, a single animal is tracked in the video itself, or
    `middle`, that of the picture); of a file of several recordings, the one that is meant stands behind it (see
    `features.poses`). `annotation_paths` and `annotation_choices` (what the table says of the file beside its path) are
    by annotator, "" where the table names none; empty for a video to predict only. `individual`: whose video it is; the
    recording's id where the table doesn't say. `group`: the lab's own grouping (genotype, treatment); may be "".
    `split`: "train", "test" or "" (to predict only). `animal`: which of several animals in the video, its name in the
    pose file and its subject in the annotations; "" = there is one only, or `center.individual` names it. `partner`:
    the other animal that social behavior is about, its name in the pose file; "" = none is named. `fps`: frames
    per second, where the table says so and the video's header is not to be believed. `is_corrected`: its labels are
    those of a review, not of the table.
    """

    id: str
    video_path: Path
    pose_path: Path | None
    annotation_paths: dict[str, Path]
    individual: str
    group: str
    split: str
    annotation_choices: dict[str, AnnotationChoice] = field(default_factory=dict)
    pose_word: str = ""
    animal: str = ""
    partner: str = ""
    fps: float | None = None
    is_corrected: bool = False

    @property
    def has_video(self) -> bool:
        """Whether the table names one; without, there are poses alone."""
        return self.video_path != self.pose_path

    @property
    def subject(self) -> str:
        """Under what other name all annotators know the animal; "" = its own, or none that is one animal's."""
        named = {choice.subject for choice in self.annotation_choices.values()}
        subject = named.pop() if self.animal and len(named) == 1 else ""
        return "" if "+" in subject or subject == self.animal else subject

    @property
    def has_blob_poses(self) -> bool:
        """Whether the animal is tracked in the video itself."""
        return self.pose_word == BLOB
