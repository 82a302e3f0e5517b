"""What the server gives out of a review: pages, videos, and what its pages ask for while they are open."""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.review.animals import by_video, others_lanes, others_version
from pipeline.review.corrections import read_drafts
from pipeline.review.pages import INDEX_PAGE, media_name, page_name, write_pages
from pipeline.review.preparation import Preparation
from pipeline.review.run_reading import Review
from pipeline.review.videos import PageVideo
from pipeline.run_folder.reading import Run


@dataclass(frozen=True)
class Offer:
    """All that the server gives out and takes.

    `files` are found by address below the secret path, which `token` is; corrections of the recordings in `reviews`
    are taken, and kept in the folder `corrections`. Videos on their way (`preparation`) are added when they are ready.
    """

    run: Run
    files: dict[str, Path]
    reviews: dict[str, Review]
    corrections: Path
    preparation: Preparation | None = None
    token: str = field(default_factory=partial(secrets.token_urlsafe, 24))
    saving: threading.Lock = field(default_factory=threading.Lock)


def make_offer(
    run: Run, reviews: Sequence[Review], folder: Path, corrections: Path, preparation: Preparation | None = None
) -> Offer:
    """List the pages and videos of some recordings."""
    files = {"": folder / INDEX_PAGE, INDEX_PAGE: folder / INDEX_PAGE}
    for review in reviews:
        name = review.row.recording
        files[page_name(name)] = folder / page_name(name)
        if review.video.path is not None:
            files[media_name(name)] = review.video.path
    return Offer(run, files, {review.row.recording: review for review in reviews}, corrections, preparation)


def take_video(offer: Offer, folder: Path, names: Sequence[str], video: PageVideo) -> None:
    """Offer a video that is ready now, or say why there is none, and write the pages of its recordings anew.

    Raises
    ------
    InputError
        When the pages cannot be written.
    """
    for name in names:
        if video.path is not None:
            offer.files[media_name(name)] = video.path
        offer.reviews[name] = offer.reviews[name].with_video(video)
    with offer.saving:
        write_pages(offer.run, list(offer.reviews.values()), folder, names)


def _drafts(offer: Offer, review: Review) -> Any:
    return read_drafts(offer.corrections, review)


def _status(offer: Offer, review: Review) -> Any:
    """How far the video is, and a text that changes when another animal of it was corrected."""
    video = review.video
    if video.is_pending and offer.preparation is not None:
        stage = offer.preparation.stage(review.row.recording)
    else:
        stage = {"stage": "none" if video.path is None else "ready", "note": video.note}
    return {"video": stage, "others": others_version(review, _of_same_video(offer, review), offer.corrections)}


def _others(offer: Offer, review: Review) -> Any:
    """What the other animals of the video do, as it is kept now."""
    return others_lanes(offer.run, review, _of_same_video(offer, review), offer.corrections)


def _of_same_video(offer: Offer, review: Review) -> list[Review]:
    name = review.row.recording
    groups = by_video(list(offer.reviews.values()))
    return next(group for group in groups if name in {each.row.recording for each in group})


ANSWERS: dict[str, Callable[[Offer, Review], Any]] = {"draft": _drafts, "status": _status, "others": _others}
"""What is answered about a recording, as JSON, by what is asked."""
