"""The baseline that every other head must beat: one frame, one weighted sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from models.heads.base import HeadConfig, finish_head, head_inputs

if TYPE_CHECKING:
    import keras


class LogisticConfig(HeadConfig):
    """Logistic regression on single frames; it sees no time."""

    name: Literal["logistic"] = "logistic"
    l2: float = Field(default=1e-3, ge=0, description="penalty on the squared weights")

    def build(self, n_features: int, window_frames: int) -> keras.Model:
        """Per-frame ``Dense(1, sigmoid)``; see `HeadConfig` for inputs and output."""
        inputs = head_inputs(n_features, window_frames)
        return finish_head(inputs, inputs[0], l2=self.l2)
