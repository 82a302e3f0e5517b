"""What is said of long work, from a made clock."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.training import forecast
from pipeline.training.cost import StepCost

BATCH_ROWS = 10


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 0.0
        monkeypatch.setattr(forecast, "time", SimpleNamespace(monotonic=lambda: self.now_s))


def kind_of(clock: Clock, starting_s: float, batch_s: float) -> type:
    """Rows whose source takes so long to start, and then for each batch; two sources take turns."""

    class Rows:
        def __init__(self, n_rows: int) -> None:
            self.spans = np.zeros((n_rows, 2))

        @staticmethod
        def batches_together(members: Sequence["Rows"], _: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
            for number in range(max(len(one.spans) for one in members) // BATCH_ROWS):
                for which, one in enumerate(members):
                    if number * BATCH_ROWS < len(one.spans):
                        clock.now_s += batch_s + (starting_s if not number else 0.0)
                        yield which, np.zeros((BATCH_ROWS, 1))

    return Rows


def test_what_each_source_needs_to_start_is_not_taken_for_its_speed(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    rows = kind_of(clock, starting_s=100.0, batch_s=1.0)
    assert forecast._seconds_per_row([[rows(200), rows(200)]]) == pytest.approx(0.1)
    # It is tried for some seconds only, also of a day's work.
    began_s = clock.now_s
    forecast._seconds_per_row([[rows(1_000_000)]])
    assert clock.now_s - began_s < 110


def test_short_videos_are_tried_until_something_was_timed(monkeypatch: pytest.MonkeyPatch):
    rows = kind_of(Clock(monkeypatch), starting_s=0.0, batch_s=2.0)
    assert forecast._seconds_per_row([[rows(10)], [rows(10)], [rows(10)]]) == pytest.approx(0.2)
    # Of a single batch nothing is left but to count it.
    assert forecast._seconds_per_row([[rows(10)]]) == pytest.approx(0.2)


def test_sources_of_several_kinds_count_by_their_rows(monkeypatch: pytest.MonkeyPatch):
    clock = Clock(monkeypatch)
    slow, quick = kind_of(clock, 5.0, 1.0), kind_of(clock, 5.0, 0.1)
    assert forecast._seconds_per_row([[slow(100), quick(300)]]) == pytest.approx((0.1 + 3 * 0.01) / 4)


def test_an_epoch_that_compiles_is_no_measure_of_a_step():
    assert StepCost.of([7.0, 2.0], 4) == (0.5, 5.0)
    assert StepCost.of([1.9, 2.0], 4) == (0.5, 0.0)
