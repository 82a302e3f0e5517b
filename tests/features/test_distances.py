"""How far two animals are apart, against distances that can be told by hand."""

from pathlib import Path

import numpy as np
import pytest

from features.centers import CenterConfig
from features.kinematics.distances import CENTERS, NOSE_TO_NOSE, NOSE_TO_TAIL_BASE, AxisSettings, pair_distances
from features.tracks import Animals, PoseTrack
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from tests.pipeline.dataset.test_animals import make_pair_lab, row_of, write_rows

BY_NAME = AxisSettings(None, 0.6)
CENTER = CenterConfig()


def track(keypoints: dict[str, list[tuple[float, float]]], unlikely: tuple[int, str] | None = None) -> PoseTrack:
    names = tuple(keypoints)
    xy_px = np.array([*keypoints.values()], dtype=float).transpose(1, 0, 2)
    likelihood = np.ones(xy_px.shape[:2])
    if unlikely:
        likelihood[unlikely[0], names.index(unlikely[1])] = 0.1
    return PoseTrack(names, xy_px, likelihood, Path("pair.csv"))


# Both look along x; the other is 30 px below, and 40 px ahead in the second frame.
OWN = track({"nose": [(20.0, 0.0)] * 3, "tailbase": [(0.0, 0.0)] * 3}, (2, "nose"))
OTHER = track({"nose": [(20, 30), (60, 30), (20, 30)], "tailbase": [(0, 30), (40, 30), (0, 30)]})


def test_distances_in_pixels_and_body_lengths_of_an_animal_and_its_partner():
    animals = Animals("a", ("a", "b", "c"), {"a": OWN, "b": OTHER}, "b")
    found = pair_distances(animals, CENTER, BY_NAME, 30.0)
    assert found is not None and not found.is_swappable and found.reason == ""
    assert (found.own, found.other, found.body_length_px, found.axis) == ("a", "b", 20.0, ("tailbase", "nose"))
    np.testing.assert_array_equal(found.px[CENTERS], [30, 50, np.nan])
    np.testing.assert_array_equal(found.px[NOSE_TO_NOSE], [30, 50, np.nan])
    # From (20, 0) to (0, 30) and (40, 30): both 36.06, to a tenth of a pixel.
    np.testing.assert_array_equal(found.px[NOSE_TO_TAIL_BASE], [36.1, 36.1, np.nan])
    np.testing.assert_allclose(found.body_lengths[NOSE_TO_NOSE], [1.5, 2.5, np.nan])
    # What is unlikely is missing; the source of features may fill it, but not at the end.
    filled = pair_distances(animals, CENTER, BY_NAME._replace(fill_gaps_s=1.0), 30.0)
    assert filled is not None and np.isnan(filled.px[CENTERS][2])


def test_swapping_a_pair_changes_nothing():
    one_way = pair_distances(Animals("", ("a", "b"), {"a": OWN, "b": OTHER}), CENTER, BY_NAME, 30.0)
    other_way = pair_distances(Animals("", ("a", "b"), {"a": OTHER, "b": OWN}), CENTER, BY_NAME, 30.0)
    assert one_way is not None and other_way is not None and one_way.is_swappable
    for name in (CENTERS, NOSE_TO_NOSE, NOSE_TO_TAIL_BASE):
        np.testing.assert_array_equal(one_way.px[name], other_way.px[name])
    # The own one's nose is not seen in frame 2, and might be the nearer.
    np.testing.assert_array_equal(one_way.px[NOSE_TO_TAIL_BASE], [36.1, 36.1, np.nan])
    # The own animal comes first, whatever the file's order.
    own = pair_distances(Animals("b", ("a", "b"), {"a": OTHER, "b": OWN}), CENTER, BY_NAME, 30.0)
    assert own is not None and (own.own, own.other) == ("b", "a") and np.isnan(own.px[NOSE_TO_TAIL_BASE][2])


def test_a_gap_that_features_fill_is_filled():
    own = track({"nose": [(0.0, 0.0)] * 3, "tailbase": [(0.0, 20.0)] * 3}, (1, "nose"))
    animals = Animals("a", ("a", "b"), {"a": own, "b": OTHER})
    missing, filled = (pair_distances(animals, CENTER, BY_NAME._replace(fill_gaps_s=s), 10.0) for s in (0.0, 0.1))
    assert missing is not None and filled is not None
    assert np.isnan(missing.px[NOSE_TO_NOSE][1]) and filled.px[NOSE_TO_NOSE][1] == np.round(np.hypot(60, 30), 1)


@pytest.mark.parametrize(
    ("names", "settings", "center", "reason"),
    [
        (("nose", "tailbase", "midbody"), BY_NAME, ("midbody",), ""),
        (("nose", "tailbase", "hip"), BY_NAME, ("tailbase", "nose"), ""),
        (("p1", "p2"), BY_NAME, ("p1", "p2"), "no nose and tail base are found among the keypoints p1, p2"),
        (("p1", "p2"), AxisSettings(("p2", "p1"), 0.6), ("p2", "p1"), ""),
        (
            ("nose", "tailbase", "p1"),
            BY_NAME._replace(keypoints=("p1",)),
            ("nose", "tailbase", "p1"),
            "single keypoint",
        ),
    ],
)
def test_which_keypoints_are_taken(
    names: tuple[str, ...], settings: AxisSettings, center: tuple[str, ...], reason: str
):
    points = {name: [(10.0 * i, 0.0)] * 2 for i, name in enumerate(names)}
    animals = Animals("", ("a", "b"), {"a": track(points), "b": track(points)})
    found = pair_distances(animals, CENTER, settings, 30.0)
    assert found is not None and found.center == center and reason in found.reason
    assert bool(reason) == (found.axis is None) == (NOSE_TO_NOSE not in found.px) == (found.body_lengths == {})


def test_rows_that_name_a_partner_are_measured_where_features_are_of_frames(tmp_path: Path):
    config = load_config(make_pair_lab(tmp_path, n_videos=1))
    write_rows(tmp_path, [row_of(0, "dark", partner="light"), row_of(0, "light")])
    with_partner, alone = load_dataset(config)
    assert alone.animals is None and with_partner.animals is not None
    settings = config.feature_source().axis_settings(config.center)
    found = pair_distances(with_partner.animals, config.center, settings, with_partner.fps)
    assert found is not None and found.px.keys() == {CENTERS} and set(found.px[CENTERS]) == {24.0}
    assert found.reason == "there is a single keypoint (midbody)"
