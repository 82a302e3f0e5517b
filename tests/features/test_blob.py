"""Following one animal without a pose file."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import InputError
from features.centers import CenterConfig, track_center
from features.poses import blob_cache, read_poses
from features.poses.blob import track_blob
from features.poses.blob_cache import cached_blob_track
from features.tracks import PoseTrack
from features.video.blob_learning import neighbors
from features.video.blobs import find_blob
from features.video.foreground import MAX_SIDE_PX, N_SAMPLES, FrameSampler, learn_blob, shrink
from features.video.inspection import VideoInfo, inspect_video
from features.video.reading import iter_bgr_frames

N_FRAMES = 120
WIDTH_PX, HEIGHT_PX = 200, 150
BODY_PX = (24, 12)


def wander(n_frames: int = N_FRAMES) -> np.ndarray:
    """Centers (n_frames, 2) on a curve through the arena."""
    t = np.linspace(0, 2 * np.pi, n_frames)
    return np.stack([100 + 70 * np.sin(t), 75 + 45 * np.sin(2 * t)], axis=1)


def arena(centers: np.ndarray, ground: int, animal: int, light: np.ndarray | None = None) -> list[np.ndarray]:
    """Frames of an ellipse with a tail on an uneven ground; NaN = away; `light` is added to each frame."""
    rng = np.random.default_rng(0)
    empty = ground + 15.0 * np.sin(np.arange(WIDTH_PX) / 40)[None] * np.ones((HEIGHT_PX, 1))
    cv2.circle(empty, (20, 20), 12, float(animal), -1)  # as bright as the animal, but still
    frames = []
    for number, center in enumerate(centers):
        frame = empty.copy()
        if np.isfinite(center).all():
            x, y = (round(float(value) * 16) for value in center)
            cv2.ellipse(frame, (x, y), (BODY_PX[0] * 8, BODY_PX[1] * 8), 0, 0, 360, float(animal), -1, cv2.LINE_8, 4)
            cv2.line(frame, (x, y), (x - 40 * 16, y), float(animal), 2, cv2.LINE_8, 4)
        frame += rng.normal(0, 2, frame.shape) + (0 if light is None else light[number])
        frames.append(cv2.cvtColor(np.clip(frame, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR))
    return frames


def write(path: Path, frames: list[np.ndarray]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (WIDTH_PX, HEIGHT_PX))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def sampled(frames: Iterable[np.ndarray]) -> FrameSampler:
    sampler = FrameSampler()
    for frame in frames:
        sampler.add(frame.copy)
    return sampler


def found(frames: list[np.ndarray]) -> np.ndarray:
    """Centers (n_frames, 2) as the blob's finder sees them; NaN = missing."""
    sampler = sampled(frames)
    assert sampler.n_frames == len(frames)
    model = learn_blob(sampler, "test.avi")
    blobs = [find_blob(shrink(frame), model) for frame in frames]
    return np.array([[blob.x_px, blob.y_px] if blob else [np.nan, np.nan] for blob in blobs])


def apart_px(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a - b, axis=1)


@pytest.mark.parametrize(("ground", "animal"), [(180, 40), (60, 220), (140, 90)])
def test_dark_on_light_and_light_on_dark(ground, animal):
    centers = wander()
    assert apart_px(found(arena(centers, ground, animal)), centers).max() < 3


def test_an_animal_that_rests_for_most_of_the_video():
    centers = wander()
    centers[30:110] = centers[30]
    assert apart_px(found(arena(centers, 180, 40)), centers).max() < 3


def test_light_that_changes_as_a_whole():
    centers = wander()
    light = np.where(np.arange(N_FRAMES) % 40 < 20, 0, 25.0)
    assert apart_px(found(arena(centers, 160, 40, light)), centers).max() < 3


def test_where_the_animal_is_away_nothing_is_found():
    centers = wander()
    centers[50:70] = np.nan
    positions = found(arena(centers, 180, 40))
    assert np.isnan(positions[50:70]).all()
    there = np.isfinite(centers[:, 0])
    assert apart_px(positions[there], centers[there]).max() < 3


def test_two_animals_are_not_trusted():
    frames = arena(wander(), 180, 40)
    for frame, center in zip(frames, np.roll(wander(), 40, axis=0), strict=True):
        cv2.ellipse(frame, tuple(int(v) for v in center), (12, 6), 0, 0, 360, (40, 40, 40), -1)
    sampler = sampled(frames)
    model = learn_blob(sampler, "two.avi")
    likelihood = [blob.likelihood for frame in frames if (blob := find_blob(shrink(frame), model))]
    assert np.median(likelihood) < CenterConfig().min_likelihood


