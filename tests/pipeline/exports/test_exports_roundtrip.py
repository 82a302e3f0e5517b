"""What leaves comes back: bouts → every export → its reader → the same bouts."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from common.names import canonical, unsafe_name_reason
from common.tables import write_lines
from common.words import is_missing, says_unknown
from pipeline.annotations import EventList, FrameTable, RawAnnotation, read_annotation
from pipeline.annotations.bout_tables.columns import is_id
from pipeline.dataset.table import read_recordings
from pipeline.exports import EXPORTS, boris_paste
from pipeline.exports.base import ExportedFile
from pipeline.exports.boris_project import boris_project
from pipeline.exports.recording import HUMAN, PREDICTED, ExportRecording, name_of
from pipeline.scoring.bouts.bouts import Bout, bouts_from_frames

RATES = (10, 12.5, 23.976, 25, 29.97, 30000 / 1001, 30, 50, 59.94, 60, 90, 100, 119.88, 120, 200, 239.76, 250)
FEW = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])

# As they are where tables and YAML are read.
texts = st.text(
    st.characters(categories=("L", "N", "M"), include_characters=" _-.()'+&=#,", exclude_characters=";"),
    min_size=1,
    max_size=12,
)
names = texts.map(canonical).filter(lambda name: not unsafe_name_reason(name) and "  " not in name)
# Words for what nobody judged are refused by an experiment, and names such as `subject` by the reader of frames.
behavior_names = names.filter(lambda name: not (is_missing(name) or says_unknown(name) or is_id(name)))
rates = st.sampled_from(RATES) | st.floats(10, 250, allow_nan=False).map(lambda fps: round(fps, 4))


@st.composite
def bouts_of(draw: st.DrawFn, behavior: str, n_frames: int) -> list[Bout]:
    """Bouts of one behavior, some touching, some of one frame, often with one at either end."""
    steps = draw(st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 9, 40]), st.sampled_from([1, 1, 2, 5, 30]))))
    found, frame = [], 0
    for gap, length in steps:
        start = frame + gap
        if start + length > n_frames:
            break
        found.append(Bout(behavior, start, start + length))
        frame = start + length
    if draw(st.booleans()) and frame < n_frames:
        found.append(Bout(behavior, draw(st.integers(frame, n_frames - 1)), n_frames))
    return found


@st.composite
def exported(draw: st.DrawFn) -> tuple[float, tuple[str, ...], list[ExportRecording]]:
    """The video's true frame rate, an ethogram, and one or two recordings that know the rate as a run stores it."""
    fps = draw(rates)
    behaviors = tuple(draw(st.lists(behavior_names, min_size=1, max_size=5, unique_by=str.casefold)))
    ids = draw(
        st.lists(names.filter(lambda name: name.casefold() != "pooled"), min_size=1, max_size=2, unique_by=str.casefold)
    )
    recordings = []
    for recording in ids:
        n_frames = draw(st.integers(1, 400))
        sources = {
            source: [bout for behavior in behaviors for bout in draw(bouts_of(behavior, n_frames))]
            for source in draw(st.sampled_from([(PREDICTED,), (PREDICTED, HUMAN)]))
        }
        recordings.append(ExportRecording(recording, Path(f"{recording}.mp4"), round(fps, 6), n_frames, sources))
    return fps, behaviors, recordings


def _write(folder: Path, files: list[ExportedFile]) -> dict[tuple[str, str], str]:
    """Write the files; returns by recording and source how a table of recordings names them."""
    cells: dict[tuple[str, str], str] = {}
    for file in files:
        path = folder / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.content)
        cells |= file.cells
    return cells


def _pasted(folder: Path, files: list[ExportedFile], tree: dict[str, Any]) -> dict[tuple[str, str], str]:
    """What BORIS keeps of pasted lines, in a project of observations that were empty."""
    for file in files:
        text = file.content.decode("utf-8")
        observation = tree["observations"][Path(file.path).name.removesuffix(".tsv")]
        observation["events"] = []
        for line in text.split("\n") if text else ():
            time_s, *texts, frame = line.split("\t")
            row = [float(time_s), *texts, int(frame)]
            assert len(row) == 6
            if row not in observation["events"]:  # BORIS leaves out a row that it has
                observation["events"].append(row)
        observation["events"].sort()
    (folder / "pasted.boris").write_text(json.dumps(tree), encoding="utf-8")
    return {
        (
            name.removesuffix(" (human)"),
            HUMAN if name.endswith(" (human)") else PREDICTED,
        ): f"pasted.boris#observation={name}"
        for name in tree["observations"]
    }


