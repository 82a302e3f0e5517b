"""The thesis' Tables 5.1-5.3 with a column of ours beside each of its own.

As there: test recordings, threshold .5, no post-processing. Its PR-AUC is Keras' interpolated area, ours
is average precision; its videos are others than ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from common.tables import number
from pipeline.report.comparison.pairs import scored_arrays
from pipeline.report.thesis import EXPERIMENTS, METRIC_WORDS, ThesisTable, thesis_table
from pipeline.run_folder.features import features_in_words
from pipeline.run_folder.reading import CROSS_VALIDATION, TEST, Run
from pipeline.scoring.metrics import pooled_frame_scores
from pipeline.scoring.scores import RAW

THRESHOLD = 0.5


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    experiment : str
        The thesis' experiment that it stands under; "" for other runs of ours.
    run : str
        Name of our run; "" for the thesis' own column.
    values : mapping of str to (float or None)
        By metric (`pipeline.report.thesis.METRIC_WORDS`).
    """

    experiment: str
    run: str
    values: Mapping[str, float | None]

    @property
    def words(self) -> str:
        """What stands above the column, under its experiment."""
        return ("here" if self.run == self.experiment else self.run) or "thesis"


@dataclass(frozen=True)
class ThesisBlock:
    """One behavior's table; `subset` is where our numbers come from."""

    behavior: str
    table: ThesisTable
    subset: str
    columns: tuple[Column, ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The experiments above the columns ("" = our other runs), and how many columns each has."""
        return [(name, len(list(own))) for name, own in groupby(self.columns, key=lambda column: column.experiment)]

    def lines(self) -> Iterator[tuple[str, list[tuple[Column, float | None]]]]:
        """Yield each row: what the metric is called, and its value in every column."""
        for metric, words in METRIC_WORDS.items():
            yield words, [(column, column.values[metric]) for column in self.columns]


def thesis_blocks(runs: Mapping[str, Run], behaviors: Sequence[str]) -> list[ThesisBlock]:
    """Tables of those behaviors that the thesis has."""
    blocks = []
    for behavior in behaviors:
        table = thesis_table(behavior)
        if table is None:
            continue
        mine = {name: run for name, run in runs.items() if behavior in run.behaviors}
        # Where no run was tested, cross-validated numbers are what we have.
        subset = TEST if any(TEST in run.subsets for run in mine.values()) else CROSS_VALIDATION
        ours = {name: _our_values(run, behavior, subset) for name, run in mine.items()}
        columns = []
        for place, experiment in enumerate(EXPERIMENTS):
            published = {metric: values[place] for metric, values in table.values.items()}
            columns.append(Column(experiment.name, "", published))
            columns += [Column(run.name, name, ours[name]) for name, run in mine.items() if run.name == experiment.name]
        named = {experiment.name for experiment in EXPERIMENTS}
        columns += [Column("", name, ours[name]) for name, run in mine.items() if run.name not in named]
        blocks.append(ThesisBlock(behavior, table, subset, tuple(columns)))
    return blocks


def _our_values(run: Run, behavior: str, subset: str) -> dict[str, float | None]:
    row = run.score(behavior, subset, RAW)
    if row is None or row["threshold"] == THRESHOLD:
        return {metric: number(row, metric) for metric in METRIC_WORDS}
    # A run that used another threshold than the thesis.
    scores = pooled_frame_scores(
        part._replace(predicted=np.nan_to_num(part.probability, nan=0.0) >= THRESHOLD)
        for part in scored_arrays(run, behavior, subset).values()
    )
    ratios = {metric: getattr(scores.counts, metric, None) for metric in METRIC_WORDS}
    return ratios | {"average_precision": scores.average_precision}


def unlike_experiments(runs: Mapping[str, Run]) -> list[str]:
    """Say which of our runs bear the name of an experiment and have another backbone or head than it."""
    found = []
    wanted = {experiment.name: (experiment.backbone, experiment.head) for experiment in EXPERIMENTS}
    for name, run in runs.items():
        mine = features_in_words(run), run.head_name
        if mine != wanted.get(run.name, mine):
            found.append(f"{name} here is {' + '.join(mine)}, not {' + '.join(wanted[run.name])}.")
    return found
