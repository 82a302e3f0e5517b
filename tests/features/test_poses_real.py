"""Every real pose file reads to known answers; the numbers were read off with pandas and h5py, not with this code."""

import numpy as np
import pytest

from common.errors import InputError
from features.poses import read_poses

pytestmark = pytest.mark.shared

OPENFIELD = {  # first frame (x, y, likelihood), mean x and y, frames with likelihood below 0.6
    "snout": ([76.6740, 88.2473, 0.9623], [204.642, 277.288], 114),
    "leftear": ([72.5048, 101.9888, 0.9632], [209.371, 288.788], 77),
    "rightear": ([87.5723, 94.4274, 0.9844], [208.445, 274.166], 113),
    "tailbase": ([142.5127, 181.9265, 0.9383], [292.541, 276.763], 31),
}
PAIR = {
    "adult": {
        "nose": ([606.248, 718.07, 0.8888], [722.559, 674.460], 242),
        "leftear": ([635.184, 691.941, 0.9937], [723.908, 675.127], 76),
        "rightear": ([602.398, 667.487, 0.9941], [726.043, 674.272], 28),
        "neck": ([625.951, 663.653, 0.9959], [724.924, 674.336], 15),
        "lefthip": ([692.431, 631.235, 0.9953], [719.988, 680.875], 118),
        "righthip": ([652.445, 563.840, 0.9895], [722.222, 676.964], 209),
        "tail": ([732.793, 572.314, 0.9769], [724.175, 681.813], 46),
    },
    "juvenile": {
        "nose": ([279.401, 250.082, 1.0], [598.946, 614.106], 165),
        "leftear": ([318.070, 271.045, 1.0], [600.809, 616.500], 138),
        "rightear": ([326.076, 237.593, 0.9999], [603.167, 614.923], 123),
        "neck": ([339.506, 255.141, 1.0], [601.839, 614.942], 100),
        "lefthip": ([357.952, 304.961, 0.9888], [601.518, 618.048], 171),
        "righthip": ([400.802, 263.668, 0.9986], [608.108, 616.866], 246),
        "tail": ([414.064, 311.286, 0.9998], [600.457, 620.060], 280),
    },
}
ARENA = {  # first, last and mean position of `midbody`
    1: ([253.033, 220.847], [273.758, 304.693], [352.185, 311.894]),
    2: ([273.758, 304.693], [417.949, 266.116], [374.067, 254.522]),
    3: ([417.949, 266.116], [309.750, 119.715], [384.707, 303.758]),
    4: ([309.389, 121.915], [492.095, 194.938], [310.205, 270.762]),
}


def expect(track, n_frames: int, known: dict) -> None:
    assert track.keypoints == tuple(known) and track.n_frames == n_frames
    assert not np.isnan(track.xy_px).any()
    for k, (first, mean, n_low) in enumerate(known.values()):
        np.testing.assert_allclose([*track.xy_px[0, k], track.likelihood[0, k]], first, atol=6e-5)
        np.testing.assert_allclose(track.xy_px[:, k].mean(axis=0), mean, atol=6e-4)
        assert (track.likelihood[:, k] < 0.6).sum() == n_low


def test_openfield_csv(shared_dir):
    expect(read_poses(shared_dir / "data/openfield_dlc/m3v1mp4_dlc.csv"), 2330, OPENFIELD)


@pytest.mark.parametrize("individual", ["ind1", "ind2", "ind3"])
def test_openfield_csv_with_three_individuals(shared_dir, individual):
    expect(read_poses(shared_dir / "data/openfield_dlc/m3v1mp4_dlc_three_individuals.csv", individual), 2330, OPENFIELD)


def test_openfield_csv_with_gaps(shared_dir):
    gaps = read_poses(shared_dir / "data/openfield_dlc/m3v1mp4_dlc_missingdata.csv")
    plain = read_poses(shared_dir / "data/openfield_dlc/m3v1mp4_dlc.csv")
    missing = np.zeros((2330, 4), bool)
    missing[:2, 0] = True
    np.testing.assert_array_equal(np.isnan(gaps.xy_px).all(axis=2), missing)
    np.testing.assert_array_equal(np.isnan(gaps.likelihood), missing)
    np.testing.assert_array_equal(gaps.xy_px[~missing], plain.xy_px[~missing])


def test_openfield_h5(shared_dir):
    track = read_poses(shared_dir / "data/openfield_dlc/m3v1mp4_dlc_aug20.h5")
    assert track.keypoints == tuple(OPENFIELD) and track.n_frames == 2330
    np.testing.assert_allclose(track.xy_px[0, 0], [77.29780579, 88.87557983])
    np.testing.assert_allclose(track.xy_px[-1, 3], [358.85354614, 379.50982666])
    np.testing.assert_allclose(track.likelihood[0, [0, 3]], [0.99544525, 0.99846399], atol=1e-8)
    np.testing.assert_allclose(
        track.xy_px.mean(axis=0)[[0, 3]], [[211.97791894, 280.96180563], [285.72108511, 274.54404471]]
    )
    assert (track.likelihood[:, [0, 3]] >= 0.6).all()


