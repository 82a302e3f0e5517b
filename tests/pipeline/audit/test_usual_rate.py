"""Which constant rate is advised for a video whose frames come at changing times."""

import numpy as np
import pytest

from features.video.quality import measure_times
from pipeline.dataset.findings import usual_rate


@pytest.mark.parametrize(
    ("true_rate", "stamp_s", "header", "expected"),
    [
        (30.0, 0.001, 27.3, "30"),
        (30.0, 0.001, 30.0, "30"),
        (30000 / 1001, 0.001, 30000 / 1001, "30000/1001"),
        (30000 / 1001, 1e-6, 27.3, "30000/1001"),
        (30.0, 1e-6, 27.3, "30"),
        (25.0, 0.001, 24.1, "25"),
        (10.0, 1e-6, 10.0, "10"),
        (15.0, 0.001, 14.2, "15"),
        (60.0, 0.001, 57.0, "60"),
        (120.0, 0.001, 119.0, "120"),
        (17.3, 1e-6, 16.0, "17.300"),
    ],
)
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_the_rate_of_the_camera_is_found(true_rate, stamp_s, header, expected, offset):
    steps = np.full(300, 1 / true_rate)
    steps[100:110] *= 3
    times_s = np.round(np.cumsum(steps) / stamp_s + 0.3 * offset) * stamp_s
    times = measure_times(times_s, header)
    assert times is not None
    assert usual_rate(times, header) == expected


def test_steps_of_34_ms_are_those_of_30_frames_per_second():
    times = measure_times(np.cumsum([0, 0.034, 0.033, 0.034, 0.034, 0.1, 0.034]), 24.7)
    assert times is not None
    assert usual_rate(times, 24.7) == "30"
