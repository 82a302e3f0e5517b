"""Which pose file and which annotations belong to which video, told by their names.

Nothing is read here: names go in, pairs come out, and what is not clear is left unpaired with a reason.

- A *pose file* belongs to a video if its name is the video's, with nothing added but what pose programs and people
  add (see `names`). So the poses of `m1_day2` are never those of `m1`, though that video be missing.
- An *annotation file* belongs to the video that it names inside (BORIS does), else to the one whose name it has,
  with words that say "labels" and with the annotator's name; else to the only one of whose name it has the last part
  (`480A_BORIS` for `day1 480A`), which is noted.
- Where several videos fit, the longest name wins, then the spelling, then the folder. A tie is nobody's.
- A file that lies beside videos belongs to one of these, or to none: `WT/1.csv` is not of `HD/1.mp4`.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from common.names import canonical
from pipeline.dataset.pairing.folders import closeness, contradict
from pipeline.dataset.pairing.names import (
    annotator_of,
    fold,
    is_camera_word,
    is_label_word,
    pose_cores,
    pose_preference,
    raw_words,
    says_labels,
    session_places,
    words_of,
)

_EXACT, _NAMED, _PART = 3, 2, 1
_NOBODY = "no video here has this name"


@dataclass(frozen=True)
class AnnotationSource:
    """One set of annotations: a file, or one observation of a file that has several ("" = the file holds one).

    `media`: names of the videos that it names inside, with folders or without; empty = none. `format`: where it must be
    named, since there is no file: `path` is then the class of the whole recording.
    """

    path: Path
    observation: str = ""
    media: tuple[str, ...] = ()
    format: str = ""

    @property
    def name(self) -> str:
        """The name by which it is paired."""
        return self.observation or self.path.stem

    @property
    def shown(self) -> str:
        """For messages."""
        if self.format:
            return f"{self.format}:{self.path.as_posix()}"
        return f"{self.path.name} (observation {self.observation})" if self.observation else self.path.name

    def unpaired(self, reason: str) -> "Unpaired":
        """It belongs to no video."""
        return Unpaired(self.path, self.observation, reason)


class PairedAnnotation(NamedTuple):
    """A source that belongs to a video; `media` is given where the source serves several videos.

    `subject`: whose behaviors are meant, where the source calls the row's animal otherwise than the poses do.
    """

    source: AnnotationSource
    annotator: str
    media: str = ""
    by_part: bool = False
    subject: str = ""


@dataclass(frozen=True)
class VideoFiles:
    """A video and what belongs to it: poses best first (see `find_poses`), annotations in the order of annotators."""

    video: Path
    poses: tuple[Path, ...] = ()
    annotations: tuple[PairedAnnotation, ...] = ()


class Unpaired(NamedTuple):
    """A file, or one of its observations, that belongs to no video, and why."""

    path: Path
    observation: str
    reason: str


@dataclass(frozen=True)
class Pairing:
    """Every video with its files, and the files that were left over, both in the order of their paths."""

    videos: tuple[VideoFiles, ...]
    unpaired: tuple[Unpaired, ...]


def find_poses(video_path: Path, candidates: Sequence[Path]) -> list[Path]:
    """Pose files that belong to a video by their names, best first.

    Known are DeepLabCut's names (`<video>DLC_resnet50_…shuffle1_100000.csv`, also `…_filtered`), SLEAP's
    (`<video>.analysis.h5`, `labels.v001.000_<video>.analysis.h5`), what people write (`<video>_dlc.csv`,
    `<video>_poses.csv`), and the video's bare name.

    Where several belong to the video, names that a pose program marked come before a bare name, filtered before raw,
    longer trained networks before shorter trained, CSV before h5 (see `pose_preference`).
    """
    wanted = words_of(video_path.stem)
    fitting = [path for path in candidates if wanted in map(words_of, pose_cores(path.stem))]
    literally = [path for path in fitting if canonical(video_path.stem) in map(canonical, pose_cores(path.stem))]
    # `480A+` and `480A-` have the same words: where the spelling tells, it does.
    return sorted(literally or fitting, key=pose_preference)


def pair_files(videos: Sequence[Path], poses: Sequence[Path], annotations: Sequence[AnnotationSource]) -> Pairing:
    """Pair a folder's files by their names, whatever their order.

    Every pose file is of at most one video, every source too, unless it names several videos inside. Folders are
    compared, so all paths should be absolute or relative to the same folder.
    """
    videos = sorted(set(videos))
    poses_of: dict[Path, list[Path]] = {video: [] for video in videos}
    unpaired = []
    for path in sorted(set(poses)):
        video, reason = _best(path, [fit for v in videos if (fit := _pose_fit(v, path))], videos)
        if video is None:
            unpaired.append(Unpaired(path, "", reason))
        else:
            poses_of[video].append(path)
    paired, refused = _pair_labels(videos, annotations)
    return Pairing(
        tuple(
            VideoFiles(video, tuple(sorted(poses_of[video], key=pose_preference)), tuple(_in_order(paired[video])))
            for video in videos
        ),
        tuple(sorted([*unpaired, *refused])),
    )


def _pair_labels(
    videos: Sequence[Path], annotations: Sequence[AnnotationSource]
) -> tuple[dict[Path, list[PairedAnnotation]], list[Unpaired]]:
    """Sources by video, and those of no video."""
    paired: dict[Path, list[PairedAnnotation]] = {video: [] for video in videos}
    unpaired = []
    by_part = []
    for source in sorted(set(annotations), key=lambda source: (source.path, source.observation, source.media)):
        fits = [fit for video in videos if (fit := _label_fit(video, source))]
        named, reason = _best(source.path, fits, videos)
        shown = _media_videos(videos, source)
        if shown and named is not None and named not in shown and not _is_only_a_part(fits, named):
            reason = f"it names {_names(shown)} inside, but is itself called as {_names([named])}"
            unpaired.append(source.unpaired(reason))
        elif shown:
            for video, media in shown.items():
                own_media = Path(media.replace("\\", "/")).name if len(shown) > 1 else ""
                paired[video].append(PairedAnnotation(source, _annotator(video, source), own_media))
        elif named is None:
            unpaired.append(source.unpaired(reason))
        elif _is_only_a_part(fits, named):
            by_part.append((source, named))
        else:
            paired[named].append(PairedAnnotation(source, _annotator(named, source)))
    alone = _take_lone_names(paired)
    return paired, [*unpaired, *alone, *_add_parts(paired, by_part)]


class _Fit(NamedTuple):
    """How well a file fits a video: greater is better."""

    video: Path
    n_words: int
    level: int
    n_literal: int


def _pose_fit(video: Path, path: Path) -> _Fit | None:
    stem, folder = words_of(video.stem), words_of(video.parent.name)
    for core in pose_cores(path.stem):
        words = words_of(core)
        n_literal = len(video.stem) if canonical(core) == canonical(video.stem) else 0
        if words and words == stem:
            return _Fit(video, len(words), _EXACT, n_literal)
        if words and folder and words == folder + stem:
            return _Fit(video, len(words), _EXACT, 0)
        if words and words_of(path.parent.name) + words == stem and len(stem) > len(words):
            return _Fit(video, len(stem), _EXACT, 0)
    return None


def _label_fit(video: Path, source: AnnotationSource) -> _Fit | None:
    stem, folder = words_of(video.stem), words_of(video.parent.name)
    cores = [source.name] if source.observation else pose_cores(source.name)
    for core in cores:
        words = words_of(core)
        n_literal = len(video.stem) if canonical(video.stem) in canonical(core) else 0
        if words and words in (stem, folder + stem):
            return _Fit(video, len(words), _EXACT, n_literal)
        rest = _beside(raw_words(core), stem)
        if rest is not None and (annotator := annotator_of(rest)) is not None:
            return _Fit(video, len(stem), _NAMED if annotator else _EXACT, n_literal)
        plain = tuple(word for word in words if not is_label_word(word))
        if plain and plain == folder + stem:
            return _Fit(video, len(plain), _EXACT, n_literal)
        if plain and not source.observation and words_of(source.path.parent.name) + plain == stem:
            return _Fit(video, len(stem), _EXACT, 0)
        if plain and _is_last_part(plain, stem):
            return _Fit(video, len(plain), _PART, 0)
    return None


def _beside(raw: Sequence[str], stem: tuple[str, ...]) -> list[str] | None:
    """The words around a video's name, which stands there in one piece or with "labels" in between."""
    folded = [fold(word) for word in raw]
    for start in range(len(folded)):
        at, rest = 0, list(raw[:start])
        for word, plain in zip(raw[start:], folded[start:], strict=True):
            if at < len(stem) and plain == stem[at]:
                at += 1
            elif at in (0, len(stem)) or is_label_word(plain):
                rest.append(word)
            else:
                break
        if stem and at == len(stem) and folded[start] == stem[0]:
            return rest
    return None


