"""The command `overlay`: which recording, which video, which stretch, and what is said when that can't be."""

import hashlib
import logging
import shutil
from dataclasses import asdict
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from common.colors import INK, PALETTE
from common.errors import InputError
from features.tracks import CenterTrack
from features.video.reading import iter_bgr_frames
from pipeline.command_line import main
from pipeline.commands.overlay import run_overlay_command
from pipeline.dataset.labels import LabelTrack
from pipeline.films.browser_video import plays_in_browsers
from pipeline.films.overlay.drawing import bgr
from pipeline.films.overlay.layout import plan_layout
from pipeline.films.overlay.video import make_overlay_video
from pipeline.run_folder.contents import RECORDINGS
from pipeline.run_folder.frame_tables import write_centers, write_labels, write_predictions
from pipeline.run_folder.reading import read_run
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.timeline import Timeline
from tests.features.test_frame_exactness import number_of, numbered_frame
from tests.pipeline.report.report_runs import make_run

BEHAVIORS = ("Aufbäumen", "θ-κίνηση")
FPS = 10.0
N_FRAMES = 80
ACTIVE = slice(30, 50)
NAMES = ("mouse_01", "mouse_02", "mouse_03")


def ignore(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def write_video(path: Path, n_frames: int = N_FRAMES, size=(160, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), FPS, size)
    for number in range(n_frames):
        writer.write(cv2.resize(numbered_frame(number), size))
    writer.release()
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A run with three videos, the third of a test recording, and one behavior active in frames 30 to 49."""
    folder = tmp_path_factory.mktemp("overlay")
    run_path = make_run(folder / "run", BEHAVIORS, n_train=2, n_test=1, n_frames=N_FRAMES, crop={"size_px": 20})
    run, rows = RunDir(run_path), []
    active = np.zeros((N_FRAMES, 2), dtype=bool)
    active[ACTIVE, 0] = True
    for i, name in enumerate(NAMES):
        video = write_video(folder / "videos" / f"{name}.avi")
        probability = np.where(active, 0.9, 0.1).astype(np.float32)
        write_predictions(run, Timeline(name, FPS, BEHAVIORS, probability, {"full": active}))
        write_labels(run.labels_path(name), LabelTrack(BEHAVIORS, active, np.ones_like(active)))
        centers = np.tile([80.0, 24.0], (N_FRAMES, 1))
        write_centers(run.centers_path(name), CenterTrack(centers, np.ones(N_FRAMES, dtype=bool)))
        rows.append({
            "recording": name, "subset": "test" if i == 2 else "cross_validation", "individual": name, "group": "",
            "video": video.name, "fps": FPS, "n_frames": N_FRAMES, "n_unobserved": 0, "width_px": 160,
            "height_px": 48, "video_path": str(video), "video_sha256": hashlib.sha256(video.read_bytes()).hexdigest(),
            "animal": "", "subject": "", "partner": "", "split_group": "",
        })  # fmt: skip
    RECORDINGS.write(run, rows)
    return folder


@pytest.fixture
def run_path(made, tmp_path) -> Path:
    """A copy of that run, to spoil."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def rewrite_recordings(run_path: Path, **changes: str) -> None:
    """Change cells of every row of recordings.csv."""
    rows = [asdict(row) | changes for row in read_run(run_path, only=()).recordings]
    RECORDINGS.write(RunDir(run_path), rows)


def shown_numbers(path: Path) -> list[int]:
    """Numbers of the video's frames as the overlay shows them, at scale 1 in the middle of the canvas."""
    layout = plan_layout(160, 48, len(BEHAVIORS), 1.0)
    left = layout.picture_left_px
    return [number_of(frame[:48, left : left + 160]) for frame in iter_bgr_frames(path)]


def test_without_a_name_it_shows_the_first_test_recording(run_path, capsys):
    assert main(["overlay", str(run_path)]) == 0
    path = run_path / "overlays" / "mouse_03_overlay.mp4"
    assert [item.name for item in path.parent.iterdir()] == ["mouse_03_overlay.mp4"]
    assert str(path) in capsys.readouterr().out
    assert plays_in_browsers(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        layout = plan_layout(160, 48, len(BEHAVIORS))
        assert (stream.width, stream.height) == (layout.width_px, layout.height_px)
        assert (stream.frames, stream.average_rate, stream.codec_context.name) == (N_FRAMES, 10, "h264")


def test_every_frame_of_the_video_shows_what_was_predicted_of_it(run_path):
    run_overlay_command([str(run_path), "mouse_01"])
    layout = plan_layout(160, 48, len(BEHAVIORS))
    y = layout.row_top_px + layout.row.predicted_px + layout.row.bar_px // 2
    # Compression blurs: of the two colors that may be there, the nearer one counts.
    colors = np.array([bgr(INK), bgr(PALETTE[0])], dtype=np.float64)
    seen = [
        int(np.argmin(np.abs(frame[y - 1 : y + 2, layout.now_px].mean(axis=0) - colors).sum(axis=1))) == 1
        for frame in iter_bgr_frames(run_path / "overlays" / "mouse_01_overlay.mp4")
    ]
    assert np.flatnonzero(seen).tolist() == list(range(ACTIVE.start, ACTIVE.stop))


def test_a_stretch_shows_its_own_frames_and_does_not_replace_the_whole(run_path):
    (run_path / "centers" / "mouse_01.csv").unlink()
    run_overlay_command([str(run_path), "mouse_01", "--from", "2.5", "--to", "4", "--scale", "1"])
    assert shown_numbers(run_path / "overlays" / "mouse_01_overlay_2.5-4s.mp4") == list(range(25, 40))
    run_overlay_command([str(run_path), "mouse_01", "--from", "7.3", "--scale", "1"])
    assert shown_numbers(run_path / "overlays" / "mouse_01_overlay_7.3-end.mp4") == list(range(73, 80))
    run_overlay_command([str(run_path), "mouse_01", "--to", "0.3", "--scale", "1"])
    assert shown_numbers(run_path / "overlays" / "mouse_01_overlay_0-0.3s.mp4") == [0, 1, 2]


def test_several_or_all_recordings_into_another_folder(run_path, tmp_path):
    run_overlay_command(
        [str(run_path), "mouse_02", "mouse_01", "mouse_02", "--to", "1", "--output", str(tmp_path / "a")]
    )
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "mouse_01_overlay_0-1s.mp4",
        "mouse_02_overlay_0-1s.mp4",
    ]
    run_overlay_command([str(run_path), "--all", "--to", "1", "--output", str(tmp_path / "b")])
    assert len(list((tmp_path / "b").iterdir())) == 3


def test_a_run_that_only_predicts_has_no_labels_and_no_test_recordings(run_path):
    rewrite_recordings(run_path, subset="predict")
    shutil.rmtree(run_path / "labels")
    run_overlay_command([str(run_path), "--to", "1"])
    assert (run_path / "overlays" / "mouse_01_overlay_0-1s.mp4").is_file()


def test_a_video_that_was_moved_is_named_and_found_by_its_name(run_path, made, tmp_path, caplog):
    gone = tmp_path / "gone" / "mouse_01.avi"
    rewrite_recordings(run_path, video="mouse_01.avi", video_path=str(gone))
    with pytest.raises(InputError, match="--videos FOLDER") as caught:
        run_overlay_command([str(run_path), "mouse_01"])
    assert str(gone) in str(caught.value)
    with pytest.raises(InputError, match="nor in"):
        run_overlay_command([str(run_path), "mouse_01", "--videos", str(run_path)])
    deep = tmp_path / "disk" / "2024 [a]"
    deep.mkdir(parents=True)
    shutil.copy(made / "videos" / "mouse_01.avi", deep)
    rewrite_recordings(run_path, video_sha256=hashlib.sha256((deep / "mouse_01.avi").read_bytes()).hexdigest())
    with caplog.at_level(logging.WARNING):
        run_overlay_command([str(run_path), "mouse_01", "--to", "1", "--videos", str(tmp_path / "disk")])
    assert (run_path / "overlays" / "mouse_01_overlay_0-1s.mp4").is_file()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_of_several_videos_of_one_name_the_one_of_the_run_is_taken(run_path, made, tmp_path):
    for folder in ("a", "b", "c"):
        write_video(tmp_path / "disk" / folder / "mouse_01.avi", n_frames=5)
    shutil.copy(made / "videos" / "mouse_01.avi", tmp_path / "disk" / "b" / "mouse_01.avi")
    run_overlay_command([str(run_path), "mouse_01", "--videos", str(tmp_path / "disk")])
    assert len(list(iter_bgr_frames(run_path / "overlays" / "mouse_01_overlay.mp4"))) == N_FRAMES


def test_another_file_under_the_same_name_is_used_with_a_warning(run_path, tmp_path, caplog):
    write_video(tmp_path / "disk" / "mouse_01.avi", n_frames=N_FRAMES + 3)
    with caplog.at_level(logging.WARNING):
        run_overlay_command([str(run_path), "mouse_01", "--videos", str(tmp_path / "disk")])
    assert "is not the file that the run was made from" in caplog.text
    assert len(list(iter_bgr_frames(run_path / "overlays" / "mouse_01_overlay.mp4"))) == N_FRAMES


@pytest.mark.parametrize(
    ("n_frames", "size", "message"),
    [(40, (160, 48), "ends after 40 frames"), (N_FRAMES, (320, 96), "320 x 96 px, but .* 160 x 48 px")],
)
def test_a_video_that_cannot_be_the_one_is_refused_and_leaves_nothing(run_path, tmp_path, n_frames, size, message):
    write_video(tmp_path / "disk" / "mouse_01.avi", n_frames, size)
    with pytest.raises(InputError, match=message):
        run_overlay_command([str(run_path), "mouse_01", "--videos", str(tmp_path / "disk")])
    assert not list((run_path / "overlays").iterdir())


def test_a_stretch_after_the_end_of_a_shorter_video_is_refused(run_path, tmp_path):
    write_video(tmp_path / "disk" / "mouse_01.avi", n_frames=20)
    with pytest.raises(InputError, match="ends before frame 50, but the run has predictions for 80 frames"):
        run_overlay_command([str(run_path), "mouse_01", "--from", "5", "--videos", str(tmp_path / "disk")])
    assert not list((run_path / "overlays").iterdir())


def test_embeddings_computed_elsewhere_have_no_video(run_path):
    rewrite_recordings(run_path, video="", video_path="", video_sha256="")
    for arguments in ([], ["mouse_01"], ["--all"]):
        with pytest.raises(InputError, match="computed elsewhere"):
            run_overlay_command([str(run_path), *arguments])


def test_a_run_without_centers_or_crop_is_shown_without_a_box(run_path, caplog):
    shutil.rmtree(run_path / "centers")
    with caplog.at_level(logging.WARNING):
        run_overlay_command([str(run_path), "mouse_01", "--to", "1"])
    assert "its box is not drawn" in caplog.text


def test_broken_centers_are_named(run_path):
    path = run_path / "centers" / "mouse_01.csv"
    whole = path.read_text(encoding="utf-8")
    path.write_text("\n".join(whole.splitlines()[:-4]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"centers.*mouse_01\.csv should have one row for each of the 80 frames"):
        run_overlay_command([str(run_path), "mouse_01"])
    path.write_text(whole.replace("x_px", "x"), encoding="utf-8")
    with pytest.raises(InputError, match=r"mouse_01\.csv should have .* x_px, y_px, observed, but it lacks x_px"):
        run_overlay_command([str(run_path), "mouse_01"])


def test_a_recording_that_was_not_predicted_is_named(run_path):
    (run_path / "predictions" / "mouse_01.csv").unlink()
    with pytest.raises(InputError, match="no predictions of mouse_01"):
        run_overlay_command([str(run_path), "mouse_01"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mouse_1"], "Did you mean 'mouse_01'"),
        (["mouse_01", "--all"], "not both"),
        (["--from", "8"], "lasts from 0 to 8.00 s"),
        (["--from", "3", "--to", "2"], "holds no frame"),
        (["--from", "-1"], "Choose --from and --to within it"),
        (["--from", "nan"], "--from should be a time"),
        (["--to", "inf"], "--to should be a time"),
        (["--scale", "0"], "--scale should be"),
        (["--scale", "9"], "--scale should be"),
        (["--window", "0"], "--window should be"),
        (["--videos", "no such folder"], "no such folder is no folder"),
    ],
)
def test_what_cannot_be_done_is_said(run_path, arguments, message):
    with pytest.raises(InputError, match=message):
        run_overlay_command([str(run_path), *arguments])
    assert not list(run_path.glob("overlays/*"))


@pytest.mark.parametrize("name", ["mouse_01.mp4", "mouse_01_overlay.mp4"])
def test_no_original_is_written_over_in_the_folder_of_the_videos(run_path, made, tmp_path, name):
    video = tmp_path / "videos" / name
    video.parent.mkdir()
    shutil.copy(made / "videos" / "mouse_01.avi", video)
    before = video.read_bytes()
    rewrite_recordings(run_path, video=name, video_path=str(video))
    arguments = [str(run_path), "mouse_01", "--output", str(video.parent)]
    if name == "mouse_01.mp4":
        run_overlay_command(arguments)
        assert {path.name for path in video.parent.iterdir()} == {name, "mouse_01_overlay.mp4"}
        run_overlay_command(arguments)  # What was made here is made anew.
    else:
        with pytest.raises(InputError, match=r"mouse_01_overlay\.mp4 is an original video"):
            run_overlay_command(arguments)
        shutil.copy(video, tmp_path / name)
        with pytest.raises(InputError, match="was not written by Rearview"):
            run_overlay_command([str(run_path), "mouse_01", "--output", str(tmp_path)])
    assert video.read_bytes() == before


def test_options_may_stand_before_recordings(run_path, tmp_path):
    run_overlay_command([str(run_path), "--to", "1", "mouse_02", "--output", str(tmp_path / "o")])
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["mouse_02_overlay_0-1s.mp4"]


def test_a_video_that_may_not_be_read_is_said_before_anything_is_made(run_path, monkeypatch):
    whole_open = Path.open

    def refuse(path, *arguments, **options):
        if path.suffix == ".avi":
            raise PermissionError(13, "Permission denied")
        return whole_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"mouse_01\.avi can't be read: Permission denied\. Check that your user"):
        run_overlay_command([str(run_path), "mouse_01"])


def test_a_folder_that_is_no_run_is_said(tmp_path):
    assert main(["overlay", str(tmp_path)]) == 2


def test_an_interruption_leaves_no_video(run_path, tmp_path):
    run = read_run(run_path)
    row = run.recordings[0]
    assert row.video_path is not None

    def stop(done: int, total: int) -> None:
        assert (done, total) == (10, N_FRAMES)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_overlay_video(run, row, row.video_path, tmp_path / "out" / "video.mp4", stop)
    assert not list((tmp_path / "out").iterdir())


def test_progress_ends_with_all_frames(run_path, tmp_path):
    run = read_run(run_path)
    row = run.recordings[0]
    said: list[tuple[int, int]] = []
    assert row.video_path is not None
    path = tmp_path / "video.mp4"
    n_frames = make_overlay_video(run, row, row.video_path, path, lambda *step: said.append(step), stop_s=2.5)
    assert n_frames == 25
    assert said == [(10, 25), (20, 25), (25, 25)]
