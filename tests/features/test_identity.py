"""Tracks that swap places, jump, or go on under another name: known frames, and motion that is none of these."""

from pathlib import Path

import numpy as np
import pytest

from features.identity import Handover, identity_changes
from features.tracks import PoseTrack
from pipeline.dataset.pose_findings import identity_findings

FPS = 30.0
LENGTH_PX = 100.0
SHAPE_PX = np.array([[50.0, 0], [30, 15], [30, -15], [0, 0], [-50, 0]])
"""Nose, ears, middle and tail base of an animal that looks to the right."""


def track(centers_px: np.ndarray, headings: np.ndarray, seed: int = 0) -> PoseTrack:
    """An animal with these centers and headings, found within a pixel or two."""
    turn = np.stack([np.cos(headings), -np.sin(headings), np.sin(headings), np.cos(headings)], -1).reshape(-1, 2, 2)
    noise = np.random.default_rng(seed).normal(0, 1, (len(headings), len(SHAPE_PX), 2))
    xy_px = centers_px[:, None] + np.einsum("fij,kj->fki", turn, SHAPE_PX) + noise
    return PoseTrack(("nose", "ear1", "ear2", "middle", "tail"), xy_px, np.full(xy_px.shape[:2], 0.9), Path("x.csv"))


def wander(n_frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Centers and headings of an animal that walks at up to 3 lengths a second, in a field of 8 lengths."""
    rng = np.random.default_rng(seed)
    angles = np.cumsum(rng.normal(0, 0.15, n_frames))
    speeds = 3 * LENGTH_PX / FPS * np.abs(np.sin(np.arange(n_frames) / 40 + seed))
    steps = np.cumsum(speeds[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0)
    # Back and forth between the walls.
    return np.abs((steps + 400 * seed) % 1600 - 800), angles


def pair(n_frames: int = 3000) -> dict[str, PoseTrack]:
    return {name: track(*wander(n_frames, seed), seed) for name, seed in (("a", 1), ("b", 2))}


def swapped_from(tracks: dict[str, PoseTrack], frames: list[int]) -> dict[str, PoseTrack]:
    """From each of these frames on the other way round."""
    other = np.zeros(tracks["a"].n_frames, dtype=bool)
    for frame in frames:
        other[frame:] ^= True
    xy_px = [np.where(other[:, None, None], tracks[y].xy_px, tracks[x].xy_px) for x, y in ("ab", "ba")]
    likelihood = [np.where(other[:, None], tracks[y].likelihood, tracks[x].likelihood) for x, y in ("ab", "ba")]
    return {
        name: PoseTrack(tracks["a"].keypoints, xy_px[i], likelihood[i], Path("x.csv")) for i, name in enumerate("ab")
    }


def without(known: PoseTrack, start: int, stop: int) -> PoseTrack:
    xy_px = known.xy_px.copy()
    xy_px[start:stop] = np.nan
    return PoseTrack(known.keypoints, xy_px, known.likelihood, known.source_path)


def distance_px(tracks: dict[str, PoseTrack]) -> np.ndarray:
    return np.linalg.norm(tracks["a"].xy_px[:, 3] - tracks["b"].xy_px[:, 3], axis=1)


def test_tracks_that_trade_places_are_found_where_the_animals_are_apart_and_nowhere_else():
    tracks = pair()
    assert identity_changes(tracks, FPS) == identity_changes({}, FPS)
    apart = distance_px(tracks)
    frames = [frame for frame in range(100, 3000, 97) if apart[frame - 1 : frame + 1].min() > 1.5 * LENGTH_PX]
    assert len(frames) > 15
    found = identity_changes(swapped_from(tracks, frames), FPS)
    assert [(swap.before, swap.frame) for swap in found.swaps] == [(frame - 1, frame) for frame in frames]
    assert not found.jumps


def test_where_they_touch_nobody_can_tell():
    tracks = pair()
    middle = (tracks["a"].xy_px + tracks["b"].xy_px) / 2
    close = {name: PoseTrack(t.keypoints, middle + 15 * side, t.likelihood, t.source_path)
             for (name, t), side in zip(tracks.items(), (-1, 1), strict=True)}  # fmt: skip
    assert not identity_changes(swapped_from(close, [500, 1000]), FPS).swaps


@pytest.mark.parametrize(("gap_frames", "is_found"), [(5, True), (25, True), (45, False)])
def test_a_swap_in_a_gap_is_found_unless_the_gap_is_long(gap_frames: int, is_found: bool):
    tracks = {name: track(np.tile(xy, (600, 1)), np.zeros(600)) for name, xy in (("a", (100, 100)), ("b", (500, 300)))}
    tracks = {name: without(own, 300 - gap_frames, 300) for name, own in swapped_from(tracks, [300]).items()}
    found = identity_changes(tracks, FPS)
    assert [(swap.before, swap.frame) for swap in found.swaps] == [(299 - gap_frames, 300)] * is_found
    assert not found.jumps


def test_fast_motion_is_no_jump_and_a_lost_keypoint_neither():
    centers, headings = np.zeros((600, 2)), np.zeros(600)
    centers[:, 0] = np.clip(np.arange(600) - 300, 0, 30) * 0.45 * LENGTH_PX  # 13 lengths a second, for a second
    tracks = {"a": track(centers, headings), "b": track(centers + 5000, headings)}
    tracks["a"].xy_px[100, 1] += 900
    assert not identity_changes(tracks, FPS).jumps
    # Two animals that turn around each other within a second do swap places, and pass all places between.
    around = np.stack([np.cos(np.arange(600) / 8), np.sin(np.arange(600) / 8)], axis=1) * LENGTH_PX
    found = identity_changes({"a": track(around, headings), "b": track(-around, headings)}, FPS)
    assert not found.swaps and not found.jumps


def test_a_jump_is_told_with_its_frame_its_length_and_onto_whom():
    tracks = {name: track(np.tile(xy, (600, 1)), np.zeros(600)) for name, xy in (("a", (100, 100)), ("b", (500, 400)))}
    tracks["a"].xy_px[400:410] += (400, 300)
    tracks["b"].xy_px[450:] += (0, 300)
    first, second = identity_changes(tracks, FPS).jumps  # there and back within half a second is one
    assert (first.frame, first.before, first.animal, first.onto) == (400, 399, "a", "b")
    assert first.distance_px == pytest.approx(500, abs=5) and first.lengths == pytest.approx(5, abs=0.1)
    assert (second.frame, second.animal, second.onto) == (450, "b", "")
    findings = list(identity_findings("r", "a", identity_changes(tracks, FPS), FPS, "x.csv"))
    assert len(findings) == 1 and findings[0].severity == "warning"
    assert "the track a jumps once farther" in findings[0].found and "Frame 400 (13.3 s)" in findings[0].found


def test_an_animal_that_goes_on_under_another_id_is_told():
    whole = track(*wander(900, 1))
    away = track(wander(900, 1)[0] + 3000, np.zeros(900))
    tracks = {"1": without(whole, 400, 900), "2": away, "3": without(whole, 0, 412)}
    assert identity_changes(tracks, FPS).handovers == (Handover(412, 399, "1", "3"),)
    (finding,) = identity_findings("r", "1", identity_changes(tracks, FPS), FPS, "x_ids.npy")
    assert "1 in frame 399 (13.3 s), 3" in finding.found
    # One that begins elsewhere, or seconds later, is another animal.
    tracks["3"].xy_px[:] += 2000
    assert not identity_changes(tracks, FPS).handovers
    assert not identity_changes({**tracks, "3": without(whole, 0, 500)}, FPS).handovers
    # An id that is used again for the same animal: both changes are told.
    tracks["1"], tracks["3"] = without(whole, 200, 400), without(without(whole, 0, 200), 400, 900)
    assert identity_changes(tracks, FPS).handovers == (Handover(200, 199, "1", "3"), Handover(400, 399, "3", "1"))


def test_findings_of_a_swap_are_of_both_animals_and_a_note_for_a_pair():
    changes = identity_changes(swapped_from(pair(), [200, 1000]), FPS)
    (own,) = identity_findings("r", "b", changes, FPS, "x.csv")
    assert own.severity == "warning" and "a and b swap places 2 times" in own.found
    assert "Frames 200 (6.7 s), 1,000 (33.3 s)" in own.found
    assert [finding.severity for finding in identity_findings("r", "", changes, FPS, "x.csv")] == ["note"]
    assert not [*identity_findings("r", "c", changes, FPS, "x.csv")]
    (of_partner,) = identity_findings("r", "c", changes, FPS, "x.csv", ["a"])
    assert of_partner.consequence.endswith("not those of its partner.")


@pytest.mark.shared
def test_in_a_real_pair_no_swap_is_seen_and_planted_ones_are(shared_dir: Path):
    from features.poses import read_poses

    path = next((shared_dir / "data" / "social_pair").glob("*multi_animal.csv"))
    tracks = {new: read_poses(path, name) for new, name in (("a", "adult"), ("b", "juvenile"))}
    assert identity_changes(tracks, FPS) == identity_changes({}, FPS)
    frames = list(range(200, 5700, 97))
    found = {swap.frame for swap in identity_changes(swapped_from(tracks, frames), FPS).swaps}
    assert len(found & set(frames)) >= 0.85 * len(frames) and found <= set(frames)
