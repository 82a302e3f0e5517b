"""The film strips of a run: the best and the worst bouts of its scored recordings."""

from collections.abc import Sequence

import numpy as np

from common.colors import behavior_colors
from pipeline.config.schema import ExperimentConfig
from pipeline.dataset.load import CheckedRecording
from pipeline.films.film_strips import StripMaterial, make_film_strips
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.progress import progress_bars
from pipeline.scoring.scores import FULL, PredictedRecording


def cut_film_strips(
    config: ExperimentConfig,
    run: RunDir,
    checked: Sequence[CheckedRecording],
    scored: Sequence[PredictedRecording],
) -> list[str]:
    """Cut the best and the worst bouts out of the videos; returns notes on what could not be cut."""
    if not scored:
        return []
    items = {item.id: item for item in checked}
    behaviors = config.behavior_names()
    material = []
    for recording in scored:
        item = items[recording.recording]
        parts = [recording.arrays(column, FULL) for column in range(len(behaviors))]
        material.append(
            StripMaterial(
                item.id,
                item.video.path if item.video and item.centers else None,
                item.centers.xy_px if item.centers else None,
                config.crop.size_px,
                item.fps,
                recording.active,
                np.stack([part.predicted for part in parts], axis=1),
                recording.probability,
                recording.scored,
            )
        )
    with progress_bars() as bars:
        bar = bars.add("Cutting film strips")
        return make_film_strips(run.path, material, behaviors, behavior_colors(behaviors), bar)
