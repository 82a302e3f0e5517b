"""The pages: one per recording, and one that lists them; each is a single file that needs nothing but its video."""

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from common.colors import behavior_colors
from common.errors import InputError
from common.files import write_text
from features.video.files import is_there
from pipeline.films.browser_video import exact_rate
from pipeline.review.animals import OWN_COLOR, by_video, others_content, shown_box
from pipeline.review.corrections import boris_tree, corrections_folder, mend_corrections, saved_state
from pipeline.review.ranking import BUDGET_S, gain_s
from pipeline.review.run_reading import Review
from pipeline.review.scripts import FOLDER, INDEX_SCRIPTS, REVIEW_SCRIPTS, bundle
from pipeline.review.videos import has_video, relative_url
from pipeline.run_folder.reading import SUBSET_WORDS, Run
from pipeline.runtime.templates import fill_template
from pipeline.scoring.bouts.bouts import runs_of_true
from pipeline.scoring.timeline import FULL

INDEX_PAGE = "index.html"
_NOT_PREDICTED = 65535
_LEVELS = 65534
_IS_PAGE = b'<link rel="icon" href="data:,">'


def page_name(recording: str) -> str:
    """File name of a recording's page; it can never be that of the list."""
    return f"{recording}.html" if recording.casefold() != "index" else f"{recording} (recording).html"


def media_name(recording: str) -> str:
    """Where the server offers a recording's video."""
    return f"media/{recording}"


def write_pages(run: Run, reviews: Sequence[Review], folder: Path, names: Collection[str] | None = None) -> Path:
    """Write the pages of these recordings and their list into a folder; returns the list's path.

    `names`: the recordings whose pages are written; None = all.

    Raises
    ------
    InputError
        When the folder cannot be written, or holds other files of these names.
    """
    _require_pages(folder, [review for review in reviews if names is None or review.row.recording in names])
    groups = by_video(sorted(reviews, key=lambda review: -gain_s(review.places)))
    ordered = [(review, group) for group in groups for review in group]
    pages = [page_name(review.row.recording) for review, _ in ordered]
    links = [None, *map(quote, pages), None]
    for place, (page, (review, group)) in enumerate(zip(pages, ordered, strict=True)):
        if names is not None and review.row.recording not in names:
            continue
        around = {"previous": links[place], "next": links[place + 2], "index": INDEX_PAGE}
        mend_corrections(corrections_folder(run, folder), run, review, original_video(review))
        write_text(folder / page, _recording_page(run, review, group, folder, around))
    write_text(folder / INDEX_PAGE, _index_page(run, groups))
    return folder / INDEX_PAGE


def _require_pages(folder: Path, reviews: Sequence[Review]) -> None:
    """Raise where a page would be written over something that is none."""
    for name in (INDEX_PAGE, *(page_name(review.row.recording) for review in reviews)):
        path = folder / name
        if path.exists() and not (path.is_file() and _IS_PAGE in path.read_bytes()):
            raise InputError(
                f"The review would write its page {path}, but a file that is no such page is there. Move it away or "
                "choose another folder with --output."
            )


