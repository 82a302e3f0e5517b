"""What a head's training step costs: as a user would write it in Keras, in Rearview, and as arithmetic alone.

Run: ``python -m benchmarks.heads [--threads 1] [--features 1280] [--window-frames 300] [--batch-windows 8]``.
Milliseconds of processor time a step, median of rounds in which all take their turn; where one thread is used,
that is what a user waits for on a computer that does nothing else. Recurrent heads have four columns:

- Keras: Dropout, `keras.layers.LSTM`, Dense; `compile` and `fit`;
- loop: Rearview as it runs where numba is missing (nearly as before): TensorFlow's loop, Keras' dropout;
- Rearview;
- bare: the matrix products of the step alone, each as one product over all frames.

``python -m benchmarks.heads --experiment benchmarks/arena.yaml [--set KEY=VALUE]`` tells in place of that how well each
head does on the experiment's training recordings, in its folds and with its training settings: average precision of
all held-out analysed frames together, by behavior, and processor time of a fit. Test recordings are not looked at.
Embeddings must be cached (``python run_experiment.py benchmarks/arena.yaml --stage features``).
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np

from models.heads import HeadConfig, dropout, scan_lstm
from models.heads.logistic import LogisticConfig
from models.heads.lstm import LstmConfig
from models.heads.tcn import TcnConfig
from models.heads.transformer import TransformerConfig
from models.network import Network
from models.tasks import TASKS
from models.windows import Windows
from pipeline.config.schema import load_config
from pipeline.dataset.load import load_dataset
from pipeline.scoring.metrics import average_precision
from pipeline.training.embed import run_stage_one
from pipeline.training.executors.base import BoundedRows
from pipeline.training.fits import Fit, FitResult, perform_fit
from pipeline.training.frame_labels import FrameLabels
from pipeline.training.plan import HEAD, FitPlan, plan_folds

HEADS: dict[str, HeadConfig] = {
    "lstm 3 x 64 (exp1)": LstmConfig(),
    "lstm 2 x 64 (exp2)": LstmConfig(layers=2),
    "lstm 1 x 64 bidirectional": LstmConfig(layers=1, bidirectional=True),
    "tcn 1 x 256 (exp3, exp4)": TcnConfig(),
    "tcn 1 x 64 same": TcnConfig(filters=64, padding="same"),
    "transformer 2 x 64": TransformerConfig(),
    "logistic": LogisticConfig(),
}
TASK = TASKS["binary"]()
COLUMNS = ("Keras", "loop", "Rearview", "bare")
# Steps of each in its turn; Keras' `fit` costs something per call too.
STEPS = 4


def keras_fit(head: LstmConfig, batch: Windows) -> Callable[[], object]:
    """`STEPS` steps as a user would write them."""
    import keras

    layers: list[keras.Layer] = [keras.Input(batch.x.shape[1:]), keras.layers.Dropout(head.dropout)]
    for units in head.layer_units():
        layer = keras.layers.LSTM(units, return_sequences=True)
        layers.append(keras.layers.Bidirectional(layer) if head.bidirectional else layer)
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    x, y = np.tile(batch.x, (STEPS, 1, 1)), np.tile(batch.y, (STEPS, 1))[..., None]
    return lambda: model.fit(x, y, batch_size=len(batch.x), verbose=0)


def rearview(network: Network, batch: Windows) -> Callable[[], object]:
    """`STEPS` steps of Rearview."""
    return lambda: [network.train_step(batch) for _ in range(STEPS)]


def bare(head: LstmConfig, batch: Windows) -> Callable[[], object]:
    """The products of `STEPS` steps, forwards and backwards; nothing needs the gradient of the embeddings."""
    import tensorflow as tf

    n_rows, n_inputs = batch.mask.size, batch.x.shape[2]
    products = []
    for i, units in enumerate(head.layer_units()):
        directions = 2 if head.bidirectional else 1
        products += [(n_rows, n_inputs, 4 * units)] * directions * (2 if i == 0 else 3)
        products += [(n_rows, units, 4 * units)] * directions * 3
        n_inputs = directions * units
    pairs = [(tf.random.normal((n, k)), tf.random.normal((k, m))) for n, k, m in products]
    multiply = tf.function(lambda: [tf.reduce_max(tf.matmul(a, b)) for a, b in pairs])
    return lambda: [multiply() for _ in range(STEPS)]


def seconds(function: Callable[[], object]) -> float:
    """Processor time of a call, of all threads."""
    started = time.process_time()
    function()
    return time.process_time() - started


def compare(name: str, head: HeadConfig, batch: Windows, rounds: int) -> None:
    """Print the line of one head."""

    def network() -> Network:
        model = head.build(batch.x.shape[2], batch.x.shape[1], TASK, ())
        made = Network(model, TASK, len(batch.x))
        made.train_step(batch)
        return made

    started = time.perf_counter()
    ours = network()
    first = time.perf_counter() - started
    ways = {"Rearview": rearview(ours, batch)}
    if isinstance(head, LstmConfig):
        with patch.object(scan_lstm, "_way", lambda: scan_lstm._call_scan), patch.object(dropout, "_has_kernel", bool):
            ways["loop"] = rearview(network(), batch)
        ways |= {"Keras": keras_fit(head, batch), "bare": bare(head, batch)}
    ways["predict"] = lambda: [ours.predict_windows(batch.x, batch.mask) for _ in range(STEPS)]
    for way in ways.values():
        way()
    taken = {column: [] for column in ways}  # type: dict[str, list[float]]
    for _ in range(rounds):
        for column, way in ways.items():
            taken[column].append(1000 * seconds(way) / STEPS)
    step = {column: float(np.median(taken[column])) for column in ways}
    cells = [f"{step[column]:9.1f}" if column in step else f"{'':9}" for column in (*COLUMNS, "predict")]
    ratios = [f"{step[c] / step['Rearview']:8.2f} x" if c in step else f"{'':10}" for c in ("Keras", "loop")]
    print(f"{name:28} {' '.join(cells)} {' '.join(ratios)} {first:9.1f}", flush=True)


def score(experiment: Path, overrides: Sequence[str], heads: dict[str, HeadConfig]) -> None:
    """Print for each head how well it does in an experiment's folds; heads take turns, fit by fit."""
    config = load_config(experiment, overrides)
    recordings = load_dataset(config)
    embedded = run_stage_one(config, recordings, only_cached=True).recordings
    rows = BoundedRows([one.source for one in embedded], 2**30)
    plans = {
        name: FitPlan(config.model_copy(update={"head": head}), embedded, plan_folds(config, recordings), Path)
        for name, head in heads.items()
    }
    labels = next(iter(plans.values())).labels
    fits = [(name, fit) for name, plan in plans.items() for fit in plan.cross_fits() if fit.kind == HEAD]
    done = defaultdict(list)  # type: dict[str, list[tuple[Fit, FitResult, float]]]
    for name, fit in sorted(fits, key=lambda one: (one[1].name, one[1].fold_words)):
        started = time.process_time()
        result = perform_fit(fit, rows.of, labels, {})
        done[name].append((fit, result, time.process_time() - started))
        print(f"{name:28} {fit.key:40} epoch {result.best_epoch:3} {done[name][-1][2]:8.1f} s", flush=True)
    behaviors = config.behavior_names()
    print(f"\n| head | {' | '.join(behaviors)} | mean | s a fit, median | s in all |")
    print("|---" * (len(behaviors) + 4) + "|")
    for name, of_head in done.items():
        found = [pooled(behavior, of_head, labels) for behavior in behaviors]
        taken = [seconds for _, _, seconds in of_head]
        cells = [f"{value:.3f}" for value in (*found, np.mean(found))]
        print(f"| {name} | {' | '.join(cells)} | {np.median(taken):.1f} | {sum(taken):.0f} |")


