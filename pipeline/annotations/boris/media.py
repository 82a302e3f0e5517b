"""Which part of a BORIS observation is the recording's video.

An observation may play several media files one after the other (its times go on counting through them) and
show more players beside the first. BORIS counts in player #1: its media begin where those before it end. In
another player a single file begins at that player's offset. The observation's own time offset is added to
all times. The video is told by its file name, since only that stands in BORIS' files.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from common.errors import InputError
from common.names import canonical
from common.notes import Doubt
from common.suggestions import listing
from pipeline.annotations.base import Wanted
from pipeline.annotations.cells import seconds
from pipeline.annotations.opening import AnnotationFile

TOLERANCE_FRAMES = 1.0
_FPS_TOLERANCE = 0.002  # BORIS rounds fps (23.98 for 23.976); real confusion (25 for 30) is far larger


@dataclass(frozen=True)
class Media:
    """One media file; `length_s` and `fps` are None where the file doesn't tell them."""

    name: str
    length_s: float | None
    fps: float | None


@dataclass(frozen=True)
class Player:
    """What one player shows: media one after the other, and where they begin (None = not told)."""

    playlist: tuple[Media, ...]
    offset_s: float | None = 0.0

    @property
    def length_s(self) -> float | None:
        """All media together; None where one isn't known."""
        lengths = [media.length_s for media in self.playlist]
        return sum(length for length in lengths if length is not None) if None not in lengths else None


@dataclass(frozen=True)
class MediaPart:
    """Where the video lies in the observation's time.

    `start_s`: the observation's time at the video's first frame. `has_neighbours`: the observation has times in which
    another video is scored. `has_index`: image indices are those of this video (BORIS counts them in player #1).
    `watched`: frames of the video that the observation covers, half-open; None = all. `notes`: what the user should
    know of how the video was told.
    """

    start_s: float = 0.0
    has_neighbours: bool = False
    has_index: bool = True
    watched: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def choose_media(file: AnnotationFile, where: str, players: Sequence[Player], wanted: Wanted) -> MediaPart:
    """Find the video among the media of an observation; check its length and frame rate.

    The first of `players` is BORIS' player #1; those that show nothing are left out.

    Raises
    ------
    InputError
        The video can't be told from others, or is none of them, or isn't the one that was scored.
    """
    names = [media.name for player in players for media in player.playlist]
    found = same_media(wanted.media_name, names)
    if len(names) == 1 and not wanted.choice.media:
        found = names  # the only one: a copy of it may have any name
    if not found or len(set(found)) > 1:
        raise unclear_media(file, names, wanted)
    player = next(player for player in players if found[0] in [media.name for media in player.playlist])
    own_names = [media.name for media in player.playlist]
    if own_names.count(found[0]) > 1:
        raise InputError(
            f"{file.path.name} plays {found[0]} more than once in one observation, so its labels are not clear. Score "
            "it once, in an observation of its own."
        )
    position = own_names.index(found[0])
    media = player.playlist[position]
    require_same_rate(where, [] if media.fps is None else [media.fps], wanted.fps)
    require_same_length(file, where, media.length_s, wanted)
    start_s = Player(player.playlist[:position]).length_s
    if start_s is None or (len(player.playlist) == 1 and player.offset_s is None):
        raise InputError(
            f"{file.path.name} doesn't say when {media.name} begins in the observation. Name the project (.boris) "
            "itself instead of the export."
        )
    if player is players[0]:
        notes = other_video_doubts(file, names, wanted)
        return MediaPart(start_s, has_neighbours=len(player.playlist) > 1, notes=notes)
    start_s = player.offset_s or 0.0 if len(player.playlist) == 1 else start_s
    return MediaPart(start_s, True, has_index=False, watched=_watched(start_s, players[0].length_s, wanted))


def _watched(start_s: float, observed_s: float | None, wanted: Wanted) -> tuple[int, int] | None:
    """Frames of a video in another player that were on screen while player #1 ran; None = all."""
    stop_s = wanted.n_frames / wanted.fps if observed_s is None else observed_s - start_s
    start, stop = (min(max(round(time_s * wanted.fps), 0), wanted.n_frames) for time_s in (-start_s, stop_s))
    return None if start == 0 and stop >= wanted.n_frames - TOLERANCE_FRAMES else (start, stop)


