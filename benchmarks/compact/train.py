"""Train the compact backbone on simulated mice, from random weights.

The network never sees a real frame. It learns to read a posture off a single crop: keypoints, heading,
how far the mouse is raised, curled or stretched, where the walls are, and more (`samples.MEASURES`).

    python -m benchmarks.compact.train --samples 400000 --output features/backbones/compact_weights
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.compact.samples import ACTIVITIES, KEYPOINTS, MEASURES, draw_batch
from common.files import sha256_of, write_text
from features.backbones.compact import INPUT_PX, build_compact

BATCH = 64
DRAWN = 256  # crops per task of a drawing process
_HEAT_SIDE = INPUT_PX // 8
# Pairs of measures that turn with the image.
_VECTORS = tuple((i, i + 1) for i in range(0, 2 * len(KEYPOINTS), 2)) + tuple(
    (MEASURES.index(f"{name}_cos"), MEASURES.index(f"{name}_sin")) for name in ("heading", "head", "wall")
)
# Hard or of little use for behavior: these pull less.
_LIGHTER = {"tailtip_x": 0.3, "tailtip_y": 0.3, "steps": 0.4, "tail_yaw": 0.3, "contrast": 0.3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--samples",
        type=int,
        default=400_000,
        help="crops to train on (each is drawn once and seen twice, the second time turned)",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--processes", type=int, default=1, help="processes that draw crops")
    parser.add_argument("--output", type=Path, default=Path("compact_weights"))
    parser.add_argument("--checkpoint-steps", type=int, default=500)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    train(options)


def train(options: argparse.Namespace) -> None:
    """Run the whole training; writes `compact.weights.h5` and `training.json` into the output folder."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(options.seed)
    network = build_compact()
    model = _with_tasks(network)
    n_steps = options.samples // BATCH
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-4, max(n_steps - 200, 1), warmup_target=options.learning_rate, warmup_steps=200, alpha=0.01
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-3, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)
    weight = tf.constant(_measure_weights(options.seed))

    @tf.function
    def step(images: Any, measures: Any, activity: Any, heat: Any) -> Any:
        with tf.GradientTape() as tape:
            predicted = model(tf.cast(images, tf.float32) / 127.5 - 1.0, training=True)
            losses = _losses(tf, predicted, measures, activity, heat, weight)
            loss = losses[0] + 0.3 * losses[1] + 0.5 * losses[2]
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return tf.stack(losses)

    average = _RunningAverage(network)
    started, rows, recent = time.monotonic(), [], []
    for i, batch in enumerate(_batches(n_steps, options.seed, options.processes)):
        recent.append(step(*batch).numpy())
        average.update()
        if (i + 1) % options.checkpoint_steps == 0 or i + 1 == n_steps:
            means = np.mean(recent, axis=0).tolist()
            recent.clear()
            rows.append({"step": i + 1, "measures": means[0], "activity": means[1], "heat": means[2]})
            rows[-1]["minutes"] = round((time.monotonic() - started) / 60, 2)
            print(json.dumps(rows[-1]), flush=True)
            _save(average, options, rows)


class _RunningAverage:
    """An average over the last steps' weights; steadier than the weights of the last step alone."""

    def __init__(self, network: Any, every: int = 10, keep: float = 0.98) -> None:
        self.network, self.every, self.keep, self.n = network, every, keep, 0
        self.values = network.get_weights()

    def update(self) -> None:
        self.n += 1
        if self.n % self.every:
            return
        # Young averages forget fast, so that the random start is soon gone.
        keep = min(self.keep, self.n / (self.n + 10.0 * self.every))
        for value, new in zip(self.values, self.network.get_weights(), strict=True):
            value *= keep
            value += (1.0 - keep) * new


def _save(average: _RunningAverage, options: argparse.Namespace, rows: list[dict[str, float]]) -> None:
    network = build_compact()
    network.set_weights(average.values)
    path = options.output / "compact.weights.h5"
    network.save_weights(path)
    digest = sha256_of(path)
    settings = {"samples": options.samples, "seed": options.seed, "learning_rate": options.learning_rate}
    report = {"sha256": digest, "size_bytes": path.stat().st_size, "settings": settings, "progress": rows}
    write_text(options.output / "training.json", json.dumps(report, indent=2) + "\n")


