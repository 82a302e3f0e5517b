"""Features that were made elsewhere: which files hold them, and whose each is.

A file is paired by the words of its name, its folder's where the file is called `features` alone, and by its rows: one
for each frame of the recording, or for every second, third, ... frame. Files that have the same words beside the name
are a set. A set is taken if it is the only one that has a file for every recording with labels.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from common.errors import InputError
from common.suggestions import listing
from features.sources.precomputed_arrays import arrays_in
from pipeline.dataset.pairing.folders import closeness, contradict
from pipeline.dataset.pairing.names import session_places, words_of
from pipeline.dataset.pairing.pairing import Unpaired
from pipeline.dataset.pairing.table_cells import path_cell

_SAYS_FEATURES = re.compile(r"features?|feats?|embeddings?|embs?|vectors?|latents?|representations?")
_RECORDING = "{recording}"
_SLACK_FRAMES = 3
_LEAST_FEATURES = 4
_MOST_STEP = 100
_NAMED = "features: {source: precomputed, files: "


class FeatureFile(NamedTuple):
    """A file of features: the array in it ("" = it has only one), its rows and columns."""

    path: Path
    key: str
    n_rows: int
    n_features: int

    @property
    def named(self) -> Path:
        """With the array behind `#` where there are several."""
        return Path(f"{self.path}#{self.key}") if self.key else self.path


class Owner(NamedTuple):
    """A recording that features may be of: id, video (or what stands for it), name, frames (0 = unknown), labels."""

    id: str
    video: Path
    name: str
    n_frames: int
    has_labels: bool


@dataclass(frozen=True)
class FeatureSet:
    """The features of an experiment: files by recording, of every how many frames they have a row."""

    files: Mapping[str, FeatureFile]
    frame_step: int = 1

    @property
    def n_features(self) -> int:
        """Columns of the first file."""
        return next(iter(self.files.values())).n_features


def features_in(path: Path) -> FeatureFile | None:
    """The features that a file holds; None where it has nothing like that.

    Raises
    ------
    InputError
        It is damaged, or what is meant in it is not clear.
    """
    arrays = arrays_in(path)
    found = [array for array in arrays if array.is_features]
    if len(found) == 1:
        n_rows, n_features = found[0].shape
        if n_features < _LEAST_FEATURES:
            raise InputError(
                f"it has {n_features} numbers in each row, as positions have. If these are features: {_NAMED}"
                f"'…/{_RECORDING}{path.suffix}'}}"
            )
        return FeatureFile(path, found[0].name if len(arrays) > 1 else "", n_rows, n_features)
    if found:
        names = listing([array.name for array in found], 6)
        raise InputError(
            f"it has several arrays that could be features ({names}). Name one in the YAML: {_NAMED}"
            f"'…/{_RECORDING}{path.suffix}#{found[0].name}'}}"
        )
    if any(array.is_categories for array in arrays):
        raise InputError(
            "it has one whole number per row. If these are clusters or states, and no labels, they can be features: "
            f"{_NAMED}'…/{_RECORDING}{path.suffix}', n_categories: …}}"
        )
    return None


def name_of(path: Path) -> str:
    """What a file of features is called but for words that say that it holds some; its folder where nothing is left."""
    stem = re.sub(rf"(?i)(?:^|[ _.\-]+)(?:{_SAYS_FEATURES.pattern})(?=[ _.\-]|$)", "", path.stem).strip(" _.-")
    return stem or path.parent.name


def pair_features(found: Sequence[FeatureFile], owners: Sequence[Owner]) -> tuple[FeatureSet | None, list[Unpaired]]:
    """The set of files that fits the recordings, and why the others are not used."""
    unpaired: list[Unpaired] = []
    sets: dict[tuple[object, ...], dict[str, FeatureFile]] = {}
    for file in found:
        best = _owner_of(file, owners)
        if best is None:
            unpaired.append(Unpaired(file.path, "", "features, but no recording here has this name"))
            continue
        owner, rest = best
        if _step_of(file, owner) is None:
            unpaired.append(Unpaired(file.path, "", _other_rows(file, owner)))
            continue
        own = sets.setdefault((rest, file.path.suffix, file.key), {})
        if owner.id in own:
            reason = f"features of {owner.id}, of which {own[owner.id].path.name} has some as well"
            unpaired.append(Unpaired(file.path, "", reason))
        else:
            own[owner.id] = file
    needed = {owner.id for owner in owners if owner.has_labels} or {owner.id for owner in owners}
    whole = [own for own in sets.values() if needed <= set(own)]
    steps = [{_step_of(own[owner.id], owner) for owner in owners if owner.id in own} for own in whole]
    if len(whole) == 1 and len(steps[0] - {None}) == 1 and len({file.n_features for file in whole[0].values()}) == 1:
        reason = "features, but another set of files has some for every recording with labels"
        left = [file for own in sets.values() if own is not whole[0] for file in own.values()]
        (step,) = steps[0]
        return FeatureSet(whole[0], step or 1), [*unpaired, *(Unpaired(file.path, "", reason) for file in left)]
    for own in sets.values():
        reason = _why_no_set(own, whole, needed)
        unpaired += [Unpaired(file.path, "", reason) for file in own.values()]
    return None, unpaired


def template_of(features: FeatureSet, table_folder: Path) -> str | None:
    """`files` of the source `precomputed`, with `{recording}` for the id; None where the names do not allow it."""
    texts = set()
    for own_id, file in features.files.items():
        path = path_cell(file.path, table_folder)
        folder, sign, name = path.rpartition("/")
        front = f"{folder}{sign}"
        # In the file's name rather than in its folder's.
        text = (
            f"{front}{_RECORDING.join(name.rsplit(own_id, 1))}"
            if own_id in name
            else front.replace(own_id, _RECORDING) + name
        )
        texts.add(f"{text}#{file.key}" if file.key else text)
    text = texts.pop() if len(texts) == 1 else ""
    return text if text.count(_RECORDING) == 1 else None


def _owner_of(file: FeatureFile, owners: Sequence[Owner]) -> tuple[Owner, tuple[tuple[str, ...], ...]] | None:
    """The recording with the longest name that the file's begins or ends with, and the words before and after it."""
    fits = []
    for owner in (owner for owner in owners if not contradict(owner.video, file.path)):
        wanted = words_of(owner.name)
        for name in dict.fromkeys((file.path.stem, name_of(file.path))):
            rest = _beside(words_of(name), wanted)
            if rest is not None:
                rank = (len(wanted), owner.id in file.path.as_posix(), closeness(owner.video, file.path))
                fits.append((rank, owner, rest))
                break
    most = max((rank for rank, *_ in fits), default=None)
    best = [(owner, rest) for rank, owner, rest in fits if rank == most]
    return best[0] if len(best) == 1 else None