def test_sizes_are_those_of_the_full_frame():
    frames = [cv2.resize(frame, None, fx=6, fy=6) for frame in arena(wander(40), 180, 40)]
    sampler = sampled(frames)
    assert max(sampler.samples[0].shape) == MAX_SIDE_PX and sampler.width_px == 1200
    model = learn_blob(sampler, "large.avi")
    blobs = [find_blob(shrink(frame), model) for frame in frames]
    positions = np.array([[blob.x_px, blob.y_px] for blob in blobs if blob])
    assert apart_px(positions, 6 * wander(40) + 2.5).max() < 18
    assert np.median([blob.major_axis_px for blob in blobs if blob]) == pytest.approx(6 * BODY_PX[0], rel=0.15)


@pytest.mark.parametrize("n_frames", [1, 95, 97, 500])
def test_samples_are_spread_evenly(n_frames):
    frames = (np.full((8, 8, 3), number % 251, np.uint8) for number in range(n_frames))
    sampler = sampled(frames)
    samples = sampler.samples
    steps = np.diff([int(sample[0, 0]) for sample in samples]) % 251
    assert sampler.n_frames == n_frames and len(set(steps)) <= 1
    assert min(n_frames, N_SAMPLES // 2) <= len(samples) <= N_SAMPLES


def test_nothing_that_moves_is_refused():
    still = [cv2.GaussianBlur(frame, (5, 5), 0) for frame in arena(np.full((40, 2), 75.0), 180, 40)]
    sampler = sampled(still)
    with pytest.raises(InputError, match=r"still\.avi.*camera that stands still") as caught:
        learn_blob(sampler, "still.avi")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    centers = wander()
    centers[60:63] = np.nan
    return write(tmp_path_factory.mktemp("blob") / "arena é.avi", arena(centers, 180, 40))


def test_the_track_of_a_video(clip):
    told = []
    track = track_blob(clip, lambda done, total: told.append((done, total)))
    assert track.keypoints == ("blob",) and track.n_frames == N_FRAMES and track.source_path == clip
    missing = np.isnan(track.xy_px[:, 0, 0])
    assert np.flatnonzero(missing).tolist() == [60, 61, 62]
    assert (np.isnan(track.likelihood[:, 0]) == missing).all()
    assert apart_px(track.xy_px[~missing, 0], wander()[~missing]).max() < 3
    assert told[-1] == (2 * N_FRAMES, 2 * N_FRAMES)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_blob_is_the_center_whatever_keypoint_is_asked_for(clip):
    track = track_blob(clip)
    for keypoints in ("midbody", ["leftear", "tailbase"], "blob"):
        center = track_center(track, CenterConfig(keypoints=keypoints), 25.0)
        assert center.observed.all() and apart_px(center.xy_px, wander()).max() < 4


def test_a_track_from_the_cache_is_the_same_and_costs_no_decoding(clip, tmp_path, monkeypatch):
    video = inspect_video(clip)
    first = cached_blob_track(video, tmp_path)
    monkeypatch.setattr(blob_cache, "track_blob", lambda *arguments: pytest.fail("tracked again"))
    again = cached_blob_track(video, tmp_path)
    np.testing.assert_array_equal(again.xy_px, first.xy_px)
    np.testing.assert_array_equal(again.likelihood, first.likelihood)
    assert [path.suffix for path in (tmp_path / blob_cache.FOLDER).iterdir()] == [".npz"]


@pytest.mark.parametrize("harm", ["cut", "version", "length", "garbage"])
def test_a_track_that_is_damaged_or_made_otherwise_is_made_anew(clip, tmp_path, monkeypatch, caplog, harm):
    video = inspect_video(clip)
    first = cached_blob_track(video, tmp_path)
    (path,) = (tmp_path / blob_cache.FOLDER).iterdir()
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-300])
    elif harm == "garbage":
        path.write_bytes(b"PK\x03\x04" + bytes(300))
    elif harm == "version":
        monkeypatch.setattr(blob_cache, "BLOB_VERSION", blob_cache.BLOB_VERSION + 1)
    else:
        with np.load(path) as stored:
            kept = {name: stored[name] for name in stored}
        np.savez(path, **kept | {"xy_px": kept["xy_px"][:-1]})
    called = []
    monkeypatch.setattr(blob_cache, "track_blob", lambda *arguments: called.append(1) or first)
    with caplog.at_level(logging.WARNING):
        cached_blob_track(video, tmp_path)
        cached_blob_track(video, tmp_path)
    assert called == [1], "made anew once, then kept"
    assert ("not readable" in caplog.text) == (harm in ("cut", "garbage"))


