"""The backbone by OpenVINO, which runs frozen networks on processors faster than TensorFlow does.

The network is built by Keras, converted, and kept in OpenVINO's own form. That is done in a process of its own, so that
this one never holds TensorFlow; where the converted network is found it isn't done at all. OpenVINO's telemetry is
never imported.
"""

import hashlib
import json
import logging
import sys
import tempfile
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.processes import start_workers, stop_workers
from features.backbones.build import build_model
from features.backbones.resolve import ResolvedBackbone
from features.engines.crop_batches import CropBatches
from features.engines.kept_networks import KeptNetwork, keep_network, network_path, read_network
from features.engines.tensorflow import load_tensorflow

log = logging.getLogger(__name__)

_CONVERSION_VERSION = 1
"""Raised when the code below makes another network of the same weights."""

_HINTS = {"float32": "f32", "mixed_bfloat16": "bf16"}
"""OpenVINO's word for each precision; by itself it takes the fastest, not the one that was asked for."""


_MOST_TOGETHER = 4
"""Crops that go through the network together: what passes between layers then stays near the processor, and the cores
work on groups of their own instead of waiting for each other after every layer."""


class OpenVINOEngine:
    """Runs a frozen backbone on the processor; building one imports OpenVINO and compiles the network.

    Crops go through the network in groups of one size (a short one is padded), so that a frame's embedding depends
    neither on its place in the batch nor on its neighbours; the same machine gives the same bits. With
    ``mixed_bfloat16`` products are of bfloat16 numbers and sums float32. `network_dir` is the folder in which converted
    networks are kept; None: nowhere. The other parameters as in ``build_model``; `batch_frames` are the crops per call.

    Raises
    ------
    InputError
        When OpenVINO is not installed or can't do this precision here, or the weights file is not one of this network.
    """

    def __init__(
        self, resolved: ResolvedBackbone, precision: str, batch_frames: int, seed: int, network_dir: Path | None = None
    ) -> None:
        obstacle = openvino_obstacle(precision)
        if obstacle:
            raise InputError(obstacle)
        openvino = _load_openvino()
        px = resolved.config.network_input_px
        self._batches, self._together = CropBatches(batch_frames, px), min(batch_frames, _MOST_TOGETHER)
        self.n_features = resolved.config.n_features
        self.description = f"openvino {openvino.__version__}, CPU"
        core = openvino.Core()
        # Its weights are not copied, so it must outlive the compiled network.
        self._network = _converted(openvino, resolved, seed, network_dir)
        model = core.read_model(self._network.structure, openvino.Tensor(self._network.weights, shared_memory=True))
        model.reshape([self._together, *self._batches.shape])
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
            "PERFORMANCE_HINT": "THROUGHPUT",
            # Threads that are tied to cores stand in the way of those that decode, and of other processes.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = core.compile_model(model, "CPU", settings)
        self._requests = [compiled.create_infer_request() for _ in range(-(-batch_frames // self._together))]
        log.info("%s with batches of %d crops on %s.", resolved.config.name, batch_frames, self.description)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops, (n, px, px, 3) uint8 RGB, into (n, n_features) embeddings."""
        groups = self._batches.groups(crops, self._together)
        at_work = self._requests[: len(groups)]
        for request, group in zip(at_work, groups, strict=True):
            request.start_async([group], share_inputs=True)
        for request in at_work:
            request.wait()
        return np.concatenate([request.get_output_tensor().data for request in at_work])[: len(crops)]


def openvino_obstacle(precision: str) -> str:
    """Why OpenVINO can't run here with a precision, in a paragraph; "" where it can."""
    if precision not in _HINTS:
        return (
            f"The engine openvino has no precision {precision}: expected {' or '.join(_HINTS)}. Change `precision`, or "
            "set engine: tensorflow."
        )
    try:
        openvino = _load_openvino()
    except (ImportError, OSError) as error:
        return (
            f"The engine openvino needs the package openvino, which can't be used here ({error}). Install it "
            "(python -m pip install openvino), or set engine: tensorflow."
        )
    if precision == "mixed_bfloat16" and "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        return (
            "This computer's processor doesn't compute in bfloat16, which precision: mixed_bfloat16 asks the engine "
            "openvino for. Set precision: float32, or engine: tensorflow, which imitates it slowly."
        )
    return ""


def _load_openvino() -> Any:
    """Import OpenVINO without the telemetry that it would send over the network, from its import on."""
    if "openvino" not in sys.modules:
        # OpenVINO does without this package where it is not installed.
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _converted(openvino: Any, resolved: ResolvedBackbone, seed: int, network_dir: Path | None) -> KeptNetwork:
    """The network for batches of any size, as it was kept or made and kept now."""
    config = resolved.config
    determinants = {
        "conversion": _CONVERSION_VERSION,
        "openvino": openvino.__version__,
        "network": [config.name, config.architecture, config.network_input_px, config.preprocessing],
        "weights": resolved.weights_sha256,
    }
    key = hashlib.sha256(json.dumps(determinants, sort_keys=True).encode("utf-8")).hexdigest()
    path = None if network_dir is None else network_path(network_dir, config.name, key)
    kept = None if path is None else read_network(path, key)
    if kept is not None:
        return kept
    log.info("%s is being converted for OpenVINO, once.", config.name)
    # TensorFlow takes more memory than everything else in stage one together, and never gives it back.
    own_process = start_workers(1)
    try:
        made = own_process.submit(convert_network, resolved, seed).result()
    except BrokenProcessPool:
        raise InputError(
            f"The process that converts {config.name} for OpenVINO ended, most likely because the machine ran out of "
            "memory. Close other programs and start again, or set engine: tensorflow."
        ) from None
    finally:
        stop_workers(own_process)
    if path is None:
        return made
    keep_network(path, key, made)
    # Mapped into memory it takes none that isn't shared with the file.
    return read_network(path, key) or made


def convert_network(resolved: ResolvedBackbone, seed: int) -> KeptNetwork:
    """Build a network by Keras and bring it into OpenVINO's form, float32 throughout; imports TensorFlow.

    Raises
    ------
    InputError
        When the weights file is not one of this network.
    """
    openvino, tf = _load_openvino(), load_tensorflow()
    model = build_model(resolved, "float32", seed)
    px = resolved.config.network_input_px
    shape = tf.TensorSpec((None, px, px, 3), tf.uint8)
    function = tf.function(lambda crops: model(crops, training=False), input_signature=[shape], autograph=False)
    converted = openvino.convert_model(function)
    with tempfile.TemporaryDirectory(prefix="rearview_") as folder:
        structure, weights = Path(folder) / "network.xml", Path(folder) / "network.bin"
        openvino.serialize(converted, str(structure), str(weights))
        return KeptNetwork(structure.read_bytes(), np.fromfile(weights, dtype=np.uint8))
