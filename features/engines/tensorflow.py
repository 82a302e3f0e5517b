"""The backbone as one compiled TensorFlow function on batches of one fixed shape."""

import logging
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.backbones.build import build_model
from features.backbones.resolve import ResolvedBackbone

log = logging.getLogger(__name__)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


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
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        self.batch_frames = batch_frames
        self.input_px = resolved.config.network_input_px
        self.n_features = resolved.config.n_features
        self.device = _use_first_gpu(tf)
        self.description = f"tensorflow {tf.__version__}, {self.device}"
        model = build_model(resolved, precision, seed)
        shape = (batch_frames, self.input_px, self.input_px, 3)

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
        n = len(crops)
        expected = (self.input_px, self.input_px, 3)
        if crops.dtype != np.uint8 or crops.shape[1:] != expected or not 1 <= n <= self.batch_frames:
            raise ValueError(
                f"expected 1 to {self.batch_frames} crops of shape {expected} and dtype uint8, "
                f"got {crops.dtype} {crops.shape}"
            )
        padded = np.pad(crops, [(0, self.batch_frames - n), (0, 0), (0, 0), (0, 0)])
        return np.asarray(self._embed(self._to_tensor(padded)).numpy()[:n])


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
