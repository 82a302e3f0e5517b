"""What a frame's loss is, given its cross-entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    import tensorflow as tf


class LossConfig(BaseModel):
    """Cross-entropy, or the focal loss (1 - p)^gamma * cross-entropy, p the probability of what is true (Lin 2017)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["cross_entropy", "focal"] = Field(
        default="cross_entropy", description="`cross_entropy` or `focal` (Lin et al. 2017)."
    )
    gamma: float = Field(
        default=2.0,
        ge=1.0,
        le=10.0,
        description="Only for `focal`: how little frames count that the head is sure of already.",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_a_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    def of(self, cross_entropy: tf.Tensor) -> tf.Tensor:
        """Loss of frames from their cross-entropy, of any shape."""
        import tensorflow as tf

        if self.name == "cross_entropy":
            return cross_entropy
        return (1.0 - tf.exp(-cross_entropy)) ** self.gamma * cross_entropy
