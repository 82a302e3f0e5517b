"""The baseline that every other head must beat: one frame, one weighted sum."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from models.heads.base import HeadConfig


class LogisticConfig(HeadConfig):
    """Logistic regression on single frames; it sees no time."""

    name: Literal["logistic"] = "logistic"
    l2: float = Field(default=1e-3, ge=0, le=1000, description="penalty on the squared weights")

    @property
    def sees_around(self) -> bool:
        """False."""
        return False

    @property
    def output_l2(self) -> float:
        """`l2`."""
        return self.l2

    def body(self, embeddings: Any, mask: Any) -> Any:
        """Nothing: the features themselves are summed."""
        return embeddings
