"""Several animals in one video: where each is, and what the others do beside the one whose page it is."""

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from pipeline.review.corrections import draft_path, saved_state
from pipeline.review.run_reading import Review
from pipeline.review.videos import has_video
from pipeline.run_folder.frame_tables import read_boxes, read_squares
from pipeline.run_folder.reading import Run, section
from pipeline.run_folder.run_dir import RunDir
from pipeline.scoring.bouts.bouts import runs_of_true

_NOWHERE = -32768
OWN_COLOR = "#ffffff"
# Light, so that they are seen on a video and are none of the behaviors' own.
_COLORS = ("#ffe066", "#66d9e8", "#ffa8a8", "#b2f2bb", "#d0bfff", "#ffd8a8")

Runs = list[tuple[int, int]]
PageName = Callable[[str], str]


class Lane(NamedTuple):
    """What one source says of an animal: frames [start, stop) of each behavior, and where it says nothing."""

    source: str
    runs: Sequence[Runs]
    unknown: Sequence[Runs]


def by_video(reviews: Sequence[Review]) -> list[list[Review]]:
    """Recordings of different animals in one video together, in the order in which the first of each comes."""
    groups: dict[Path | str, list[Review]] = {}
    for review in reviews:
        row = review.row
        is_one_of_several = bool(row.animal) and row.video_path is not None
        key = row.video_path if is_one_of_several and row.video_path is not None else row.recording
        groups.setdefault(key, []).append(review)
    return list(groups.values())


def shown_box(run: Run, review: Review) -> dict[str, Any] | None:
    """Where the animal is, frame by frame, for the page's script; None without a video, or where the run doesn't say.

    It is the square of the crop; the animal's own box, where the run knows it and crops around the center.
    `values` are 16 bit numbers, little-endian, in base64, in pixels of the video: left and top of a square of `side`,
    or left, top, right and bottom where `side` is None; of frames without a box they are -32768. `crop_px` is the side
    of the crop (the median, where crops are of different sizes), which says how closely to look.
    """
    folder, row, crop = RunDir(run.path), review.row, section(run.config, "crop")
    squares = read_squares(folder, row, crop)
    if not has_video(review.video) or squares is None:
        return None
    is_around_center = crop.get("around", "center") == "center"
    edges = read_boxes(folder, row) if is_around_center else None
    if edges is None:
        first = np.ceil(squares.xy_px - squares.side_px[:, None] / 2)
        edges = first if is_around_center else np.concatenate([first, first + squares.side_px[:, None]], axis=1)
    return {
        "values": _packed(edges),
        "side": int(squares.side_px[0]) if edges.shape[1] == 2 else None,
        "crop_px": int(np.median(squares.side_px[squares.side_px > 0])) if (squares.side_px > 0).any() else 0,
        "unobserved": runs_of_true(~squares.observed),
        "size_px": [row.width_px, row.height_px],
    }


def others_content(run: Run, own: Review, group: Sequence[Review], corrections: Path, page_name: PageName) -> Any:
    """The other animals of the video: name, page (`page_name`: of a recording), color, box, lanes of bouts."""
    return [
        {
            "recording": review.row.recording,
            "name": review.row.animal_name,
            "page": quote(page_name(review.row.recording)),
            "color": _COLORS[number % len(_COLORS)],
            "box": shown_box(run, review),
            "lanes": [lane._asdict() for lane in _lanes(run, review, corrections)],
        }
        for number, review in enumerate(_others(own, group))
    ]


def others_lanes(run: Run, own: Review, group: Sequence[Review], corrections: Path) -> dict[str, Any]:
    """Their lanes alone, as they are now, by recording."""
    others = _others(own, group)
    return {each.row.recording: [lane._asdict() for lane in _lanes(run, each, corrections)] for each in others}


def others_version(own: Review, group: Sequence[Review], corrections: Path) -> str:
    """Another text whenever what is kept of the other animals' corrections has changed."""
    others = _others(own, group)
    paths = [draft_path(corrections, each) for each in others]
    paths += [corrections / f"{each.row.recording}.csv" for each in others]
    return " ".join(str(path.stat().st_mtime_ns) if path.is_file() else "-" for path in paths)


def _others(own: Review, group: Sequence[Review]) -> list[Review]:
    """The other animals of the video; the next one first, so that going from page to page comes to all of them."""
    names = [review.row.recording for review in group]
    place = names.index(own.row.recording) if own.row.recording in names else 0
    others = (each for each in (*group[place:], *group[:place]) if each.row.recording != own.row.recording)
    return [each for each in others if each.row.n_frames == own.row.n_frames]


def _lanes(run: Run, review: Review, corrections: Path) -> list[Lane]:
    """What was corrected, else what the model says, and what the human says."""
    timeline = review.timeline
    lines = [timeline.behavior(column) for column in range(len(run.behaviors))]
    state = saved_state(corrections, run, review)
    if state is None:
        unpredicted = [runs_of_true(np.isnan(line.probability)) for line in lines]
        found = [Lane("model", [runs_of_true(line.predicted) for line in lines], unpredicted)]
    else:
        saved = [[(start, stop) for name, start, stop, _ in state["bouts"] if name == b] for b in run.behaviors]
        found = [Lane("corrected", saved, [[] for _ in run.behaviors])]
    if timeline.has_labels:
        unscored = [runs_of_true(~line.scored) for line in lines]
        found.append(Lane("human", [runs_of_true(line.true) for line in lines], unscored))
    return found


def _packed(edges_px: NDArray[np.float64]) -> str:
    rounded = np.where(np.isfinite(edges_px), np.clip(np.round(edges_px), _NOWHERE + 1, 32767), _NOWHERE)
    return base64.b64encode(rounded.astype("<i2").tobytes()).decode("ascii")
