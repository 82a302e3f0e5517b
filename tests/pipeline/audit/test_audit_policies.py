"""Frame policies: what is moved, left out and told where video, poses and labels are not of the same frames."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from features.poses import read_poses
from features.sources.base import ExtractionSettings
from features.sources.crop_config import CropConfig
from features.tracks import PoseTrack
from pipeline.annotations import EventList, FrameTable, LabelSpan
from pipeline.config.frame_policy import STRICT, FrameAllowance, FramesConfig, allowance
from pipeline.config.schema import load_config
from pipeline.dataset.frame_fit import fit_annotation, fit_poses, place_rows
from pipeline.dataset.frames_agree import check_frames_agree
from pipeline.dataset.load import CheckedRecording, load_dataset
from pipeline.scoring.bouts.bouts import Bout, runs_of_true
from tests.features.stage_one import recipe_of, tiny_backbone
from tests.lab import N_FRAMES, known_labels, make_video_lab, write_labels, write_poses

TABLE = Path("labels.csv")


def table_of(active: np.ndarray, scored: np.ndarray | None = None) -> FrameTable:
    shown = np.asarray(active, dtype=bool)[:, None]
    known = np.ones_like(shown) if scored is None else np.asarray(scored, dtype=bool)[:, None]
    return FrameTable(TABLE, "frame_csv", ("a",), shown & known, known)


def events_of(active: np.ndarray) -> EventList:
    bouts = tuple(Bout("a", start, stop) for start, stop in runs_of_true(active))
    return EventList(
        TABLE, "bout_csv", ("a",), bouts, LabelSpan(max((b.stop_frame for b in bouts), default=0), False, "")
    )


def pose_of(n_frames: int, ends_with_last_seen: bool = False) -> PoseTrack:
    x = np.arange(n_frames, dtype=float)
    xy_px = np.stack([x, x], axis=1)[:, None, :]
    return PoseTrack(("midbody",), xy_px, np.ones((n_frames, 1)), Path("poses.csv"), ends_with_last_seen)


def frames_of(annotation: FrameTable | EventList, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    found = annotation.frames_of("a", n_frames)
    assert found is not None
    return found


rows = st.lists(st.booleans(), min_size=1, max_size=25)
shifts = st.integers(-30, 30)


@given(rows, st.integers(1, 30), shifts)
def test_every_row_is_placed_where_it_belongs_and_nothing_else_is(values: list[bool], n_frames: int, shift: int):
    placed = place_rows(np.array(values, dtype=float), n_frames, shift, np.nan)
    assert placed.shape == (n_frames,)
    for frame in range(n_frames):
        row = frame - shift
        expected = float(values[row]) if 0 <= row < len(values) else np.nan
        assert np.array_equal(placed[frame], expected, equal_nan=True)


@given(rows, shifts, st.integers(0, 25))
def test_a_frame_table_and_the_same_bouts_are_fitted_alike(values: list[bool], shift: int, n_lost: int):
    active = np.array(values)
    n_frames = len(active)
    allowed = FrameAllowance(n_lost, shift)
    stop = max(0, n_frames - n_lost)
    table, _ = fit_annotation(table_of(active), n_frames, allowed, stop)
    events, _ = fit_annotation(events_of(active), n_frames, allowed, stop)
    for fitted in (table, events):
        shown, known = frames_of(fitted, n_frames)
        frames = np.arange(n_frames)
        covered = (frames - shift >= 0) & (frames - shift < n_frames) & (frames < stop)
        assert np.array_equal(known, covered)
        assert np.array_equal(shown, covered & active[np.clip(frames - shift, 0, n_frames - 1)])
    assert table.span.n_frames == n_frames
    assert events.span.n_frames <= n_frames
    check_frames_agree("m1", n_frames, None, table.span)
    check_frames_agree("m1", n_frames, None, events.span)


@given(rows, st.integers(-5, 5))
def test_a_shift_there_and_back_loses_only_what_left_the_video(values: list[bool], shift: int):
    active = np.array(values)
    there, _ = fit_annotation(table_of(active), len(active), FrameAllowance(0, shift))
    back, _ = fit_annotation(there, len(active), FrameAllowance(0, -shift))
    shown, known = frames_of(back, len(active))
    assert known.sum() == max(0, len(active) - abs(shift))
    assert np.array_equal(shown[known], active[known])


def test_what_is_whole_is_left_as_it_is():
    table, pose = table_of(np.ones(10)), pose_of(10)
    assert fit_annotation(table, 10, FrameAllowance(5), 10) == (table, ())
    fitted = fit_poses(pose, 10, FrameAllowance(5))
    assert fitted.pose is pose and fitted.covered.all() and fitted.notes == () and fitted.stop_frame == 10


@pytest.mark.parametrize("n_rows", [7, 9, 11, 13])
def test_labels_that_are_too_short_or_long_are_unscored_or_dropped_at_the_end(n_rows: int):
    fitted, notes = fit_annotation(table_of(np.ones(n_rows)), 10, FrameAllowance(3))
    shown, known = frames_of(fitted, 10)
    assert known.tolist() == [frame < n_rows for frame in range(10)] == shown.tolist()
    (note,) = notes
    assert str(abs(n_rows - 10)) in note and ("unscored" if n_rows < 10 else "dropped") in note


def test_bouts_beyond_the_video_are_cut_at_its_end():
    active = np.zeros(14, dtype=bool)
    active[[2, 3, 8, 9, 10, 11, 13]] = True
    fitted, notes = fit_annotation(events_of(active), 10, FrameAllowance(4))
    shown, known = frames_of(fitted, 10)
    assert np.flatnonzero(shown).tolist() == [2, 3, 8, 9] and known.all()
    assert "4 frames after the video's end are dropped" in notes[0]


def test_bouts_of_a_video_whose_beginning_was_cut_fit_it_to_the_end():
    active = np.zeros(13, dtype=bool)
    active[[1, 4, 5, 12]] = True
    fitted, _ = fit_annotation(events_of(active), 10, FrameAllowance(0, -3))
    shown, known = frames_of(fitted, 10)
    assert np.flatnonzero(shown).tolist() == [1, 2, 9] and known.all()
    active[12] = False
    fitted, _ = fit_annotation(events_of(active), 10, FrameAllowance(0, -3))
    _, known = frames_of(fitted, 10)
    assert np.flatnonzero(~known).tolist() == [7, 8, 9], "nothing tells that these were watched"


@pytest.mark.parametrize(("shift", "watched"), [(0, range(2, 6)), (1, range(3, 6)), (-4, range(4)), (9, range(0))])
def test_what_was_watched_moves_with_the_labels(shift: int, watched: range):
    events = replace(events_of(np.zeros(10, dtype=bool)), watched=((2, 8),))
    fitted, _ = fit_annotation(events, 10, FrameAllowance(0, shift), 6)
    _, known = frames_of(fitted, 10)
    assert np.flatnonzero(known).tolist() == list(watched)


@pytest.mark.parametrize(("shift", "n_rows"), [(3, 10), (-3, 10), (3, 7), (-3, 13)])
def test_poses_move_and_are_missing_where_the_file_says_nothing(shift: int, n_rows: int):
    fitted = fit_poses(pose_of(n_rows), 10, FrameAllowance(0, 0, shift))
    covered = [0 <= frame - shift < n_rows for frame in range(10)]
    assert fitted.covered.tolist() == covered
    x_px = fitted.pose.xy_px[:, 0, 0]
    assert np.array_equal(np.isfinite(x_px), covered)
    assert np.array_equal(x_px[covered], np.flatnonzero(covered) - shift)
    assert np.array_equal(np.isnan(fitted.pose.likelihood[:, 0]), ~np.array(covered))
    assert fitted.stop_frame == 10 and fitted.notes


@pytest.mark.parametrize(
    ("allowed", "n_pose_rows", "span", "passes"),
    [
        (FrameAllowance(2), 98, LabelSpan(102, True, "x"), True),
        (FrameAllowance(1), 98, LabelSpan(100, True, "x"), False),
        (FrameAllowance(1), 100, LabelSpan(102, True, "x"), False),
        (FrameAllowance(2), 100, LabelSpan(102, False, "x"), True),
        (FrameAllowance(2), 100, LabelSpan(103, False, "x"), False),
        (FrameAllowance(0, 3), 100, LabelSpan(97, True, "x"), True),
        (FrameAllowance(0, 3), 100, LabelSpan(100, True, "x"), True),
        (FrameAllowance(0, 3), 100, LabelSpan(93, True, "x"), False),
        (FrameAllowance(0, -3), 100, LabelSpan(103, False, "x"), True),
        (FrameAllowance(0, -3), 100, LabelSpan(104, False, "x"), False),
        (FrameAllowance(0, 0, 3), 97, LabelSpan(100, True, "x"), True),
        (FrameAllowance(0, 3), 97, LabelSpan(100, True, "x"), False),
    ],
)
def test_a_policy_allows_what_it_says_and_no_more(
    allowed: FrameAllowance, n_pose_rows: int, span: LabelSpan, passes: bool
):
    if passes:
        check_frames_agree("m1", 100, n_pose_rows, span, allowed)
        return
    with pytest.raises(InputError, match="must be of the same frames"):
        check_frames_agree("m1", 100, n_pose_rows, span, allowed)


def test_the_error_names_the_policies_with_the_number_that_is_needed():
    with pytest.raises(InputError) as caught:
        check_frames_agree("m1", 100, 98, LabelSpan(103, True, "x"))
    assert "frames: {policy: trim_to_shortest, at_most_frames: 3}" in str(caught.value)
    assert "frames: {policy: shift, by_frames: {m1: n}}" in str(caught.value)


def test_a_shift_can_be_of_single_recordings():
    frames = FramesConfig(policy="shift", by_frames={"m1": 3})
    assert allowance(frames, "m1") == FrameAllowance(0, 3) and allowance(frames, "m2") == STRICT
    assert allowance(FramesConfig(policy="shift", by_frames=-2, of="poses"), "m2") == FrameAllowance(0, 0, -2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strikt", "frames should be 'strict' or have keys of its own below it"),
        ("{policy: trim_to_shortest}", "needs at_most_frames"),
        ("{policy: trim_to_shortest, at_most_frames: 3, by_frames: 2}", "belong to policy shift"),
        ("{policy: trim}", "frames.policy should be 'trim_to_shortest' or 'shift'"),
        ("{policy: shift}", "needs by_frames other than 0"),
        ("{policy: shift, by_frames: {m1: 0}}", "needs by_frames other than 0"),
        ("{policy: shift, by_frames: {m1: x}}", "frames.by_frames should be a whole number"),
        ("{policy: shift, by_frame: 3}", "unknown key frames.by_frame .did you mean frames.by_frames"),
        ("{at_most_frames: 3}", "the key frames.policy is missing"),
    ],
)
def test_each_mistake_in_the_policy_is_named(tmp_path: Path, text: str, said: str):
    config_path = make_video_lab(tmp_path, n_train=0)
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        load_config(config_path, [f"frames={text}"])


TRIM = "frames={policy: trim_to_shortest, at_most_frames: 3}"


def checked(config_path: Path, *overrides: str) -> CheckedRecording:
    return load_dataset(load_config(config_path, overrides))[0]


def test_the_tail_that_labels_lack_is_unscored_and_told(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=1)
    whole = checked(config_path)
    write_labels(tmp_path / "v0 labels.csv", known_labels(0)[:-2])
    with pytest.raises(InputError, match="at_most_frames: 2"):
        checked(config_path)
    with pytest.raises(InputError, match="it allows 1 now"):
        checked(config_path, TRIM.replace("3", "1"))
    item = checked(config_path, TRIM)
    assert item.labels is not None and item.n_frames == N_FRAMES
    assert item.labels.scored[:-2].all() and not item.labels.scored[-2:].any() and not item.labels.active[-2:].any()
    assert item.labels.active[:-2].tolist() == known_labels(0)[:-2].tolist()
    assert item.observed.all()
    assert any("the last 2 frames are unscored" in note for note in item.notes) and whole.notes == ()


def test_the_tail_that_poses_lack_is_unobserved_and_unscored(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=1)
    whole = checked(config_path)
    write_poses(tmp_path / "v0_dlc.csv", N_FRAMES - 3)
    with pytest.raises(InputError, match="at_most_frames: 3"):
        checked(config_path)
    item = checked(config_path, TRIM)
    assert item.labels is not None and item.centers is not None
    assert item.observed[:-3].all() and not item.observed[-3:].any()
    assert item.labels.scored[:-3].all() and not item.labels.scored[-3:].any()
    assert item.centers.n_frames == N_FRAMES and np.isfinite(item.centers.xy_px).all()
    assert any("the last 3 frames are unobserved" in note for note in item.notes)
    assert whole.video is not None and whole.centers is not None
    recipes = [
        recipe_of(whole.video, c, tiny_backbone(), CropConfig(size_px=40), ExtractionSettings())
        for c in (whole.centers, item.centers)
    ]
    assert recipes[0]["centers"] != recipes[1]["centers"], "embeddings made with other centers must not be used"


def test_labels_of_one_recording_are_moved(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=2)
    policy = "frames={policy: shift, by_frames: {v1: 4}}"
    first, second = load_dataset(load_config(config_path, [policy]))
    assert first.labels is not None and second.labels is not None
    assert first.labels.active.tolist() == known_labels(0).tolist() and first.notes == ()
    assert second.labels.active[4:].tolist() == known_labels(1)[:-4].tolist()
    assert second.labels.scored[4:].all() and not second.labels.scored[:4].any()
    assert any("moved 4 frames later" in note for note in second.notes)
    with pytest.raises(InputError, match=r"names the recording 'v9'.*It has: v0, v1"):
        load_dataset(load_config(config_path, [policy.replace("v1", "v9")]))


def test_poses_are_moved_and_the_labels_stay(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=1)
    item = checked(config_path, "frames={policy: shift, by_frames: -5, of: poses}")
    assert item.labels is not None and item.labels.scored.all()
    assert item.observed.tolist() == [True] * (N_FRAMES - 5) + [False] * 5


def test_a_boris_file_of_the_uncut_video_is_read_under_a_policy(tmp_path: Path):
    """BORIS writes the media's length down: 123 frames at 10 frames/s, of which the video has 120."""
    config_path = make_video_lab(tmp_path, n_train=1)
    names = "Observation id,Media file name,Media duration (s),FPS (frame/s),Subject,Behavior,Behavior type,Time"
    presses = [
        ("grooming", "START", 1.0),
        ("grooming", "STOP", 2.0),
        ("rearing", "START", 11.0),
        ("rearing", "STOP", 12.2),
    ]
    lines = [names, *(f"o,v0.avi,12.3,10.0,,{behavior},{kind},{time_s}" for behavior, kind, time_s in presses)]
    (tmp_path / "v0 labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="123 frames"):
        checked(config_path)
    item = checked(config_path, TRIM)
    assert item.labels is not None and item.labels.scored.all()
    assert np.flatnonzero(item.labels.active[:, 0]).tolist() == list(range(10, 20))
    assert np.flatnonzero(item.labels.active[:, 1]).tolist() == list(range(110, 120))
    assert any("2 frames after the video's end are dropped" in note for note in item.notes)


def test_what_readers_found_odd_is_in_the_notes_of_a_run(tmp_path: Path):
    config_path = make_video_lab(tmp_path, n_train=1)
    path = tmp_path / "v0_dlc.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.replace("0.99", "3.99") for line in lines) + "\n", encoding="utf-8")
    item = checked(config_path)
    assert item.observed.all() and any("Likelihoods in v0_dlc.csv reach 3.99" in note for note in item.notes)
    path.write_text("\n".join([*lines[:9], "6,0,0,0.99", *lines[10:]]) + "\n", encoding="utf-8")
    assert any("1 of 120 positions in v0_dlc.csv are exactly (0, 0)" in note for note in checked(config_path).notes)


def write_sleap(path: Path, n_frames: int) -> None:
    with h5py.File(path, "w") as file:
        file["tracks"] = np.full((1, 2, 1, n_frames), 32.0)
        file["track_occupancy"] = np.ones((n_frames, 1), dtype=np.uint8)
        file["node_names"] = np.array([b"midbody"])
        file["track_names"] = np.array([b"mouse"])


def write_plain(path: Path, n_frames: int) -> None:
    path.write_text("frame,x,y\n" + "".join(f"{i},32,32\n" for i in range(n_frames)), encoding="utf-8")


@pytest.mark.parametrize("write", [write_sleap, write_plain])
def test_formats_that_end_with_the_last_seen_frame_may_end_early(tmp_path: Path, write):
    config_path = make_video_lab(tmp_path, n_train=1)
    write(tmp_path / "v0_dlc.csv", N_FRAMES - 30)
    assert read_poses(tmp_path / "v0_dlc.csv").ends_with_last_seen
    item = checked(config_path)
    assert item.labels is not None and item.labels.scored.all(), "nobody said that these frames were not watched"
    assert item.observed.tolist() == [True] * (N_FRAMES - 30) + [False] * 30
    assert any("ends 30 frames before the video" in note for note in item.notes)
    write(tmp_path / "v0_dlc.csv", N_FRAMES + 1)
    with pytest.raises(InputError, match=f"the pose file has {N_FRAMES + 1} rows"):
        checked(config_path)
