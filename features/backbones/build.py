"""A resolved backbone becomes a Keras model: crops as bytes in, embeddings out."""

import hashlib
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from common.errors import InputError
from features.backbones.resolve import ResolvedBackbone


def build_model(resolved: ResolvedBackbone, precision: str, seed: int) -> Any:
    """Build the network with its weights and its preprocessing inside.

    `precision` is Keras' dtype policy: ``float32``, ``mixed_float16`` or ``mixed_bfloat16``. The seed determines
    random weights. The model turns (n, input_px, input_px, 3) uint8 RGB into (n, n_features) float32, whatever the
    precision.

    Raises
    ------
    InputError
        When the weights file is not one of this network.
    """
    import keras

    config = resolved.config
    with _dtype_policy(precision):
        network = config.build_network()
    if resolved.weights_path is None:
        randomize(network, seed)
    else:
        _load_weights(network, resolved)
    network.trainable = False
    px = config.network_input_px
    crops = keras.Input((px, px, 3), dtype="uint8", name="crops")
    images = config.preprocess(keras.ops.cast(crops, "float32"))
    embeddings = keras.ops.cast(network(images, training=False), "float32")
    return keras.Model(crops, embeddings, name=f"{config.name}_embeddings")


@contextmanager
def _dtype_policy(precision: str) -> Iterator[None]:
    """Set Keras' dtype policy for a while; ``keras.applications`` takes none as an argument."""
    import keras

    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def _load_weights(network: Any, resolved: ResolvedBackbone) -> None:
    """Load a weights file, and make sure that it held every one of the network's weights."""
    for variable in network.weights:
        variable.assign(np.full(variable.shape, np.nan, np.float32))
    try:
        with warnings.catch_warnings():
            # Keras warns of each layer of an older file that it finds in one of two places only.
            warnings.simplefilter("ignore")
            network.load_weights(str(resolved.weights_path))
    except Exception as error:  # h5py, Keras and NumPy each raise their own kinds for a file that doesn't fit
        raise _misfit(resolved, " ".join(str(error).split())[:300]) from error
    left_out = [v.path for v in network.weights if not np.isfinite(v.numpy()).all()]
    if left_out:
        raise _misfit(resolved, f"it holds no usable numbers for {len(left_out)} weights, such as {left_out[0]}")


def _misfit(resolved: ResolvedBackbone, reason: str) -> InputError:
    settings = ", ".join(f"{name} {value}" for name, value in resolved.config.architecture.items())
    return InputError(
        f"{resolved.weights_path} does not fit the backbone {resolved.config.name}"
        f"{f' ({settings})' if settings else ''}: expected its "
        "weights without the classifier, as Keras' save_weights writes them (.weights.h5) or publishes them "
        f"(.h5), but: {reason.rstrip('.')}. If the file was cut off while it was downloaded, delete it and "
        "get it again."
    )


def randomize(network: Any, seed: int) -> None:
    """Give every kernel of a network random values that depend on nothing but the seed.

    Keras' own initializers draw from a global generator and differ between versions; this draws
    Glorot-uniform values (Glorot and Bengio 2010) by NumPy, each kernel from a stream of its own.
    A depthwise kernel counts the inputs of one channel, without which signals die out in a
    MobileNet. Everything else (biases, normalisation) keeps the value it starts with.
    """
    kernels = [(layer, v) for layer in network.layers for v in layer.weights if v.path.endswith("kernel")]
    for position, (layer, variable) in enumerate(kernels):
        shape = tuple(variable.shape)
        fan_in, fan_out = (1, shape[-1]) if type(layer).__name__ == "DepthwiseConv2D" else shape[-2:]
        limit = math.sqrt(6.0 / (math.prod(shape[:-2]) * (fan_in + fan_out)))
        digest = hashlib.sha256(f"{seed}/{position}/{shape}".encode()).digest()
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
        variable.assign(generator.random(shape, dtype=np.float32) * np.float32(2 * limit) - np.float32(limit))
