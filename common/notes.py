"""Remarks on a recording's files that make its results doubtful, told apart from those that are good to know."""

from typing import Self


class Doubt(str):
    """A note to look at before any number is used: of another video, a model's labels, learned from."""

    def about(self, what: str) -> Self:
        """The same, with what it is about in front."""
        return type(self)(f"{what}: {self}")


class ModelLabels(Doubt):
    """So many labels (one behavior in one frame) are a model's."""

    n_labels: int

    def __new__(cls, text: str, n_labels: int = 0) -> Self:
        """See `str`."""
        made = super().__new__(cls, text)
        made.n_labels = n_labels
        return made

    def about(self, what: str) -> Self:
        """See `Doubt`."""
        return type(self)(f"{what}: {self}", self.n_labels)
