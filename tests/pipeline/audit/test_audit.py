import pytest

from common.errors import InputError
from pipeline.annotations import LabelSpan
from pipeline.dataset.frames_agree import check_frames_agree

ROWS = LabelSpan(100, True, "m1.csv")
BOUTS = LabelSpan(90, False, "m1.csv, row 7")


@pytest.mark.parametrize("span", [None, ROWS, BOUTS, LabelSpan(100, False, "m1.csv"), LabelSpan(0, False, "m1.csv")])
@pytest.mark.parametrize("n_pose_rows", [None, 100])
def test_what_agrees(span, n_pose_rows):
    check_frames_agree("m1", 100, n_pose_rows, span)


@pytest.mark.parametrize(
    ("n_video", "n_pose_rows", "span", "numbers"),
    [
        (100, 99, None, ["100 frames", "99 rows"]),
        (100, 101, ROWS, ["100 frames", "101 rows", "100 rows (m1.csv)"]),
        (99, 99, ROWS, ["99 frames", "99 rows", "100 rows (m1.csv)"]),
        (101, None, ROWS, ["101 frames", "100 rows (m1.csv)"]),
        (80, 100, BOUTS, ["80 frames", "100 rows", "frame 90 (m1.csv, row 7)"]),
        (89, 89, BOUTS, ["89 frames", "89 rows", "frame 90 (m1.csv, row 7)"]),
    ],
)
def test_what_disagrees_is_told_with_all_numbers(n_video, n_pose_rows, span, numbers):
    with pytest.raises(InputError) as caught:
        check_frames_agree("m1", n_video, n_pose_rows, span)
    for number in ["'m1'", *numbers]:
        assert number in str(caught.value)
    assert "\n" not in str(caught.value)
