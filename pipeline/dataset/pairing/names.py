"""Taking file names apart: their words, and what a program or a person added to a video's name.

Names are compared by their words, so that case, accents, and what stands between words make no difference, while
`mouse1` is never a part of `mouse10`.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from common.names import canonical

VIDEO_SUFFIXES = (
    ".mp4", ".avi", ".mov", ".mkv", ".m4v", ".wmv", ".mpg", ".mpeg", ".webm", ".mjpeg", ".flv", ".ogv", ".ts", ".mts",
    ".m2ts", ".3gp", ".3g2", ".gif", ".h264", ".264", ".h265", ".hevc", ".asf", ".mxf", ".vob", ".dav", ".cine",
)  # fmt: skip
# Signs that stand for something (480A+, ♂) are words of their own, those that only separate are not.
_WORD = re.compile(r"[^\W_]+|[^\w\s.,;:!?'\"()\[\]{}&@#$%^~=`´-]")
_SEPARATORS = " _.-"
_COMBINING = "Mn"

# Written to the name by DeepLabCut itself, without a separator: day1 480ADLC_resnet50_openfieldOct30shuffle1_1030000.
_DLC_MARK = re.compile(r"(?:DLC|DeepCut)(?=[_.\- ]|$)")
# Written by people and other programs; what comes after names the network or the version.
_POSE_PROGRAM = re.compile(r"[ _.\-](?:dlc|deeplabcut|deepcut|sleap|superanimal|pose_est)(?=[_.\- ]|$)", re.IGNORECASE)
_POSE_WORD = re.compile(
    r"[ _.\-](?:analysis|predictions?|poses?|tracks?|tracking|tracked|trajectory|trajectories|centroids?|xy|coords|"
    r"coordinates|positions?|keypoints?|boxes|ids|filtered|proofread|"
    rf"{'|'.join(suffix[1:] for suffix in VIDEO_SUFFIXES)})$",
    re.IGNORECASE,
)
# SLEAP writes labels.v001.000_<video>.analysis.h5.
_SLEAP_FRONT = re.compile(r"^.+\.\d{3}_(?=.)")

_LABEL = re.compile(
    r"labell?(?:s|ed|ing)?|labels|annotations?|annotated|annot|anno|behaviou?rs?|behav|beh|boris|bento|caltech|simba|"
    r"deepethogram|targets|inserted|bouts?|scor(?:es?|ed|ing)|cod(?:ed|ing)|events?|tabular|aggregated|binary|export|"
    r"exported|frames?|framewise|manual|human|ground|truth|gt|csv|tsv|txt|xlsx|project|observations?|obs|ethogram|final|"
    r"new|checked|corrected|done|v[78]|of|for|the|etiquetas|anotaci(?:on|ons|ones)|conducta|comportamiento"
)
_ANNOTATOR = re.compile(r"annotator|rater|scorer|observer|coder|experimenter|by")
_NUMBERED_ANNOTATOR = re.compile(r"(?:annotator|rater|scorer|observer|coder)\d+")
_CAMERA = re.compile(
    r"cam\d*|camera\d*|top|bottom|side|front|overhead|view|topview|converted|compressed|reencoded?|encoded|crop|"
    r"cropped|resized|copy|h264|\d+fps|\d+p|\d+x\d+"
)
_SESSION_NOUN = (
    "day|session|sess|ses|trial|week|wk|month|run|block|part|clip|rec|recording|vid|video|test|exp|experiment|phase|"
    "dia|dag|tag|jour"
)
_SESSION = re.compile(
    rf"(?:{_SESSION_NOUN}|d)\d+[a-z]?|{_SESSION_NOUN}|training|baseline|pre|post|hab|habituation|am|pm|morning|evening"
)
_SESSION_BARE = re.compile(_SESSION_NOUN)
_DATE = re.compile(r"(?:19|20)\d{6}(?:t?\d{4,6})?|\d{6}|\d{12}|(?:19|20)\d\d(?:0[1-9]|1[0-2])")
_TIME = re.compile(r"\d{4}|\d{6}|\d{1,2}h\d{2}")
_DERIVED = re.compile(r"labell?ed|overlay|render(?:ed)?|skeleton|annotated|tracked|preview|with|labels|full|id")
_DLC_DERIVED = re.compile(r"(?:DLC|DeepCut)[_.\- ].*|[_ ](?:labeled|labelled)$")


@lru_cache(maxsize=50_000)  # every file is compared with every video
def raw_words(text: str) -> tuple[str, ...]:
    """Words as they are written: runs of letters and digits, and signs such as +."""
    return tuple(_WORD.findall(canonical(text)))


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """A word without case and accents."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in apart if unicodedata.category(letter) != _COMBINING).casefold()


