"""The film strips of a run: the best and the worst bouts of its scored recordings."""

from collections.abc import Sequence

from common.colors import behavior_colors
from pipeline.dataset.load import CheckedRecording
from pipeline.films.film_strips import FilmedRecording, make_film_strips
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.progress import progress_bars
from pipeline.scoring.timeline import Timeline


def cut_film_strips(
    run: RunDir, checked: Sequence[CheckedRecording], scored: Sequence[Timeline], crop_size_px: int
) -> list[str]:
    """Cut the best and the worst bouts out of the videos; returns notes on what could not be cut."""
    if not scored:
        return []
    items = {item.id: item for item in checked}
    recordings = []
    for timeline in scored:
        item = items[timeline.recording]
        has_film = item.video is not None and item.centers is not None
        recordings.append(
            FilmedRecording(
                timeline,
                item.video.path if has_film and item.video else None,
                item.centers.xy_px if item.centers else None,
                crop_size_px,
            )
        )
    behaviors = scored[0].behaviors
    with progress_bars() as bars:
        return make_film_strips(run, recordings, behaviors, behavior_colors(behaviors), bars.add("Cutting film strips"))
