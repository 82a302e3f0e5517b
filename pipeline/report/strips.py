"""Film strips on the page: the best and the worst bouts, embedded."""

from common.pictures import data_uri
from common.tables import Row
from common.wording import ratio
from pipeline.run_folder.pictures import read_film_strips
from pipeline.run_folder.reading import Run
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.whole_files import read_required
from pipeline.scoring.bouts.choice import KINDS, FilmStrip

KIND_WORDS = {
    "missed": ("Missed", "human bouts that no predicted bout touches, the longest first"),
    "invented": ("Invented", "predicted bouts that touch no human bout, long and sure ones first"),
    "correct": ("Correct", "bouts on which human and model agree, the best first"),
    "sure": ("Sure", "predicted bouts without labels to compare, long and sure ones first"),
    "unsure": ("Unsure", "predicted bouts without labels to compare, the least sure ones first"),
}


def strip_groups(run: Run) -> list[Row]:
    """Film strips of the run's folder, by behavior and kind: their `title`, `what` it means, and `pictures` by rank.

    Raises
    ------
    InputError
        When the table or a picture cannot be read.
    """
    strips = read_film_strips(RunDir(run.path))
    groups = []
    for behavior in run.behaviors:
        for kind in KINDS:
            mine = sorted((s for s in strips if (s.behavior, s.kind) == (behavior, kind)), key=lambda s: s.rank)
            if mine:
                title, what = KIND_WORDS[kind]
                pictures = [_picture(run, strip) for strip in mine]
                groups.append({"behavior": behavior, "title": title, "what": what, "pictures": pictures})
    return groups


def _picture(run: Run, strip: FilmStrip) -> Row:
    """What a strip shows in words (`caption`), its picture as a data URI (`image`), and its `file`."""
    content = read_required(RunDir(run.path), run.path / strip.file, lambda path: path.read_bytes())
    words = f"{strip.recording}, {strip.start_s:.1f}–{strip.stop_s:.1f} s"
    words += f", mean probability {ratio(strip.mean_probability)}"
    if strip.iou is not None:
        words += f", IoU {ratio(strip.iou)}"
    return {"caption": words, "image": data_uri(content), "file": strip.file}
