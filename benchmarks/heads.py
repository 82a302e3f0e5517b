"""How long a head's training step, prediction and first call take; Keras' own LSTM layer for comparison.

Run: ``python -m benchmarks.heads [--threads 1] [--features 1280] [--window-frames 300] [--batch-windows 8]``.
Wall seconds are what a user waits for; CPU seconds say how many cores were busy meanwhile.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from models.heads import HeadConfig
from models.heads.logistic import LogisticConfig
from models.heads.lstm import LstmConfig
from models.heads.tcn import TcnConfig
from models.network import Network
from models.tasks import TASKS
from models.windows import Windows

HEADS: dict[str, HeadConfig] = {
    "lstm 3 x 64 (exp1)": LstmConfig(),
    "lstm 2 x 64 (exp2)": LstmConfig(layers=2),
    "lstm 1 x 64 bidirectional": LstmConfig(layers=1, bidirectional=True),
    "tcn 1 x 256 (exp3, exp4)": TcnConfig(),
    "tcn 1 x 64 same": TcnConfig(filters=64, padding="same"),
    "logistic": LogisticConfig(),
}


class KerasLstmConfig(LstmConfig):
    """The same stack, each layer run by Keras."""

    def body(self, embeddings, mask):  # type: ignore[no-untyped-def]
        import keras

        hidden = keras.layers.Dropout(self.dropout)(embeddings)
        for units in self.layer_units():
            layer = keras.layers.LSTM(units, return_sequences=True)
            hidden = keras.layers.Bidirectional(layer)(hidden) if self.bidirectional else layer(hidden)
        return hidden


def seconds(function: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Wall and CPU seconds per call."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def main() -> None:
    """Print one line per head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--window-frames", type=int, default=300)
    parser.add_argument("--batch-windows", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=8)
    arguments = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    shape = (arguments.batch_windows, arguments.window_frames)
    rng = np.random.default_rng(0)
    batch = Windows(
        x=rng.normal(size=(*shape, arguments.features)).astype(np.float32),
        y=(rng.random(shape) < 0.1).astype(np.float32),
        weight=np.ones(shape, np.float32),
        mask=np.ones(shape, bool),
    )
    heads = dict(HEADS)
    for name in ("lstm 3 x 64 (exp1)", "lstm 1 x 64 bidirectional"):
        heads[f"{name}, Keras' layers"] = KerasLstmConfig(**HEADS[name].model_dump())
    print(f"{shape[0]} windows x {shape[1]} frames x {arguments.features} features, {arguments.threads} thread(s)")
    print(f"{'head':44} {'build + first step s':>20} {'step s (CPU s)':>18} {'predict s':>10}")
    for name, head in heads.items():
        started = time.perf_counter()
        model = head.build(arguments.features, arguments.window_frames, TASKS["binary"], ())
        network = Network(model, TASKS["binary"], arguments.batch_windows)
        network.train_step(batch)
        first = time.perf_counter() - started
        network.predict_windows(batch.x, batch.mask)
        step = seconds(lambda network=network: network.train_step(batch), arguments.repeats)  # type: ignore[misc]
        forward = seconds(
            lambda network=network: network.predict_windows(batch.x, batch.mask),  # type: ignore[misc]
            arguments.repeats,
        )
        print(f"{name:44} {first:20.2f} {step[0]:9.3f} ({step[1]:.3f}) {forward[0]:10.3f}", flush=True)


if __name__ == "__main__":
    main()
