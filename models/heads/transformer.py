"""Self-attention over time: each frame is told from the frames that resemble what it looks for.

A pre-norm encoder (Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture"), which needs no
warm-up of the learning rate. It knows distances between frames only, never a frame's place in its window, as a window
may start anywhere in a recording:

- ``rotary`` (Su et al. 2021, "RoFormer"): queries and keys are turned by an angle per frame, so that their product
  depends on how far apart they are;
- ``relative``: a learned number per head and distance is added to the product (Raffel et al. 2020), one for all
  distances beyond a limit (Shaw et al. 2018).
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from common.errors import InputError
from models.heads.base import HeadConfig

# What is added to the score of a pair that must not count; exp() of it is 0, also beside the score itself.
_NEVER = -1e9
# Scores of one window: 67 MB, of which a training step holds a few for each layer and window.
_MOST_SCORES = 2**24
_ROTARY_BASE = 10_000.0


class TransformerConfig(HeadConfig):
    """Stack of encoder blocks: attention, then two dense layers, each added to what comes in."""

    name: Literal["transformer"] = "transformer"
    layers: int = Field(default=2, ge=1, le=12, description="encoder blocks")
    heads: int = Field(default=4, ge=1, le=32, description="attention heads in each block; they share its width")
    width: int = Field(default=64, ge=2, le=1024, description="numbers that stand for a frame inside the blocks")
    feed_forward: int = Field(
        default=2, ge=1, le=8, description="width of the dense layer in each block, as a multiple of width"
    )
    positions: Literal["rotary", "relative"] = Field(
        default="rotary",
        description="how distances between frames are told: rotary turns queries and keys by an angle per frame; "
        "relative learns a number per distance",
    )
    relative_frames: int = Field(
        default=32,
        ge=1,
        le=10_000,
        description="relative positions: analysed frames apart beyond which all distances count the same",
    )
    attention_frames: int = Field(
        default=60,
        ge=0,
        le=10_000,
        description="analysed frames on each side that a frame looks at in each block; 0 = the whole window",
    )
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of the input features dropped in training")
    inner_dropout: float = Field(
        default=0.1, ge=0, lt=1, description="share dropped in training of what attention and dense layers add"
    )

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> TransformerConfig:
        per_head, rest = divmod(self.width, self.heads)
        if rest:
            raise ValueError(
                f"width ({self.width}) must be a multiple of heads ({self.heads}), as each head has the same share; "
                f"set width to {self.heads * max(1, round(self.width / self.heads))}, or change heads"
            )
        if self.positions == "rotary" and per_head % 2:
            raise ValueError(
                f"positions: rotary turns pairs of numbers, so each head needs an even share of the width; "
                f"{self.width} / {self.heads} is {per_head}. Set width to {self.heads * (per_head + 1)}, or choose "
                "positions: relative"
            )
        return self

    def body(self, embeddings: Any, mask: Any) -> Any:
        """See `HeadConfig`.

        Raises
        ------
        InputError
            If all frames of a long window would look at each other, which no memory holds.
        """
        import keras

        from models.heads.dropout import dropout_class

        n_frames = embeddings.shape[1]
        n_blocks, block, n_seen = _layout(n_frames, self.attention_frames)
        if self.heads * n_blocks * block * n_seen > _MOST_SCORES:
            longest = int((_MOST_SCORES / self.heads) ** 0.5)
            raise InputError(
                f"A transformer with {self.heads} heads in windows of {n_frames:,} frames, of which each looks at "
                f"{n_seen:,}, needs too much memory. Set head.attention_frames to 60, say, or training.window_frames "
                f"to at most {longest:,}."
            )
        hidden = dropout_class()(self.dropout, name="dropout")(embeddings)
        hidden = keras.layers.Dense(self.width, name="projection")(hidden)
        for i in range(self.layers):
            layer = encoder_block_class()(
                n_heads=self.heads,
                feed_forward=self.feed_forward,
                positions=self.positions,
                relative_frames=self.relative_frames,
                attention_frames=self.attention_frames,
                dropout=self.inner_dropout,
                name=f"block_{i}",
            )
            hidden = layer(hidden, mask=mask)
        return keras.layers.LayerNormalization(name="norm")(hidden)


@functools.cache
def encoder_block_class() -> type:
    """The layer's class, made on first use because it inherits from Keras (importing that takes seconds)."""
    import keras

    from models.heads.dropout import dropout_class

    @keras.saving.register_keras_serializable(package="rearview", name="EncoderBlock")
    class EncoderBlock(keras.layers.Layer):
        """Attention and two dense layers, each behind a normalisation and added to what comes in.

        Call with hidden (batch, n_frames, width) and mask (batch, n_frames); returns hidden's shape. Padded frames
        are not looked at, and come out as they went in. Settings are those of `TransformerConfig`.
        """

        def __init__(
            self,
            n_heads: int,
            feed_forward: int,
            positions: str,
            relative_frames: int,
            attention_frames: int,
            dropout: float,
            **kwargs: Any,
        ) -> None:
            super().__init__(**kwargs)
            self.settings: dict[str, Any] = {
                "n_heads": n_heads,
                "feed_forward": feed_forward,
                "positions": positions,
                "relative_frames": relative_frames,
                "attention_frames": attention_frames,
                "dropout": dropout,
            }
            self.supports_masking = True
            self.dropouts = [dropout_class()(dropout, name=f"dropout_{i}") for i in range(2)]
            self.norms = [keras.layers.LayerNormalization(name=f"norm_{i}") for i in range(2)]

        def build(self, input_shape: Any) -> None:
            width = input_shape[-1]
            for norm in self.norms:
                norm.build(input_shape)
            wide = width * self.settings["feed_forward"]
            self.query, self.key, self.value, self.joined, self.second = (
                keras.layers.Dense(width, name=name) for name in ("query", "key", "value", "joined", "second")
            )
            self.first = keras.layers.Dense(wide, activation="relu", name="first")
            for dense in (self.query, self.key, self.value, self.joined, self.first):
                dense.build(input_shape)
            self.second.build((*input_shape[:-1], wide))
            self.by_distance = None
            if self.settings["positions"] == "relative":
                shape = (2 * self.settings["relative_frames"] + 1, self.settings["n_heads"])
                self.by_distance = self.add_weight(shape=shape, initializer="zeros", name="by_distance")
            self.built = True

        def call(self, hidden: Any, mask: Any, training: bool = False) -> Any:
            real = keras.ops.cast(mask, hidden.dtype)
            attended = self._attend(self.norms[0](hidden), real)
            hidden = hidden + real[..., None] * self.dropouts[0](attended, training=training)
            added = self.second(self.first(self.norms[1](hidden)))
            return hidden + real[..., None] * self.dropouts[1](added, training=training)

        def _attend(self, hidden: Any, real: Any) -> Any:
            n_frames, width = hidden.shape[1:]
            n_heads = self.settings["n_heads"]
            shape = (-1, n_frames, n_heads, width // n_heads)
            query, key, value = (
                keras.ops.transpose(keras.ops.reshape(dense(hidden), shape), (0, 2, 1, 3))
                for dense in (self.query, self.key, self.value)
            )
            if self.settings["positions"] == "rotary":
                query, key = _turned(query), _turned(key)
            attended = _attention(query, key, value, real, self.settings["attention_frames"], self.by_distance)
            attended = keras.ops.transpose(attended, (0, 2, 1, 3))
            return self.joined(keras.ops.reshape(attended, (-1, n_frames, width)))

        def compute_output_shape(self, hidden_shape: Any, mask_shape: Any = None) -> Any:
            return hidden_shape

        def compute_mask(self, hidden: Any, previous_mask: Any = None) -> None:
            """The mask is handed from layer to layer by name, not hung on tensors."""

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **self.settings}

    return EncoderBlock


