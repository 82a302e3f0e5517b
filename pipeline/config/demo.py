"""The demos: what `recordings:` may say instead of a path, and their settings."""

from pydantic import BaseModel, ConfigDict, Field

DEMOS = {
    "demo": "a simulated open field with one mouse",
    "demo_social": "two simulated mice in a cage, a row for each",
}
"""By what `recordings:` says; `pipeline.demo.make.SIMULATORS` makes them."""


class DemoConfig(BaseModel):
    """How large a demo to make; 300 frames at 10 per second are enough for every behavior to fit in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_train: int = Field(default=6, ge=1, le=99, description="Training videos, each of another mouse or pair.")
    n_test: int = Field(default=2, ge=0, le=99, description="Test videos, each of another mouse or pair.")
    n_frames: int = Field(default=1500, ge=300, le=200_000, description="Frames per video.")
    size_px: int = Field(default=448, ge=96, le=2048, description="Width and height of the videos, in pixels.")
    fps: float = Field(
        default=10.0, ge=5.0, le=60.0, description="Frames per second; the behaviors' durations follow it."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Same settings and seed, same machine: same demo.")