def _beside(words: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[tuple[str, ...], ...] | None:
    """The words before and after those that are wanted; None where they aren't there, or the rest names a session."""
    for start in range(len(words) - len(wanted) + 1) if wanted else ():
        before, after = words[:start], words[start + len(wanted) :]
        if words[start : start + len(wanted)] == wanted and not any(map(_is_of_another, (before, after))):
            return before, after
    return None


def _is_of_another(rest: tuple[str, ...]) -> bool:
    return any(session_places(rest)) or any(word[0].isdigit() for word in rest)


def _step_of(file: FeatureFile, owner: Owner) -> int | None:
    """Of every how many frames the file has a row; None where its rows are of another recording."""
    if not owner.n_frames or abs(file.n_rows - owner.n_frames) <= _SLACK_FRAMES:
        return 1
    fitting = (step for step in range(2, _MOST_STEP) if len(range(0, owner.n_frames, step)) == file.n_rows)
    return next(fitting, None)


def _other_rows(file: FeatureFile, owner: Owner) -> str:
    return (
        f"features with {file.n_rows:,} rows, while {owner.video.name} has {owner.n_frames:,} frames. Expected is a "
        "row for each frame, or for every second, third, …"
    )


def _why_no_set(own: Mapping[str, FeatureFile], whole: Sequence[Mapping[str, FeatureFile]], needed: set[str]) -> str:
    if own not in whole:
        return f"features of {len(needed & set(own))} of the {len(needed)} recordings with labels only"
    if len(whole) > 1:
        return (
            f"one of {len(whole)} sets of features, each with a file for every recording with labels: name the one you "
            f"mean, or several, in the YAML ({_NAMED}'…/{_RECORDING}…'}})"
        )
    return "features, but with other numbers of columns, or of rows per frame, in each file"
