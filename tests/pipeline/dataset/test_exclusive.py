"""Labels of one class per frame: what is the background, and what nobody knows."""

import numpy as np
import pytest

from common.errors import InputError
from models.tasks import Exclusive
from pipeline.dataset.annotators import choose_labels
from pipeline.dataset.exclusive import one_class, with_background
from pipeline.dataset.labels import LabelTrack


def track(text: str, unscored: str = "") -> LabelTrack:
    """Classes of frames by letter: `a`, `b`, `.` for none; unscored for `b` where there is a `?` below."""
    active = np.array([[letter == name for name in "ab"] for letter in text])
    scored = np.ones_like(active)
    scored[:, 1] = [mark != "?" for mark in unscored.ljust(len(text))]
    return LabelTrack(("a", "b"), active, scored & True)


def said(found: LabelTrack) -> str:
    """The same letters back; `?` where nobody knows."""
    letters = np.where(found.active[:, 0], "a", np.where(found.active[:, 1], "b", "."))
    assert (found.scored.all(axis=1) == found.scored.any(axis=1)).all()
    return "".join(np.where(found.scored[:, 0], letters, "?"))


@pytest.mark.parametrize(("task", "expected"), [(Exclusive(), "a.b??"), (Exclusive(other=None), "a?b??")])
def test_the_background_is_where_everything_was_watched(task: Exclusive, expected: str) -> None:
    own = track("a.b..", "?  ??")
    assert said(one_class(with_background(own), task, "x.csv", 10)) == expected


# In the fourth frame each sees another class: that is no majority for the background.
@pytest.mark.parametrize(("rule", "expected"), [("majority", "aa.?."), ("intersection", "a?.??")])
def test_annotators_agree_on_the_background_as_on_any_class(rule: str, expected: str) -> None:
    everyone = {name: with_background(track(text)) for name, text in {"A": "aa.ab", "B": "aa.b.", "C": "ab..."}.items()}
    chosen = choose_labels(everyone, rule)
    assert said(one_class(chosen.labels, Exclusive(), "x", 10)) == expected


def test_what_comes_first_counts_where_classes_overlap() -> None:
    both = LabelTrack(("a", "b"), np.array([[True, True], [False, True]]), np.ones((2, 2), bool))
    assert said(one_class(with_background(both), Exclusive(priority=("b", "a")), "x.csv", 10)) == "bb"
    assert said(one_class(with_background(both), Exclusive(priority=("a",)), "x.csv", 10)) == "ab"
    with pytest.raises(InputError, match=r"x\.csv: frames 0 to 0 .* 'a' and as 'b'.*priority: \[a, b\]"):
        one_class(with_background(both), Exclusive(), "x.csv", 10)
