"""Which subject of the annotations is which animal of the poses, told by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.dataset.pairing.names import words_of

_DIGITS = re.compile(r"\d{1,9}")


@dataclass(frozen=True)
class PairedSubjects:
    """The subject of each animal, as the two files spell them, and what was left over.

    `by`: the animals that were paired by their number alone (`number`; `shifted`: one file counts from 0, the other
    from 1); else `name`.
    """

    subject_of: dict[str, str] = field(default_factory=dict)
    by: Literal["name", "number", "shifted"] = "name"
    animals: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()


def pair_subjects(animals: Sequence[str], subjects: Sequence[str]) -> PairedSubjects:
    """Pair names that are the same but for case, accents, spaces and punctuation; where none is, by their numbers.

    Numbers pair where every name on either side has exactly one, and those of the subjects are those of the animals,
    or all one more or one less. A name that two others are like is left over.
    """
    same = _unique([(a, s) for a in animals for s in subjects if _plain(a) == _plain(s)])
    if same:
        return _with_rest(same, "name", animals, subjects)
    ours, theirs = ({name: _number(name) for name in names} for names in (animals, subjects))
    numbers = [*ours.values(), *theirs.values()]
    if None in numbers or len(set(ours.values())) < len(ours) or len(set(theirs.values())) < len(theirs):
        return PairedSubjects({}, "name", tuple(animals), tuple(subjects))
    for shift in (0, 1, -1):
        by_number = {(theirs[subject] or 0) - shift: subject for subject in subjects}
        if len(subjects) == len(animals) and set(by_number) == set(ours.values()):
            found = {animal: by_number[number or 0] for animal, number in ours.items()}
            return _with_rest(found, "shifted" if shift else "number", animals, subjects)
    return PairedSubjects({}, "name", tuple(animals), tuple(subjects))


def _with_rest(
    found: dict[str, str], by: Literal["name", "number", "shifted"], animals: Sequence[str], subjects: Sequence[str]
) -> PairedSubjects:
    rest = tuple(name for name in animals if name not in found)
    return PairedSubjects(found, by, rest, tuple(name for name in subjects if name not in found.values()))


def _unique(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Pairs whose names stand in no other pair."""
    ours, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    return {a: s for a, s in pairs if ours.count(a) == theirs.count(s) == 1}


def _plain(name: str) -> str:
    return "".join(words_of(name))


def _number(name: str) -> int | None:
    found = _DIGITS.findall(name)
    return int(found[0]) if len(found) == 1 else None
