"""images.csv: a row per image."""

import csv
from pathlib import Path

from common.files import replacing
from common.tables import cell_text
from pipeline.image_dataset.formats import Format
from pipeline.image_dataset.plan import Plan, VideoPlan
from pipeline.image_dataset.rows import COLUMNS, PATH


def write_images_csv(path: Path, plan: Plan, layout: Format) -> None:
    """Write it, recording by recording and frame by frame; cells as in ``common.tables``."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *plan.labeling.columns, PATH))
        for video in plan.videos:
            for place, images in enumerate(video.recordings):
                cells = [map(cell_text, column) for column in images.columns(plan.labeling).values()]
                writer.writerows(zip(*cells, _paths(video, place, layout), strict=True))


def _paths(video: VideoPlan, place: int, layout: Format) -> list[str]:
    """Where all images of one of a video's recordings are."""
    images = video.recordings[place]
    return [path for unit in video.units for path in layout.paths(images, unit.rows[place], unit)]