def _with_tasks(network: Any) -> Any:
    """The network with its training tasks: linear readings of the features, and keypoint maps."""
    import keras
    from keras import layers

    features = network.get_layer("features").output
    measures = layers.Dense(len(MEASURES), name="measures")(features)
    activity = layers.Dense(len(ACTIVITIES), name="activity")(features)
    heat = layers.Conv2D(len(KEYPOINTS), 1, bias_initializer=keras.initializers.Constant(-4.0), name="heat")
    return keras.Model(network.input, [measures, activity, heat(network.get_layer("stride_8").output)])


def _losses(tf: Any, predicted: Any, measures: Any, activity: Any, heat: Any, weight: Any) -> list[Any]:
    difference = tf.abs(predicted[0] - measures) * tf.sqrt(weight)
    huber = tf.where(difference < 1.0, 0.5 * difference**2, difference - 0.5)
    crossed = tf.nn.sparse_softmax_cross_entropy_with_logits(activity, predicted[1])
    maps = tf.nn.sigmoid_cross_entropy_with_logits(heat, predicted[2])
    return [tf.reduce_mean(huber), tf.reduce_mean(crossed), 10.0 * tf.reduce_mean(maps)]


def _measure_weights(seed: int) -> NDArray[np.float32]:
    """One over each measure's variance, so that none drowns the others."""
    spread = draw_batch(400, INPUT_PX, [seed, 10**6])["measures"].std(axis=0)
    lighter = np.array([_LIGHTER.get(name, 1.0) for name in MEASURES])
    return (lighter / np.maximum(spread, 0.05) ** 2).astype(np.float32)


def _heat_maps(measures: NDArray[np.float32]) -> NDArray[np.float32]:
    """A blob per keypoint on the stride-8 grid, shape (n, side, side, n_keypoints)."""
    points = (measures[:, : 2 * len(KEYPOINTS)].reshape(len(measures), -1, 2) + 1.0) * (_HEAT_SIDE / 2) - 0.5
    cells = np.arange(_HEAT_SIDE, dtype=np.float32)
    across = np.exp(-0.5 * (cells[None, None] - points[..., :1]) ** 2 / 0.8**2)
    down = np.exp(-0.5 * (cells[None, None] - points[..., 1:]) ** 2 / 0.8**2)
    return np.einsum("nky,nkx->nyxk", down, across).astype(np.float32)


def turn_quarter(
    images: NDArray[np.uint8], measures: NDArray[np.float32], quarters: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Turn crops and what is true about them by quarter turns (x right, y down)."""
    turned = measures.copy()
    for _ in range(quarters):
        for i, j in _VECTORS:
            turned[:, i], turned[:, j] = turned[:, j].copy(), -turned[:, i]
    return np.ascontiguousarray(np.rot90(images, quarters, axes=(1, 2))), turned


def _batches(n_steps: int, seed: int, n_processes: int) -> Iterator[tuple[NDArray[Any], ...]]:
    """Batches in an order that depends on the seed alone, drawn ahead by other processes."""
    context = multiprocessing.get_context("spawn")
    rng = np.random.default_rng([seed, 10**7])
    with ProcessPoolExecutor(n_processes, context, initializer=_single_thread) as pool:
        waiting: list[Future[dict[str, NDArray[Any]]]] = []
        drawn = step = 0
        while step < n_steps:
            while len(waiting) < n_processes + 2:
                waiting.append(pool.submit(draw_batch, DRAWN, INPUT_PX, [seed, drawn]))
                drawn += 1
            samples = waiting.pop(0).result()
            for turned in (0, int(rng.integers(1, 4))):
                images, measures = turn_quarter(samples["image"], samples["measures"], turned)
                order = rng.permutation(DRAWN)
                for part in order.reshape(-1, BATCH):
                    yield images[part], measures[part], samples["activity"][part], _heat_maps(measures[part])
                    step += 1
                    if step == n_steps:
                        pool.shutdown(wait=False, cancel_futures=True)
                        return


def _single_thread() -> None:
    cv2.setNumThreads(1)


if __name__ == "__main__":
    main()
