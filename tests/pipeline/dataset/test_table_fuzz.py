"""Whatever stands in a table of recordings, or in that of a run, it is read or refused in one paragraph."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from common.names import unreadable_name_reason, unsafe_name_reason
from pipeline.dataset.table import COLUMNS, read_recordings
from pipeline.run_folder.contents import RECORDINGS
from pipeline.run_folder.recordings import RecordingRow, write_recordings
from pipeline.run_folder.recordings import read_recordings as read_run_recordings
from pipeline.run_folder.run_dir import RunDir
from tests.damage import CELLS, damaged, fuzzed, read_or_refused
from tests.pipeline.annotations.test_annotations import EXAMPLES

TABLE = """\
recording,video,poses,annotations,individual,group,split,animal
v0,v0.mp4,p0.csv,A=bouts.csv;B=frame_csv:frames.csv,m0,wt,train,
v1,v1.mp4,blob,x.boris#observation=o#media=v.mp4#subject=s,m1,ko,test,
v2a,v2.mp4,p2.csv,boris_tabular:events.csv,m2,wt,,adult
v2b,v2.mp4,p2.csv,events.csv,m3,wt,train,pup
v3,features.h5#a/b,,,m4,,,
"""
FILES = {
    "bouts.csv": "bout_csv", "frames.csv": "frame_csv", "x.boris": "boris_project", "events.csv": "boris_tabular",
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    for name in ("v0.mp4", "v1.mp4", "v2.mp4", "p0.csv", "p2.csv", "features.h5"):
        (folder / name).write_bytes(b"x")
    for name, example in FILES.items():
        (folder / name).write_text("\n".join(EXAMPLES[example]) + "\n", encoding="utf-8")
    return folder


def read_all_rows(path: Path) -> None:
    for recording in read_or_refused(lambda: read_recordings(path)) or ():
        assert not unsafe_name_reason(recording.id)
        assert not unreadable_name_reason(recording.individual) and not unreadable_name_reason(recording.group)
    # As `audit` reads it: what is wrong with a row is told, and the others are read.
    read_or_refused(lambda: read_recordings(path, lambda _, error: read_or_refused(lambda: _raise(error))))


def _raise(error: Exception) -> None:
    raise error


def test_the_table_is_sound(lab: Path):
    (lab / "recordings.csv").write_text(TABLE, encoding="utf-8")
    assert [recording.id for recording in read_recordings(lab / "recordings.csv")] == ["v0", "v1", "v2a", "v2b", "v3"]


@fuzzed(150)
@given(content=damaged(TABLE.encode()))
def test_damaged_tables(lab: Path, content: bytes):
    (lab / "recordings.csv").write_bytes(content)
    read_all_rows(lab / "recordings.csv")


WORDS = CELLS | st.sampled_from(
    ["v0", "v0.mp4", "p0.csv", "bouts.csv", "x.boris", "A=bouts.csv", "x.boris#observ=o", "x.boris#observation", "blob",
     "features.h5#a", "x.boris#", "x.boris#Observation=o", "x.boris# observation=o", "A=x.boris#media=", "=bouts.csv",
     "nope/../bouts.csv", "caltech:x.boris", "A=;B=", "frames.csv#scored=0-1"]
)  # fmt: skip


@fuzzed(150)
@given(
    rows=st.lists(
        st.lists(WORDS | st.tuples(WORDS, WORDS).map("".join), min_size=7, max_size=7), min_size=1, max_size=3
    )
)
def test_tables_of_odd_cells(lab: Path, rows: list[list[str]]):
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    (lab / "recordings.csv").write_text("\n".join([",".join(COLUMNS), *quoted]), encoding="utf-8", newline="")
    read_all_rows(lab / "recordings.csv")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunDir, bytes]:
    run = RunDir(tmp_path_factory.mktemp("run"))
    row = RecordingRow("v0", "test", "m0", "wt", "v0.mp4", 25.0, 100, 3, 640, 480, Path("v0.mp4"), "ab" * 32)
    write_recordings(run, [row, replace(row, recording="v1", video_path=None)])
    return run, RECORDINGS.path(run).read_bytes()


@fuzzed(150)
@given(data=st.data())
def test_damaged_tables_of_a_run(run: tuple[RunDir, bytes], data: st.DataObject):
    folder, sound = run
    RECORDINGS.path(folder).write_bytes(data.draw(damaged(sound)))
    for row in read_or_refused(lambda: read_run_recordings(folder)) or ():
        assert row.n_frames >= 1 and row.fps > 0


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            "v0,v0.mp4,,x.boris#observ,,,train",
            r"column 'annotations': no file 'x.boris#observ'. There is 'x.boris': .*#observation=…",
        ),
        (
            "v0,v0.mp4,,x.boris#observ=o,,,train",
            r"expected #sequence=NAME, #observation=NAME.*Did you mean 'observation'",
        ),
        ("v0,v0.mp4,,gone.boris#observ,,,train", "column 'annotations': no file 'gone.boris#observ'"),
        ("v0,v0.mp4,p0.csv#a,,,,", "column 'poses': no file 'p0.csv#a'. There is 'p0.csv'.*#sequence=… or nothing"),
        (f"v0,{'x' * 300}.mp4,,,,,", "column 'video': no file 'xxx"),
        (f"v0,{'x/' * 3000}.mp4,,,,,", "column 'video': no file 'x/x"),
        (f"v0,v0.mp4,,{'A' * 200}=bouts.csv;{'B' * 200}=bouts.csv#observation=o,,,train", None),
        ("v0\u202e,v0.mp4,,,,,", r"row 2, column 1: .* holds \\u202e"),
        ("v0,v0.mp4,,,m\x1b[31m,,", r"row 2, column 5: .* holds \\x1b"),
        (f"v0,v0.mp4,,,,{'g' * 300},", "column 'group': .*longer than 120 bytes"),
        ("<script>,v0.mp4,,,,,", "column 'recording': .*it contains '<' '>'"),
        ("../v0,v0.mp4,,,,,", "column 'recording': .*it contains '/'"),
        ("v0,v0.mp4,,,<script>alert(1)</script>,wt/ko,", None),
    ],
    ids=range(13),
)
def test_odd_names_are_refused_by_their_cell_or_harmless(lab: Path, cells: str, said: str | None):
    (lab / "recordings.csv").write_text(f"{','.join(COLUMNS)}\n{cells}\n", encoding="utf-8")
    if said is None:
        assert [recording.id for recording in read_recordings(lab / "recordings.csv")] == ["v0"]
        return
    with pytest.raises(InputError, match=said):
        read_recordings(lab / "recordings.csv")


def test_a_run_does_not_name_files_of_others(run: tuple[RunDir, bytes]):
    folder, sound = run
    RECORDINGS.path(folder).write_bytes(sound.replace(b"v0,", b"../v0,"))
    with pytest.raises(InputError, match=r"row 2: the recording .* can be no file name"):
        read_run_recordings(folder)
