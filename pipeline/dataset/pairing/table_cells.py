"""The rows of a starter `recordings.csv`: ids, individuals, and cells that read back as what was paired."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path

from common.names import canonical, invisible_letters, unsafe_name_reason
from features.poses import split_sequence
from pipeline.dataset.cell_paths import path_cell
from pipeline.dataset.pairing.names import fold, is_camera_word, is_date, raw_words, session_places
from pipeline.dataset.pairing.pairing import PairedAnnotation

_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f\s]+')
_LONGEST_ID_BYTES = 100
_POOLED = "pooled"
_ANIMAL = re.compile(r"(?:mouse|mus|rat|animal|subject|subj|raton|rata|souris|maus)")
_NUMBERED_ANIMAL = re.compile(rf"{_ANIMAL.pattern}\d+[a-z]?")
_PART = re.compile(r"#[a-z]+=")


def safe_name(text: str, otherwise: str) -> str:
    """A name that is safe as a file name, blanks as `_`; `otherwise` where nothing of it is."""
    hidden = set(invisible_letters(text))
    seen = "".join("_" if letter in hidden else letter for letter in canonical(text))
    name = _UNSAFE.sub("_", seen).strip("_ .") or otherwise
    while len(name.encode("utf-8")) > _LONGEST_ID_BYTES:
        name = name[:-1].rstrip("_ .")
    return f"{otherwise}_{name}" if unsafe_name_reason(name) or name.casefold() == _POOLED else name


def recording_ids(videos: Sequence[Path]) -> dict[Path, str]:
    """A short, unique and safe id for every video: its name, with its folder's where names repeat."""
    stems = [fold(video.stem) for video in videos]
    ids: dict[Path, str] = {}
    seen: set[str] = set()
    for video in videos:
        plain = safe_name(video.stem, "video")
        folder = safe_name(f"{video.parent.name}_{video.stem}", "video")
        choices = [folder, plain] if stems.count(fold(video.stem)) > 1 else [plain, folder]
        choices += [f"{plain}_{number}" for number in range(2, len(videos) + 2)]
        ids[video] = next(name for name in choices if name.casefold() not in seen)
        seen.add(ids[video].casefold())
    return ids


def animals_id(video_id: str, animal: str, taken: set[str]) -> str:
    """`video_animal`, safe and unlike any other id (`taken`, case folded, to which it is added)."""
    plain = safe_name(f"{video_id}_{animal}", "animal")
    numbered = (f"{plain}_{number}" for number in count(2))
    own_id = next(name for name in chain([plain], numbered) if name.casefold() not in taken)
    taken.add(own_id.casefold())
    return own_id


def guess_individuals(ids: Mapping[Path, str]) -> dict[Path, str]:
    """Whose video each is, where its name clearly tells; else the recording's id.

    Clear is a word such as `mouse12`, or a single word with a digit that is left when days, dates and cameras are
    taken away (`480A` of `day1 480A`).
    """
    spelled: dict[str, str] = {}
    found = {}
    for video, own_id in ids.items():
        name = individual_of(raw_words(video.stem)) or own_id
        found[video] = spelled.setdefault(name.casefold(), name)
    return found


def individual_of(raw: Sequence[str]) -> str | None:
    """The animal that the words of a name clearly tell."""
    words = [fold(word) for word in raw]
    for i, word in enumerate(words):
        if _NUMBERED_ANIMAL.fullmatch(word):
            return raw[i]
        if _ANIMAL.fullmatch(word) and i + 1 < len(words) and not is_date(words[i + 1]) and _has_digit(words[i + 1]):
            return f"{raw[i]}{raw[i + 1]}"
    places = session_places(words)
    kept = [i for i, word in enumerate(words) if not places[i] and not is_camera_word(word)]
    if len(kept) == 1 and len(words) > 1 and any(places) and _has_digit(words[kept[0]]) and len(words[kept[0]]) > 1:
        return raw[kept[0]]
    return None


def annotation_cell(sources: Mapping[str, PairedAnnotation], table_folder: Path) -> str:
    """`annotator=path#observation=NAME#media=NAME#subject=NAME`, joined by `;`, each part only where it is needed."""
    parts = []
    for annotator, paired in sources.items():
        text = paired.source.shown if paired.source.format else path_cell(paired.source.path, table_folder)
        text += f"#observation={paired.source.observation}" if paired.source.observation else ""
        text += f"#media={paired.media}" if paired.media else ""
        text += f"#subject={paired.subject}" if paired.subject else ""
        parts.append(f"{annotator}={text}" if annotator else text)
    return ";".join(parts)


def unwritable_reason(paired: PairedAnnotation, table_folder: Path) -> str:
    """Why a source can't be named in a cell of the table; empty if it can."""
    path, sequence = split_sequence(paired.source.path)
    for text in (path_cell(path, table_folder), sequence, paired.source.observation, paired.media, paired.subject):
        if ";" in text or _PART.search(text):
            return f"{text!r} holds a sign that has a meaning in the table (; or #…=): rename it"
    observation = paired.source.observation
    if observation != observation.strip() or not observation.isprintable():
        return f"the observation {observation!r} begins or ends with a blank: rename it in BORIS"
    return ""


def _has_digit(word: str) -> bool:
    return any(letter.isdigit() for letter in word)
