"""The demo: a simulated open field, so that a fresh clone has something to run on.

`behavior` plans what the mouse does, `motion` turns that into postures, `body` into balls in space,
`scene` and `render` into images; `tracking` adds a tracker's errors, `make` writes it all to a folder.
"""

from collections.abc import Callable
from pathlib import Path

from pipeline.config.demo import DemoConfig
from pipeline.demo.make import SIMULATOR_VERSION

__all__ = ["SIMULATOR_VERSION", "DemoConfig", "make_demo"]


def make_demo(
    folder: Path, config: DemoConfig | None = None, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Make the simulated open field unless it is there; see `pipeline.demo.make.make_demo`."""
    # The settings are read by every command, the simulator only where a demo is made.
    from pipeline.demo import make

    return make.make_demo(folder, config, progress or make.ignore_progress)
