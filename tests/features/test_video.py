import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from features.video import inspection as video_module
from features.video.inspection import inspect_video
from features.video.reading import iter_bgr_frames
from features.video.survey import survey_video
from tests.features.stage_one import HEIGHT_PX, WIDTH_PX, frame_number, write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clips") / "clip.avi", 40, fps=12.5)


def with_header(monkeypatch: pytest.MonkeyPatch, clip: Path, **header: float) -> None:
    """Have the header of a video say what a test wants."""
    survey = survey_video(clip)
    changed = replace(survey, header=survey.header._replace(**header))
    monkeypatch.setattr(video_module, "survey_video", lambda path: changed)


def test_inspect_tells_what_was_written(clip: Path) -> None:
    video = inspect_video(clip)
    assert (video.n_frames, video.n_frames_header) == (40, 40)
    assert (video.width_px, video.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert video.fps == pytest.approx(12.5)
    assert len(video.sha256) == 64


def test_frames_come_in_order_and_all(clip: Path) -> None:
    assert [frame_number(frame) for frame in iter_bgr_frames(clip)] == list(range(40))


@pytest.mark.parametrize("step", [1, 2, 3, 7, 39, 40, 100])
def test_frame_step_takes_every_nth(clip: Path, step: int) -> None:
    assert [frame_number(frame) for frame in iter_bgr_frames(clip, step)] == list(range(0, 40, step))


@pytest.mark.parametrize("first", [0, 3, 6, 39, 42])
def test_later_start_continues_the_same_frames(clip: Path, first: int) -> None:
    whole = list(iter_bgr_frames(clip, 3))
    rest = list(iter_bgr_frames(clip, 3, first))
    assert len(rest) == len(whole[-(-first // 3) :])
    assert all(np.array_equal(a, b) for a, b in zip(rest, whole[-(-first // 3) :], strict=True))


def test_frames_are_blue_green_red(clip: Path) -> None:
    frame = next(iter_bgr_frames(clip))[:, :, ::-1]
    assert frame.dtype == np.uint8
    red_half, blue_half = frame[46, 5].astype(int), frame[46, 75].astype(int)
    assert red_half[0] > 150 > 60 > red_half[2]
    assert blue_half[2] > 150 > 60 > blue_half[0]


@pytest.mark.parametrize("name", ["with space.avi", "Mäuse ñ 実験.avi", "percent%02d.avi", "hash#1.avi"])
def test_any_file_name_is_read(tmp_path: Path, name: str, clip: Path) -> None:
    (tmp_path / name).write_bytes(clip.read_bytes())
    assert inspect_video(tmp_path / name).n_frames == 40
    assert sum(1 for _ in iter_bgr_frames(tmp_path / name)) == 40


@pytest.fixture(params=["missing", "folder", "empty", "text", "garbage", "cut mp4"])
def not_a_video(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / ("x.txt" if request.param == "text" else "x.mp4")
    if request.param == "folder":
        path.mkdir()
    elif request.param == "empty":
        path.touch()
    elif request.param == "text":
        path.write_text("frame,x,y\n" * 200, encoding="utf-8")
    elif request.param == "garbage":
        path.write_bytes(np.random.default_rng(0).bytes(5000))
    elif request.param == "cut mp4":
        whole = write_video(tmp_path / "whole.mp4", 60, codec="mp4v").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    return path


def test_no_video_is_one_paragraph_with_its_name(not_a_video: Path, tmp_path: Path) -> None:
    for read in (
        inspect_video,
        lambda path: next(iter_bgr_frames(path)),
        lambda p: inspect_video(p, tmp_path / "i.json"),
    ):
        with pytest.raises(InputError) as caught:
            read(not_a_video)
        assert str(not_a_video) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 90000.0])
def test_absurd_frame_rate_is_refused(clip: Path, monkeypatch: pytest.MonkeyPatch, fps: float) -> None:
    with_header(monkeypatch, clip, fps=fps)
    with pytest.raises(InputError, match="frames per second"):
        inspect_video(clip)


def test_video_without_frames_is_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_module, "iter_frames", lambda path: iter(()))
    with pytest.raises(InputError, match="No frame"):
        inspect_video(clip)


def test_cut_off_video_is_counted(tmp_path: Path, clip: Path) -> None:
    whole = clip.read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole[: len(whole) // 2])
    video = inspect_video(cut, tmp_path / "index.json")
    assert 0 < video.n_frames < 40 == video.n_frames_header
    assert video.n_frames == sum(1 for _ in iter_bgr_frames(cut))
    assert video.n_missing_frames == 40 - video.n_frames
    remembered = inspect_video(cut, tmp_path / "index.json")
    assert remembered.n_missing_frames == 40 - video.n_frames, "a remembered outcome must tell as well"


def test_header_without_count_says_nothing_of_missing_frames(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_header(monkeypatch, clip, n_frames=0)
    video = inspect_video(clip)
    assert (video.n_frames, video.n_frames_header, video.n_missing_frames) == (40, 0, 0)


def test_a_header_that_is_a_little_off_is_nothing(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_header(monkeypatch, clip, n_frames=43)
    assert inspect_video(clip).n_missing_frames == 0
    with_header(monkeypatch, clip, n_frames=44)
    assert inspect_video(clip).n_missing_frames == 4


def test_progress_is_told_while_decoding_and_not_from_the_index(clip: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    inspect_video(clip, tmp_path / "index.json", lambda done, total: told.append((done, total)))
    assert told == [(25, 40)]
    inspect_video(clip, tmp_path / "index.json", lambda done, total: told.append((done, total)))
    assert len(told) == 1


def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(video_module, "_inspect", refuse)


def test_index_spares_decoding(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "new folder" / "videos.json"
    first = inspect_video(clip, index)
    forbid_decoding(monkeypatch)
    assert inspect_video(clip, index) == first


def test_changed_file_is_inspected_again(clip: Path, tmp_path: Path) -> None:
    copy, index = tmp_path / "copy.avi", tmp_path / "videos.json"
    copy.write_bytes(clip.read_bytes())
    before = inspect_video(copy, index)
    write_video(copy, 25)
    after = inspect_video(copy, index)
    assert (before.n_frames, after.n_frames) == (40, 25)
    assert before.sha256 != after.sha256


def test_index_remembers_several_videos(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = write_video(tmp_path / "other.avi", 7)
    index = tmp_path / "videos.json"
    videos = [inspect_video(path, index) for path in (clip, other)]
    forbid_decoding(monkeypatch)
    assert [inspect_video(path, index) for path in (clip, other)] == videos


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"a": 1}', "\udcff"])
def test_damaged_index_is_made_anew(clip: Path, tmp_path: Path, content: str) -> None:
    index = tmp_path / "videos.json"
    index.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert inspect_video(clip, index).n_frames == 40
    assert str(clip.resolve()) in json.loads(index.read_text(encoding="utf-8"))


@pytest.mark.parametrize("change", [{"n_frames": "40"}, {"sha256": 5}, {"fps": None}, {"codec": None}, {"quality": {}}])
def test_damaged_entry_is_not_believed(clip: Path, tmp_path: Path, change: dict[str, object]) -> None:
    index = tmp_path / "videos.json"
    video = inspect_video(clip, index)
    entries = json.loads(index.read_text(encoding="utf-8"))
    entries[str(clip.resolve())] |= change
    index.write_text(json.dumps(entries), encoding="utf-8")
    assert inspect_video(clip, index) == video


def test_entry_of_an_earlier_version_is_completed(clip: Path, tmp_path: Path) -> None:
    index = tmp_path / "videos.json"
    video = inspect_video(clip, index)
    entries = json.loads(index.read_text(encoding="utf-8"))
    del entries[str(clip.resolve())]["quality"], entries[str(clip.resolve())]["quality_version"]
    index.write_text(json.dumps(entries), encoding="utf-8")
    assert inspect_video(clip, index) == video
    assert "quality" in json.loads(index.read_text(encoding="utf-8"))[str(clip.resolve())]


def test_mp4_without_its_index_is_told_from_other_damage(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", 60, codec="mp4v").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut off.*'moov'.*Copy it again"):
        inspect_video(cut)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(InputError, match="can't be opened as a video"):
        inspect_video(tmp_path / "noise.mp4")


@pytest.mark.parametrize("content", [b"\0", b"\0\0\0\x20fty", b"\0\0\0\x20junkjunkjunk"])
def test_what_does_not_begin_as_an_mp4_was_not_cut_off(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="can't be opened as a video"):
        inspect_video(path)


@pytest.mark.parametrize("method", ["open", "exists"])
def test_a_video_that_may_not_be_read_is_said(clip: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(InputError, match=r"can't be read: Permission denied\. Check that your user may read"):
        inspect_video(clip)
    with pytest.raises(InputError, match="can't be read"):
        next(iter_bgr_frames(clip))


def test_unwritable_index_does_not_stop_anything(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert inspect_video(clip, tmp_path / "file" / "videos.json").n_frames == 40
