"""Crops around boxes, partners and pairs, and keypoints drawn on them: known places, known pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.centers import CenterConfig
from features.crops import crop_square
from features.overlay import colors_of, overlay_of
from features.places import around_boxes
from features.poses.npy_tracks import read as read_npy
from features.sources.crop_config import CropConfig
from features.sources.cropping import Crops, crop_video, cropping_of, shown_animals
from features.sources.views import NetworkView
from features.tracks import Animals, CenterTrack, PoseTrack, Whose
from features.video.inspection import VideoInfo, inspect_video
from features.video.reading import iter_bgr_frames
from tests.features.stage_one import HEIGHT_PX, WIDTH_PX, write_video

N_FRAMES = 6
NAMES = ("snout", "midbody", "tailbase")


def track_at(x_px: float, y_px: float, box_px: list[float] | None = None) -> PoseTrack:
    """Three keypoints in a row, 8 px apart, that move 1 px a frame to the right."""
    xy_px = np.empty((N_FRAMES, 3, 2))
    xy_px[..., 0] = x_px + np.arange(N_FRAMES)[:, None] + np.array([8.0, 0.0, -8.0])
    xy_px[..., 1] = y_px
    box = None if box_px is None else np.tile(np.array(box_px, float), (N_FRAMES, 1))
    return PoseTrack(NAMES, xy_px, np.ones((N_FRAMES, 3)), Path("pair.csv"), box_px=box)


def animals_of(own: PoseTrack, partner: PoseTrack) -> Animals:
    return Animals("a", ("a", "b"), {"a": own, "b": partner}, "b")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> VideoInfo:
    return inspect_video(write_video(tmp_path_factory.mktemp("v") / "pair.avi", N_FRAMES))


def test_a_box_is_squared_with_its_margin_and_gaps_are_bridged_or_held():
    own = track_at(30, 20, [10, 10, 30, 20])
    assert own.box_px is not None
    own.box_px[1] = np.nan
    own.box_px[2] = [20, 10, 40, 20]
    own.box_px[4:] = np.nan
    places = around_boxes([own], 10, 0.6, 1, (WIDTH_PX, HEIGHT_PX))
    # 20 px wide, 2 px at each end.
    assert places.side_px.tolist() == [24, 24, 24, 24, 24, 24]
    assert places.xy_px[:3].tolist() == [[20, 15], [25, 15], [30, 15]]
    assert places.observed.tolist() == [True, True, True, True, False, False]


def test_a_pair_is_around_both_and_boxes_of_keypoints_need_half_of_them():
    own, partner = track_at(20, 20), track_at(60, 30)
    own.likelihood[3, :2] = 0.1
    places = around_boxes([own, partner], 0, 0.6, 0)
    assert places.xy_px[0].tolist() == [40, 25] and places.side_px[0] == 56
    assert places.observed.tolist() == [True, True, True, False, True, True]


@given(st.lists(st.tuples(*[st.floats(-50, 200)] * 4), min_size=1, max_size=8), st.floats(0, 100))
def test_any_box_lies_in_its_square(corners: list[tuple[float, ...]], margin_percent: float):
    ends = np.sort(np.array(corners).reshape(-1, 2, 2), axis=1)
    boxes = np.concatenate([ends[:, 0], ends[:, 1]], axis=1)
    n = len(boxes)
    track = PoseTrack(NAMES, np.zeros((n, 3, 2)), np.ones((n, 3)), Path("x"), box_px=boxes)
    places = around_boxes([track], margin_percent, 0.6, 0)
    half = places.side_px[:, None] / 2 + 1e-6
    assert (places.xy_px - half <= boxes[:, :2]).all() and (places.xy_px + half >= boxes[:, 2:]).all()


@pytest.mark.parametrize(
    ("crop", "middle", "side"),
    [
        (CropConfig(animal="partner", size_px=20), (60, 30), 20),
        (CropConfig(around="box", margin_percent=0), (20, 20), 16),
        (CropConfig(around="box", animal="partner", margin_percent=25), (60, 30), 24),
        (CropConfig(around="pair", margin_percent=0), (40, 25), 56),
    ],
)
def test_crops_are_those_cut_by_hand(video: VideoInfo, crop: CropConfig, middle: tuple[int, int], side: int):
    animals = animals_of(track_at(20, 20), track_at(60, 30))
    centers = CenterTrack(np.full((N_FRAMES, 2), 5.0), np.ones(N_FRAMES, bool))
    center = CenterConfig(keypoints="midbody")
    cropping = cropping_of(crop, center, video, centers, animals, "m")
    ((_, batch),) = crop_video(video.frames(), [Crops(cropping, np.arange(N_FRAMES), side, N_FRAMES)])
    by_hand = [
        crop_square(frame, (middle[0] + i, middle[1]), side)[..., ::-1]
        for i, frame in enumerate(iter_bgr_frames(video.path))
    ]
    np.testing.assert_array_equal(batch, by_hand)


def test_what_lies_far_apart_is_cut_in_one_pass_as_alone(video: VideoInfo):
    animals, centers = (
        animals_of(track_at(20, 8), track_at(60, 38)),
        CenterTrack(np.full((N_FRAMES, 2), 9.0), np.ones(N_FRAMES, bool)),
    )
    boxes = CropConfig(around="box"), CropConfig(around="box", animal="partner")
    croppings = [cropping_of(crop, CenterConfig(), video, centers, animals, "m") for crop in boxes]
    steps = np.arange(N_FRAMES), np.arange(0, N_FRAMES, 2)

    def crops() -> list[Crops]:
        return [Crops(one, frames, 16, 9) for one, frames in zip(croppings, steps, strict=True)]

    together = dict(crop_video(video.frames(), crops()))
    for which, one in enumerate(crops()):
        ((_, alone),) = crop_video(video.frames(), [one])
        np.testing.assert_array_equal(together[which], alone)


def test_keypoints_are_drawn_where_they_are_seen_each_in_its_color(video: VideoInfo):
    own, partner = track_at(20, 20), track_at(60, 30)
    own.likelihood[:, 2] = 0.2
    centers = CenterTrack(own.xy_px[:, 1], np.ones(N_FRAMES, bool))
    plain, drawn = (
        next(crop_video(video.frames(), [Crops(cropping, np.arange(N_FRAMES), 40, N_FRAMES)]))[1]
        for cropping in (
            cropping_of(crop, CenterConfig(), video, centers, animals_of(own, partner), "m")
            for crop in (CropConfig(size_px=40), CropConfig(size_px=40, keypoint_overlay=True))
        )
    )
    red, green, blue = (color[::-1] for color in colors_of(3))
    assert (red, green, blue) == ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    for frame in drawn:
        assert tuple(frame[20, 28]) == red and tuple(frame[20, 20]) == green
        assert not (frame == blue).all(axis=2).any(), "too unsure to be drawn"
    assert 0 < (plain != drawn).any(axis=3).sum() / N_FRAMES < 30, "nothing else was touched"


def test_boxes_of_tracks_come_with_them(tmp_path: Path):
    boxes = np.array([[[0, 0, 0, 0], [5, 6, 15, 26]], [[1, 2, 3, 4], [5, 6, 15, 26]]], float)
    np.save(tmp_path / "boxes.npy", boxes)
    np.save(tmp_path / "ids.npy", np.array([[4, 9], [9, 4]]))
    track = read_npy(tmp_path / "boxes.npy", "9")
    np.testing.assert_array_equal(track.box_px, [[5, 6, 15, 26], [1, 2, 3, 4]])
    other = read_npy(tmp_path / "boxes.npy", "4")
    assert other.box_px is not None and np.isnan(other.box_px[0]).all()


def test_what_cannot_be_cropped_is_told(video: VideoInfo):
    own, partner = track_at(20, 20, [900, 900, 990, 990]), track_at(60, 30)
    centers = CenterTrack(np.full((N_FRAMES, 2), 5.0), np.ones(N_FRAMES, bool))

    def refused(crop: CropConfig, animals: Animals, said: str) -> None:
        with pytest.raises(InputError, match=said):
            cropping_of(crop, CenterConfig(), video, centers, animals, "m1")

    box = CropConfig(around="box")
    refused(
        box,
        animals_of(own, partner),
        r"m1 .*: Boxes of pair.csv lie outside the picture \(80 × 48 px\), or are far larger, in 6",
    )
    blob = PoseTrack(("blob",), own.xy_px[:, :1], np.ones((N_FRAMES, 1)), Path("m1.avi"))
    alone = Animals("", ("",), {"": blob})
    refused(box, animals_of(track_at(20, 20, [0, 0, 5000, 20]), partner), "far larger, in 6")
    refused(box, alone, "box or pair needs boxes, or several keypoints.*crop.around: center")
    refused(CropConfig(keypoint_overlay=True), alone, "m1.avi has only the point blob")
    with_line = CropConfig(keypoint_overlay=True, skeleton=(("snout", "tailbse"),))
    refused(with_line, animals_of(partner, partner), "a line to 'tailbse'.*Did you mean 'tailbase'")
    with pytest.raises(InputError, match=r"around: pair needs a partner \(other\), but m.csv holds a single animal"):
        shown_animals(CropConfig(around="pair"), Whose("", ("",)), "m.csv")
    with pytest.raises(InputError, match=r"partner of 'a'.*holds a, b, c.*column `partner`"):
        shown_animals(CropConfig(animal="partner"), Whose("a", ("a", "b", "c")), "m.csv")
    other = replace(partner, keypoints=("snout", "midbody", "ear"))
    with pytest.raises(InputError, match="lacks tailbase"):
        overlay_of([partner, other], (), 0.6)


def test_a_view_can_be_a_key_whatever_its_center_is_made_of():
    assert len({NetworkView("n", CropConfig(), 32, CenterConfig(keypoints=["snout", "neck"])) for _ in range(2)}) == 1