def _read(folder: Path, recording: ExportRecording, cell: str, fps: float) -> RawAnnotation:
    """Read an export as a user would have it read: named in a table of recordings."""
    (folder / f"{recording.id}.mp4").write_bytes(b"no video is decoded here")
    write_lines(
        folder / "recordings.csv",
        [["recording", "video", "annotations"], [recording.id, f"{recording.id}.mp4", f"me={cell}"]],
    )
    [row] = read_recordings(folder / "recordings.csv")
    return read_annotation(
        row.annotation_paths["me"],
        recording.n_frames,
        fps,
        choice=row.annotation_choices["me"],
        video_name=row.video_path.name,
    )


def _united(bouts: list[Bout]) -> list[Bout]:
    """Bouts of one behavior that touch, made one."""
    united: list[Bout] = []
    for bout in sorted(bouts):
        if united and (united[-1].behavior, united[-1].stop_frame) == (bout.behavior, bout.start_frame):
            united[-1] = Bout(bout.behavior, united[-1].start_frame, bout.stop_frame)
        else:
            united.append(bout)
    return united


def _bouts(annotation: RawAnnotation, behaviors: tuple[str, ...], n_frames: int) -> list[Bout]:
    if isinstance(annotation, EventList):
        return sorted(annotation.bouts)
    found = []
    for behavior in behaviors:
        frames = annotation.frames_of(behavior, n_frames)
        assert frames is not None and frames[1].all()
        found += bouts_from_frames(frames[0], behavior)
    return sorted(found)


TOUCHING = ExportRecording("m1", Path("m1.mp4"), 29.97003, 9, {PREDICTED: [Bout("a", 0, 5), Bout("a", 5, 9)]})
ONE_FRAME_EACH = ExportRecording(
    "m1", Path("m1.mp4"), 250, 8, {PREDICTED: [Bout(b, i, i + 1) for b in "ab" for i in range(8)], HUMAN: []}
)


@pytest.mark.parametrize("name", EXPORTS)
@given(found=exported())
@example(found=(30000 / 1001, ("a",), [TOUCHING]))
@example(found=(250, ("a", "b", "never"), [ONE_FRAME_EACH]))
@FEW
def test_bouts_come_back(name: str, found: tuple[float, tuple[str, ...], list[ExportRecording]]) -> None:
    fps, behaviors, recordings = found
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = list(EXPORTS[name].files(recordings, behaviors, "run"))
        if EXPORTS[name] is boris_paste:
            cells = _pasted(folder, files, boris_project(recordings, behaviors, "run"))
        else:
            cells = _write(folder, files)
        for recording in recordings:
            for source, bouts in recording.bouts.items():
                if not bouts and (recording.id, source) not in cells:
                    continue  # a form that can't say that nothing happened says so by naming no cell
                annotation = _read(folder, recording, cells[recording.id, source], fps)
                expected = sorted(bouts) if name != "frames" else _united(list(bouts))
                assert _bouts(annotation, behaviors, recording.n_frames) == expected


