"""Which features show a frozen network movement, and at what price: one table over features, seeds and recordings.

    python -m benchmarks.motion --set arena --scratch ../motion
    python -m benchmarks.motion --set demo --scratch ../motion --only "compact"

Each cell is a whole run of `benchmarks/arena.yaml` or `experiments/exp1.yaml` with other features; finished ones are
kept, so that it can be interrupted. Average precision, pooled over the held-out recordings; its mean over seeds, and
the range where there are several. Frames/s: extraction of one arena video in a process that does nothing else.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.tables import read_table
from pipeline.config.schema import load_config
from pipeline.experiment import run_experiment
from pipeline.run_folder.run_dir import RunDir

NETWORKS: dict[str, dict[str, Any]] = {
    "compact": {"name": "compact"},
    "mobilenet_v2": {"name": "mobilenet_v2", "alpha": 0.35},
    # A floor: what weights give that have learned nothing. At 224 px it would take five times as long.
    "resnet50v2 random": {"name": "resnet50v2", "weights": "random", "input_px": 96},
}
FILES = {"arena": "benchmarks/arena.yaml", "demo": "experiments/exp1.yaml"}
SUBSETS = {"arena": ("cross_validation",), "demo": ("cross_validation", "test")}


def moments(network: str, span_s: float, follow: bool = False) -> dict[str, Any]:
    """Three moments of this network, as they stand below `features:`."""
    crop = {"moments_s": [-span_s, 0, span_s], "follow": follow}
    return {"source": "frames", "backbone": NETWORKS[network], "crop": crop}


def plain(network: str) -> dict[str, Any]:
    """Single frames of this network."""
    return {"source": "frames", "backbone": NETWORKS[network]}


def rows() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Names of the table's rows, and their features."""
    for network in NETWORKS:
        yield network, [plain(network)]
        for span_s in (0.1, 0.2, 0.4):
            yield f"{network}, moments {span_s} s", [moments(network, span_s)]
            yield f"{network}, plain + moments {span_s} s", [plain(network), moments(network, span_s)]
        yield f"{network}, moments 0.2 s, follow", [moments(network, 0.2, True)]
        yield f"{network}, plain + moments 0.2 s, follow", [plain(network), moments(network, 0.2, True)]
    yield "mobilenet_v2 plain + compact moments 0.2 s", [plain("mobilenet_v2"), moments("compact", 0.2)]


def run_cell(of: str, name: str, features: Sequence[Mapping[str, Any]], seed: int, options: argparse.Namespace) -> Path:
    """Carry out one run, unless it is finished; gives its folder."""
    changes = {
        "name": f"{of} {name} seed {seed}".replace(",", "").replace("+", "and"),
        "features": list(features),
        "seed": seed,
        "execution.cache_dir": (options.scratch / "cache").as_posix(),
        "execution.output_dir": (options.scratch / "runs").as_posix(),
        **({"baseline": "none"} if seed else {}),
    }
    config = load_config(Path(FILES[of]), [f"{key}={json.dumps(value)}" for key, value in changes.items()])
    run = RunDir(config.execution.output_dir / config.name)
    run_experiment(config, run)
    return run.path


def average_precision(run: Path, subset: str, table: str) -> dict[str, float]:
    """Of each behavior, pooled, of the bare probabilities."""
    found = {}
    for row in read_table(run / table):
        if (row["subset"], row["recording"], row["postprocessed"]) == (subset, "pooled", "raw"):
            found[row["behavior"]] = float(row["average_precision"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=list(FILES), default="arena")
    parser.add_argument("--scratch", type=Path, default=Path("motion"))
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--only", nargs="*", help="names of rows, as printed")
    options = parser.parse_args()
    known = dict(rows())
    lines = []
    for name in options.only or known:
        runs = [run_cell(options.set, name, known[name], seed, options) for seed in options.seeds]
        cells = [_cell(runs, subset, "scores.csv") for subset in SUBSETS[options.set]]
        if 0 in options.seeds:
            cells.append(_cell(runs[options.seeds.index(0) :][:1], SUBSETS[options.set][0], "baseline_scores.csv"))
        lines.append(f"| {name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    print(
        "", f"| {options.set} | {' | '.join(SUBSETS[options.set])} | logistic |", "|---|---|---|---|", *lines, sep="\n"
    )


def _cell(runs: Sequence[Path], subset: str, table: str) -> str:
    by_seed = [average_precision(run, subset, table) for run in runs]
    words = []
    for behavior in by_seed[0]:
        values = [scores[behavior] for scores in by_seed]
        spread = f" ({min(values):.3f}–{max(values):.3f})" if len(values) > 1 else ""
        words.append(f"{statistics.mean(values):.3f}{spread}")
    return " / ".join(words)


if __name__ == "__main__":
    main()