def _is_last_part(plain: tuple[str, ...], stem: tuple[str, ...]) -> bool:
    """True where only days and dates stand before it in the video's name, and only camera marks after it."""
    for start in range(len(stem) - len(plain) + 1):
        stop = start + len(plain)
        front_is_time = all(
            place or is_camera_word(word) for place, word in zip(session_places(stem[:start]), stem, strict=False)
        )
        own = session_places(plain)
        if stem[start:stop] == plain and not all(own) and front_is_time and all(map(is_camera_word, stem[stop:])):
            return len(stem) > len(plain)
    return False


def _best(path: Path, fits: list[_Fit], videos: Sequence[Path]) -> tuple[Path | None, str]:
    """The one video that fits best, or why there is none."""
    if not fits:
        return None, _NOBODY
    if any(video.parent == path.parent for video in videos):
        own = [fit for fit in fits if fit.video.parent == path.parent]
        if not own:
            names = _names(fit.video for fit in fits)
            return None, f"{names} of this name lies in another folder, while this file lies beside other videos"
        fits = own
    apart = [fit for fit in fits if not contradict(fit.video, path)]
    if not apart:
        return None, f"its folder {path.parent.name!r} speaks against {_names(fit.video for fit in fits)}"
    first = _greatest(apart, lambda fit: (fit.n_words, fit.level))
    if first[0].level > _PART:
        first = _greatest(first, lambda fit: (fit.n_literal, closeness(fit.video, path)))
    if len(first) > 1:
        return None, f"its name fits {len(first)} videos: {_names(fit.video for fit in first)}"
    return first[0].video, ""


