"""What folders tell of two files: whether they lie close together, and whether they name different days or animals."""

import re
from collections.abc import Iterable
from pathlib import Path

from pipeline.dataset.pairing.names import words_of


def closeness(video: Path, path: Path) -> tuple[bool, int, int]:
    """Whether they lie in one folder, how far their folders are the same, and how many words these share."""
    ours, theirs = _own_folders(video, path)
    n_common = len(video.parent.parts) - len(ours)
    return video.parent == path.parent, n_common, len(_folder_words(ours) & _folder_words(theirs))


def contradict(video: Path, path: Path) -> bool:
    """True where the folders name different days or animals: day1/480A.mp4 and day2/480A.csv."""
    ours, theirs = (_folder_words(parts) for parts in _own_folders(video, path))
    ours, theirs = ours - theirs - set(words_of(path.stem)), theirs - ours - set(words_of(video.stem))
    return bool({_shape(word) for word in ours} & {_shape(word) for word in theirs} - {""})


def _own_folders(video: Path, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    a, b = video.parent.parts, path.parent.parts
    n_common = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[n_common:], b[n_common:]


def _folder_words(parts: Iterable[str]) -> set[str]:
    return {word for part in parts for word in words_of(part)}


def _shape(word: str) -> str:
    """`day#` for day1 and day10; of a number alone, its length; "" without a digit."""
    if not any(letter.isdigit() for letter in word):
        return ""
    return "#" * len(word) if word.isdigit() else re.sub(r"\d+", "#", word)