@pytest.mark.parametrize("individual", PAIR)
def test_social_pair(shared_dir, individual):
    path = shared_dir / "data/social_pair/e3v813a-20210610T122332-122642_dlc_multi_animal.csv"
    expect(read_poses(path, individual), 5700, PAIR[individual])
    with pytest.raises(InputError, match=r"several individuals \(adult, juvenile\)"):
        read_poses(path)


@pytest.mark.parametrize("part", ARENA)
def test_mouse_arena(shared_dir, part):
    track = read_poses(shared_dir / f"data/mouse_arena/arena_{part}_dlc.csv")
    assert track.keypoints == ("midbody",) and track.n_frames == 2000
    assert (track.likelihood == 1).all() and not np.isnan(track.xy_px).any()
    first, last, mean = ARENA[part]
    np.testing.assert_array_equal(track.xy_px[[0, -1], 0], [first, last])
    np.testing.assert_allclose(track.xy_px[:, 0].mean(axis=0), mean, atol=6e-4)


OF_OTHER_PROGRAMS = [  # rows, keypoints, first position, mean position, missing points
    ("bd4.csv", None, 3540, 5, (400.8776, 505.5951), (590.5254, 342.4152), 65),
    ("do_madlc.csv", "mouse_black_tail", 97, 14, (188.547, 379.996), (324.5642, 335.1109), 344),
    ("do_madlc.csv", "mouse_white_tail", 97, 14, (294.166, 332.475), (258.3393, 356.7166), 335),
    ("do_madlc.h5", "mouse_black_tail", 100, 14, (188.547, 379.996), (324.5509, 335.1701), 351),
    ("do_madlc.h5", "mouse_white_tail", 100, 14, (294.166, 332.475), (258.1431, 356.8049), 349),
    ("do_multi.csv", None, 98, 28, (261.7700, 215.6353), (257.5957, 197.8446), 0),
    ("do_sleap.analysis.h5", None, 101, 14, (319.1417, 277.0074), (278.2593, 304.0496), 0),
    ("do_sleap.npy", None, 100, 14, (-0.0139, 1.2449), (0.0147, -0.0434), 0),
    ("jabs_v2.h5", None, 1800, 12, (125, 93), (346.2463, 162.5574), 0),
    ("jabs_v5.h5", "0", 1800, 12, (304, 97), (389.5537, 134.4762), 3360),
    ("jabs_v5.h5", "1", 1800, 12, (516, 758), (398.6834, 475.2558), 297),
    ("jabs_v5.h5", "2", 1800, 12, (323, 54), (350.4283, 116.3506), 1726),
    ("sleap_analysis.csv", None, 1, 2, (205.9301, 187.8896), (242.2826, 195.6278), 0),
]


@pytest.mark.parametrize(
    ("name", "individual", "n_frames", "n_keypoints", "first", "mean", "n_missing"),
    OF_OTHER_PROGRAMS,
    ids=[f"{name} {individual or ''}" for name, individual, *_ in OF_OTHER_PROGRAMS],
)
def test_files_of_other_programs(shared_dir, name, individual, n_frames, n_keypoints, first, mean, n_missing):
    track = read_poses(shared_dir / "data/poses" / name, individual)
    assert track.xy_px.shape == (n_frames, n_keypoints, 2)
    np.testing.assert_allclose(track.xy_px[0, 0], first, atol=6e-5)
    np.testing.assert_allclose(np.nanmean(track.xy_px, axis=(0, 1)), mean, atol=6e-5)
    assert np.isnan(track.likelihood).sum() == np.isnan(track.xy_px[..., 0]).sum() == n_missing


def test_no_file_of_other_programs_is_left_out(shared_dir):
    assert {name for name, *_ in OF_OTHER_PROGRAMS} == {path.name for path in (shared_dir / "data/poses").iterdir()}


@pytest.mark.parametrize(
    "name",
    ["social_pair/e3v813a-20210610T122332-122642_boris_tabular_v7.csv", "mouse_arena/arena_1_annotator_A.csv",
     "mouse_arena/arena_1_annotator_A_boris_tabular.csv", "mouse_arena/arena_1.boris", "mouse_arena/recordings.csv",
     "mouse_arena/arena_1.mp4"],
)  # fmt: skip
def test_what_is_no_pose_file_is_refused(shared_dir, name):
    with pytest.raises(InputError, match="no format that is known") as caught:
        read_poses(shared_dir / "data" / name)
    assert "\n" not in str(caught.value)
