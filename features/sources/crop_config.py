"""The settings of the square that is cut out of every frame."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from common.errors import InputError

MOST_S = 10.0
N_MOMENTS = 3


class CropConfig(BaseModel):
    """The square that is cut out of every frame."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    around: Literal["center", "box", "pair"] = Field(
        default="center",
        description="Where the square lies. `center`: around the animal's center (see `center`), of one size. `box`: "
        "around the animal's own box (of NumPy tracks; else that of its keypoints), and as large. `pair`: around the "
        "boxes of the animal and its partner together.",
    )
    animal: Literal["own", "partner"] = Field(
        default="own",
        description="Whose crop it is: of the row's own animal, or of its partner (column `partner`, or the other one "
        "of two).",
    )
    size_px: int = Field(
        default=160,
        ge=8,
        le=4096,
        description="Side of the square around the center, in pixels of the video frame; not of `box` and `pair`.",
    )
    margin_percent: float = Field(
        default=20.0,
        ge=0,
        le=400,
        description="Only of `box` and `pair`: what is added at each end, in percent of the box's longer side.",
    )
    keypoint_overlay: bool = Field(
        default=False,
        description="Draw the keypoints on the crop, each in its own color (with `pair`, the partner's as rings).",
    )
    skeleton: tuple[tuple[str, str], ...] = Field(
        default=(),
        description="Only with `keypoint_overlay`: pairs of keypoints that are joined by a line, such as `[[snout, "
        "neck], [neck, tailbase]]`.",
    )
    moments_s: tuple[Annotated[float, Field(ge=-MOST_S, le=MOST_S)], ...] = Field(
        default=(),
        description="Three moments in seconds from the analysed frame, such as `[-0.2, 0, 0.2]`: their gray crops "
        "become the colors red, green and blue of one picture, so that the network sees movement. Empty: the frame "
        "itself, in its own colors.",
    )
    follow: bool = Field(
        default=False,
        description="Only with `moments_s`. `false`: all moments are cut around the center of the analysed frame, so "
        "that displacement shows; `true`: each around its own center, so that only the change of posture shows.",
    )

    @field_validator("moments_s")
    @classmethod
    def _are_three_in_order(cls, moments_s: tuple[float, ...]) -> tuple[float, ...]:
        if moments_s and len(moments_s) != N_MOMENTS:
            raise ValueError(f"should name {N_MOMENTS} moments, one for each color, such as [-0.2, 0, 0.2]")
        if list(moments_s) != sorted(moments_s):
            raise ValueError("should go from the earliest moment to the latest, such as [-0.2, 0, 0.2]")
        return moments_s

    @model_validator(mode="after")
    def _follows_moments(self) -> "CropConfig":
        if self.follow and not self.moments_s:
            raise ValueError("follow: true is of moments; add moments_s, such as [-0.2, 0, 0.2], or leave it out")
        return self

    @model_validator(mode="after")
    def _is_one_picture(self) -> "CropConfig":
        if self.around == "pair" and self.animal == "partner":
            raise ValueError("around: pair shows both animals; leave out animal, or set around: box")
        if self.skeleton and not self.keypoint_overlay:
            raise ValueError("has a skeleton but draws no keypoints; set keypoint_overlay: true, or leave skeleton out")
        if self.keypoint_overlay and self.moments_s:
            raise ValueError(
                "keypoint_overlay draws in color, and moments_s makes colors of three moments; leave out one of them, "
                "or make two sources of features"
            )
        return self

    @property
    def needs_partner(self) -> bool:
        """Whether two animals must be known."""
        return self.around == "pair" or self.animal == "partner"

    @property
    def needs_keypoints(self) -> bool:
        """Whether more must be known than the animal's center."""
        return self.needs_partner or self.around != "center" or self.keypoint_overlay

    def offsets_frames(self, fps: float, recording: str) -> tuple[int, ...]:
        """Moments in frames of a video, one for each color; (0,) where the frame itself is cropped.

        Raises
        ------
        InputError
            When moments that differ are the same frame at this frame rate.
        """
        offsets = tuple(round(moment * fps) for moment in self.moments_s)
        if len(set(offsets)) < len(set(self.moments_s)):
            raise InputError(
                f"Recording {recording} has {fps:g} frames per second, so that different moments of crop.moments_s "
                f"({', '.join(f'{moment:g}' for moment in self.moments_s)}) fall on the same frame. Moments must be at "
                f"least {1 / fps:.2g} s apart here: write for example crop.moments_s: [{-1 / fps:.2g}, 0, "
                f"{1 / fps:.2g}], or leave it out."
            )
        return offsets or (0,)