def unclear_media(file: AnnotationFile, names: Iterable[str], wanted: Wanted) -> InputError:
    """The error where the video isn't told from other media."""
    names = list(dict.fromkeys(names))
    counted = f"{len(names)} media files" if len(names) > 1 else "one media file"
    video = f", and {wanted.media_name} is not clearly one of them" if wanted.media_name else ""
    return InputError(
        f"{file.path.name} holds {counted}: {listing(names, 8)}{video}. Name the one that belongs to this recording: "
        f"{file.path.name}#media=NAME."
    )


def same_media(name: str, media: Iterable[str]) -> list[str]:
    """Those of the media that have this video's file name, else those that have it but for the ending."""
    names = list(media)
    video = _pure(name)
    for key in ("name", "stem"):
        text = getattr(video, key).casefold()
        found = [path for path in names if text and getattr(_pure(path), key).casefold() == text]
        if found:
            return found
    return []


def other_video_doubts(file: AnnotationFile, names: Sequence[str], wanted: Wanted) -> tuple[str, ...]:
    """A doubt where the only media file has quite another name than the video; a copy may have any."""
    names = list({_pure(name).name.casefold(): name for name in names}.values())
    if len(names) != 1 or wanted.choice.media or not wanted.video_name:
        return ()
    scored, own = (_pure(name).stem.casefold() for name in (names[0], wanted.video_name))
    words = [set(re.findall(r"[^\W\d_]+|\d+", stem)) for stem in (scored, own)]
    # `m1` is no part of `m10`: a number is one word.
    is_part = any(re.search(rf"(?<!\d){re.escape(a)}(?!\d)", b) for a, b in ((scored, own), (own, scored)))
    if is_part or words[0] <= words[1] or words[1] <= words[0]:
        return ()
    return (
        Doubt(
            f"{file.path.name} was scored on {_pure(names[0]).name}, but this recording's video is "
            f"{_pure(wanted.video_name).name}. If that is not the same video under another name, these are the labels "
            "of another one."
        ),
    )


def signs_of_another_video(
    file: AnnotationFile, part: MediaPart, times: Iterable[str], wanted: Wanted
) -> tuple[str, ...]:
    """What speaks for another video, before anything else that is wrong: its name, and events behind the video's end.

    `times` are the events', as written.
    """
    own_s = wanted.n_frames / wanted.fps
    latest_s = max(map(_seconds, times), default=0.0) - part.start_s
    if part.has_neighbours or latest_s * wanted.fps <= wanted.n_frames + TOLERANCE_FRAMES + wanted.tolerance_frames + 1:
        return part.notes
    return (
        *part.notes,
        f"{file.path.name} has events until {latest_s:g} s, but the video lasts {own_s:.4g} s: these are the labels of "
        "another video, or it was cut after scoring.",
    )


def _seconds(text: str) -> float:
    try:
        return seconds("", "", text)
    except InputError:
        return 0.0


@contextmanager
def true_cause_first(doubts: Sequence[str]) -> Iterator[None]:
    """What is wrong with labels that seem to be of another video begins with that."""
    try:
        yield
    except InputError as error:
        raise InputError(" ".join([*doubts, str(error)])) if doubts else error from None


def _pure(path: str) -> PurePosixPath:
    return PurePosixPath(canonical(path).replace("\\", "/"))


def require_same_rate(where: str, rates: Iterable[float | None], fps: float) -> None:
    """Raise where the file's own frame rates (None = unreadable) aren't the decoded video's."""
    rates = list(rates)
    if all(rate is not None and abs(rate - fps) <= _FPS_TOLERANCE * fps for rate in rates):
        return
    written = ";".join("?" if rate is None else f"{rate:.1f}" for rate in rates)
    raise InputError(
        f"{where}, was scored on a video of {written} frames per second, but the video has {fps:g}. Was the video "
        "converted after scoring? Use the video that was scored."
    )


def require_same_length(file: AnnotationFile, where: str, length_s: float | None, wanted: Wanted) -> None:
    """Raise where the video's length in the file (None = not given) is more than a frame off."""
    tolerance_frames = TOLERANCE_FRAMES + wanted.tolerance_frames
    if length_s is None or abs(length_s * wanted.fps - wanted.n_frames) <= tolerance_frames:
        return
    raise InputError(
        f"{where}, was scored on a video of {length_s:g} s, that is {length_s * wanted.fps:.0f} frames at "
        f"{wanted.fps:g} fps, but the video has {wanted.n_frames} frames. Was it cut or converted after scoring, or is "
        "it the export of another video? If the observation plays several videos one after the other, name this one's "
        f"media file: {file.path.name}#media=NAME."
    )