def _media_videos(videos: Sequence[Path], source: AnnotationSource) -> dict[Path, str]:
    """Videos that the source names inside, with the name that it has for them; those it names alike are left out."""
    found: dict[Path, str] = {}
    for media in dict.fromkeys(source.media):
        place = Path(media.replace("\\", "/"))
        name, stem = (canonical(text).casefold() for text in (place.name, place.stem))
        fitting = [video for video in videos if canonical(video.name).casefold() == name]
        fitting = fitting or [video for video in videos if canonical(video.stem).casefold() == stem]
        for near in (place, source.path):
            fitting = _greatest(fitting, partial(closeness, path=near))
        if len(fitting) == 1:
            found.setdefault(fitting[0], media)
    return found


def _add_parts(
    paired: dict[Path, list[PairedAnnotation]], by_part: Iterable[tuple[AnnotationSource, Path]]
) -> list[Unpaired]:
    """Sources with a part of the name: only where the video has no better ones and no second of that kind."""
    refused = []
    wanted: dict[Path, list[AnnotationSource]] = {}
    for source, video in by_part:
        wanted.setdefault(video, []).append(source)
    for video, sources in wanted.items():
        if paired[video] or len(sources) > 1:
            reason = f"its name is only a part of {_names([video])}, which has other annotations too"
            refused += [source.unpaired(reason) for source in sources]
        else:
            paired[video].append(PairedAnnotation(sources[0], "", by_part=True))
    return refused


def _annotator(video: Path, source: AnnotationSource) -> str:
    return next((name for _, name in _rests(video, source)), "")


def _rests(video: Path, source: AnnotationSource) -> Iterable[tuple[list[str], str]]:
    """The words beside the video's name, and whose name they make."""
    for core in [source.name] if source.observation else pose_cores(source.name):
        rest = _beside(raw_words(core), words_of(video.stem))
        if rest is not None and (name := annotator_of(rest)) is not None:
            yield rest, name


def _take_lone_names(paired: Mapping[Path, list[PairedAnnotation]]) -> list[Unpaired]:
    """Take out `m1_anna.csv`, which may be of a video m1_anna, unless it says "labels" or there is more of anna's."""
    seen: dict[str, set[Path]] = {}
    for video, sources in paired.items():
        for own in sources:
            seen.setdefault(fold(own.annotator), set()).add(video)
    taken = []
    for video, sources in paired.items():
        for own in list(sources):
            rests = (rest for rest, _ in _rests(video, own.source))
            told = not own.annotator or video in _media_videos([video], own.source) or says_labels(next(rests, []))
            if not told and len(seen[fold(own.annotator)]) == 1:
                sources.remove(own)
                reason = (
                    f"are these labels of {video.name} by {own.annotator}, or of another video? In the first case, "
                    f"call it {video.stem}_labels_{own.annotator}{own.source.path.suffix}"
                )
                taken.append(own.source.unpaired(reason))
    return taken


def _is_only_a_part(fits: Sequence[_Fit], video: Path | None) -> bool:
    return any(fit.video == video and fit.level == _PART for fit in fits)


def _in_order(paired: Iterable[PairedAnnotation]) -> list[PairedAnnotation]:
    return sorted(paired, key=lambda p: (p.annotator.casefold(), p.annotator, p.source.path, p.source.observation))


_Item = TypeVar("_Item")


def _greatest(items: Sequence[_Item], key: Callable[[_Item], Hashable]) -> list[_Item]:
    """All items with the greatest key."""
    keys = [key(item) for item in items]
    return [item for item, own in zip(items, keys, strict=True) if own == max(keys)]  # type: ignore[type-var]


def _names(videos: Iterable[Path]) -> str:
    found = list(videos)
    names = [video.name for video in found]
    if len(set(names)) < len(names):
        names = [f"{video.parent.name}/{video.name}" for video in found]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
