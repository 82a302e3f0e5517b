"""Whatever a file holds, it reads or is refused in one paragraph.

Damaged are the example of every format and the real reference files; beside them random text and bytes.
"""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import FORMATS, AnnotationChoice, read_annotation
from tests.damage import CELLS, damaged, fuzzed, read_or_refused
from tests.pipeline.annotations.test_annotations import EXAMPLES
from tests.pipeline.annotations.test_annotations_programs import HTML, ODS, write_ods
from tests.pipeline.annotations.test_annotations_tables import ANNOT, ROWS, TEXTS, TXT, workbook

WORKBOOK_PARTS = ("workbook", "sharedStrings", "worksheets/s0")
FPS = 10.0
N_FRAMES = 20
NAMES = st.sampled_from(
    [
        "time", "frame", "", "behavior", "start", "stop", "start_s", "stop_s", "start_frame", "stop_frame", "Action",
        "background", "a_x", "a_y", "a_p", "subject", "Behavior type", "Status", "Start (s)", "Stop (s)", "FPS",
        "Source", "Media duration (s)", "Time offset (s)", "from", "to", "End (s)", "onset_ms", "offset[ms]",
        "end_frame", "start_time", "end_time", "agent_id", "target_id", "video_id", "file", "id", "annotator",
        "label", "type",
    ]
)  # fmt: skip
REAL = [
    "boris/e3v813a-20210610T122758-123309_tabular_v7.csv",
    "boris/simultaneous_events_tabular.csv",
    "boris/test_export_events_tabular.tsv",
    "boris/test_export_events_tabular.xlsx",
    "boris/test_export_aggregated_events_test_full_1.tsv",
    "boris/test_export_aggregated_events_test_full_3.tsv",
    "boris/multi_behaviors.boris",
    "boris/test.boris",
    "mouse_arena/arena_1_annotator_A_boris_tabular.csv",
    "mouse_arena/arena_1_annotator_A_boris_aggregated.csv",
    "mouse_arena/arena_1_annotator_A.csv",
    "mouse_arena/arena_1.boris",
]
CHOICES = st.builds(
    AnnotationChoice,
    format=st.sampled_from(["", "", *FORMATS]),
    observation=st.sampled_from(["", "", "", "o", "observation #2"]),
    media=st.sampled_from(["", "", "v.mp4", "video_test_25fps_360s.mp4"]),
    subject=st.sampled_from(["", "", "subject1", "Ch1"]),
)


def check(path: Path, n_frames: int = N_FRAMES, fps: float = FPS, choice: AnnotationChoice | None = None) -> None:
    """Read; what is read must give labels as long as the video wherever its span says that it fits."""
    found = read_or_refused(
        lambda: read_annotation(path, n_frames, fps, choice=choice, video_name="v.mp4", behaviors=["groom", "s"])
    )
    if found is None:
        return
    if found.span.fits(n_frames):
        for behavior in (*found.behaviors, "no such behavior"):
            frames = found.frames_of(behavior, n_frames)
            assert frames is None or not np.any(frames[0] & ~frames[1])
            assert frames is None or frames[0].shape == frames[1].shape == (n_frames,)


@pytest.mark.parametrize("name", [*EXAMPLES, "caltech of one stream", "caltech text"])
@fuzzed(30)
@given(data=st.data(), choice=CHOICES)
def test_damaged_examples(tmp_path, name, data, choice):
    lines = EXAMPLES.get(name) or {"caltech of one stream": ANNOT, "caltech text": TXT}[name]
    path = tmp_path / "labels.csv"
    path.write_bytes(data.draw(damaged("\n".join(lines).encode())))
    check(path, choice=choice)


@fuzzed(100)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), choice=CHOICES)
def test_random_bytes_and_text(tmp_path, content, choice):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    check(path, choice=choice)


@fuzzed(100)
@given(
    names=st.lists(NAMES, max_size=9),
    rows=st.lists(st.lists(st.one_of(CELLS, st.sampled_from(["0", "1", "2", "0.5", "a"])), max_size=9), max_size=6),
    choice=CHOICES,
)
def test_random_tables_under_known_names(tmp_path, names, rows, choice):
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(",".join(row) for row in [names, *rows]), encoding="utf-8")
    check(path, choice=choice)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)