@lru_cache(maxsize=50_000)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a name."""
    return tuple(fold(word) for word in raw_words(text))


@lru_cache(maxsize=50_000)
def pose_cores(stem: str) -> tuple[str, ...]:
    """What of a pose file's name can be its video's name, longest first.

    The first is the whole name: a video may itself be called `m1_poses`.
    """
    found = [stem]
    for core in found:
        ends = [core[: mark.start()] for mark in _DLC_MARK.finditer(core) if not _names_session(core[mark.end() :])]
        ends += [
            core[: mark.start()]
            for mark in _POSE_PROGRAM.finditer(core)
            if not _names_session(core[mark.end() :]) and not any(map(is_date, words_of(core[mark.end() :])))
        ]
        ends += [_POSE_WORD.sub("", core), _SLEAP_FRONT.sub("", core)]
        for end in (end.rstrip(_SEPARATORS) for end in ends):
            if end and end not in found:
                found.append(end)
    return tuple(sorted(found, key=lambda core: (-len(core), core)))


def pose_preference(path: Path) -> tuple[object, ...]:
    """Sorts the pose files of one video, best first.

    A name that a pose program marked, before one that could be anything; filtered before raw, since somebody
    filtered on purpose and a calmer center makes calmer crops; the network that was trained longest (the greatest
    numbers in the name); CSV before h5, since people can look into it and the numbers are the same.
    """
    stem = path.stem
    marked = len(pose_cores(stem)) > 1
    filtered = "filtered" in words_of(stem)
    plain = re.sub(r"[_.\- ]filtered\b", "", stem, flags=re.IGNORECASE)
    numbers = [-int(digits) for digits in re.findall(r"[0-9]{1,18}", plain)]
    kinds = (".csv", ".h5", ".hdf5")
    suffix = path.suffix.casefold()
    is_role = words_of(stem)[-1:] in (("boxes",), ("ids",))
    kind = kinds.index(suffix) if suffix in kinds else len(kinds)
    return (not marked, is_role, not filtered, len(plain), numbers, kind, canonical(path.name), path.as_posix())


def is_label_word(word: str) -> bool:
    """True for what people add to say that a file holds annotations."""
    return _LABEL.fullmatch(word) is not None


def says_labels(raw: Sequence[str]) -> bool:
    """True where one of the words says that these are somebody's labels."""
    folded = [fold(word) for word in raw]
    return any(map(is_label_word, folded)) or any(
        _ANNOTATOR.fullmatch(word) or _NUMBERED_ANNOTATOR.fullmatch(word) for word in folded
    )


def is_camera_word(word: str) -> bool:
    """True for a camera's or a conversion's mark."""
    return _CAMERA.fullmatch(word) is not None


def session_places(words: Sequence[str]) -> list[bool]:
    """For each folded word whether it tells when a video was made, rather than of whom."""
    places: list[bool] = []
    for i, word in enumerate(words):
        after_noun = i > 0 and word.isdigit() and _SESSION_BARE.fullmatch(words[i - 1]) is not None
        after_date = i > 0 and places[i - 1] and _TIME.fullmatch(word) is not None
        places.append(after_noun or after_date or _SESSION.fullmatch(word) is not None or is_date(word))
    for i in range(len(words) - 2):  # 2021-06-10
        year, month, day = words[i : i + 3]
        if re.fullmatch(r"(?:19|20)\d\d", year) and all(re.fullmatch(r"\d{1,2}", part) for part in (month, day)):
            places[i : i + 3] = [True, True, True]
    return places


def is_date(word: str) -> bool:
    """True for a date or a date with a time, written in one."""
    return _DATE.fullmatch(word) is not None


def annotator_of(raw: Sequence[str]) -> str | None:
    """Who annotated, from the words beside the video's name; "" where no word is left over.

    None where the words may as well name another recording (a number, a day).
    """
    name: list[str] = []
    expected = False
    for word in raw:
        folded = fold(word)
        if _NUMBERED_ANNOTATOR.fullmatch(folded) or expected:
            name.append(word)
            expected = False
        elif _ANNOTATOR.fullmatch(folded):
            expected = True
        elif is_label_word(folded):
            continue
        elif not folded.isalpha() or session_places([folded])[0] or is_camera_word(folded):
            return None
        else:
            name.append(word)
    return "_".join(name)


def is_derived_video(stem: str, other_stems: Sequence[str]) -> bool:
    """True for a video that was drawn from another one of the folder, or by DeepLabCut at all."""
    if _DLC_DERIVED.search(stem):
        return True
    words = words_of(stem)
    for other in other_stems:
        base = words_of(other)
        rest = words[len(base) :]
        if base and rest and words[: len(base)] == base and all(map(_DERIVED.fullmatch, rest)):
            return True
    return False


def _names_session(text: str) -> bool:
    words = words_of(text)
    return any(
        place and not word.isdigit() and any(c.isdigit() for c in word)
        for place, word in zip(session_places(words), words, strict=True)
    )
