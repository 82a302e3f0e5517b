"""The source `poses`: whose keypoints, which ones, what its rows are made from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from features.cache.rows import cached_rows
from features.cache.store import fingerprint
from features.centers import CenterConfig
from features.poses import individuals_in, read_poses
from features.sources import open_sources
from features.sources.base import ExtractionSettings, Given, RecordingFiles
from features.sources.poses import PoseSourceConfig
from features.tracks import Animals, PoseTrack, Whose

N_FRAMES, FPS = 60, 10.0
KEYPOINTS = ("nose", "ear", "tail")


def track(seed: int, keypoints: tuple[str, ...] = KEYPOINTS) -> PoseTrack:
    rng = np.random.default_rng(seed)
    center = np.cumsum(rng.normal(0, 4, (N_FRAMES, 1, 2)), axis=0) + 200
    spread = {"nose": (20, 0), "ear": (8, 9), "tail": (-20, 0), "tip": (-50, 5), "rump": (-15, 1)}
    xy_px = center + np.array([spread[name] for name in keypoints]) + rng.normal(0, 1, (N_FRAMES, len(keypoints), 2))
    return PoseTrack(keypoints, xy_px, np.ones(xy_px.shape[:2]), Path(f"m{seed}.csv"))


def source_of(frame_step: int = 1, **keys):
    config = PoseSourceConfig(**keys).filled({"min_likelihood": 0.6, "max_gap_s": 1.0})
    return open_sources([config], ExtractionSettings(frame_step=frame_step))


def given(name: str, tracks: dict[str, PoseTrack], own: str = "") -> Given:
    files = RecordingFiles(name, Path(f"{name}.csv"), Path(), FPS, has_video=False, n_pose_frames=N_FRAMES)
    return Given(files, N_FRAMES, None, None, Animals(own, tuple(tracks), tracks))


def rows_of(source, recording: Given):
    (rows,) = source.rows_of(*recording)
    return rows


def whole(rows) -> np.ndarray:
    return np.concatenate([*rows.batches(0)])


def test_rows_are_kept_with_what_is_missing_and_thinned_after_motion_was_measured(tmp_path: Path) -> None:
    spoiled = track(1)
    spoiled.likelihood[10:20, 1] = 0.1
    recording = given("m1", {"": spoiled})
    rows = rows_of(source_of(), recording)
    (cache,) = cached_rows([rows], tmp_path)
    np.testing.assert_array_equal(cache.embeddings, whole(rows))
    assert np.isnan(cache.embeddings[15]).any() and not np.isnan(cache.embeddings[40]).all()
    third = rows_of(source_of(frame_step=3, spans_s=(0.2, 0.6, 2.0)), recording)
    assert third.spans[:, 0].tolist() == list(range(0, N_FRAMES, 3))
    np.testing.assert_array_equal(whole(third), whole(rows)[::3])
    np.testing.assert_array_equal(np.concatenate([*third.batches(7)]), whole(third)[7:])


def test_all_that_determines_rows_is_in_the_recipe() -> None:
    def print_of(tracks=None, files=None, **keys) -> str:
        recording = given("m1", tracks or {"": track(1)})
        recording = recording._replace(files=replace(recording.files, **(files or {})))
        return fingerprint(rows_of(source_of(**keys), recording).recipe)

    moved, unsure = track(1), track(1)
    moved.xy_px[5, 1, 0] += 1e-9
    unsure.likelihood[5, 1] = 0.9
    prints = [
        print_of(), print_of({"": moved}), print_of({"": unsure}), print_of({"a": track(1), "b": track(2)}),
        print_of(files={"fps": 12.0}), print_of(frame_step=2), print_of(spans_s=(0.5,)), print_of(fill_gaps_s=0.5),
        print_of(min_likelihood=0.5), print_of(axis=("nose", "tail")), print_of(keypoints=("nose", "tail")),
    ]  # fmt: skip
    assert len(set(prints)) == len(prints)
    assert print_of({"": track(1)}, {"id": "other", "video_path": Path("moved.csv")}) == prints[0]


def test_whose_keypoints() -> None:
    four = ("a", "b")
    assert source_of().animals(Whose("", ("",)), "m.csv") == ("",)
    assert source_of().animals(Whose("", four), "m.csv") == four
    assert source_of().animals(Whose("b", four), "m.csv") == ("b",)
    assert source_of(pair=("b", "a")).animals(Whose("", four), "m.csv") == ("b", "a")
    assert source_of(partner="other").animals(Whose("b", four), "m.csv") == ("b", "a")
    assert source_of(partner="c").animals(Whose("b", ("a", "b", "c")), "m.csv") == ("b", "c")
    for keys, own, present, says in (
        ({}, "", ("a", "b", "c"), r"m.csv holds several individuals \(a, b, c\).*pair: \[a, b\]"),
        ({"pair": ("a", "x")}, "", four, r"'x' \(pair\), but m.csv holds a, b"),
        ({"partner": "x"}, "a", ("",), r"'x' \(partner\), but m.csv names no individuals"),
        ({"partner": "other"}, "", four, "names no animal of its own"),
        ({"partner": "other"}, "a", ("a", "b", "c"), "which holds a, b, c"),
        ({"partner": "a"}, "a", four, "looks for the partner of 'a'"),
    ):
        with pytest.raises(InputError, match=says):
            source_of(**keys).animals(Whose(own, present), "m.csv")


def test_all_recordings_have_the_keypoints_of_the_first(tmp_path: Path) -> None:
    first, turned = given("m1", {"": track(1)}), given("m2", {"": track(2, KEYPOINTS[::-1])})
    settled = source_of().settled([first, turned], tmp_path)
    plain = rows_of(source_of(), given("m2", {"": track(2, KEYPOINTS[::-1])}))
    names = settled.described()[0]["names"]
    found = rows_of(settled, turned)
    assert names == found.names != plain.names
    shared = [name for name in names if name in plain.names]
    assert len(shared) == len(names) - 3  # `nose to tail` is then `tail to nose`
    for name in shared:
        own, other = (whole(rows)[:, rows.names.index(name)] for rows in (found, plain))
        np.testing.assert_allclose(own, other, atol=1e-5, err_msg=name)
    more = given("m3", {"": track(3, (*KEYPOINTS, "tip"))})
    says = r"pose file of m3 \(m3.csv\) has the keypoints nose, ear, tail, tip; that of m1 has nose, ear, tail.*"
    with pytest.raises(InputError, match=says + r"keypoints: \[nose, ear, tail\]"):
        source_of().settled([first, more], tmp_path)
    chosen = source_of(keypoints=KEYPOINTS).settled([first, more], tmp_path)
    assert rows_of(chosen, more).names == names
    with pytest.raises(InputError, match="of m2 are of 2 animals, those of m1 of 1"):
        source_of().settled([first, given("m2", {"a": track(1), "b": track(2)})], tmp_path)


def test_new_recordings_are_measured_as_those_that_were_learned_from(tmp_path: Path) -> None:
    """Another choice of axis would be made for a file that has a rump besides."""
    trained = source_of(axis=("tail", "nose")).settled([given("m1", {"": track(1)})], tmp_path)
    used = trained.described()
    new = given("m9", {"": track(9, ("tip", "nose", "rump", "ear", "tail"))})
    again = source_of(keypoints=KEYPOINTS).as_used(used)
    assert again.identity() == [{key: used[0][key] for key in ("source", "version", "names")}]
    assert rows_of(again, new).names == rows_of(trained, given("m1", {"": track(1)})).names
    with pytest.raises(InputError, match=r"m8.*has the keypoints nose, ear; that of the heads has nose"):
        rows_of(again, given("m8", {"": track(8, ("nose", "ear"))}))


def test_a_frame_counts_unless_nothing_is_seen_for_long() -> None:
    one, other = track(1), track(2)
    one.xy_px[5:8] = one.xy_px[20:40] = np.nan
    other.xy_px[30:60] = np.nan
    animals = {"one": one, "other": other}
    unobserved = [
        np.flatnonzero(~rows_of(source_of(**keys), given("m", animals, own)).observed).tolist()
        for keys, own in (({}, "one"), ({}, ""), ({"partner": "other"}, "one"))
    ]
    assert unobserved == [[*range(20, 40)], [], [*range(20, 40)]]
    other.xy_px[24:30] = np.nan
    assert np.flatnonzero(~rows_of(source_of(), given("m", animals)).observed).tolist() == [*range(24, 40)]
    center = source_of().center(Animals("", tuple(animals), animals), CenterConfig(), FPS)
    np.testing.assert_allclose(center.xy_px[45], one.xy_px[45].mean(axis=0))
    assert center.is_between


def test_without_a_video_the_rate_must_be_told(tmp_path: Path) -> None:
    (path := tmp_path / "m1.csv").write_text("frame,x,y\n0,1,1\n", encoding="utf-8")
    files = RecordingFiles("m1", path, tmp_path, None, has_video=False, n_pose_frames=1)
    with pytest.raises(InputError, match=r"m1 has no video.*Add a column `fps`"):
        source_of().measure(files, tmp_path)
    measured = source_of().measure(replace(files, fps=25.0), tmp_path)
    assert (measured.n_frames, measured.fps, measured.video, len(measured.file_hashes)) == (1, 25.0, None, 1)


@pytest.mark.shared
def test_real_poses_are_measured(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "openfield_dlc"
    pose = read_poses(folder / "m3v1mp4_dlc.csv")
    recording = Given(RecordingFiles("m3", folder / "m3v1mp4_dlc.csv", folder, 30.0, False), 2330, None, None,
                      Animals("", ("",), {"": pose}))  # fmt: skip
    rows = rows_of(source_of(), recording)
    found = dict(zip(rows.names, whole(rows).T, strict=True))
    assert len(found) == 56 and np.isfinite(whole(rows)).mean() > 0.9
    assert np.nanmedian(found["snout to tailbase"]) == pytest.approx(1, abs=1e-3)
    # Ears lie on their sides, in front of the center.
    assert np.nanmedian(found["leftear right"]) < -0.05 and np.nanmedian(found["rightear right"]) > 0.02
    assert np.nanmedian(found["leftear forward"]) > 0
    assert individuals_in(folder / "m3v1mp4_dlc_three_individuals.csv") == (("ind1", "ind2", "ind3"), None)