@pytest.mark.parametrize("name", EXPORTS)
def test_each_animal_of_a_video_has_its_bouts_back(tmp_path: Path, name: str) -> None:
    video = Path("pair.mp4")
    # At frame 20 a bout of one behavior ends where another's begins, of both animals.
    own = {
        "mäuse, dark": [Bout("a", 10, 20), Bout("a", 20, 25), Bout("b", 3, 4)],
        "light": [Bout("a", 12, 20), Bout("b", 20, 40)],
    }
    recordings = [
        ExportRecording(f"m{i}", video, 25, 40, {PREDICTED: bouts, HUMAN: bouts[:i]}, animal=animal)
        for i, (animal, bouts) in enumerate(own.items())
    ]
    files = list(EXPORTS[name].files(recordings, ("a", "b"), "run"))
    if EXPORTS[name] is boris_paste:
        cells = _pasted(tmp_path, files, boris_project(recordings, ("a", "b"), "run"))
    else:
        cells = _write(tmp_path, files)
    (tmp_path / video).touch()
    rows = [[r.id, str(video), f'"me={cells[r.id, PREDICTED]}"', f'"{r.animal}"'] for r in recordings]
    if name == "boris":
        together = [f"run.boris#observation=pair (all animals)#subject={animal}" for animal in own]
        everybody = "run.boris#observation=pair (all animals)"
        human = "run.boris#observation=pair (all animals) (human)"
        rows = [[*row[:2], f'"me={row[2][4:-1]};a={a};b={everybody};c={human}"', row[3]]
                for row, a in zip(rows, together, strict=True)]  # fmt: skip
    lines = [",".join(row) for row in [["recording", "video", "annotations", "animal"], *rows]]
    (tmp_path / "recordings.csv").write_text("\n".join(lines), encoding="utf-8")
    for row, recording in zip(read_recordings(tmp_path / "recordings.csv"), recordings, strict=True):
        for annotator, path in row.annotation_paths.items():
            choice = row.annotation_choices[annotator]
            annotation = read_annotation(path, 40, 25, choice=choice, video_name="pair.mp4")
            expected = sorted(recording.bouts[HUMAN if annotator == "c" else PREDICTED])
            assert _bouts(annotation, ("a", "b"), 40) == (expected if name != "frames" else _united(expected))


def test_exclusive_states_stop_each_other(tmp_path: Path) -> None:
    bouts = [Bout("a", 10, 20), Bout("b", 20, 25), Bout("a", 25, 30), Bout("c", 5, 10)]
    recording = ExportRecording("m1", Path("m1.mp4"), 25, 40, {PREDICTED: bouts}, exclusive=True)
    tree = boris_project([recording], ("a", "b", "c"), "run")
    assert [behavior["excluded"] for behavior in tree["behaviors_conf"].values()] == ["b,c", "a,c", "a,b"]
    active: set[str] = set()
    for _, _, code, *_ in tree["observations"]["m1"]["events"]:
        active ^= {code}
        assert len(active) <= 1
    cells = _write(tmp_path, list(EXPORTS["boris"].files([recording], ("a", "b", "c"), "run")))
    annotation = _read(tmp_path, recording, cells["m1", PREDICTED], 25)
    assert _bouts(annotation, ("a", "b", "c"), 40) == sorted(bouts)
    binary = boris_project([replace(recording, exclusive=False)], ("a", "b", "c"), "run")
    assert not any(behavior["excluded"] for behavior in binary["behaviors_conf"].values())


@pytest.mark.parametrize("name", EXPORTS)
@given(found=exported())
@settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
def test_equal_bouts_give_equal_bytes_and_a_path_of_its_own(
    name: str, found: tuple[float, tuple[str, ...], list[ExportRecording]]
) -> None:
    _, behaviors, recordings = found
    first, second = (list(EXPORTS[name].files(recordings, behaviors, "run")) for _ in range(2))
    assert first == second
    paths = [file.path.casefold() for file in first]
    assert len(set(paths)) == len(paths)
    assert all(not Path(path).is_absolute() and ".." not in Path(path).parts for path in paths)


