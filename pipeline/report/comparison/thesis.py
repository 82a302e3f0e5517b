"""The thesis' Tables 5.1-5.3 with a column of ours beside each of its own.

As there: test recordings, threshold .5, no post-processing. Its PR-AUC is Keras' interpolated area, ours
is average precision; its videos are others than ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from pipeline.report.comparison.pairs import Contender, scored_arrays
from pipeline.report.thesis import EXPERIMENTS, METRIC_WORDS, METRICS, ThesisTable, thesis_table
from pipeline.run_folder.reading import CROSS_VALIDATION, TEST, Run, section
from pipeline.scoring.metrics import FrameScores, pooled_frame_scores
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
        By metric (`pipeline.report.thesis.METRICS`).
    """

    experiment: str
    run: str
    values: Mapping[str, float | None]


@dataclass(frozen=True)
class Group:
    """Columns under one heading: an experiment of the thesis with our runs of its name, or our other runs."""

    experiment: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class ThesisBlock:
    """One behavior's table; `subset` is where our numbers come from."""

    behavior: str
    table: ThesisTable
    subset: str
    groups: tuple[Group, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, from left to right."""
        return tuple(column for group in self.groups for column in group.columns)

    def lines(self) -> Iterator[tuple[str, list[tuple[Column, float | None]]]]:
        """Yield each row: what the metric is called, and its value in every column."""
        for metric in METRICS:
            yield METRIC_WORDS[metric], [(column, column.values[metric]) for column in self.columns]


def thesis_blocks(contenders: Sequence[Contender], behaviors: Sequence[str]) -> list[ThesisBlock]:
    """Tables of those behaviors that the thesis has."""
    blocks = []
    for behavior in behaviors:
        table = thesis_table(behavior)
        mine = [contender for contender in contenders if behavior in contender.run.behaviors]
        if table is None:
            continue
        # Where no run was tested, cross-validated numbers are what we have.
        subset = TEST if any(TEST in contender.run.subsets for contender in mine) else CROSS_VALIDATION
        groups = []
        for place, experiment in enumerate(EXPERIMENTS):
            published = Column(experiment.name, "", {metric: table.values[metric][place] for metric in METRICS})
            ours = (_our_column(c, experiment.name, behavior, subset) for c in mine if c.run.name == experiment.name)
            groups.append(Group(experiment.name, (published, *ours)))
        named = {experiment.name for experiment in EXPERIMENTS}
        others = tuple(_our_column(c, "", behavior, subset) for c in mine if c.run.name not in named)
        if others:
            groups.append(Group("", others))
        blocks.append(ThesisBlock(behavior, table, subset, tuple(groups)))
    return blocks


def _our_column(contender: Contender, experiment: str, behavior: str, subset: str) -> Column:
    row = contender.run.score(behavior, subset, RAW)
    if row is None or row["threshold"] == THRESHOLD:
        return Column(
            experiment,
            contender.name,
            {metric: None if row is None else cast("float | None", row[metric]) for metric in METRICS},
        )
    scores = _scores_at_threshold(contender.run, behavior, subset)
    ratios = {metric: getattr(scores.counts, metric) for metric in METRICS if metric != "average_precision"}
    return Column(experiment, contender.name, {**ratios, "average_precision": scores.average_precision})


def _scores_at_threshold(run: Run, behavior: str, subset: str) -> FrameScores:
    """Pooled scores at the thesis' threshold, of a run that used another."""
    arrays = scored_arrays(run, behavior, subset).values()
    return pooled_frame_scores(
        part._replace(predicted=np.nan_to_num(part.probability, nan=0.0) >= THRESHOLD) for part in arrays
    )


def unlike_experiments(contenders: Sequence[Contender]) -> list[str]:
    """Say which of our runs bear the name of an experiment and have another backbone or head than it."""
    found = []
    for contender in contenders:
        for experiment in EXPERIMENTS:
            if contender.run.name == experiment.name:
                asked = section(contender.run.config, "backbone").get("name")
                backbone = section(contender.run.provenance, "backbone").get("used") or asked
                wanted, mine = (experiment.backbone, experiment.head), (str(backbone), contender.run.head_name)
                if wanted != mine:
                    found.append(f"{contender.name} here is {mine[0]} + {mine[1]}, not {wanted[0]} + {wanted[1]}.")
    return found
