"""Whose labels a head learns from, where several people annotated a recording.

What everyone saw is kept beside the labels that are used, so that the report can set the model next to
the agreement among humans.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.names import unsafe_name_reason
from pipeline.dataset.labels import LabelTrack
from pipeline.dataset.recording import Recording
from pipeline.scoring.agreement import merge_annotators
from pipeline.scoring.timeline import Track

CONSENSUS_RULES = ("majority", "union", "intersection")
# Whose file is given without a name.
UNNAMED = "unnamed"
# Names under which others stand beside the annotators in agreement.csv and in the run's folder.
_RESERVED = (*CONSENSUS_RULES, "model", "consensus", UNNAMED)


@dataclass(frozen=True)
class ChosenLabels:
    """Labels of one recording.

    `labels`: those that heads are trained on and scored against. `disagreement`, shape (n_frames, n_behaviors): what
    several annotators scored, and not all the same way. `annotators`: everyone's own, by name; more than one where
    several annotated.
    """

    labels: LabelTrack
    disagreement: NDArray[np.bool_]
    annotators: dict[str, LabelTrack]


def check_annotators(recording: Recording, wanted: str | None) -> None:
    """Refuse a recording whose labels cannot be chosen, before any file is read.

    Raises
    ------
    InputError
        If a training recording has none, or the experiment does not say whose to use.
    """
    paths = recording.annotation_paths
    if not paths and recording.split == "train":
        raise InputError(
            f"Recording {recording.id} has split `train` but no file in the column `annotations`. Name its "
            "annotation file there, or leave its split empty to have it predicted only."
        )
    reserved = [name for name in paths if name.casefold() in _RESERVED]
    if reserved:
        raise InputError(
            f"Recording {recording.id} has an annotator called {reserved[0]!r}, a word that means something else "
            "beside annotators. Rename the annotator in the column `annotations`."
        )
    for name in paths:
        reason = unsafe_name_reason(name) if name else None
        if reason:
            raise InputError(
                f"Recording {recording.id} has an annotator called {name!r}. Labels are kept in a folder of that name, "
                f"which cannot be made: {reason}. Rename the annotator in the column `annotations`."
            )
    if not paths or wanted in (*CONSENSUS_RULES, *paths):
        return
    if len(paths) > 1 or (wanted is not None and "" not in paths):
        names = ", ".join(name or "(unnamed)" for name in paths)
        reason = f"`annotations: {wanted}` is not among them" if wanted else "the experiment does not say which to use"
        raise InputError(
            f"Recording {recording.id} has annotations by {names}, and {reason}. "
            "Set `annotations:` in the experiment's YAML to one of these names, or to "
            f"{', '.join(CONSENSUS_RULES[:-1])} or {CONSENSUS_RULES[-1]}."
        )


def choose_labels(tracks: Mapping[str, LabelTrack], wanted: str | None) -> ChosenLabels:
    """Labels of one recording by one annotator, or joined by a rule (`wanted` is one or the other).

    `tracks` are by annotator, at least one, already found fit by `check_annotators`.
    """
    first = next(iter(tracks.values()))
    merged = merge_annotators(
        [Track(track.active, track.scored) for track in tracks.values()],
        wanted if wanted in CONSENSUS_RULES else "majority",
    )
    if len(tracks) > 1 and wanted in CONSENSUS_RULES:
        labels = LabelTrack(first.behaviors, merged.active, merged.scored)
    else:
        labels = tracks.get(wanted or "", first)
    return ChosenLabels(labels, merged.disagree, dict(tracks))
