"""Fixtures that several test rooms use."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.damage import N_EXAMPLES

# A busy machine is no failure: no test depends on a clock. The suite tries the same examples each time, so
# that what passed once passes again; REARVIEW_FUZZ looks for new ones.
settings.register_profile("rearview", deadline=None, derandomize=not N_EXAMPLES)
settings.load_profile("rearview")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHARED_DIR = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real reference files beside the checkout, or a skip that says why."""
    if not (SHARED_DIR / "data").is_dir():
        pytest.skip("the reference files (../shared/data) are not beside this checkout")
    return SHARED_DIR


@contextmanager
def without_figures() -> Iterator[None]:
    """Reports of words and tables alone: the pictures take most of a tiny run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.report.html.draw_figures", lambda run, folder: {})
        with few_resamples():
            yield


@contextmanager
def few_resamples() -> Iterator[None]:
    """Intervals of 100 resamples, not of thousands: what they are worth is tested where they are computed."""
    from pipeline.scoring.statistics.intervals import bootstrap_interval

    assert bootstrap_interval.__defaults__ is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap_interval, "__defaults__", (100, *bootstrap_interval.__defaults__[1:]))
        yield


@pytest.fixture
def no_figures() -> Iterator[None]:
    """`without_figures` for the length of a test."""
    with without_figures():
        yield


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first process which wants it fills; the others wait for it. Tests only add to it."""
    # Each process has a folder of its own inside the one that belongs to all.
    common = factory.getbasetemp()
    common = common.parent if os.environ.get("PYTEST_XDIST_WORKER") else common
    folder, done = common / name, common / f"{name}.done"
    with FileLock(common / f"{name}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