def _layout(n_frames: int, attention_frames: int) -> tuple[int, int, int]:
    """How a window is parted: number of blocks, frames in a block, frames that a block looks at.

    A block of local attention looks at itself and the blocks beside it, so that memory grows with the window's length
    and not with its square. Where this spares nothing, the window is one block.
    """
    if 0 < 3 * attention_frames < n_frames:
        return -(-n_frames // attention_frames), attention_frames, 3 * attention_frames
    return 1, n_frames, n_frames


def _attention(query: Any, key: Any, value: Any, real: Any, attention_frames: int, by_distance: Any = None) -> Any:
    """Means of the values of frames, weighted by how well their keys fit each frame's query.

    Parameters
    ----------
    query, key, value : tensor, shape (batch, n_heads, n_frames, n_per_head)
    real : tensor, shape (batch, n_frames), float32
        0 where padded: such frames are not looked at.
    attention_frames : int
        Frames on each side that are looked at; 0: all.
    by_distance : tensor, shape (2 x relative_frames + 1, n_heads), optional
        What is added to a score for a distance of -relative_frames, ..., relative_frames.

    Returns
    -------
    tensor, shape (batch, n_heads, n_frames, n_per_head)
        Meaningless where padded.
    """
    from keras import ops

    n_frames, n_per_head = query.shape[2:]
    n_blocks, block, n_seen = _layout(n_frames, attention_frames)
    distance = np.arange(n_seen)[None] - (n_seen - block) // 2 - np.arange(block)[:, None]
    allowed = (np.abs(distance) <= attention_frames) | (attention_frames == 0)
    bias = ops.convert_to_tensor(np.where(allowed, 0, _NEVER).astype(np.float32))
    if by_distance is not None:
        bias = bias + _bias(by_distance, distance)[:, None]
    padded = (1 - real[:, None, :, None]) * _NEVER
    unseen = ops.reshape(_seen_by_blocks(padded, n_blocks, block, n_seen, _NEVER), (-1, 1, n_blocks, 1, n_seen))
    seen_key, seen_value = (_seen_by_blocks(each, n_blocks, block, n_seen) for each in (key, value))
    own_query = _blocks(query * n_per_head**-0.5, n_blocks, block)
    scores = ops.matmul(own_query, ops.swapaxes(seen_key, -1, -2))
    attended = ops.matmul(ops.softmax(scores + (unseen + bias), axis=-1), seen_value)
    attended = ops.reshape(attended, (-1, query.shape[1], n_blocks * block, n_per_head))
    return attended[:, :, :n_frames] if n_blocks * block > n_frames else attended


def _blocks(values: Any, n_blocks: int, block: int, lacking: float = 0.0) -> Any:
    """Frames (batch, n, n_frames, m) in blocks (batch, n, n_blocks, block, m); `lacking` at the end of the last one."""
    from keras import ops

    _, n, n_frames, m = values.shape
    if n_blocks * block > n_frames:
        missing = n_blocks * block - n_frames
        values = ops.pad(values, [(0, 0), (0, 0), (0, missing), (0, 0)], constant_values=lacking)
    return ops.reshape(values, (-1, n, n_blocks, block, m))


def _seen_by_blocks(values: Any, n_blocks: int, block: int, n_seen: int, lacking: float = 0.0) -> Any:
    """What each block looks at (batch, n, n_blocks, n_seen, m), `lacking` before and after the window."""
    from keras import ops

    own = _blocks(values, n_blocks, block, lacking)
    if n_seen == block:
        return own
    # Split and joined, as slices have slow gradients.
    but_last, last = ops.split(own, [n_blocks - 1], axis=2)
    _, but_first = ops.split(own, [1], axis=2)
    nothing = ops.full_like(last, lacking)
    before, after = ops.concatenate([nothing, but_last], axis=2), ops.concatenate([but_first, nothing], axis=2)
    return ops.concatenate([before, own, after], axis=3)


def _turned(values: Any) -> Any:
    """Rotary positions: pairs of numbers (batch, n_heads, n_frames, n_per_head) turned by an angle per frame."""
    from keras import ops

    n_frames, half = values.shape[2], values.shape[3] // 2
    angle = np.arange(n_frames)[:, None] * _ROTARY_BASE ** (-np.arange(half) / half)
    cosine = np.concatenate([np.cos(angle), np.cos(angle)], axis=1).astype(np.float32)
    sine = np.concatenate([-np.sin(angle), np.sin(angle)], axis=1).astype(np.float32)
    first, second = ops.split(values, 2, axis=-1)
    return values * cosine + ops.concatenate([second, first], axis=-1) * sine


def _bias(by_distance: Any, distance: NDArray[np.int64]) -> Any:
    """Learned numbers (n_heads, block, n_seen) by distance, (block, n_seen), which grows by 1 from frame to frame.

    Rows are cut from one line of numbers: looked up pair by pair, their gradient would be added up pair by pair.
    """
    from keras import ops

    n_query, n_key = distance.shape
    limit = (by_distance.shape[0] - 1) // 2
    line = np.arange(distance.min(), distance.max() + 2)
    which = np.eye(2 * limit + 1, dtype=np.float32)[np.clip(line, -limit, limit) + limit]
    values = ops.tile(ops.transpose(ops.matmul(which, by_distance)), (1, n_query))
    # Each row starts one number later in the line than the row below it.
    length = len(line) - 1
    rows = ops.reshape(values[:, : n_query * length], (-1, n_query, length))
    return rows[..., n_query - 1 : n_query - 1 + n_key]
