"""Remarks on a recording's files that make its results doubtful, told apart from those that are good to know."""


class Doubt(str):
    """A note to look at before any number is used: of another video, a model's labels, learned from."""
