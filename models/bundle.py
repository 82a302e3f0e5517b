"""A trained head in a folder, with all that is needed to use it elsewhere.

::

    head.json    settings, shapes, versions, SHA-256 of the other files and of itself, and the caller's metadata
    model.keras  the network with its weights (Keras' own format); it expects scaled embeddings (0: missing) and a mask
    scaler.npz   mean and std, float32; components, where the network expects fewer features made of the scaled ones

Nothing in it is pickled, and the network is loaded in Keras' safe mode, so that a stranger's bundle runs no
code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Mapping
from importlib import metadata as package_metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from common.errors import InputError
from common.files import sha256_of, write_text
from models.heads import HEADS
from models.heads.dropout import dropout_class
from models.heads.masked_tcn import masked_tcn_class
from models.heads.scan_lstm import scan_lstm_class
from models.heads.transformer import encoder_block_class
from models.inference import TrainedHead
from models.network import Network
from models.scaler import Scaler
from models.settings import TrainingConfig
from models.tasks import task_from

FORMAT_VERSION = 1
_HEADER, _MODEL, _SCALER = "head.json", "model.keras", "scaler.npz"
_CHECKSUM = "header_sha256"
_PACKAGES = ("tensorflow", "keras", "keras-tcn", "numpy")


def save_bundle(folder: Path, head: TrainedHead, metadata: dict[str, Any]) -> Path:
    """Write a trained head; the folder appears whole or not at all.

    Parameters
    ----------
    folder : Path
        Where to. A folder of that name is replaced.
    head : TrainedHead
        What to write.
    metadata : dict
        Anything that JSON can hold: behavior, feature recipe, post-processing. Given back by `load_bundle`.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    try:
        # Not tempfile.mkdtemp, whose folders nobody else may read.
        temporary = _fresh_sibling(folder, "partial")
        temporary.mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"The trained head cannot be written to {folder}: {error.strerror or error}. "
            "Choose an output folder that you may write to."
        ) from error
    try:
        _write_files(temporary, head, metadata)
        _replace_folder(temporary, folder)
    except OSError as error:
        raise InputError(
            f"The trained head cannot be written to {folder}: {error.strerror or error}. "
            "Free some space or close the programs that have the folder open, then run again."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def load_bundle(folder: Path) -> tuple[TrainedHead, dict[str, Any]]:
    """Read a trained head back; its probabilities are bit-identical to those before saving (same machine).

    Parameters
    ----------
    folder : Path
        As `save_bundle` wrote it.

    Returns
    -------
    tuple of TrainedHead and dict
        The head, and the metadata given to `save_bundle`.

    Raises
    ------
    InputError
        If files are missing, damaged, or from a newer Rearview.
    """
    header = _whole_header(folder)
    try:
        head_config = HEADS[header["head"]["name"]].model_validate(header["head"])
        training = TrainingConfig.model_validate(header["training"])
        with np.load(folder / _SCALER, allow_pickle=False) as arrays:
            scaler = Scaler(**arrays)
        # Heads of before there were tasks say of one behavior whether it is present.
        task = task_from(header.get("task", "binary"))
        network = Network(_load_model(folder / _MODEL), task, training.batch_windows)
    except (KeyError, ValueError, TypeError, OSError, ValidationError) as error:
        raise InputError(
            f"The trained head in {folder} cannot be read: {error}. It was written with "
            f"{_versions(header)}; this is "
            f"{_versions({'versions': _installed_versions()})}. Use those versions, or train the head again."
        ) from error
    return TrainedHead(head_config, task, training, scaler, network.get_weights(), network), header["metadata"]


def read_metadata(folder: Path) -> dict[str, Any]:
    """What a bundle says of itself, without loading the network.

    Raises
    ------
    InputError
        If the bundle is missing or damaged.
    """
    metadata: dict[str, Any] = _read_header(folder)["metadata"]
    return metadata


def is_bundle_of(folder: Path, metadata: Mapping[str, Any]) -> bool:
    """Whether a whole, undamaged bundle lies there whose metadata has these entries."""
    try:
        found = _whole_header(folder)["metadata"]
    except InputError:
        return False
    return all(found.get(key) == value for key, value in metadata.items())


def update_metadata(folder: Path, changes: dict[str, Any]) -> None:
    """Replace entries of a bundle's metadata, for what is only known once other heads are trained.

    Parameters
    ----------
    folder : Path
        A bundle.
    changes : dict
        Entries that JSON can hold; others stay as they are. The head itself is not touched.

    Raises
    ------
    InputError
        If the bundle is missing, damaged, or cannot be written.
    """
    header = _read_header(folder)
    header["metadata"] = {**header["metadata"], **changes}
    write_text(folder / _HEADER, _header_text(header))


def _header_text(header: dict[str, Any]) -> str:
    guarded = {**header, _CHECKSUM: _checksum(header)}
    return json.dumps(guarded, indent=2, ensure_ascii=False) + "\n"


def _checksum(header: Mapping[str, Any]) -> str:
    """SHA-256 of a header without its own."""
    rest = {key: value for key, value in header.items() if key != _CHECKSUM}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode("utf-8")).hexdigest()


