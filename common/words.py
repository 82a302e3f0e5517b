"""Words for background, for not scored and for missing.

What a word means in annotations depends on the column:

==================  ==================================  ==================================  ===================
word                one class per frame (Frame,Action)  a column of 0 and 1 per behavior    behavior of a bout
==================  ==================================  ==================================  ===================
empty, NA, nan      not scored                          not scored                          refused
unknown, unlabeled  not scored                          not scored                          frames not scored
none                a class: no behavior was seen       not scored (Python's missing)       a behavior, no
                                                                                            behavior was seen
background, other   a class: no behavior was seen       no label: the column is refused     the same
true, yes; false    a class of that name                1; 0 (``no`` as well)               a behavior
==================  ==================================  ==================================  ===================
"""

import re

_MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "null"))
_NOT_GIVEN = _MISSING | {"none"}
_UNKNOWN = frozenset(
    (
        "unknown", "undefined", "unscored", "notscored", "unlabeled", "unlabelled", "notlabeled", "notlabelled",
        "nolabel", "unannotated", "notannotated", "notjudged", "unsure", "uncertain", "unclear", "ambiguous",
        "indeterminate", "outofview", "outofsight", "notvisible", "?", "??", "???",
    )
)  # fmt: skip
_BACKGROUND = frozenset(("background", "none", "nothing", "other", "nobehavior", "nobehaviour", "no"))
_YES, _NO = frozenset(("true", "t", "yes", "y")), frozenset(("false", "f", "no", "n"))
_SEPARATORS = re.compile(r"[\s_.-]+")


def is_given(text: str) -> bool:
    """False for what stands for a missing number or name: blank, NA, nan, null, None."""
    return text.casefold() not in _NOT_GIVEN


def is_missing(text: str) -> bool:
    """True for blank, NA, nan, null: a cell that says nothing, whatever the column."""
    return text.casefold() in _MISSING


def says_unknown(text: str) -> bool:
    """True for words that say that nobody judged, or could: unknown, unlabeled, not scored, ambiguous."""
    return _SEPARATORS.sub("", text.casefold()) in _UNKNOWN


def says_background(text: str) -> bool:
    """True for the name of the class that means that no behavior was seen: background, none, other."""
    return _SEPARATORS.sub("", text.casefold()) in _BACKGROUND


def yes_or_no(text: str) -> bool | None:
    """True and False as words; None for anything else."""
    folded = text.casefold()
    return folded in _YES if folded in _YES or folded in _NO else None
