"""Several heads in the place of each: the YAML's `ensemble:`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EnsembleConfig(BaseModel):
    """How many heads each fold (and each final head) consists of, and in what they differ."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: int = Field(
        default=1,
        ge=1,
        le=50,
        description="Heads whose probabilities are averaged (1: a single head). Training takes so many times as long.",
    )
    by: Literal["individuals", "seeds"] = Field(
        default="individuals",
        description="In what they differ: `individuals`: each learns from as many individuals, drawn with replacement "
        "from those of its fold (bagging, Breiman 1996). `seeds`: all learn from all, from other initial weights.",
    )

    @property
    def is_one_head(self) -> bool:
        """Whether there is nothing to average."""
        return self.members == 1