@pytest.mark.parametrize("name", [key for key in EXPORTS if key not in ("frames", "paste")])
@pytest.mark.parametrize("fps", RATES)
def test_three_hours_come_back(tmp_path: Path, name: str, fps: float) -> None:
    n_frames = round(3 * 3600 * fps)
    bouts = [Bout("a", i, i + 1) for i in range(0, 300, 2)]
    bouts += [Bout("a", n_frames - i - 1, n_frames - i) for i in range(1, 300, 2)]
    bouts += [Bout("b", i, i + 7) for i in range(300, n_frames - 7, n_frames // 97)]
    recording = ExportRecording("m1", Path("m1.mp4"), round(fps, 6), n_frames, {PREDICTED: bouts})
    cells = _write(tmp_path, list(EXPORTS[name].files([recording], ("a", "b"), "run")))
    annotation = _read(tmp_path, recording, cells["m1", PREDICTED], fps)
    assert _bouts(annotation, ("a", "b"), n_frames) == sorted(bouts)


def test_times_of_neighbouring_frames_differ() -> None:
    tree = boris_project([ONE_FRAME_EACH], ("a", "b"), "run")
    times = sorted({row[0] for row in tree["observations"]["m1"]["events"]})
    assert all(second - first > 0.003 for first, second in pairwise(times)) and len(times) == 9


PARTLY: Mapping[str, tuple[list[Bout], list[Bout]]] = {
    "ends": ([Bout("a", 20, 30)], [Bout(b, *run) for b in "ab" for run in ((0, 15), (40, 50))]),
    "middle": ([Bout("a", 20, 30)], [Bout("a", 35, 40), Bout("b", 0, 50)]),
}


@pytest.mark.parametrize("case", PARTLY)
def test_frames_that_nobody_scored_stay_so_in_the_frame_csv(tmp_path: Path, case: str) -> None:
    bouts, unscored = PARTLY[case]
    recording = ExportRecording("m1", Path("m1.mp4"), 25, 50, {HUMAN: bouts}, {HUMAN: unscored})
    cells = _write(tmp_path, list(EXPORTS["frames"].files([recording], ("a", "b"), "run")))
    annotation = _read(tmp_path, recording, cells["m1", HUMAN], 25)
    assert isinstance(annotation, FrameTable)
    for behavior in "ab":
        active, scored = annotation.frames_of(behavior, 50) or pytest.fail(f"{behavior} is missing")
        assert bouts_from_frames(active, behavior) == [bout for bout in bouts if bout.behavior == behavior]
        assert bouts_from_frames(~scored, behavior) == [part for part in unscored if part.behavior == behavior]


def test_one_watched_stretch_stays_so_in_the_project(tmp_path: Path) -> None:
    bouts, unscored = PARTLY["ends"]
    recording = ExportRecording("m1", Path("m1.mp4"), 25, 50, {HUMAN: bouts}, {HUMAN: unscored})
    cells = _write(tmp_path, list(EXPORTS["boris"].files([recording], ("a", "b"), "run")))
    annotation = _read(tmp_path, recording, cells["m1", HUMAN], 25)
    assert isinstance(annotation, EventList) and annotation.watched == ((15, 40),)


def test_the_project_says_where_nobody_looked() -> None:
    bouts, unscored = PARTLY["middle"]
    recording = ExportRecording("m1", None, 25, 50, {HUMAN: bouts}, {HUMAN: unscored})
    observation = boris_project([recording], ("a", "b"), "run")["observations"][name_of("m1", HUMAN)]
    assert "50 of 50 frames were not scored for a, b" in observation["description"]
    assert observation["observation time interval"] == [0, 0]


@pytest.mark.shared
@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_a_real_observation_comes_back(shared_dir: Path, tmp_path: Path, part: int) -> None:
    path = shared_dir / "data" / "mouse_arena" / f"arena_{part}.boris"
    known = read_annotation(path, 2000, 30, video_name=f"arena_{part}.mp4")
    assert isinstance(known, EventList) and known.bouts
    recording = ExportRecording("m1", Path("m1.mp4"), 30, 2000, {PREDICTED: known.bouts})
    for name in ("boris", "xlsx", "bouts"):
        cells = _write(tmp_path, list(EXPORTS[name].files([recording], known.behaviors, "run")))
        annotation = _read(tmp_path, recording, cells["m1", PREDICTED], 30)
        assert _bouts(annotation, known.behaviors, 2000) == sorted(known.bouts)


@pytest.mark.shared
def test_the_project_has_what_a_real_one_has(shared_dir: Path) -> None:
    text = (shared_dir / "data" / "boris" / "multi_behaviors.boris").read_text(encoding="utf-8")
    real = json.loads(text)
    ours = boris_project([TOUCHING], ("a",), "run")
    assert set(real) <= set(ours)
    [first, *_] = real["observations"].values()
    assert set(first) <= set(ours["observations"]["m1"])
    assert set(first["media_info"]) <= set(ours["observations"]["m1"]["media_info"])
    assert set(real["behaviors_conf"]["0"]) <= set(ours["behaviors_conf"]["0"])