def _write_files(folder: Path, head: TrainedHead, metadata: dict[str, Any]) -> None:
    """The three files, header last."""
    _save_model(folder / _MODEL, head.model)
    arrays: dict[str, Any] = {key: value for key, value in vars(head.scaler).items() if value is not None}
    np.savez(folder / _SCALER, **arrays)
    header = {
        "format_version": FORMAT_VERSION,
        "head": head.config.model_dump(mode="json"),
        "task": head.task.model_dump(mode="json"),
        "training": head.training.model_dump(mode="json"),
        "n_features": head.n_features,
        "window_frames": head.window_frames,
        "versions": _installed_versions(),
        "sha256": {name: sha256_of(folder / name) for name in (_MODEL, _SCALER)},
        "metadata": metadata,
    }
    (folder / _HEADER).write_text(_header_text(header), encoding="utf-8")


def _save_model(path: Path, model: Any) -> None:
    """Save a network as Keras does, but for what is not of the network: equal ones give equal bytes.

    Keras puts down the moment, and where objects lay in memory.
    """
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["metadata.json"] = json.dumps(json.loads(parts["metadata.json"]) | {"date_saved": ""}).encode("utf-8")
    parts["config.json"] = _with_numbered_objects(parts["config.json"].decode("utf-8")).encode("utf-8")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            # Dated 1980 unless told otherwise.
            archive.writestr(zipfile.ZipInfo(name), content)


def _with_numbered_objects(config: str) -> str:
    numbers: dict[str, int] = {}
    return re.sub(
        r'(?<="shared_object_id": )\d+', lambda found: str(numbers.setdefault(found[0], len(numbers) + 1)), config
    )


def _replace_folder(temporary: Path, folder: Path) -> None:
    """Rename into place; an older folder is moved aside first, as Windows cannot rename onto it."""
    if not folder.exists():
        temporary.replace(folder)
        return
    aside = _fresh_sibling(folder, "old")
    folder.replace(aside)
    temporary.replace(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _fresh_sibling(folder: Path, suffix: str) -> Path:
    """A hidden name beside `folder`, free of what a killed run may have left there."""
    path = folder.parent / f".{folder.name}.{os.getpid()}.{suffix}"
    shutil.rmtree(path, ignore_errors=True)
    return path


def _whole_header(folder: Path) -> dict[str, Any]:
    """head.json, once the other files are found to be as they were written."""
    header = _read_header(folder)
    for name, expected in header["sha256"].items():
        path = folder / name
        if not path.is_file() or sha256_of(path) != expected:
            found = "differs from what was written" if path.is_file() else "is missing"
            raise InputError(
                f"The trained head in {folder} is damaged: {name} {found} (head.json holds its SHA-256). "
                "Copy the whole folder again from where it was trained, or train it again."
            )
    return header


def _read_header(folder: Path) -> dict[str, Any]:
    """head.json, checked for what the loader needs."""
    path = folder / _HEADER
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no trained head: {_HEADER} is missing. Give the folder of one behavior, such as "
            "runs/NAME/heads/BEHAVIOR."
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"The trained head in {folder} is damaged: {_HEADER} cannot be read ({error}). Copy the whole "
            "folder again from where it was trained, or train it again."
        ) from error
    needed = {"format_version", "head", "training", "sha256", "metadata"}
    missing = sorted(needed - set(header)) if isinstance(header, dict) else sorted(needed)
    if missing or not isinstance(header["sha256"], dict) or not {_MODEL, _SCALER} <= set(header["sha256"]):
        raise InputError(
            f"The trained head in {folder} is damaged: {_HEADER} lacks {', '.join(missing) or 'a checksum'}. "
            "Copy the whole folder again from where it was trained, or train it again."
        )
    # Older heads have none.
    if header.get(_CHECKSUM, _checksum(header)) != _checksum(header):
        raise InputError(
            f"The trained head in {folder} is damaged: {_HEADER} differs from what was written (it holds its own "
            "SHA-256). Copy the whole folder again from where it was trained, or train it again."
        )
    if header["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"The trained head in {folder} has format version {header['format_version']}, but this Rearview "
            f"reads version {FORMAT_VERSION}. Update Rearview, or train the head again."
        )
    return header


def _load_model(path: Path) -> Any:
    """The saved network; nothing in the file is run as code."""
    import keras

    for registered in (masked_tcn_class, scan_lstm_class, encoder_block_class, dropout_class):
        registered()
    return keras.models.load_model(path, compile=False, safe_mode=True)


def _installed_versions() -> dict[str, str]:
    versions = {name: package_metadata.version(name) for name in _PACKAGES}
    return {"python": ".".join(map(str, sys.version_info[:3])), **versions}


def _versions(header: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in header.get("versions", {}).items()) or "unknown versions"
