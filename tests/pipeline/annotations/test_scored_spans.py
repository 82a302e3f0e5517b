"""What the table says of from where to where a video was scored, in every format."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from pipeline.annotations import AnnotationChoice, RawAnnotation, read_annotation
from tests.pipeline.annotations.test_annotations import EXAMPLES, write

FPS = 10.0
BOUTS = ["behavior,start_frame,stop_frame", "groom,2,6", "groom,12,14", "rear,18,20"]


def read(path: Path, scored: str, n_frames: int = 20, **choice) -> RawAnnotation:
    return read_annotation(path, n_frames, FPS, choice=AnnotationChoice(scored=scored, **choice))


def column(found: RawAnnotation, behavior: str, n_frames: int = 20) -> str:
    """1, 0, and . for not scored."""
    active, scored = found.frames_of(behavior, n_frames) or pytest.fail(f"{behavior} is missing")
    return "".join("." if not known else "1" if shown else "0" for shown, known in zip(active, scored, strict=True))


@pytest.mark.parametrize(
    ("scored", "groom"),
    [
        ("0-20", "00111100000011000000"),
        ("0-10", "0011110000.........."),
        ("0-1s", "0011110000.........."),
        ("0 s – 1.0 S", "0011110000.........."),
        ("0.005-0.02min", "...111000000........"),
        ("5-13", ".....10000001......."),
        ("0-0.4s,1-2s", "0011......0011000000"),
        ("0-4+10-20", "0011......0011000000"),
    ],
)
def test_what_lies_outside_is_unscored(tmp_path, scored, groom):
    assert column(read(write(tmp_path / "labels.csv", BOUTS), scored), "groom") == groom


def test_a_span_may_end_as_far_behind_the_video_as_people_round_and_no_farther(tmp_path):
    path = write(tmp_path / "labels.csv", BOUTS)
    assert column(read(path, "1-2.9s"), "groom") == "..........0011000000"
    for scored in ("1-9s", "20-25"):
        with pytest.raises(InputError, match=r"labels.csv#scored=.*, but the video has 20 .2 s at 10"):
            read(path, scored)


def test_what_is_left_out_is_told(tmp_path):
    found = read(write(tmp_path / "labels.csv", BOUTS), "0-5")
    (note,) = found.notes
    assert note == (
        "In labels.csv, 3 bouts lie outside of #scored=0-5 and count for nothing there, the first in frames 2 to 5."
    )
    assert found.span.n_frames == 20, "its length is still compared with the video's"
    assert read(write(tmp_path / "labels.csv", BOUTS), "0-20").notes == ()


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_every_format_keeps_to_the_span(tmp_path, name):
    path = write(tmp_path / "labels", EXAMPLES[name])
    whole, part = read(path, "", format=name), read(path, "1-6", format=name)
    n_frames = whole.span.n_frames if whole.span.complete else 20
    active, scored = whole.frames_of("groom", n_frames)
    inside = (np.arange(n_frames) >= 1) & (np.arange(n_frames) < 6)
    np.testing.assert_array_equal(part.frames_of("groom", n_frames), (active & inside, scored & inside))
    assert bool(part.notes[len(whole.notes) :]) == bool((active & ~inside).any())


@pytest.mark.parametrize(
    "text", ["5", "0-", "-5", "a-b", "5-5", "9-5", "0.5-3", "0-5,3-9", "0-5s,9-20", "0-5h", "0:00-5:00", "1e3-2e3"]
)
def test_anything_else_is_refused_with_the_form_that_is_expected(tmp_path, text):
    path = write(tmp_path / "labels.csv", BOUTS)
    with pytest.raises(InputError, match=r"expected #scored=FROM-TO, in seconds .0-300s.*found"):
        read(path, text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("0123456789-–.,+ smin"), max_size=14))
def test_no_text_makes_a_traceback(tmp_path, text):
    path = tmp_path / "labels.csv"
    if not path.exists():
        write(path, BOUTS)
    try:
        found = read(path, text)
    except InputError:
        return
    assert len(column(found, "groom")) == 20