def safe_json(content: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def content_policy(scripts: Sequence[str]) -> str:
    """What the page may do: run exactly these scripts, play its video, and talk to the server that it came from.

    Styles may stand inside elements, because plotly sets them so; scripts may not.
    """
    hashes = [base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src 'self' file:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    )


def _recording_page(
    run: Run, review: Review, group: Sequence[Review], folder: Path, links: dict[str, str | None]
) -> str:
    """Of one recording; `group`: all of its video, of which it is one."""
    from plotly.offline import get_plotlyjs

    context = {
        "run": run,
        "recording": review.row,
        "content": safe_json(page_content(run, review, folder, group)),
        "links": links,
        "subset": SUBSET_WORDS.get(review.row.subset, review.row.subset),
    }
    return _with_scripts("review.html.j2", context, [get_plotlyjs(), bundle(REVIEW_SCRIPTS)])


def _index_page(run: Run, groups: Sequence[Sequence[Review]]) -> str:
    rows = [
        {
            "recording": review.row,
            "href": quote(page_name(review.row.recording)),
            "minutes": review.row.n_frames / review.row.fps / 60,
            "subset": SUBSET_WORDS.get(review.row.subset, review.row.subset),
            "n_places": len(review.places),
            "gain_s": gain_s(review.places),
            "has_human": review.timeline.has_labels,
            "has_video": has_video(review.video),
            "first": review.places[0] if review.places else None,
            "storage_key": storage_key(run, review),
            "video": review.row.video or review.row.recording if len(group) > 1 and number == 0 else "",
            "animal": review.row.animal_name if len(group) > 1 else "",
        }
        for group in groups
        for number, review in enumerate(group)
    ]
    context = {"run": run, "rows": rows, "colors": behavior_colors(run.behaviors), "minutes": BUDGET_S / 60}
    return _with_scripts("index.html.j2", context, [bundle(INDEX_SCRIPTS)])


def _with_scripts(template: str, context: dict[str, Any], scripts: Sequence[str]) -> str:
    """Fill a template; only these scripts may run in the page."""
    context |= {"scripts": [Markup(script) for script in scripts], "policy": content_policy(scripts)}
    return fill_template(FOLDER, template, context)


def storage_key(run: Run, review: Review) -> str:
    """Under what the browser keeps a recording's corrections; its end tells predictions apart."""
    return f"rearview-review:{run.name}:{review.row.recording}:{review.fingerprint}"


def page_content(run: Run, review: Review, folder: Path, group: Sequence[Review] = ()) -> dict[str, Any]:
    """All that the page's script works with, as JSON holds it; `group` are the recordings of its video.

    Frames are whole numbers, stretches [start, stop), probabilities 16 bit numbers in base64.
    """
    row, timeline, video, name = review.row, review.timeline, review.video.path, quote(review.row.recording)
    colors, names = behavior_colors(run.behaviors), run.names_in_annotations
    rate = exact_rate(row.fps)
    lines = [timeline.behavior(column) for column in range(len(run.behaviors))]
    kept = corrections_folder(run, folder)
    return {
        "run": run.name,
        "recording": row.recording,
        "animal": row.animal_name,
        "box": shown_box(run, review),
        "own_color": OWN_COLOR,
        "others": others_content(run, review, group, kept, page_name),
        "storage_key": storage_key(run, review),
        "rate": [rate.numerator, rate.denominator],
        "fps": row.fps,
        "n_frames": row.n_frames,
        "exclusive": run.is_exclusive,
        "behaviors": [
            {"name": name, "annotated_as": names[name], "color": colors[name], "threshold": timeline.threshold(i, FULL)}
            for i, name in enumerate(run.behaviors)
        ],
        "model": [runs_of_true(line.predicted) for line in lines],
        "human": [runs_of_true(line.true) for line in lines] if timeline.has_labels else None,
        "unscored": [runs_of_true(~line.scored) if timeline.has_labels else [] for line in lines],
        "unpredicted": [runs_of_true(np.isnan(line.probability)) for line in lines],
        "probability": [_packed(line.probability) for line in lines],
        "places": [
            {
                "behavior": run.behaviors.index(place.behavior),
                "kind": place.kind,
                "start": place.start_frame,
                "stop": place.stop_frame,
                "reason": place.reason,
                "score": round(place.score, 4),
            }
            for place in review.places
        ],
        "video": {
            "file": None if video is None else relative_url(video, folder),
            "served": quote(media_name(row.recording)) if has_video(review.video) else None,
            "note": review.video.note,
            "pending": review.video.is_pending,
        },
        "saved": saved_state(kept, run, review),
        "served": {what: f"{what}/{name}" for what in ("save", "draft", "status", "others")},
        "boris": boris_tree(run, row, original_video(review) if has_video(review.video) else None),
    }


def original_video(review: Review) -> Path | None:
    """The video that the bouts are of: what other programs should open, not our copy for browsers."""
    original = review.row.video_path
    return original if original is not None and is_there(original) else review.video.path


def _packed(probability: NDArray[np.floating]) -> str:
    """Probabilities in steps of 1/65534, little-endian, 65535 = not predicted."""
    values = np.asarray(probability, dtype=np.float64)
    levels = np.where(np.isnan(values), _NOT_PREDICTED, np.round(np.clip(values, 0, 1) * _LEVELS))
    return base64.b64encode(levels.astype("<u2").tobytes()).decode("ascii")
