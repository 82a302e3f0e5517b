"""Macro F1 of finished runs on exclusive classes: those of `task: exclusive`, and of binary heads beside them.

A frame of binary heads is of the behavior that is most probable, if it reaches .5, else background. All are scored
against the labels of the first run, which must be exclusive, on the frames that this one scores.

    python -m benchmarks.classes runs/exclusive runs/binary ...
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.run_folder.reading import CROSS_VALIDATION, Run, read_run
from pipeline.scoring.classes import OF_ALL, class_names, confusion, counts_of
from pipeline.scoring.postprocessing.decisions import EXCLUSIVE
from pipeline.scoring.timeline import FULL, Timeline

_THRESHOLD = 0.5


def as_classes(timeline: Timeline, wanted: Timeline) -> Timeline:
    """A recording of another run, with the labels of the exclusive one; one behavior at most is predicted."""
    predicted = timeline.predicted[FULL]
    if not timeline.is_exclusive:
        best = np.eye(predicted.shape[1], dtype=bool)[timeline.probability.argmax(axis=1)]
        predicted = best & (timeline.probability >= _THRESHOLD)
    labels = {"true": wanted.true, "scored": wanted.scored, "background": wanted.background}
    return replace(timeline, predicted={FULL: predicted}, task=EXCLUSIVE, **labels)


def matrix_of(run: Run, first: Run) -> np.ndarray:
    """The confusion matrix of all cross-validated recordings."""
    members = [row.recording for row in first.members(CROSS_VALIDATION)]
    return np.sum([confusion(as_classes(run.timelines[r], first.timelines[r]), FULL) for r in members], axis=0)


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    runs = [read_run(path) for path in parser.parse_args().runs]
    if not runs[0].is_exclusive:
        parser.error(f"{runs[0].path} is not of task: exclusive")
    names = class_names(next(iter(runs[0].timelines.values())))
    print(f"{'run':24s}", *(f"{score:>18s}" for score in OF_ALL), *(f"{name:>18s}" for name in names))
    for run in runs:
        matrix = matrix_of(run, runs[0])
        scores = [of(matrix) for of in OF_ALL.values()] + [counts_of(matrix, i).f1 for i in range(len(names))]
        print(f"{run.name:24s}", *(f"{'n/a' if score is None else format(score, '.3f'):>18s}" for score in scores))


if __name__ == "__main__":
    main()
