"""Progress: a second piece of work on one bar begins anew, and a log file hears of it each minute."""

import io
import logging

import pytest
from rich.console import Console

from pipeline.runtime import outlook, progress
from pipeline.runtime.progress import Bars, progress_bars


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_bar_begins_anew_with_the_next_piece_of_work():
    now = [0.0]
    with Bars(console=Console(file=io.StringIO(), force_terminal=True), get_time=lambda: now[0]) as bars:
        bar = bars.add("first", 10)
        for done in range(1, 11):
            now[0] += 1
            bar(done, 10)
        (task,) = bars.tasks
        assert task.finished
        bar.update(0, 100, "second")
        for done in range(1, 21):
            now[0] += 2
            bar(done, 100)
        assert not task.finished and task.description == "second" and task.elapsed == 40
        assert task.time_remaining == pytest.approx(160, rel=0.1)


def test_without_a_terminal_a_line_a_minute_says_how_far_it_is(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(progress, "console", Console(file=io.StringIO(), force_terminal=False))
    caplog.set_level(logging.INFO)
    with progress_bars() as bars:
        bar = bars.add("Embedding m1", 6000)
        for done in range(0, 3000, 100):
            clock[0] += 10
            bar(done, 6000)
    lines = [record.message.replace("\u00a0", " ") for record in caplog.records]
    assert len(lines) == 5
    assert lines[0] == "Embedding m1: 500 of 6,000, about 9 min 10 s left"


def test_the_first_seconds_tell_how_long_all_of_it_takes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    now = [0.0]
    monkeypatch.setattr(outlook.time, "monotonic", lambda: now[0])
    caplog.set_level(logging.INFO)
    work = outlook.Outlook("Embedding 2 recordings, 1,000 crops", 1000)
    now[0] = 30.0  # until the network is loaded
    work.add(32)
    for _ in range(30):
        now[0] += 1
        work.add(8)
    (record,) = caplog.records
    assert record.message.replace("\u00a0", " ") == "Embedding 2 recordings, 1,000 crops: about 2 min 01 s"