def pooled(behavior: str, of_head: Sequence[tuple[Fit, FitResult, float]], labels: dict[str, FrameLabels]) -> float:
    """Average precision of a behavior over the held-out frames of all folds."""
    true, probability = [], []
    for fit, result, _ in of_head:
        for recording in fit.predict if behavior in fit.outputs else ():
            own = labels[recording].of((behavior,))
            true.append(own.active[own.scored, 0])
            probability.append(result.probabilities[recording][own.scored, fit.outputs.index(behavior)])
    return average_precision(np.concatenate(true), np.concatenate(probability)) or 0.0


def main() -> None:
    """Print one line per head."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--features", type=int, default=1280)
    parser.add_argument("--window-frames", type=int, default=300)
    parser.add_argument("--batch-windows", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--heads", default="", help="only those whose names begin so, comma-separated")
    parser.add_argument("--experiment", type=Path, help="scores on its recordings, in place of steps")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="with --experiment")
    arguments = parser.parse_args()
    from models.threads import limit_threads

    limit_threads(arguments.threads)
    heads = {name: head for name, head in HEADS.items() if name.startswith(tuple(arguments.heads.split(",")))}
    if arguments.experiment:
        score(arguments.experiment, arguments.set, heads)
        return
    shape = (arguments.batch_windows, arguments.window_frames)
    rng = np.random.default_rng(0)
    batch = Windows(
        x=rng.normal(size=(*shape, arguments.features)).astype(np.float32),
        y=(rng.random(shape) < 0.1).astype(np.float32),
        weight=np.ones(shape, np.float32),
        mask=np.ones(shape, bool),
    )
    print(f"{shape[0]} windows x {shape[1]} frames x {arguments.features} features, {arguments.threads} thread(s)")
    columns = (f"{column:>9}" for column in (*COLUMNS, "predict"))
    print(f"{'ms of processor time':28} {' '.join(columns)} {'Keras /':>10} {'loop /':>10} {'first s':>9}")
    for name, head in heads.items():
        compare(name, head, batch, arguments.rounds)


if __name__ == "__main__":
    main()
