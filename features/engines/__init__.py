"""How a frozen backbone is run on crops; an engine is one file here and one line in ``ENGINES``."""

import logging
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.backbones.resolve import ResolvedBackbone
from features.engines.openvino import OpenVINOEngine, openvino_obstacle
from features.engines.tensorflow import TensorFlowEngine, sees_gpu

log = logging.getLogger(__name__)

DEFAULT_ENGINE = "tensorflow"
"""Can run everything everywhere; recipes that name no engine are its."""
AUTO = "auto"
"""In place of an engine's name: whichever `chosen_engine` finds."""


class Engine(Protocol):
    """What runs a frozen network on crops."""

    n_features: int
    description: str

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops, (n, px, px, 3) RGB, into (n, n_features) embeddings."""


class EngineKind(NamedTuple):
    """A member of ``ENGINES``.

    `build` makes an engine of a backbone, precision, crops per call (`batch_frames`), seed and the folder in which it
    may keep the network in its own form (None: nowhere). `obstacle` says in a paragraph why it can't run here with a
    precision, "" where it can. `is_faster_here`: than the default engine on this computer.
    """

    build: Callable[[ResolvedBackbone, str, int, int, Path | None], Engine]
    obstacle: Callable[[str], str] = lambda precision: ""
    is_faster_here: Callable[[], bool] = lambda: False


ENGINES: dict[str, EngineKind] = {
    DEFAULT_ENGINE: EngineKind(
        lambda backbone, precision, batch, seed, _: TensorFlowEngine(backbone, precision, batch, seed)
    ),
    "openvino": EngineKind(OpenVINOEngine, openvino_obstacle, lambda: not sees_gpu()),
}


def chosen_engine(precision: str, n_cached: Mapping[str, int], n_recordings: int) -> str:
    """What `auto` stands for, so that one engine makes all embeddings of a source, and none that are there already.

    `n_cached`: of how many of the recordings each engine's embeddings are cached. One that has all is taken (the
    default engine where several do); otherwise, of those that can run here, the one that has most; otherwise the
    fastest.
    """
    for name in ENGINES:
        if n_recordings and n_cached[name] == n_recordings:
            return name
    able = [name for name in ENGINES if not ENGINES[name].obstacle(precision)]
    by_speed = sorted(able, key=lambda name: len(able) > 1 and ENGINES[name].is_faster_here(), reverse=True)
    return max(by_speed, key=lambda name: n_cached[name])


def require_engine(name: str, precision: str) -> None:
    """Raise `InputError` unless an engine that was named can run here with this precision."""
    if name != AUTO and (obstacle := ENGINES[name].obstacle(precision)):
        raise InputError(obstacle)


class Engines:
    """Engines of one experiment, each built when it is first needed, and once however many sources use it.

    Building one takes seconds. `network_dir` is where engines may keep networks in their own form.
    """

    def __init__(self, network_dir: Path | None = None) -> None:
        self._network_dir = network_dir
        self._built: dict[Hashable, Engine] = {}

    def get(self, name: str, resolved: ResolvedBackbone, precision: str, batch_frames: int, seed: int) -> Engine:
        """The engine of this name for a backbone; the rest as `EngineKind.build` takes it.

        Raises
        ------
        InputError
            When the engine can't run here, or the weights file is not one of this network.
        """
        config = resolved.config
        network = config.name, str(config.architecture), config.network_input_px, resolved.weights_sha256
        key = name, network, precision, batch_frames, seed
        if key not in self._built:
            self._built[key] = ENGINES[name].build(resolved, precision, batch_frames, seed, self._network_dir)
        return self._built[key]