EVENTS = st.lists(
    st.lists(st.one_of(st.sampled_from([0.5, 1.2, "groom", "", "NA", "x", 5, -1, 1e300, 2**70]), JSON), max_size=7),
    max_size=4,
)
OBSERVATIONS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.one_of(st.sampled_from(["MEDIA", "LIVE"]), JSON),
        "file": st.one_of(st.just({"1": ["v.mp4"]}), st.just({"1": ["a.mp4", "v.mp4"], "2": ["v.mp4"]}), JSON),
        "media_info": st.one_of(st.just({"length": {"v.mp4": 2.0, "a.mp4": 1.0}, "fps": {"v.mp4": 10}}), JSON),
        "events": st.one_of(EVENTS, JSON),
        "time offset": st.one_of(st.sampled_from([0, 0.0, 5, -3.5, 1e308, "0.0"]), JSON),
        "observation time interval": st.one_of(st.just([0, 0]), st.just([0.5, 1e300]), JSON),
    },
)


@fuzzed(100)
@given(
    observations=st.one_of(st.dictionaries(st.sampled_from(["o", "p"]), OBSERVATIONS, max_size=2), JSON),
    behaviors=st.one_of(st.just({"0": {"code": "groom", "type": "State event"}}), JSON),
    subjects=JSON,
    choice=CHOICES,
    packed=st.booleans(),
)
def test_random_projects(tmp_path, observations, behaviors, subjects, choice, packed):
    content = {"observations": observations, "behaviors_conf": behaviors, "subjects_conf": subjects}
    text = json.dumps(content).encode()
    path = tmp_path / "p.boris"
    path.write_bytes(gzip.compress(text) if packed else text)
    check(path, choice=choice)


@pytest.mark.parametrize(
    "content", [b'{"a":' * 100_000, b"{" + b"[" * 100_000, b'{"observations": ' + b"1" * 5000 + b"}"]
)
def test_deep_and_long_json(tmp_path, content):
    path = tmp_path / "p.boris"
    path.write_bytes(content)
    with pytest.raises(InputError, match="found something else"):
        read_annotation(path, N_FRAMES, FPS)


@fuzzed(40)
@given(
    data=st.data(), part=st.sampled_from(["xl/workbook.xml", "xl/sharedStrings.xml", "xl/worksheets/s0.xml", "whole"])
)
def test_damaged_workbooks(tmp_path, data, part):
    path = workbook(tmp_path / "labels.xlsx", {"a": ROWS, "b": ""}, TEXTS)
    if part == "whole":
        path.write_bytes(data.draw(damaged(path.read_bytes(), ())))
    else:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts[part] = data.draw(damaged(parts[part]))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    check(path)


@fuzzed(40)
@given(data=st.data(), is_whole=st.booleans())
def test_damaged_open_document_sheets(tmp_path, data, is_whole):
    path = tmp_path / "labels.ods"
    if is_whole:
        path.write_bytes(data.draw(damaged(write_ods(path, ODS).read_bytes(), ())))
    else:
        write_ods(path, data.draw(damaged(ODS.encode())))
    check(path)


@fuzzed(40)
@given(data=st.data())
def test_damaged_web_pages(tmp_path, data):
    path = tmp_path / "labels.html"
    path.write_bytes(data.draw(damaged(HTML.encode())))
    check(path)


@fuzzed(100)
@given(
    names=st.one_of(st.dictionaries(st.sampled_from(["0", "1", "x"]), st.sampled_from(["groom", "s"])), JSON),
    labels=st.dictionaries(
        st.sampled_from(["v.mp4", "a/v.avi", ""]),
        st.lists(
            st.one_of(st.sampled_from([0, 1, -1, 2, None, 2**70, 0.5, True]), st.lists(st.integers(-1, 2), max_size=3))
        ),
    )
    | JSON,
    choice=CHOICES,
)
def test_random_feral_labels(tmp_path, names, labels, choice):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"class_names": names, "labels": labels}), encoding="utf-8")
    check(path, choice=choice)


@fuzzed(40)
@given(data=st.data())
def test_damaged_packed_projects(tmp_path, data):
    path = tmp_path / "p.boris_gz"
    path.write_bytes(data.draw(damaged(gzip.compress("\n".join(EXAMPLES["boris_project"]).encode(), mtime=0), ())))
    check(path)


@pytest.mark.shared
@fuzzed(100)
@given(data=st.data(), name=st.sampled_from(REAL), choice=CHOICES)
def test_damaged_real_files(shared_dir, tmp_path, data, name, choice):
    real = shared_dir / "data" / name
    path = tmp_path / real.name
    path.write_bytes(data.draw(damaged(real.read_bytes())))
    check(path, *((2000, 30.0) if "arena" in name else (8999, 25.0)), choice=choice)
