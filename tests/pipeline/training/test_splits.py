"""Folds of hand-made recordings, whose right answer can be seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.training.folds import Fold, group_by_individual, inner_groups, make_folds


def one_kind(n_positive):
    """Frames with one behavior, as arrays of one kind."""
    return {recording: np.array([n]) for recording, n in n_positive.items()}


def folds_of(individuals, n_positive, protocol="nested", n_folds=None) -> list[Fold]:
    return make_folds(individuals, one_kind(n_positive), protocol, ["grooming"], n_folds)


def test_each_individual_is_held_out_once_with_all_its_recordings():
    individuals = {"a1": "A", "b1": "B", "a2": "A", "c1": "C"}
    folds = folds_of(individuals, dict.fromkeys(individuals, 5))
    assert [fold.held_out for fold in folds] == [("a1", "a2"), ("b1",), ("c1",)]
    assert folds[0].name == "a1 + a2"
    assert folds[0].validation == ("b1",) and folds[0].train == ("c1",)


def test_recordings_without_an_individual_stand_alone():
    assert group_by_individual({"x": "", "y": ""}) == [("x",), ("y",)]


def test_the_thesis_protocol_stops_on_the_held_out_recording():
    folds = folds_of({"a": "A", "b": "B", "c": "C"}, {"a": 1, "b": 1, "c": 1}, "thesis")
    assert all(fold.validation == fold.held_out for fold in folds)
    assert folds[0].train == ("b", "c")


def test_validation_recordings_show_the_behavior():
    n_positive = {"a": 3, "b": 0, "c": 2, "d": 9}
    folds = folds_of({r: r for r in n_positive}, n_positive)
    assert [fold.validation for fold in folds] == [("c",), ("c",), ("d",), ("a",)]


@given(
    st.lists(st.tuples(st.sampled_from("ABCDEF"), st.integers(0, 3)), min_size=1, max_size=12),
    st.sampled_from(["nested", "thesis"]),
    st.one_of(st.none(), st.integers(2, 5)),
)
def test_no_individual_is_on_two_sides(rows, protocol, n_folds):
    individuals = {f"r{i}": individual for i, (individual, _) in enumerate(rows)}
    n_positive = {f"r{i}": n for i, (_, n) in enumerate(rows)}
    try:
        folds = folds_of(individuals, n_positive, protocol, n_folds)
    except InputError:
        return
    assert sorted(r for fold in folds for r in fold.held_out) == sorted(individuals)
    for fold in folds:
        sides = [set(fold.train), set(fold.held_out)] + ([set(fold.validation)] if protocol == "nested" else [])
        owners = [{individuals[r] for r in side} for side in sides]
        assert sum(map(len, owners)) == len(set.union(*owners))
        assert set.union(*sides) == set(individuals)
        assert sum(n_positive[r] for r in fold.train) > 0
        assert sum(n_positive[r] for r in fold.validation) > 0 or protocol == "thesis"


def test_parts_share_out_who_shows_the_behavior():
    n_positive = {"a": 9, "b": 7, "c": 0, "d": 0, "e": 5, "f": 3}
    folds = folds_of({r: r for r in n_positive}, n_positive, n_folds=2)
    assert [sum(n_positive[r] for r in fold.held_out) for fold in folds] == [12, 12]
    assert [len(fold.held_out) for fold in folds] == [3, 3]
    assert [fold.name for fold in folds] == ["part 1 of 2", "part 2 of 2"]


CLASSES = {"a": [9, 1, 0], "b": [8, 0, 2], "c": [1, 9, 0], "d": [0, 8, 0], "e": [0, 0, 3], "f": [4, 4, 0]}


def test_parts_are_balanced_in_every_class_and_seeded():
    examples = {r: np.array(n) for r, n in CLASSES.items()}

    def parts(seed):
        return [f.held_out for f in make_folds({r: r for r in CLASSES}, examples, "nested", "xyz", 2, seed)]

    for held_out in parts(0):
        assert np.sum([CLASSES[r] for r in held_out], axis=0)[0] in (10, 11, 12)
        assert set(held_out) & set("be") and not {"b", "e"} <= set(held_out)
    assert parts(0) == parts(0)
    many = {f"r{i}": np.array([1, 1]) for i in range(20)}
    seeded = [[f.held_out for f in make_folds({r: r for r in many}, many, "nested", "xy", 5, seed)] for seed in (0, 1)]
    assert seeded[0] != seeded[1]


def test_validation_leaves_every_class_to_learn_from():
    examples = {r: np.array(n) for r, n in CLASSES.items()}
    folds = make_folds({r: r for r in CLASSES}, examples, "nested", "xyz")
    assert [f.held_out for f in folds] == [(r,) for r in CLASSES]
    for fold in folds:
        if fold.held_out[0] not in "be":
            assert np.sum([CLASSES[r] for r in fold.train], axis=0).all()
    assert folds[1].validation != ("e",) != folds[4].validation


@given(st.integers(3, 40), st.integers(2, 6), st.integers(1, 3), st.integers(0, 99), st.booleans())
@settings(max_examples=80, deadline=None)
def test_early_stopping_takes_no_kind_from_what_is_learned_from(n, n_folds, n_kinds, seed, are_clips):
    rng = np.random.default_rng(seed)
    shown = rng.integers(1, 9, (n, n_kinds)) * (rng.random((n, n_kinds)) < rng.choice([0.1, 0.5, 1.0], n_kinds))
    if are_clips:
        shown = np.eye(n_kinds, dtype=int)[rng.integers(n_kinds, size=n)]
    examples = {f"r{i}": row for i, row in enumerate(shown)}
    try:
        folds = make_folds({r: r for r in examples}, examples, "nested", "xyz"[:n_kinds], n_folds)
    except InputError:
        return
    for fold in folds:
        kinds_left, learned, validation = (
            {k for r in members for k in np.flatnonzero(examples[r])}
            for members in ((*fold.train, *fold.validation), fold.train, fold.validation)
        )
        # The first one that is judged by may be the only one with a kind, where each has one.
        assert len(kinds_left - learned) <= (len(fold.validation) == 1 and len(kinds_left) > 1 and n_kinds > 1)
        assert validation and len(fold.validation) <= max(2, 2 * round((n - len(fold.held_out)) / 8))


def test_a_class_of_one_individual_is_named():
    examples = {r: np.array([1, int(r == "a")]) for r in "abc"}
    with pytest.raises(InputError, match=r"'rare' occurs in recordings of 1 of the 3 .* at least 2"):
        make_folds({r: r for r in "abc"}, examples, "nested", ["often", "rare"])
    with pytest.raises(InputError, match=r"every frame has a class, say so: task: \{name: exclusive, other: null\}"):
        make_folds({r: r for r in "abc"}, examples, "nested", ["often", "rare"], background="rare")


def test_a_rare_behavior_gets_more_parts():
    n_positive = {"a": 9, "b": 7, "c": 5, "d": 0, "e": 0}
    assert len(folds_of({r: r for r in n_positive}, n_positive, n_folds=2)) == 3


def test_one_video_cannot_be_cross_validated():
    with pytest.raises(InputError, match=r"found 1 recording of 1 individual .*cross_validation: none"):
        folds_of({"a": "A"}, {"a": 5})


def test_a_behavior_seen_in_too_few_individuals_is_named():
    with pytest.raises(InputError, match="'grooming' occurs in recordings of 1 of the 3"):
        folds_of({"a": "A", "b": "B", "c": "C"}, {"a": 5, "b": 0, "c": 0})


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 50)), min_size=1, max_size=14),
    st.integers(2, 5),
    st.integers(0, 13),
)
def test_inner_groups_part_all_that_is_not_held_out_by_individual(mice, n_groups, position):
    individuals = {f"r{i}": f"mouse{mouse}" for i, (mouse, _) in enumerate(mice)}
    positives = {f"r{i}": n for i, (_, n) in enumerate(mice)}
    mouse = individuals[f"r{position % len(mice)}"]
    held_out = [r for r, name in individuals.items() if name == mouse]
    groups = inner_groups(individuals, held_out, one_kind(positives), n_groups)
    left = [r for r in individuals if r not in held_out]
    n_individuals = len({individuals[r] for r in left})
    if n_individuals < 2:
        assert groups == []
        return
    assert sorted(r for group in groups for r in group) == sorted(left)
    assert len(groups) == min(n_groups, n_individuals)
    for group in groups:
        others = {individuals[r] for other in groups if other != group for r in other}
        assert group and not others & {individuals[r] for r in group}


def test_those_who_show_the_behavior_are_dealt_to_different_inner_groups():
    individuals = {name: name for name in "abcdefg"}
    positives = dict.fromkeys("abcdefg", 0) | {"b": 90, "e": 80, "g": 70}
    groups = inner_groups(individuals, ["a"], one_kind(positives), 3)
    assert sorted(sum(r in "beg" for r in group) for group in groups) == [1, 1, 1]
