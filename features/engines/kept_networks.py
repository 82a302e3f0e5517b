"""Networks that an engine has brought into its own form, kept in files that are whole or are not used.

A file holds a checksum, the length of the network's structure, the structure as XML and the weights. It comes to its
name in one step, so that several processes may write it at once, and it is mapped into memory, not read: what the
weights take there is shared by all who use it.
"""

import hashlib
import logging
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from common.files import replacing

log = logging.getLogger(__name__)

FOLDER = "networks"
_SUFFIX = ".network"
_DIGEST_BYTES, _LENGTH_BYTES, _ALIGNED_BYTES = 32, 8, 64


class KeptNetwork(NamedTuple):
    """A network's structure as XML, and its weights, shape (n_bytes,) uint8."""

    structure: bytes
    weights: NDArray[np.uint8]


def network_path(folder: Path, backbone: str, key: str) -> Path:
    """Where a network is, or would be; the key (64 hexadecimal digits) tells all that determines it."""
    return folder / f"{backbone}__{key[:12]}{_SUFFIX}"


def read_network(path: Path, key: str) -> KeptNetwork | None:
    """Open a kept network and compare its checksum; None where there is none, or it is damaged (which is logged)."""
    if not path.is_file():
        return None
    try:
        # Its users may want to write, which must not reach the file.
        content = np.memmap(path, dtype=np.uint8, mode="c")
    except (OSError, ValueError) as error:
        log.warning("The converted network %s can't be read (%s); it is made again.", path, error)
        return None
    start = _DIGEST_BYTES + _LENGTH_BYTES
    digest, length = content[:_DIGEST_BYTES].tobytes(), content[_DIGEST_BYTES:start].tobytes()
    if _digest(key, content[_DIGEST_BYTES:].data) != digest:
        log.warning("The converted network %s is damaged; it is made again.", path)
        return None
    stop = start + int.from_bytes(length, "little")
    return KeptNetwork(content[start:stop].tobytes(), content[stop:])


def keep_network(path: Path, key: str, network: KeptNetwork) -> None:
    """Write a network, in one step; where that can't be it is not kept, which only costs time the next time."""
    # So that the weights begin where the processor reads them fast.
    padding = b"\n" * (-(_DIGEST_BYTES + _LENGTH_BYTES + len(network.structure)) % _ALIGNED_BYTES)
    structure = network.structure + padding
    head = len(structure).to_bytes(_LENGTH_BYTES, "little") + structure
    weights = np.ascontiguousarray(network.weights).data
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            for part in (_digest(key, head, weights), head, weights):
                file.write(part)
    except OSError as error:
        log.debug("The converted network %s is not kept: %s.", path, error)


def list_networks(cache_dir: Path) -> list[Path]:
    """Files of kept networks in a cache folder, sorted."""
    return sorted((cache_dir / FOLDER).glob(f"*{_SUFFIX}"))


def prune_networks(cache_dir: Path, older_than_days: float) -> list[Path]:
    """Remove kept networks that are older than this (0 removes all) and not in use; returns those."""
    latest_s = time.time() - older_than_days * 86400
    removed = []
    for path in list_networks(cache_dir):
        if path.stat().st_mtime <= latest_s:
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                log.info("%s is in use and stays.", path)
                continue
            removed.append(path)
    return removed


def _digest(key: str, *parts: bytes | memoryview) -> bytes:
    hashed = hashlib.sha256(key.encode("ascii"))
    for part in parts:
        hashed.update(part)
    return hashed.digest()