def test_a_cache_that_cannot_be_written_does_not_stop_anything(clip, tmp_path):
    (tmp_path / "file").touch()
    assert cached_blob_track(inspect_video(clip), tmp_path / "file").n_frames == N_FRAMES


def still(n_frames: int, x: float, y: float, moves: str = "tail", light: float = 0) -> list[np.ndarray]:
    """Frames of a mouse that stays where it is and moves its thick tail, or only its head."""
    rng = np.random.default_rng(n_frames)
    empty = 180 + 12.0 * np.sin(np.arange(WIDTH_PX) / 20)[None] * np.ones((HEIGHT_PX, 1))
    cv2.rectangle(empty, (6, 6), (WIDTH_PX - 6, HEIGHT_PX - 6), 130.0, 3)
    frames = []
    for number in range(n_frames):
        frame = empty.copy()
        turn = 0.6 * np.sin(0.5 * number)
        tail, head = (turn, 0.0) if moves == "tail" else (0.0, turn)
        tip = (round(x - 16 - 32 * np.cos(tail)), round(y + 32 * np.sin(tail)))
        snout = (round(x + 14 * np.cos(head)), round(y + 14 * np.sin(head)))
        cv2.line(frame, (round(x) - 12, round(y)), tip, 70.0, 4)
        cv2.ellipse(frame, (round(x), round(y)), (16, 8), 0, 0, 360, 50.0, -1)
        cv2.circle(frame, snout, 6, 50.0, -1)
        frame += rng.normal(0, 2, frame.shape) + light
        frames.append(cv2.cvtColor(np.clip(frame, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR))
    return frames


STILL = {"a": (4, 60, 50), "b": (26, 140, 100), "c": (120, 100, 75), "d": (12, 150, 40), "e": (9, 70, 110)}


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, VideoInfo]:
    """Short or still clips of one arena, and one of another arena."""
    folder = tmp_path_factory.mktemp("clips")
    videos = {
        name: inspect_video(
            write(folder / f"{name}.avi", still(*what, "head" if name in "bd" else "tail", ord(name) % 9))
        )
        for name, what in STILL.items()
    }
    other = [255 - frame for frame in still(60, 90, 60)]
    for frame in other:
        frame[:, ::40] = 0
        frame[::30] = 200
    return videos | {"elsewhere": inspect_video(write(folder / "elsewhere.avi", other))}


def told(track: PoseTrack) -> list[tuple[str, bool]]:
    return [(odd.severity, odd.is_doubt) for odd in track.oddities]


@pytest.mark.parametrize("name", STILL)
def test_a_short_or_still_clip_borrows_the_background_of_others(clips, tmp_path, name):
    for others in (list(clips.values()), list(clips.values())[::-1]):
        track = cached_blob_track(clips[name], tmp_path / str(others[0].path.stem), others=others)
        _, x, y = STILL[name]
        assert apart_px(track.xy_px[:, 0], np.tile((x, y), (track.n_frames, 1))).max() < 4
        assert told(track) == [("note", False)] and "elsewhere" not in track.oddities[0].found
        assert track.likelihood.min() >= CenterConfig().min_likelihood


def test_what_was_tracked_before_makes_no_difference(clips, tmp_path):
    others = list(clips.values())
    alone = cached_blob_track(clips["b"], tmp_path / "alone", others=others)
    for name in ("d", "a", "b"):
        after = cached_blob_track(clips[name], tmp_path / "after", others=others)
    np.testing.assert_array_equal(after.xy_px, alone.xy_px)
    np.testing.assert_array_equal(after.likelihood, alone.likelihood)


@pytest.mark.parametrize("others", [(), ("elsewhere",), ("c",)])
def test_what_follows_a_tail_is_doubted(clips, others):
    track = track_blob(clips["c"].path, others=lambda: neighbors(clips["c"], [clips[name] for name in others]))
    assert np.nanmedian(apart_px(track.xy_px[:, 0], np.array([STILL["c"][1:]]))) > 20, "the tail, not the body"
    assert told(track) == [("warning", True)]
    assert "tail" in track.oddities[0].found and "same arena and camera" in track.oddities[0].remedy


