"""CalMS21's JSON: keypoints of a resident and an intruder, and a class for each frame, of many sequences in one file.

``{group: {sequence: {"keypoints": (n_frames, 2 mice, 2 for x and y, 7), "scores": (n_frames, 2, 7), "annotations":
(n_frames,), "metadata": {"vocab": {"attack": 0, …}}}}}``; a group is an annotator or a behavior, a sequence is called
``task1/train/mouse001_task1_annotator1``. Sequences without annotations are for poses alone. All were filmed from above
at 30 frames per second. Such a file may have 500 MB, so that only what is asked for is made into numbers.
Source: Sun et al. 2021 (arXiv 2104.02710), the file format as in data.caltech.edu/records/s0vdx-0k302.
"""

import json
import mmap
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.names import canonical
from common.suggestions import did_you_mean, listing
from features.poses.assembly import choose_individual, make_track, require_sane_length
from features.tracks import PoseTrack

DESCRIPTION = "CalMS21 JSON (keypoints, scores and annotations by group and sequence)"
FPS = 30.0
INDIVIDUALS = ("resident", "intruder")
KEYPOINTS = ("nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail_base")
_N_FIRST_BYTES = 4096
_NAME = rb'"(?:[^"\\]|\\.)*"'
_BEGINNING = re.compile(
    rb"\s*\{\s*" + _NAME + rb"\s*:\s*\{\s*" + _NAME + rb'\s*:\s*\{\s*"(?:keypoints|scores|annotations|metadata)"\s*:'
)
_TOKEN = re.compile(rb"[{}]|" + _NAME)
_BOM = b"\xef\xbb\xbf"
_SEQUENCE_DEPTH = 3  # of braces: the file, its group, itself


def matches(path: Path) -> bool:
    """True for JSON that begins with a group, a sequence in it and one of the keys above in that."""
    with path.open("rb") as file:
        return _BEGINNING.match(file.read(_N_FIRST_BYTES).removeprefix(_BOM)) is not None


def sequence_names(path: Path) -> list[str]:
    """What `#sequence=` can name, in the order of the file.

    Raises
    ------
    InputError
        A file that is cut off.
    """
    return list(_spans(path))


def read(path: Path, individual: str | None, sequence: str = "") -> PoseTrack:
    """Read one mouse of one sequence; a point whose score is 0 is missing.

    Raises
    ------
    InputError
        A damaged file, arrays of other shapes, an unknown individual, or a sequence that the user must name.
    """
    content = read_sequence(path, sequence)
    name = choose_individual(path, INDIVIDUALS, individual)
    shape = ("n_frames", len(INDIVIDUALS), 2, len(KEYPOINTS))
    keypoints = _array(path, content, "keypoints", shape)
    scores = _array(path, content, "scores", (len(keypoints), shape[1], shape[3]))
    mouse = INDIVIDUALS.index(name)
    xy_px, likelihood = keypoints[:, mouse].transpose(0, 2, 1).copy(), scores[:, mouse].copy()
    xy_px[likelihood <= 0] = np.nan
    return make_track(path, KEYPOINTS, xy_px, likelihood)


def read_sequence(path: Path, sequence: str = "") -> dict[str, Any]:
    """What the file says of one sequence, by key; "" = the only one. Of its name, the last part is enough.

    Raises
    ------
    InputError
        A damaged file, or a sequence that the user must name.
    """
    try:
        content: dict[str, Any] = json.loads(sequence_bytes(path, sequence))
    except (ValueError, RecursionError) as error:  # neither JSON nor UTF-8
        raise _damaged(path, str(error)) from error
    return content


def sequence_bytes(path: Path, sequence: str = "") -> bytes:
    """The part of the file that says all this; raises as `read_sequence`."""
    spans = _spans(path)
    start, stop = spans[_choose_sequence(path, list(spans), sequence)]
    with path.open("rb") as file:
        file.seek(start)
        return file.read(stop - start)


def _choose_sequence(path: Path, names: list[str], named: str) -> str:
    wanted = canonical(named)
    found = [name for name in names if wanted in (name, name.rpartition("/")[2])] if named else names
    if len(found) == 1:
        return found[0]
    said = f"and {named!r} is not clearly one of them.{did_you_mean(named, names)}" if named else "and none was chosen."
    raise InputError(
        f"{path.name} holds {len(names)} sequences ({listing(names, 3)}), {said} Name one behind the file in the table "
        f"of recordings, in each column that names it: {path.name}#sequence={names[0]}."
    )


def _array(path: Path, content: dict[str, Any], key: str, shape: tuple[int | str, ...]) -> NDArray[np.float64]:
    """An array of this shape, where any length stands for `n_frames`."""
    expected = f"({', '.join(map(str, shape))})"
    try:
        values = np.array(content.get(key), dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:  # lists of unequal lengths, texts
        raise InputError(
            f"Expected {key} of shape {expected} in {path.name}, found no array of numbers ({str(error)[:200]}). Use "
            "the file as CalMS21 has it."
        ) from error
    if values.ndim != len(shape) or any(a != b for a, b in zip(values.shape, shape, strict=True) if b != "n_frames"):
        found = f"an array of shape {values.shape}" if values.ndim else "none"
        raise InputError(
            f"Expected {key} of shape {expected} in {path.name}, found {found}. Use the file as CalMS21 has it."
        )
    require_sane_length(path, len(values))
    return values


def _spans(path: Path) -> dict[str, tuple[int, int]]:
    status = path.stat()
    return _spans_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)  # Every recording of a study may be a sequence of the same file.
def _spans_of(path: Path, n_bytes: int, changed_ns: int) -> dict[str, tuple[int, int]]:
    """Where in the file the value of each sequence stands: from its first byte to the one after its last."""
    spans: dict[str, tuple[int, int]] = {}
    depth, name, sequence, start = 0, b'""', "", 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for token in _TOKEN.finditer(text):
            sign = token[0]
            if sign == b"{":
                depth += 1
                if depth == _SEQUENCE_DEPTH:
                    sequence, start = _as_text(path, name), token.start()
            elif sign == b"}":
                if depth == _SEQUENCE_DEPTH:
                    if sequence in spans:
                        raise _damaged(path, f"the sequence {sequence!r} stands there twice")
                    spans[sequence] = (start, token.end())
                depth -= 1
            elif depth < _SEQUENCE_DEPTH:
                name = sign
    if depth or not spans:
        raise _damaged(path, "it is cut off" if depth else "it has no sequence")
    return spans


def _as_text(path: Path, token: bytes) -> str:
    try:
        return canonical(str(json.loads(token)))
    except ValueError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path.name} is no CalMS21 JSON that can be read ({reason[:200]}). Get it again.")
