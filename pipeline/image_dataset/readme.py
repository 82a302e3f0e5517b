"""The README.md of a data set: how it was made, what is in it and what is not, and how it is loaded."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from features.sources.views import NetworkView
from pipeline.image_dataset.formats import Format
from pipeline.image_dataset.labels import UNKNOWN
from pipeline.image_dataset.plan import Plan
from pipeline.image_dataset.rows import UNLABELED
from pipeline.image_dataset.settings import JPEG

_MOST_RECORDINGS = 200


def readme_text(name: str, plan: Plan, layout: Format, made_by: Mapping[str, str]) -> str:
    """All of it; `name` is the experiment's. Equal data sets give equal texts."""
    lines = [
        f"# Images of {name}",
        "",
        f"{plan.n_images:,} images of mice with what a human said of each, made by Rearview from videos, poses and "
        "annotations. `images.csv` has a row per image.",
        "",
        "## Loading",
        "",
        "In this folder:",
        "",
        "```python",
        *layout.loading_lines(),
        "```",
        "",
        *_loading_words(plan),
        "",
        "## What is in it",
        "",
        *_counts(plan),
        "",
        *_rows_words(plan, layout),
        "",
        "## What is left out",
        "",
        *_left_out(plan),
        "",
        "## How it was made",
        "",
        *_settings(plan, made_by),
    ]
    return "\n".join(lines) + "\n"


def _loading_words(plan: Plan) -> Iterator[str]:
    classes = plan.labeling.classes
    if classes:
        yield f"The label of an image is its class's number: {_numbered(classes)}."
    else:
        yield (
            "Several behaviors may be seen in one frame, so there are no folders by class. The label of an image is 0 "
            f"or 1 for each of {', '.join(plan.labeling.columns)}, and −1 where it is not scored: give such a behavior "
            "the weight 0 in the loss."
        )
    yield "Neighboring frames are almost the same. Test on the split `test`, never on frames drawn at random."


def _numbered(names: Sequence[str]) -> str:
    return ", ".join(f"{number} = {name}" for number, name in enumerate(names))


def _counts(plan: Plan) -> Iterator[str]:
    """Images by label and side."""
    sides = plan.sides
    kinds: dict[str, np.ndarray] = {}
    shown: dict[str, tuple[set[str], set[str]]] = {side: (set(), set()) for side in sides}
    for images in plan.recordings:
        own = np.array(images.sides())
        for column, side in enumerate(sides):
            here = own == side
            if here.any():
                shown[side][0].add(images.recording)
                shown[side][1].add(images.individual)
            for kind, is_it in _kinds(plan, images.numbers):
                kinds.setdefault(kind, np.zeros(len(sides), dtype=int))[column] += np.count_nonzero(here & is_it)
    yield f"| | {' | '.join(sides)} |"
    yield f"|---|{'---:|' * len(sides)}"
    for kind, counts in kinds.items():
        yield f"| {kind} | {' | '.join(f'{n:,}' for n in counts)} |"
    for number, what in enumerate(("recordings", "individuals")):
        yield f"| {what} | {' | '.join(str(len(shown[side][number])) for side in sides)} |"


def _kinds(plan: Plan, numbers: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """What is counted, and which images are of it."""
    yield "images", np.ones(len(numbers), dtype=bool)
    if plan.labeling.classes:
        for number, name in enumerate(plan.labeling.classes):
            yield f"`{name}`", numbers[:, 0] == number
        return
    for column, name in enumerate(plan.labeling.columns):
        for number, said in ((1, "yes"), (0, "no"), (UNKNOWN, "not judged")):
            yield f"`{name}`: {said}", numbers[:, column] == number


def _rows_words(plan: Plan, layout: Format) -> Iterator[str]:
    size_px, crop = plan.size_px, plan.view.crop
    cut_px = crop.size_px if crop.around == "center" else None
    kind = f"JPEG of quality {plan.settings.quality}" if plan.settings.images == JPEG else "PNG"
    yield f"- Form: {layout.description}; {kind}, {size_px} × {size_px} px."
    resized = "as it is cut out of the video" if size_px == cut_px else f"resized to {size_px} px"
    colors = plan.view.colors_in_words
    yield f"- Pictures: {_square(plan.view)}, {resized}. {colors}".rstrip()
    if UNLABELED in plan.sides:
        yield f"- `{UNLABELED}`: frames that are not scored, or of recordings that are in no split."
    yield (
        "- `images.csv`: recording, animal, individual, split; frame (from 0) and its time in seconds; the square in "
        "pixels of the video (right and bottom are the first outside of it; it may reach over the edge, which is "
        "repeated there); the animal's center; whether the animal was observed; "
        + ("the class" if plan.labeling.columns == ("class",) else "1 or 0 for each behavior")
        + ", empty where it is not scored (never a 0); the path."
    )
    yield "- Split: all images of an individual, and all animals of one video, are on one side."


def _square(view: NetworkView) -> str:
    """What is cut out, in words."""
    crop = view.crop
    whose = {"pair": "both animals"}.get(crop.around, "the partner" if crop.animal == "partner" else "the animal")
    drawn = "; its keypoints are drawn on it" if crop.keypoint_overlay else ""
    if crop.around == "center":
        return f"a square of {crop.size_px} px around the center of {whose}{drawn}"
    return f"a square around the box of {whose}, with {crop.margin_percent:g} % of its longer side at each end{drawn}"


def _left_out(plan: Plan) -> Iterator[str]:
    total, unobserved, unlabeled = (sum(n) for n in zip(*(i.left_out for i in plan.recordings), strict=True))
    yield f"Of {total:,} frames looked at (an animal in a frame; every {_nth(plan.settings.every)} of the video):"
    yield ""
    if plan.settings.unobserved:
        yield "- none because the animal is not observed: such frames are here, with `observed` 0;"
    else:
        yield f"- {unobserved:,}, in which the animal is not observed (no pose that can be trusted, or no picture);"
    if plan.settings.unlabeled:
        yield f"- none for want of labels: such frames are in `{UNLABELED}`."
    else:
        yield f"- {unlabeled:,} others, which are not scored or whose recording is in no split."


def _nth(every: int) -> str:
    return "frame" if every == 1 else f"{every}th frame" if every > 3 else {2: "second frame", 3: "third frame"}[every]


def _settings(plan: Plan, made_by: Mapping[str, str]) -> Iterator[str]:
    facts: dict[str, Any] = {key: value for key, value in plan.described().items() if key != "inputs"}
    yield "Settings: `" + json.dumps(facts, ensure_ascii=False) + "`"
    yield ""
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in made_by.items()) + "."
    yield ""
    yield "| recording | video | individual | split | images |"
    yield "|---|---|---|---|---:|"
    rows = [
        f"| {images.recording} | {images.video.path.name} | {images.individual} | {images.split} | "
        f"{len(images.frames):,} |"
        for images in plan.recordings
    ]
    yield from rows[:_MOST_RECORDINGS]
    if len(rows) > _MOST_RECORDINGS:
        yield f"| and {len(rows) - _MOST_RECORDINGS} more, see images.csv | | | | |"
