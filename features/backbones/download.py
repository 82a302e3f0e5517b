"""The ImageNet weights that Keras publishes: on this computer already, or downloaded within limits.

Keras waits for as long as a firewall keeps silent, so whether its server answers is tried
first, with a time limit, and a download that stalls is given up.
"""

import hashlib
import logging
import os
import queue
import socket
import tempfile
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from features.backbones.base import PublishedWeights

log = logging.getLogger(__name__)

PROBE_LIMIT_S = 4.0
STALL_LIMIT_S = 30.0


class WeightsUnavailableError(Exception):
    """The published weights are not here and could not be downloaded; the message says why."""


def keras_models_dir() -> Path:
    """The folder in which Keras keeps downloaded weights, told without importing Keras."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home).expanduser() if home else Path.home() / ".keras") / "models"


def find_published(weights: PublishedWeights) -> Path | None:
    """Find weights that Keras has downloaded before (or a person has put there); None where they aren't whole."""
    # Keras falls back to the temporary folder when its own can't be written to.
    for folder in (keras_models_dir(), Path(tempfile.gettempdir()) / ".keras" / "models"):
        path = folder / weights.file_name
        if not path.is_file():
            continue
        if weights.md5 is None or hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == weights.md5:
            return path
        log.warning("%s is not the file that Keras publishes (its checksum differs); it is not used.", path)
    return None


def download_published(weights: PublishedWeights) -> Path:
    """Have Keras download published weights into its cache.

    Raises
    ------
    WeightsUnavailableError
        When the server doesn't answer within seconds, or the download fails or stalls.
    """
    why_not = unreachable_reason(weights.url)
    if why_not:
        raise WeightsUnavailableError(why_not)
    import keras

    log.info("Downloading %s (once; Keras keeps it).", weights.url)
    previous = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_LIMIT_S)
    try:
        path = keras.utils.get_file(weights.file_name, weights.url, cache_subdir="models", file_hash=weights.md5)
    except Exception as error:  # Keras raises bare Exception for most failures
        raise WeightsUnavailableError(f"the download failed: {error}") from error
    finally:
        socket.setdefaulttimeout(previous)
    return Path(path)


def unreachable_reason(url: str, limit_s: float = PROBE_LIMIT_S) -> str:
    """Why the server of a URL (or the proxy that leads there) accepts no connection; empty where it does.

    Comes back within ``limit_s`` in any case.
    """
    host, port = _first_hop(url)
    outcome: queue.Queue[str] = queue.Queue()

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=limit_s).close()
            outcome.put("")
        except OSError as error:
            outcome.put(f"no connection to {host} ({error})")

    # A thread, because looking up a name has no time limit of its own.
    threading.Thread(target=connect, daemon=True, name="reachability").start()
    try:
        return outcome.get(timeout=limit_s)
    except queue.Empty:
        return f"no connection to {host} (no answer within {limit_s:g} s)"


def _first_hop(url: str) -> tuple[str, int]:
    """Host and port that a download of this URL connects to first."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host = parts.hostname or host
    return host, parts.port or (443 if parts.scheme == "https" else 80)
