"""NumPy tracks: ids, boxes and keypoints per frame, as `.npy` files side by side or in one `.npz`.

The form of vivarium data sets, where several animals are tracked by boxes. The files are named
``ids.npy``, ``boxes.npy`` and ``keypoints.npy``, or with the same beginning (``cage1_ids.npy``, …); any
one of them is named in the table, the others are found beside it. A lone ``.npy`` of another name is
taken as keypoints. In an ``.npz`` the arrays carry these names.

- keypoints: (n_frames, n_animals, n_keypoints, 2 or 3), or without the axis of animals where there is
  one; x, y in pixels and, of three, the likelihood. NaN or exactly (0, 0) where missing.
- boxes: (n_frames, n_animals, 4) or (n_frames, 4): left, top, right, bottom in pixels. Their middle
  becomes the keypoint ``box``. NaN or all zero where missing.
- ids: (n_frames, n_animals) or (n_frames,): which animal stands in which place of a frame; negative or
  NaN = none. Without ids the place is the animal.
- names (``.npz`` only): the keypoints' names; without them they are called ``keypoint_0``, ….

Arrays of Python objects are pickles and are never opened.
"""

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from features.poses.assembly import ABSENT, choose_individual, make_track, require_sane_length
from features.poses.hdf5 import MAX_VALUES, text
from features.tracks import PoseTrack

DESCRIPTION = "NumPy tracks (.npy or .npz: ids, boxes, keypoints)"
_ROLES = ("keypoints", "boxes", "ids")
_NPY_START, _ZIP_START = b"\x93NUMPY", b"PK\x03\x04"

Arrays = dict[str, NDArray]


def matches(path: Path) -> bool:
    """True where this is a NumPy file."""
    with path.open("rb") as file:
        start = file.read(6)
    if start == _NPY_START:
        return True
    if not start.startswith(_ZIP_START):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def read(path: Path, individual: str | None) -> PoseTrack:
    """Read one animal's keypoints, and the middle of its box.

    Raises
    ------
    InputError
        Damaged or pickled arrays, shapes that don't fit together, unknown individual.
    """
    arrays = _found_arrays(path)
    if not {"keypoints", "boxes"} & set(arrays):
        raise InputError(
            f"Expected keypoints or boxes beside {path.name}, found neither. Name the files …keypoints.npy, "
            "…boxes.npy and …ids.npy with the same beginning, in one folder."
        )
    names, xy_px, likelihood = _points(path, arrays)
    place = _places(path, arrays.get("ids"), xy_px.shape[:2], individual)
    frames, there = np.arange(len(place)), (place >= 0)[:, None]
    chosen_xy_px = np.where(there[:, :, None], xy_px[frames, place], np.nan)
    track = make_track(path, names, chosen_xy_px, np.where(there, likelihood[frames, place], np.nan))
    if "boxes" not in arrays:
        return track
    return replace(track, box_px=np.where(there, _boxes(path, arrays)[frames, place], np.nan))


def _found_arrays(path: Path) -> Arrays:
    """The arrays by their role."""
    with path.open("rb") as file:
        is_archive = file.read(4) == _ZIP_START
    if is_archive:
        return {name: array for name, array in _load(path).items() if name in (*_ROLES, "names")}
    role = next((word for word in _ROLES if path.stem.endswith(word)), None)
    if role is None:
        return {"keypoints": _load(path)["array"]}
    beginning = path.stem.removesuffix(role)
    files = {word: path.with_name(f"{beginning}{word}{path.suffix}") for word in _ROLES}
    return {word: _load(file)["array"] for word, file in files.items() if file.is_file()}


