"""Features of keypoints against known answers, a slow reference, and what must not change them."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.kinematics.columns import KINDS
from features.kinematics.layout import Layout, layout_of
from features.kinematics.pairs import PAIR_KINDS, SIDED_KINDS
from features.kinematics.reference import PATH, reference
from features.kinematics.rows import Motion, animals_of, feature_names
from features.kinematics.steps import Span
from features.tracks import PoseTrack

FPS = 10.0
SPANS_S = (0.2, 0.6)
MOUSE = Layout(("nose", "ear", "tail"), ("tail", "nose"))


def track(xy_px: np.ndarray, likelihood: np.ndarray | None = None, keypoints=MOUSE.keypoints) -> PoseTrack:
    likelihood = np.where(np.isnan(xy_px[..., 0]), np.nan, 1.0) if likelihood is None else likelihood
    return PoseTrack(tuple(keypoints), np.asarray(xy_px, np.float64), likelihood, Path("poses.csv"))


def measured(*xy_px: np.ndarray, layout=MOUSE, is_partner=False, spans_s=SPANS_S, fill=0) -> dict[str, np.ndarray]:
    """Columns by name of one animal or two, each (n_frames, n_keypoints, 2)."""
    tracks = {f"mouse{i}": track(own, keypoints=layout.keypoints) for i, own in enumerate(xy_px)}
    spans = tuple(Span.of(span_s, FPS) for span_s in spans_s)
    rows = Motion(animals_of(tracks, layout, 0.5, fill), spans, is_partner).rows(0, len(xy_px[0]))
    names = feature_names(layout, spans_s, len(xy_px), is_partner)
    assert rows.dtype == np.float32 and rows.shape == (len(xy_px[0]), len(names)) and len(set(names)) == len(names)
    return dict(zip(names, rows.T, strict=True))


def wandering(seed: int, n_frames: int = 24, missing: float = 0.15, n_keypoints: int = 3) -> np.ndarray:
    """A loose animal about 40 px long that wanders; some of its points are missing."""
    rng = np.random.default_rng(seed)
    center = np.cumsum(rng.normal(0, 6, (n_frames, 1, 2)), axis=0) + 300
    xy_px = (
        center
        + np.array([[20, 3], [6, -9], [-20, 0], [1, 5]])[:n_keypoints]
        + rng.normal(0, 4, (n_frames, n_keypoints, 2))
    )
    xy_px[rng.uniform(size=xy_px.shape[:2]) < missing] = np.nan
    return xy_px


def test_a_mouse_that_runs_straight_to_the_right() -> None:
    steps = np.arange(12)[:, None]
    points = [np.hstack([x + 4.0 * steps, np.full_like(steps, y)]) for x, y in ((60, 50), (50, 60), (20, 50))]
    found = measured(np.stack(points, axis=1).astype(float))
    middle = {name: values[6] for name, values in found.items()}
    # 40 px long, 4 px a frame at 10 frames a second: one length a second. Down on the screen is its right.
    expected = {
        "ear right": 0.25, "ear forward": 0.25, "nose to tail": 1.0, "nose to ear": math.hypot(10, 10) / 40,
        "bend at ear": math.pi - math.atan2(10, 30) - math.atan2(10, 10), "speed of ear, 0.6 s": 1.0,
        "acceleration of ear, 0.6 s": 0.0, "forward speed, 0.2 s": 1.0, "sideways speed, 0.2 s": 0.0,
        "turning, 0.6 s": 0.0, "likelihood of nose": 1.0, "nose missing": 0.0,
    }  # fmt: skip
    assert {name: middle[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    # Nothing is known of what lies beyond the ends: three frames to each side.
    assert np.isnan(found["speed of ear, 0.6 s"]).tolist() == [True] * 3 + [False] * 6 + [True] * 3


def test_a_mouse_that_turns_on_the_spot_to_its_right() -> None:
    angle = 0.1 * np.arange(20)
    nose = 100 + 20 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    xy_px = np.stack([nose, np.full((20, 2), 100.0), 200 - nose], axis=1)
    found = measured(xy_px)
    assert found["turning, 0.6 s"][10] == pytest.approx(0.6) and found["turning either way, 0.6 s"][10] > 0
    assert measured(xy_px[::-1])["turning, 0.6 s"][10] == pytest.approx(-0.6)
    assert found["speed of nose, 0.2 s"][10] == pytest.approx(2 * math.sin(0.1) * 0.5 / 0.2, rel=1e-5)
    assert found["acceleration of nose, 0.2 s"][10] == pytest.approx(2 * (1 - math.cos(0.1)) * 0.5 / 0.01, rel=1e-4)


def test_two_mice_of_which_one_runs_at_the_other() -> None:
    steps = np.arange(12)[:, None]
    runner = np.stack([np.hstack([x + 4.0 * steps, 50 + 0 * steps]) for x in (40, 30, 0)], axis=1)
    sitter = np.repeat(np.array([[[120.0, 70.0], [120.0, 60.0], [120.0, 30.0]]]), 12, axis=0)
    found = {name: values[6] for name, values in measured(runner, sitter).items()}
    # The runner's nose is at (64, 50), its center at (44, 50); the sitter faces down, its center at (120, 50).
    expected = {
        "facing (less)": 0.0, "facing (more)": math.pi / 2, "between headings": math.pi / 2,
        "center to center": 76 / 40, "closing speed, 0.2 s": 1.0, "approach, 0.2 s (more)": 1.0,
        "approach, 0.2 s (less)": 0.0, "nose to nose of the other": math.hypot(56, 20) / 40,
        "least distance": math.hypot(56, 10) / 40, "head to the other (less)": math.hypot(56, 10) / 40,
        "head to the other (more)": math.hypot(56, 20) / 40,
        "nose to tail of the other (less)": math.hypot(56, 20) / 40,
        "nose to tail of the other (more)": math.hypot(96, 20) / 40, "forward speed, 0.2 s (more)": 1.0,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    seen = {name: values[6] for name, values in measured(sitter, runner, is_partner=True).items()}
    assert seen["facing"] == pytest.approx(math.pi / 2) and seen["facing (partner)"] == pytest.approx(0, abs=1e-6)
    assert seen["approach, 0.2 s"] == 0 and seen["approach, 0.2 s (partner)"] == pytest.approx(1)


def slow(xy_px: np.ndarray, t: int, scale_px: float) -> dict[str, float]:
    """The formulas of the table, one frame and one number at a time; None = missing."""
    points = [[None if np.isnan(p).any() else tuple(p / scale_px) for p in frame] for frame in xy_px]

    def at(frame: int, k: int) -> tuple[float, float] | None:
        return points[frame][k] if 0 <= frame < len(points) else None

    def minus(a, b):
        return None if a is None or b is None else (a[0] - b[0], a[1] - b[1])

    def angle(a, b):
        return math.remainder(math.atan2(b[1], b[0]) - math.atan2(a[1], a[0]), 2 * math.pi)

    def axis(frame):
        return minus(at(frame, 0), at(frame, 2))

    def center(frame):
        nose, tail = at(frame, 0), at(frame, 2)
        return None if nose is None or tail is None else ((nose[0] + tail[0]) / 2, (nose[1] + tail[1]) / 2)

    def along(a, b, across=False):
        if a is None or b is None:
            return math.nan
        return (b[0] * a[1] - b[1] * a[0] if across else a[0] * b[0] + a[1] * b[1]) / math.hypot(*b)

    def size(a):
        return math.nan if a is None else math.hypot(*a)

    found = {}
    ear = minus(at(t, 1), center(t))
    found["ear forward"], found["ear right"] = along(ear, axis(t)), along(ear, axis(t), across=True)
    found["nose to tail"], found["ear to tail"] = size(axis(t)), size(minus(at(t, 1), at(t, 2)))
    ways = minus(at(t, 0), at(t, 1)), minus(at(t, 2), at(t, 1))
    found["bend at ear"] = math.nan if None in ways else abs(angle(*ways))
    for span_s in SPANS_S:
        h = round(span_s * FPS / 2)
        now, before, after = at(t, 1), at(t - h, 1), at(t + h, 1)
        found[f"speed of ear, {span_s:g} s"] = size(minus(after, before)) / span_s
        bent = minus(minus(after, now), minus(now, before))
        found[f"acceleration of ear, {span_s:g} s"] = (
            size(bent) / (span_s / 2) ** 2 if None not in (now, before, after) else math.nan
        )
        moved = minus(center(t + h), center(t - h))
        found[f"forward speed, {span_s:g} s"] = along(moved, axis(t)) / span_s
        found[f"sideways speed, {span_s:g} s"] = abs(along(moved, axis(t), across=True)) / span_s
        axes = axis(t - h), axis(t + h)
        found[f"turning, {span_s:g} s"] = math.nan if None in axes else angle(*axes)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_all_is_as_the_slow_reference_has_it(seed: int) -> None:
    xy_px = wandering(seed)
    found = measured(xy_px)
    scale_px = np.nanmedian(np.linalg.norm(xy_px[:, 0] - xy_px[:, 2], axis=1))
    for t in range(len(xy_px)):
        expected = slow(xy_px, t, scale_px)
        # Angles at the end of their range may be on either side.
        np.testing.assert_allclose([found[name][t] for name in expected], [*expected.values()], rtol=2e-4, atol=1e-5)


@given(st.integers(0, 10**6), st.floats(-4, 4), st.floats(-500, 500), st.floats(0.2, 5), st.booleans())
def test_place_direction_and_size_in_the_picture_change_nothing(seed, angle, shift_px, factor, is_partner) -> None:
    one, other = wandering(seed), wandering(seed + 1)
    turn = factor * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    before = measured(one, other, is_partner=is_partner)
    after = measured(one @ turn.T + shift_px, other @ turn.T + shift_px, is_partner=is_partner)
    for name, values in before.items():
        np.testing.assert_allclose(np.abs(after[name]), np.abs(values), rtol=1e-3, atol=1e-4, err_msg=name)


@given(st.integers(0, 10**6))
def test_a_pair_is_the_same_when_its_animals_are_swapped(seed: int) -> None:
    one, other = wandering(seed), wandering(seed + 1)
    before, after = measured(one, other), measured(other, one)
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)
    mine, theirs = measured(one, other, is_partner=True), measured(other, one, is_partner=True)
    for name, values in theirs.items():
        mirrored = name.removesuffix(" (partner)") if name.endswith(" (partner)") else f"{name} (partner)"
        np.testing.assert_array_equal(mine.get(mirrored, mine.get(name)), values, err_msg=name)


@given(st.integers(0, 10**6))
def test_backwards_in_time_only_what_has_a_direction_turns_around(seed: int) -> None:
    one, other = wandering(seed), wandering(seed + 1)
    before, after = measured(one, other, is_partner=True), measured(one[::-1], other[::-1], is_partner=True)
    for name, values in before.items():
        sign = -1 if re.match(r"forward speed|turning,|closing|approach", name) else 1
        np.testing.assert_allclose(after[name][::-1], sign * values, rtol=1e-3, atol=1e-5, err_msg=name)


@given(st.integers(0, 10**6), st.integers(0, 2))
def test_what_is_missing_never_becomes_a_number(seed: int, lost: int) -> None:
    """Columns of a keypoint are missing where it is, and where it was put by an unsure tracker changes nothing."""
    xy_px = wandering(seed, missing=0)
    rng = np.random.default_rng(seed)
    unsure = np.where(np.arange(3) == lost, rng.uniform(size=(24, 1)) < 0.3, False)
    likelihood = np.where(unsure, 0.1, 1.0)
    found = []
    for place in (0.0, 1e4):
        moved = np.where(unsure[..., None], place, xy_px)
        animals = animals_of({"": track(moved, likelihood)}, MOUSE, 0.5)
        found.append(Motion(animals, (Span.of(0.2, FPS),)).rows(0, 24))
    np.testing.assert_array_equal(*found)
    name = MOUSE.keypoints[lost]
    columns = dict(zip(feature_names(MOUSE, [0.2]), found[0].T, strict=True))
    here = unsure[:, lost]
    around = np.zeros(24, dtype=bool)
    around[1:] |= here[:-1]
    around[:-1] |= here[1:]
    expected = {f"speed of {name}, 0.2 s": around, f"acceleration of {name}, 0.2 s": here | around}
    of_pairs = [
        column for column in columns if re.search(rf"\b{name} to|to {name}\b|^{name} (?:right|forward)", column)
    ]
    expected |= dict.fromkeys(of_pairs, here)
    assert len(of_pairs) >= 2
    for column, is_missing in expected.items():
        np.testing.assert_array_equal(np.isnan(columns[column][1:-1]), is_missing[1:-1], err_msg=column)
    assert columns[f"{name} missing"].tolist() == unsure[:, lost].tolist()
    assert not np.isnan(columns[f"likelihood of {name}"]).any()


def test_gaps_are_filled_only_when_told_and_stay_marked() -> None:
    xy_px = np.tile(np.array([[40.0, 0], [20, 5], [0, 0]]), (9, 1, 1)) + np.arange(9)[:, None, None]
    xy_px[[0, 3, 4, 8], 1] = np.nan
    gaps = np.isnan(measured(xy_px)["ear forward"])
    assert gaps.tolist() == np.isnan(xy_px[:, 1, 0]).tolist()
    np.testing.assert_array_equal(np.isnan(measured(xy_px, fill=1)["ear forward"]), gaps)
    filled = measured(xy_px, fill=2)
    assert np.isnan(filled["ear forward"]).tolist() == [True] + [False] * 7 + [True]
    np.testing.assert_allclose(filled["ear forward"][1:8], 0, atol=1e-6)
    assert filled["ear missing"].tolist() == gaps.tolist()


@pytest.mark.parametrize("n_animals", [1, 2])
def test_rows_are_the_same_however_they_are_cut(n_animals: int) -> None:
    tracks = {str(i): track(wandering(i, 50)) for i in range(n_animals)}
    motion = Motion(animals_of(tracks, MOUSE, 0.5), tuple(Span.of(s, FPS) for s in (0.2, 2.0)))
    parts = [motion.rows(start, min(start + 7, 50)) for start in range(0, 50, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), motion.rows(0, 50))


def test_a_single_keypoint_has_speeds_in_pixels_and_turns_of_its_path() -> None:
    angle = 0.1 * np.arange(20)
    xy_px = (100 + 50 * np.stack([np.cos(angle), np.sin(angle)], axis=1))[:, None]
    found = measured(xy_px, layout=layout_of(["midbody"], "poses.csv"))
    assert set(found) == {
        f"{kind}, {s:g} s" for s in SPANS_S
        for kind in ("speed of midbody", "acceleration of midbody", "turning", "turning either way")
    } | {"likelihood of midbody", "midbody missing"}  # fmt: skip
    assert found["speed of midbody, 0.2 s"][10] == pytest.approx(2 * 50 * math.sin(0.1) / 0.2, rel=1e-5)
    assert found["turning, 0.2 s"][10] == pytest.approx(0.1, rel=1e-4)
    still = measured(np.full((9, 1, 2), 7.0), layout=layout_of(["midbody"], "poses.csv"))
    assert np.isnan(still["turning, 0.2 s"]).all() and still["speed of midbody, 0.2 s"][4] == 0


@pytest.mark.parametrize(
    ("keypoints", "axis"),
    [
        (["snout", "leftear", "rightear", "tailbase"], ("tailbase", "snout")),
        (["NOSE", "LEFT_EAR", "BASE_NECK", "BASE_TAIL", "MID_TAIL", "TIP_TAIL"], ("BASE_TAIL", "NOSE")),
        (["nose", "left ear", "neck", "left hip", "tail"], ("tail", "nose")),
        (["head", "tail_tip", "tail_base", "nose"], ("tail_base", "nose")),
        (["Tail_1", "Head", "Tail_2"], ("Tail_1", "Head")),
    ],
)
def test_the_axis_goes_by_names(keypoints, axis) -> None:
    assert layout_of(keypoints, "poses.csv").axis == axis


def test_bad_layouts_are_told_in_one_paragraph() -> None:
    with pytest.raises(InputError, match=r"top, body, tail.*head.*features: {source: poses, axis: \[tail, top\]}"):
        layout_of(["top", "body", "tail"], "rat.csv")
    with pytest.raises(InputError, match=r"'noze' \(axis\), which is not in rat.csv.*Did you mean 'nose'"):
        layout_of(["nose", "tail"], "rat.csv", axis=("tail", "noze"))
    nothing = track(np.full((5, 3, 2), np.nan))
    with pytest.raises(InputError, match=r"No keypoint of 'rat2' in poses\.csv is seen in any of its 5"):
        animals_of({"rat2": nothing}, MOUSE, 0.5)
    never = wandering(0, missing=0)
    never[::2, 0] = never[1::2, 2] = np.nan
    with pytest.raises(InputError, match=r"ends of the body axis \(tail, nose\) are in no frame of poses.csv seen"):
        animals_of({"": track(never)}, MOUSE, 0.5)


def test_every_feature_is_in_the_reference_and_the_page_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == reference(), "run `python -m features.kinematics.reference`"
    keypoint = "(?:nose|ear|tail)"
    patterns = [
        re.escape(kind.name).replace(r"S\ s", r"[\d.]+ s").replace("K", keypoint).replace("L", keypoint)
        for kind in (*KINDS, *SIDED_KINDS, *PAIR_KINDS)
    ]
    names = {
        re.sub(r" \((less|more|partner)\)$", "", name)
        for n_animals, is_partner in ((1, False), (2, False), (2, True))
        for name in feature_names(MOUSE, SPANS_S, n_animals, is_partner)
    }
    for name in names:
        assert any(re.fullmatch(pattern, name) for pattern in patterns), name
    for pattern in patterns:
        assert any(re.fullmatch(pattern, name) for name in names), pattern
