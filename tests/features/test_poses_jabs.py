"""JABS' pose files: made ones whose arrays are known, and what the real ones have of confidences."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.poses import read_poses
from features.poses.jabs_h5 import KEYPOINTS
from tests.damage import fuzzed


def write(path: Path, **arrays: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[f"poseest/{name}"] = values
    return path


def arrays(n_frames: int, n_places: int) -> dict[str, np.ndarray]:
    """Points (y, x) whose x tells frame and place."""
    points = np.zeros((n_frames, n_places, 12, 2), dtype=np.uint16)
    points[..., 1] = 100 + 10 * np.arange(n_frames)[:, None, None] + np.arange(n_places)[:, None]
    points[..., 0] = 7
    return {"points": points, "confidence": np.full(points.shape[:-1], 0.8, dtype=np.float32)}


@pytest.mark.shared
def test_real_confidences(shared_dir):
    one = read_poses(shared_dir / "data/poses/jabs_v2.h5")
    assert one.keypoints == KEYPOINTS
    np.testing.assert_array_equal(one.xy_px[0, :3], [[125, 93], [118, 77], [107, 89]])
    np.testing.assert_allclose(one.likelihood[0, :3], [0.975244, 0.88896465, 0.9568853])
    path = shared_dir / "data/poses/jabs_v5.h5"
    with pytest.raises(InputError, match=r"several individuals \(0, 1, 2\)"):
        read_poses(path)
    second = read_poses(path, "1")
    assert "reach 5.44: JABS" in second.oddities[0].found and np.nanmax(second.likelihood) == 1
    assert np.isnan(second.xy_px[0, 1]).all() and np.isnan(second.likelihood[0, 1])


def test_identities_of_version_4_and_their_external_names(tmp_path):
    content = arrays(3, 2)
    content["confidence"][1, 0, 4] = 0
    ids, mask = np.array([[2, 1], [1, 2], [2, 0]], np.uint32), np.array([[0, 0], [0, 0], [0, 1]], bool)
    path = write(tmp_path / "a.h5", **content, instance_embed_id=ids, id_mask=mask)
    track = read_poses(path, "0")
    assert track.xy_px[:2, 0].tolist() == [[101, 7], [110, 7]] and np.isnan(track.xy_px[2]).all()
    assert np.isnan(track.xy_px[1, 4]).all() and np.isnan(track.likelihood[1, 4])
    assert read_poses(path, "1").xy_px[:, 0].tolist() == [[100, 7], [111, 7], [120, 7]]
    named = write(tmp_path / "b.h5", **content, instance_embed_id=ids, id_mask=mask, external_identity_mapping=[17, 4])
    np.testing.assert_array_equal(read_poses(named, "17").xy_px, track.xy_px)
    with pytest.raises(InputError, match=r"has the mouse 0 twice in frame 1"):
        twice = np.array([[2, 1], [1, 1], [2, 0]], np.uint32)
        read_poses(write(tmp_path / "c.h5", **content, instance_embed_id=twice, id_mask=mask), "0")


def identities_by_a_pool(tracks: list[list[int]]) -> list[list[int]]:
    """Frame by frame: a track that begins takes the lowest free identity, one that has ended gives it back."""
    free, has, result = list(range(20)), {}, []
    for now in tracks:
        for track in [track for track in has if track not in now]:
            free.append(has.pop(track))
        for track in now:
            if track not in has:
                has[track] = min(free)
                free.remove(has[track])
        result.append([has[track] for track in now])
    return result


@fuzzed(40)
@given(spans=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6)), min_size=1, max_size=7), seed=st.integers(0, 99))
def test_tracks_of_version_3_become_identities(tmp_path_factory, spans, seed):
    order = np.random.default_rng(seed)
    tracks = [
        [i for i in order.permutation(len(spans)) if 0 <= frame - spans[i][0] < spans[i][1]] for frame in range(14)
    ]
    stored = np.array([row + [99] * (len(spans) - len(row)) for row in tracks], dtype=np.uint32)
    content = arrays(14, len(spans)) | {"instance_count": [len(row) for row in tracks], "instance_track_id": stored}
    path = write(tmp_path_factory.mktemp("jabs") / "a.h5", **content)
    expected = identities_by_a_pool(tracks)
    for identity in range(max(max(row, default=0) for row in expected) + 1):
        found = read_poses(path, str(identity)).xy_px[:, 0, 0]
        places = [row.index(identity) if identity in row else None for row in expected]
        known = [np.nan if place is None else 100 + 10 * frame + place for frame, place in enumerate(places)]
        np.testing.assert_array_equal(found, known)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"points": np.zeros((3, 2, 5, 2))}, r"points of shape \(3, 2, 5, 2\), expected"),
        ({"confidence": np.zeros((3, 2))}, r"confidence of shape \(3, 2\)"),
        ({"instance_count": [0, 0, 0]}, "holds no mouse"),
        ({"instance_count": [1, 1]}, "instance_count of shape"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changed, says):
    content = arrays(3, 2) | {"instance_count": [2, 2, 2], "instance_track_id": np.zeros((3, 2), int)} | changed
    with pytest.raises(InputError, match=says):
        read_poses(write(tmp_path / "a.h5", **content), "0")
