"""The backbone as one compiled TensorFlow function on batches of one fixed shape."""

import logging
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.processes import quiet_native_output
from features.backbones.build import build_model
from features.backbones.resolve import ResolvedBackbone
from features.engines.crop_batches import CropBatches

log = logging.getLogger(__name__)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""What Linux has where there is a GPU of NVIDIA, one of Windows around it, or one of AMD."""


class TensorFlowEngine:
    """Runs a frozen backbone; building one imports TensorFlow and compiles the network.

    The shape of a batch never changes (a short one is padded), so the function is compiled once
    and a frame's embedding depends neither on its place in the batch nor on its neighbours.
    TensorFlow is told to use deterministic kernels alone: the same machine gives the same bits.
    A GPU is used when TensorFlow sees one. Parameters as in ``build_model``; `batch_frames` are the crops per call.

    Raises
    ------
    InputError
        When the weights file is not one of this network.
    """

    def __init__(self, resolved: ResolvedBackbone, precision: str, batch_frames: int, seed: int) -> None:
        tf = load_tensorflow()
        tf.config.experimental.enable_op_determinism()
        self._batches = CropBatches(batch_frames, resolved.config.network_input_px)
        self.n_features = resolved.config.n_features
        self.device = _use_first_gpu(tf)
        self.description = f"tensorflow {tf.__version__}, {self.device}"
        model = build_model(resolved, precision, seed)
        shape = (batch_frames, *self._batches.shape)

        def embed(crops: Any) -> Any:
            return model(crops, training=False)

        function = tf.function(embed, input_signature=[tf.TensorSpec(shape, tf.uint8)], autograph=False)
        self._embed = function.get_concrete_function()
        self._to_tensor = tf.constant
        # The model must outlive the function, which holds its variables by weak references.
        self._model = model
        log.info("%s with batches of %d crops on %s.", model.name, batch_frames, self.description)

    def embed(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn at most ``batch_frames`` crops, (n, px, px, 3) uint8 RGB, into (n, n_features) embeddings."""
        (batch,) = self._batches.groups(crops, self._batches.most)
        return np.asarray(self._embed(self._to_tensor(batch)).numpy()[: len(crops)])


def load_tensorflow() -> Any:
    """Import TensorFlow, which takes seconds and greets with lines that nobody asked for."""
    with quiet_native_output():
        import tensorflow as tf
    return tf


def sees_gpu() -> bool:
    """Whether TensorFlow would run on a GPU; it is imported only where there may be one."""
    if platform.system() == "Darwin":
        try:
            metadata.version("tensorflow-metal")
        except metadata.PackageNotFoundError:
            return False
    elif not any(Path(device).exists() for device in _GPU_DEVICES):
        return False
    tf = load_tensorflow()
    return bool(tf.config.list_physical_devices("GPU"))


def _use_first_gpu(tf: Any) -> str:
    """Let TensorFlow take GPU memory as it needs it, not all at once; name the device it will use."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "CPU"
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            log.debug("TensorFlow was started before; its GPU memory setting stays as it is.")
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU"))
