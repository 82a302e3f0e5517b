"""From where to where a video was scored, as the table of recordings says it: ``labels.csv#scored=0-300s``.

Without a unit the ends are frames, counted from 0, the second one not included (as in a bout CSV); with ``s`` or
``min`` they are times. Several spans are joined by ``,`` or ``+``. What lies outside is unscored, never negative.
"""

import itertools
import re

from common.errors import InputError
from pipeline.annotations.base import Frames, RawAnnotation, Wanted
from pipeline.annotations.cells import nearest_frame

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?"
_SPAN = re.compile(rf"\s*({_NUMBER})\s*(s|min)?\s*[-–]\s*({_NUMBER})\s*(s|min)?\s*", re.IGNORECASE)
_SECONDS = {"s": 1, "min": 60}
_SLACK_S = 1.0
"""A video is hardly ever as long as people say it is."""


def require_spans(text: str) -> None:
    """Raise `InputError` unless `text` can be read as spans, in order."""
    _parse(text)


def within_spans(annotation: RawAnnotation, wanted: Wanted) -> RawAnnotation:
    """Labels of the frames that the user says were scored; all of them where nothing is said.

    Raises
    ------
    InputError
        A span reaches beyond the video's end.
    """
    text = wanted.choice.scored
    if not text:
        return annotation
    return annotation.within(_frames(text, annotation.path.name, wanted), f"#scored={text}")


def _frames(text: str, name: str, wanted: Wanted) -> list[Frames]:
    spans = []
    for unit, *ends in _parse(text):
        start, stop = (int(end) if not unit else nearest_frame(end * _SECONDS[unit], wanted.fps) for end in ends)
        if stop > wanted.n_frames + _SLACK_S * wanted.fps or start >= wanted.n_frames:
            raise InputError(
                f"{name}#scored={text} names frames {start:,} to {stop:,}, but the video has {wanted.n_frames:,} "
                f"({wanted.n_frames / wanted.fps:g} s at {wanted.fps:g} frames per second). Numbers without a unit are "
                "frames; write 0-300s for seconds."
            )
        spans.append((start, max(start + 1, min(stop, wanted.n_frames))))
    return spans


def _parse(text: str) -> list[tuple[str, float, float]]:
    """Unit and two ends of each span."""
    spans: list[tuple[str, float, float]] = []
    for part in re.split("[,+]", text):
        found = _SPAN.fullmatch(part)
        unit = "" if found is None else (found[4] or found[2] or "").casefold()
        if found is None or (found[2] or unit).casefold() != unit or (not unit and "." in part):
            raise _refused(text, f"{part.strip()!r}")
        start, stop = float(found[1]), float(found[3])
        if stop <= start:
            raise _refused(text, f"{part.strip()!r}, which ends before it begins")
        spans.append((unit, start, stop))
    for (unit, _, before), (next_unit, start, _) in itertools.pairwise(spans):
        if unit != next_unit or start < before:
            raise _refused(text, "spans that overlap, are not in order or have several units")
    return spans


def _refused(text: str, found: str) -> InputError:
    return InputError(
        "expected #scored=FROM-TO, in seconds (0-300s), minutes (0-5min) or frames (0-7500, counted from 0, the second "
        f"one not included), several joined by + (0-300s+600-900s), found {found} in {text!r}."
    )
