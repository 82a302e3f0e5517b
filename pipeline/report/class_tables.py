"""Rows of the report's tables of exclusive classes."""

from collections.abc import Iterator
from typing import Any

from common.tables import Row
from pipeline.report.figures.scores import VARIANT_WORDS
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.scoring.classes import ALL, CLIPS
from pipeline.scoring.scores import FULL, POOLED, RAW, VARIANTS

CLASS_SCORE_WORDS = {
    "macro_f1": "Macro F1",
    "balanced_accuracy": "Balanced accuracy",
    "weighted_f1": "Weighted F1",
    "accuracy": "Accuracy",
    "cohen_kappa": "Kappa",
}
EACH_CLASS_WORDS = {
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "average_precision": "AP",
}


def class_lines(run: Run) -> list[dict[str, Any]]:
    """Scores of all classes together: a line per subset, head and variant of post-processing or `clips`, pooled."""
    return [
        {
            "subset": SUBSET_WORDS.get(subset, subset),
            "head": head,
            "words": VARIANT_WORDS.get(variant, "whole clips"),
            "is_last": variant == FULL,
            "is_clips": variant == CLIPS,
            "cells": cells,
        }
        for subset in run.subsets
        for head in dict.fromkeys(row["head"] for row in run.tables.class_scores)
        for variant in (*VARIANTS, CLIPS)
        for cells in [_cells(run, head, subset, POOLED, variant, ALL)]
        if cells
    ]


def each_class_lines(run: Run, variant: str = FULL) -> Iterator[dict[str, Any]]:
    """Yield the scores of each class after all steps, pooled; average precision is that of the probabilities."""
    names = [name for name in dict.fromkeys(row["class"] for row in run.tables.class_scores) if name != ALL]
    for subset in run.subsets:
        for name in names:
            cells = _cells(run, run.head_name, subset, POOLED, variant, name)
            ranked = _cells(run, run.head_name, subset, POOLED, RAW if variant == FULL else variant, name)
            cells |= {"average_precision": ranked["average_precision"]} if "average_precision" in ranked else {}
            if cells:
                yield {"subset": SUBSET_WORDS.get(subset, subset), "class": name, "cells": cells}


def clip_lines(run: Run) -> list[dict[str, Any]]:
    """Scores of each class by whole clips, and what the clips of the human's class are called, where those are all."""
    return [
        line
        | {
            "called": {
                row["predicted"]: row["n_frames"]
                for row in run.tables.confusion
                if (row["postprocessed"], SUBSET_WORDS.get(row["subset"]), row["true"])
                == (CLIPS, line["subset"], line["class"])
            }
        }
        for line in each_class_lines(run, CLIPS)
    ]


def recording_class_lines(run: Run) -> list[dict[str, Any]]:
    """Scores of all classes in each recording, after all steps."""
    return [
        {"recording": row.recording, "subset": SUBSET_WORDS.get(row.subset, row.subset), "cells": cells}
        for row in run.recordings
        for cells in [_cells(run, run.head_name, row.subset, row.recording, FULL, ALL)]
        if cells
    ]


def _cells(run: Run, head: str, subset: str, recording: str, variant: str, of: str) -> dict[str, Row]:
    wanted = (head, subset, recording, variant, of)
    keys = ("head", "subset", "recording", "postprocessed", "class")
    return {row["score"]: row for row in run.tables.class_scores if tuple(row[key] for key in keys) == wanted}