def test_a_clip_of_two_or_three_frames_is_doubted(tmp_path):
    for n_frames in (2, 3):
        centers = wander()[:: N_FRAMES // 6][:n_frames]
        track = track_blob(write(tmp_path / "x.avi", arena(centers, 180, 40)))
        assert any(odd.is_doubt and "too few to tell" in odd.found for odd in track.oddities)


def test_a_blob_that_is_now_here_now_there_is_doubted(tmp_path):
    centers = wander()
    centers[40:] = np.where(np.arange(80)[:, None] % 20 < 10, centers[40:], centers[:80])
    track = track_blob(write(tmp_path / "x.avi", arena(centers, 180, 40)))
    assert told(track) == [("warning", True)] and "jumps" in track.oddities[0].found


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("camera", ["mid", "back"])
def test_a_real_mouse_that_sits_and_moves_its_head_is_doubted(shared_dir, camera):
    track = track_blob(shared_dir / "data" / "cameras" / f"minimal_{camera}.mp4")
    assert ("warning", True) in told(track)


def test_clips_that_show_the_animal_in_one_place_do_not_help_each_other(clips, tmp_path):
    twin = inspect_video(write(tmp_path / "twin.avi", still(70, *STILL["c"][1:], "head")))
    track = track_blob(clips["c"].path, others=lambda: [twin])
    assert told(track) == [("warning", True)]


def test_a_still_clip_that_cannot_borrow_is_refused_with_what_would_help(tmp_path):
    path = write(tmp_path / "still.avi", still(1, 80, 60) * 20)
    with pytest.raises(InputError, match=r"No animal can be followed.*background of other recordings"):
        track_blob(path)


def test_an_animal_that_walks_asks_nobody(clip, tmp_path):
    def others():
        pytest.fail("asked")
        yield

    assert cached_blob_track(inspect_video(clip), tmp_path, others=others()).oddities == ()


def test_a_track_is_made_anew_when_the_others_are_others(clips, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(blob_cache, "track_blob", lambda *arguments: called.append(1) or track_blob(*arguments))
    for n_calls, others in [(1, "bc"), (1, "bc"), (2, "bcd"), (2, "bcd"), (3, "")]:
        track = cached_blob_track(clips["a"], tmp_path, others=[clips[name] for name in others])
        assert len(called) == n_calls
        assert told(track) == [("note", False) if others else ("warning", True)], "told from the cache as well"


@pytest.mark.shared
def test_real_clips_of_four_frames(shared_dir, tmp_path):
    folder = shared_dir / "data" / "field" / "blob-advice"
    videos = [inspect_video(path) for path in sorted(folder.glob("*.avi"))]
    for video, place in zip(videos, [(690, 555), (1030, 185)], strict=True):
        track = cached_blob_track(video, tmp_path, others=videos)
        assert apart_px(track.xy_px[:, 0], np.array([place])).max() < 40, "as seen by eye; the mouse is 130 px long"
        assert told(track) == [("note", False)]
        assert track_center(track, CenterConfig(), video.fps).observed.all()
        assert told(track_blob(video.path)) == [("warning", True)]


@pytest.mark.shared
@pytest.mark.slow
def test_on_a_real_recording_it_stays_with_the_published_track(shared_dir):
    video = shared_dir / "data" / "mouse_arena" / "arena_3.mp4"
    frames = list(iter_bgr_frames(video, frame_step=10))
    sampler = sampled(frames)
    model = learn_blob(sampler, video.name)
    blobs = [find_blob(shrink(frame), model) for frame in frames]
    body_length_px = np.median([blob.major_axis_px for blob in blobs if blob])
    assert 25 < body_length_px < 60
    published = read_poses(video.with_name("arena_3_dlc.csv")).xy_px[::10, 0]
    positions = np.array([[blob.x_px, blob.y_px] if blob else [np.nan, np.nan] for blob in blobs])
    assert (apart_px(positions, published) <= body_length_px / 3).mean() >= 0.95


def test_kept_tracks_are_listed_and_deleted_by_age(tmp_path: Path):
    folder = tmp_path / blob_cache.FOLDER
    folder.mkdir()
    old, young = folder / "a.npz", folder / "b.npz"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    assert blob_cache.list_blob_tracks(tmp_path) == [old, young]
    assert blob_cache.prune_blob_tracks(tmp_path, older_than_days=1) == [old]
    assert blob_cache.list_blob_tracks(tmp_path) == [young]
    assert blob_cache.prune_blob_tracks(tmp_path, older_than_days=0) == [young]
    assert blob_cache.list_blob_tracks(tmp_path / "nowhere") == []