def _load(path: Path) -> Arrays:
    """All arrays of a file; that of an `.npy` is called `array`."""
    try:
        loaded = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(loaded, np.ndarray):
            _require_sane_size(loaded.shape)
            return {"array": loaded}
        with loaded:
            arrays: Arrays = {}
            for member in loaded.zip.infolist():
                # A few compressed bytes can swell beyond the memory.
                _require_sane_size((member.file_size // 8,))
                arrays[member.filename.removesuffix(".npy")] = loaded[member.filename]
            return arrays
    except Exception as error:  # damaged headers raise whatever their bytes lead to, tokenizer errors included
        remedy = "Save it again."
        if "object" in str(error).lower():
            remedy = (
                "It holds Python objects, which can run any code when they are opened. Save it as a plain array, "
                "with NaN where a frame has fewer animals: np.save(file, np.asarray(array, dtype=float))."
            )
        raise InputError(
            f"{path.name} is no NumPy array that can be read here ({' '.join(str(error).split())}). {remedy}"
        ) from error


def _require_sane_size(shape: tuple[int, ...]) -> None:
    if np.prod([float(n) for n in shape]) > MAX_VALUES:
        raise ValueError(f"{shape} are more values than a recording has")


def _points(path: Path, arrays: Arrays) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """Names, positions (n_frames, n_animals, n_keypoints, 2) and likelihood (n_frames, n_animals, n_keypoints)."""
    names: list[str] = []
    parts: list[NDArray[np.float64]] = []
    if "keypoints" in arrays:
        keypoints = _numbers(path, "keypoints", arrays["keypoints"])
        keypoints = keypoints[:, None] if keypoints.ndim == 3 else keypoints
        if keypoints.ndim != 4 or keypoints.shape[3] not in (2, 3) or not keypoints.shape[2]:
            raise _wrong_shape(path, "keypoints", arrays["keypoints"], "(n_frames, n_animals, n_keypoints, 2 or 3)")
        _require_likelihoods(path, keypoints)
        parts.append(keypoints)
        names += _names(path, arrays, keypoints.shape[2])
    if "boxes" in arrays:
        boxes = _boxes(path, arrays)
        parts.append(((boxes[..., :2] + boxes[..., 2:]) / 2)[:, :, None])
        names.append("box")
    if len({part.shape[:2] for part in parts}) != 1:
        found = " and ".join(f"{part.shape[0]} frames × {part.shape[1]} animals" for part in parts)
        raise InputError(f"The keypoints and boxes of {path.name} don't fit together: {found}.")
    likelihood = [part[..., 2] if part.shape[3] == 3 else np.ones(part.shape[:3]) for part in parts]
    xy_px = np.concatenate([part[..., :2] for part in parts], axis=2)
    return tuple(names), xy_px, np.concatenate(likelihood, axis=2)


def _numbers(path: Path, role: str, array: NDArray) -> NDArray[np.float64]:
    if array.ndim == 0 or not (np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)):
        raise _wrong_shape(path, role, array, "an array of numbers")
    require_sane_length(path, array.shape[0])
    return np.array(array, dtype=np.float64)


def _require_likelihoods(path: Path, keypoints: NDArray[np.float64]) -> None:
    """Raise `InputError` unless the third number is a likelihood: no name tells it from a third coordinate."""
    thirds = keypoints[..., 2:]
    wrong = np.argwhere((thirds < -1e-6) & (thirds != ABSENT[1]) | (thirds > 1 + 1e-6))
    if len(wrong):
        frame, _, k, _ = (int(number) for number in wrong[0])
        found = f"{thirds[tuple(wrong[0])]:g} in frame {frame}, keypoint {k}"
        raise InputError(
            f"Expected likelihoods between 0 and 1 as third number in {path.name}, found {found}. Are these positions "
            "in space (x, y, z)? Save x and y in pixels of the video, with a likelihood or without."
        )


def _wrong_shape(path: Path, role: str, array: NDArray, expected: str) -> InputError:
    return InputError(
        f"Expected the {role} of {path.name} in the shape {expected}, found {array.shape} of {array.dtype}. "
        "Save them with NaN where a frame has fewer animals."
    )


def _names(path: Path, arrays: Arrays, n_keypoints: int) -> list[str]:
    if "names" not in arrays:
        return [f"keypoint_{k}" for k in range(n_keypoints)]
    names = [text(name) for name in arrays["names"].ravel()]
    if len(names) != n_keypoints:
        raise InputError(f"{path.name} has {len(names)} names for {n_keypoints} keypoints. Give one for each.")
    return names


def _boxes(path: Path, arrays: Arrays) -> NDArray[np.float64]:
    """Left, top, right, bottom (n_frames, n_animals, 4); NaN where there is no box."""
    boxes = _numbers(path, "boxes", arrays["boxes"])
    boxes = boxes[:, None] if boxes.ndim == 2 else boxes
    if boxes.ndim != 3 or boxes.shape[2] != 4:
        raise _wrong_shape(path, "boxes", arrays["boxes"], "(n_frames, n_animals, 4)")
    none = ~np.isfinite(boxes).all(axis=2) | (boxes == 0).all(axis=2)
    wrong = np.argwhere(~none & ((boxes[..., 2] < boxes[..., 0]) | (boxes[..., 3] < boxes[..., 1])))
    if len(wrong):
        frame, place = (int(number) for number in wrong[0])
        raise InputError(
            f"Expected boxes as left, top, right, bottom in {path.name}, found {boxes[frame, place].tolist()} in frame "
            f"{frame}. Are they x, y, width, height? Add x to the width and y to the height."
        )
    boxes[none] = np.nan
    return boxes


def _places(path: Path, stored: NDArray | None, shape: tuple[int, int], individual: str | None) -> NDArray[np.int64]:
    """In which place of each frame the animal stands, shape (n_frames,); -1 where it doesn't."""
    n_frames, n_animals = shape
    if stored is None:
        names = [str(place) for place in range(n_animals)] if n_animals != 1 else [""]
        if not n_animals:
            raise InputError(f"The arrays of {path.name} hold no animal. Track the video again.")
        return np.full(n_frames, names.index(choose_individual(path, names, individual)), dtype=np.int64)
    ids = _numbers(path, "ids", stored)
    ids = ids[:, None] if ids.ndim == 1 else ids
    if ids.shape != shape:
        raise _wrong_shape(path, "ids", stored, f"({n_frames}, {n_animals})")
    known = np.unique(ids[np.isfinite(ids) & (ids >= 0)])
    if not len(known):
        raise InputError(f"The ids of {path.name} name no animal in any frame. Track the video again.")
    names = [f"{number:.15g}" for number in known]
    name = choose_individual(path, names, individual)
    is_chosen = ids == known[names.index(name)]
    twice = np.flatnonzero(is_chosen.sum(axis=1) > 1)
    if len(twice):
        raise InputError(f"The ids of {path.name} name animal {name} twice in frame {int(twice[0])}. Track it again.")
    return np.where(is_chosen.any(axis=1), is_chosen.argmax(axis=1), -1).astype(np.int64)
