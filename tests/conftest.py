"""Fixtures that several test rooms use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: no test depends on a clock.
settings.register_profile("rearview", deadline=None)
settings.load_profile("rearview")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHARED_DIR = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real reference files beside the checkout, or a skip that says why."""
    if not (SHARED_DIR / "data").is_dir():
        pytest.skip("the reference files (../shared/data) are not beside this checkout")
    return SHARED_DIR
