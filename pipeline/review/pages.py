"""The pages: one per recording, and one that lists them; each is a single file that needs nothing but its video."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from common.colors import behavior_colors
from common.errors import InputError
from common.files import write_text
from common.templates import fill_template
from features.video.reading import is_there
from pipeline.films.browser_video import exact_rate
from pipeline.review.corrections import boris_tree, corrections_folder, saved_state
from pipeline.review.ranking import BUDGET_S, Candidate, gain_s
from pipeline.review.run_reading import ReviewRecording, ReviewRun
from pipeline.review.scripts import FOLDER, INDEX_SCRIPTS, REVIEW_SCRIPTS, bundle
from pipeline.review.videos import PageVideo, relative_url
from pipeline.run_folder.reading import SUBSET_WORDS
from pipeline.scoring.bouts.bouts import runs_of_true

INDEX_PAGE = "index.html"
_NOT_PREDICTED = 65535
_LEVELS = 65534
_IS_PAGE = b'<link rel="icon" href="data:,">'


@dataclass(frozen=True)
class Review:
    """A recording with what its page shows beside it."""

    recording: ReviewRecording
    candidates: Sequence[Candidate]
    video: PageVideo


def page_name(recording: str) -> str:
    """File name of a recording's page; it can never be that of the list."""
    return f"{recording}.html" if recording.casefold() != "index" else f"{recording} (recording).html"


def media_name(recording: str) -> str:
    """Where the server offers a recording's video."""
    return f"media/{recording}"


def write_pages(run: ReviewRun, reviews: Sequence[Review], folder: Path) -> Path:
    """Write the list and the pages.

    Parameters
    ----------
    run : ReviewRun
    reviews : sequence of Review
        The recordings that get a page.
    folder : Path
        Made when missing; pages of these recordings are replaced.

    Returns
    -------
    Path
        The list.

    Raises
    ------
    InputError
        When the folder cannot be written, or holds other files of these names.
    """
    _require_pages(folder, reviews)
    ordered = sorted(reviews, key=lambda review: -gain_s(review.candidates))
    for place, review in enumerate(ordered):
        neighbors = {"previous": ordered[place - 1] if place else None}
        neighbors["next"] = ordered[place + 1] if place + 1 < len(ordered) else None
        text = _recording_page(run, review, folder, neighbors)
        write_text(folder / page_name(review.recording.recording), text)
    write_text(folder / INDEX_PAGE, _index_page(run, ordered))
    return folder / INDEX_PAGE


def _require_pages(folder: Path, reviews: Sequence[Review]) -> None:
    """Raise where a page would be written over something that is none."""
    for name in (INDEX_PAGE, *(page_name(review.recording.recording) for review in reviews)):
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


def _recording_page(run: ReviewRun, review: Review, folder: Path, neighbors: Mapping[str, Review | None]) -> str:
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), bundle(REVIEW_SCRIPTS)]
    links = {side: quote(page_name(other.recording.recording)) if other else None for side, other in neighbors.items()}
    context = {
        "run": run,
        "recording": review.recording,
        "content": safe_json(page_content(run, review, folder)),
        "links": links | {"index": INDEX_PAGE},
        "subset": SUBSET_WORDS.get(review.recording.subset, review.recording.subset),
    }
    return _with_scripts("review.html.j2", context, scripts)


def _index_page(run: ReviewRun, reviews: Sequence[Review]) -> str:
    rows = [
        {
            "recording": review.recording,
            "href": quote(page_name(review.recording.recording)),
            "minutes": review.recording.n_frames / review.recording.fps / 60,
            "subset": SUBSET_WORDS.get(review.recording.subset, review.recording.subset),
            "n_places": len(review.candidates),
            "gain_s": gain_s(review.candidates),
            "has_human": review.recording.timelines[0].scored is not None,
            "has_video": review.video.path is not None,
            "first": review.candidates[0] if review.candidates else None,
            "storage_key": storage_key(run, review.recording),
        }
        for review in reviews
    ]
    colors = behavior_colors(run.behaviors)
    context = {"run": run, "rows": rows, "colors": colors, "minutes": BUDGET_S / 60}
    return _with_scripts("index.html.j2", context, [bundle(INDEX_SCRIPTS)])


def _with_scripts(template: str, context: dict[str, Any], scripts: Sequence[str]) -> str:
    """Fill a template; only these scripts may run in the page."""
    context |= {"scripts": [Markup(script) for script in scripts], "policy": content_policy(scripts)}
    return fill_template(FOLDER, template, context)


def storage_key(run: ReviewRun, recording: ReviewRecording) -> str:
    """Under what the browser keeps a recording's corrections; its end tells predictions apart."""
    return f"rearview-review:{run.name}:{recording.recording}:{recording.fingerprint}"


def page_content(run: ReviewRun, review: Review, folder: Path) -> dict[str, Any]:
    """All that the page's script works with, as JSON holds it.

    Frames are whole numbers, stretches [start, stop), probabilities 16 bit numbers in base64.
    """
    recording, video = review.recording, review.video.path
    colors = behavior_colors(run.behaviors)
    rate = exact_rate(recording.fps)
    lines = recording.timelines
    judged = [line.scored for line in lines]
    return {
        "run": run.name,
        "recording": recording.recording,
        "storage_key": storage_key(run, recording),
        "rate": [rate.numerator, rate.denominator],
        "fps": recording.fps,
        "n_frames": recording.n_frames,
        "behaviors": [
            {
                "name": line.behavior,
                "annotated_as": run.annotated_as(line.behavior),
                "color": colors[line.behavior],
                "threshold": line.threshold,
            }
            for line in lines
        ],
        "model": [runs_of_true(line.predicted) for line in lines],
        "human": [runs_of_true(line.active) for line in lines if line.active is not None] or None,
        "unscored": [[] if scored is None else runs_of_true(~scored) for scored in judged],
        "unpredicted": [runs_of_true(np.isnan(line.probability)) for line in lines],
        "probability": [_packed(line.probability) for line in lines],
        "places": [
            {
                "behavior": run.behaviors.index(candidate.behavior),
                "kind": candidate.kind,
                "start": candidate.start_frame,
                "stop": candidate.stop_frame,
                "reason": candidate.reason,
                "score": round(candidate.score, 4),
            }
            for candidate in review.candidates
        ],
        "video": {
            "file": None if video is None else relative_url(video, folder),
            "served": None if video is None else quote(media_name(recording.recording)),
            "note": review.video.note,
        },
        "saved": saved_state(corrections_folder(run, folder), run, recording),
        "served": {"save": quote(f"save/{recording.recording}"), "draft": quote(f"draft/{recording.recording}")},
        "boris": boris_tree(run, recording, None if video is None else original_video(review)),
    }


def original_video(review: Review) -> Path | None:
    """The video that the bouts are of: what other programs should open, not our copy for browsers."""
    original = review.recording.video_path
    return original if original is not None and is_there(original) else review.video.path


def _packed(probability: NDArray[np.floating]) -> str:
    """Probabilities in steps of 1/65534, little-endian, 65535 = not predicted."""
    values = np.asarray(probability, dtype=np.float64)
    levels = np.where(np.isnan(values), _NOT_PREDICTED, np.round(np.clip(values, 0, 1) * _LEVELS))
    return base64.b64encode(levels.astype("<u2").tobytes()).decode("ascii")
