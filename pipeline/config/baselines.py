"""The setting `baseline`: a word or a list of words."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from common.suggestions import listing
from models.heads import BASELINES

NONE = "none"
BASELINE_WORDS = (
    "Simple models that the head is compared with, on the same folds: one word or a list. `logistic`: a head without "
    "memory. `boosting`: "
    "boosted trees on each frame's features and their means over .5, 2 and 6 s around it, as classifiers of poses "
    "commonly are; with them what their scores would be had frames been split at random, and which features mattered."
)


def _known(given: object) -> object:
    """One word, or several in the order of their table."""
    names = [given] if isinstance(given, str) else given
    if given == NONE:
        return given
    if isinstance(names, list | tuple) and names and all(name in [*BASELINES] for name in names):
        ordered = tuple(name for name in BASELINES if name in names)
        return ordered[0] if len(ordered) == 1 else ordered
    words = listing(BASELINES)
    raise ValueError(f"should be {NONE}, one of {words}, or a list of them such as [{', '.join(BASELINES)}]")


if TYPE_CHECKING:
    BaselineSetting = str | tuple[str, ...]
else:
    _Name = Literal[(*BASELINES, NONE)]
    BaselineSetting = Annotated[_Name | tuple[_Name, ...], BeforeValidator(_known)]


def baselines_in(setting: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names of the baselines."""
    names = (setting,) if isinstance(setting, str) else setting
    return tuple(name for name in names if name != NONE)
