"""What to do where video, poses and labels of a recording are not of the same frames: the section `frames`.

By default (`strict`) that is an error. Nothing is ever cut or moved unless the user says so, and how far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import InputError
from common.names import canonical_names
from common.suggestions import did_you_mean, listing

_MOST_FRAMES = 1_000_000
Shift = Annotated[int, Field(ge=-_MOST_FRAMES, le=_MOST_FRAMES)]


class FramesConfig(BaseModel):
    """A policy for recordings whose files do not agree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Literal["trim_to_shortest", "shift"] = Field(
        description="`trim_to_shortest`: the ends may differ by `at_most_frames`; frames that one of video, poses and "
        "labels lacks are neither trained on nor scored. `shift`: labels or poses are moved by `by_frames`."
    )
    at_most_frames: int = Field(
        default=0,
        ge=0,
        le=_MOST_FRAMES,
        description="So many frames may video, poses and labels differ at the end; more is an error.",
    )
    by_frames: Shift | dict[str, Shift] = Field(
        default=0,
        description="Shift only: frames to move by, positive = later (label row 0 then is of frame n); one number for "
        "all recordings, or a number for each recording that is off, such as `{m1: 3}`.",
    )
    of: Literal["labels", "poses"] = Field(default="labels", description="Shift only: what is moved.")

    _names = field_validator("by_frames", mode="before")(canonical_names)

    @field_validator("by_frames", mode="before")
    @classmethod
    def _is_whole(cls, by_frames: object) -> object:
        numbers = list(by_frames.values()) if isinstance(by_frames, dict) else [by_frames]
        if all(type(number) is int for number in numbers):
            return by_frames
        raise ValueError("should be a whole number, or one for each recording that is off, such as {m1: 3}")

    @model_validator(mode="after")
    def _says_how_far(self) -> "FramesConfig":
        if self.policy == "trim_to_shortest":
            if self.at_most_frames < 1:
                raise ValueError(
                    "of policy trim_to_shortest needs at_most_frames, 1 or more: by how many frames the ends may differ"
                )
            if self.by_frames != 0 or self.of != "labels":
                raise ValueError("of policy trim_to_shortest moves nothing; by_frames and of belong to policy shift")
        elif not self.by_frames or (isinstance(self.by_frames, dict) and not any(self.by_frames.values())):
            raise ValueError("of policy shift needs by_frames other than 0, such as by_frames: 3 or by_frames: {m1: 3}")
        return self


FramesSetting = FramesConfig | Literal["strict"]


@dataclass(frozen=True)
class FrameAllowance:
    """How far the ends of the files of one recording may disagree, and what is moved (positive = later)."""

    tail_frames: int = 0
    shift_labels_frames: int = 0
    shift_poses_frames: int = 0

    def length_fits(self, n_frames_video: int, n_rows: int, shift_frames: int) -> bool:
        """Whether so many rows, moved, end where the video ends, or as near as is allowed.

        A video that was cut at its beginning shifts everything, and its end may have been cut as well or not:
        a shift allows for as many frames at the end.
        """
        return abs(n_frames_video - n_rows - shift_frames) <= self.tail_frames + abs(shift_frames)


STRICT = FrameAllowance()


def allowance(frames: FramesSetting, recording: str) -> FrameAllowance:
    """What the policy means for one recording, by its id."""
    if frames == "strict":
        return STRICT
    shift = frames.by_frames.get(recording, 0) if isinstance(frames.by_frames, dict) else frames.by_frames
    return FrameAllowance(
        frames.at_most_frames, shift if frames.of == "labels" else 0, shift if frames.of == "poses" else 0
    )


def require_known_recordings(frames: FramesSetting, recordings: Sequence[str]) -> None:
    """Refuse a shift of a recording that the table does not have.

    Raises
    ------
    InputError
        Naming the recording, and what there is.
    """
    if frames == "strict" or not isinstance(frames.by_frames, dict):
        return
    for name in frames.by_frames:
        if name not in recordings:
            raise InputError(
                f"frames.by_frames names the recording {name!r}, which the table of recordings does not have."
                f"{did_you_mean(name, recordings)} It has: {listing(recordings)}."
            )
