"""Blob tracks that were made before: following a blob costs two decodings of the video.

One `.npz` per video in the cache's folder `blob_tracks`, with what it was made from: the hash of the
video's bytes and of those that its background may be borrowed from, `BLOB_VERSION` and OpenCV's
version, which decodes. Anything else, or a damaged file, is made anew. Nothing is unpickled.
"""

import io
import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from common.files import replace_bytes
from features.poses.blob import BLOB_VERSION, track_blob
from features.tracks import BLOB, PoseOddity, PoseTrack
from features.video.blob_learning import neighbors
from features.video.inspection import VideoInfo

log = logging.getLogger(__name__)

FOLDER = "blob_tracks"


def cached_blob_track(
    video: VideoInfo,
    cache_dir: Path,
    progress: Callable[[int, int], None] | None = None,
    others: Iterable[VideoInfo] = (),
) -> PoseTrack:
    """`track_blob`, or what it gave for the same video before (without calling `progress`).

    The video's hash is the key, so that a file that was moved is recognised. Of `others`, videos to borrow a background
    from, the first that may help are looked at, and only where one is needed: their hashes are then part of what a
    track was made from. Errors as in `track_blob`.
    """
    path = cache_dir / FOLDER / f"{video.sha256[:32]}.npz"
    asked: list[VideoInfo] | None = None

    def ask() -> list[VideoInfo]:
        nonlocal asked
        asked = neighbors(video, others) if asked is None else asked
        return asked

    stored = _read(path, video)
    if stored is not None:
        track, made_from = stored
        if made_from == _made_from(video, None if made_from.get("others") is None else ask()):
            return track
    track = track_blob(video.path, progress, ask)
    _write(path, _made_from(video, asked), track)
    return track


def _made_from(video: VideoInfo, others: list[VideoInfo] | None) -> dict[str, Any]:
    """What a track is made from; `others` is None where none was asked for."""
    hashes = None if others is None else [other.sha256 for other in others]
    made_from = {"sha256": video.sha256, "blob_version": BLOB_VERSION, "opencv": cv2.__version__}
    made_from["av"] = av.__version__
    return made_from | ({} if hashes is None else {"others": hashes})


def list_blob_tracks(cache_dir: Path) -> list[Path]:
    """Files of blob tracks in a cache folder, sorted."""
    return sorted((cache_dir / FOLDER).glob("*.npz"))


def prune_blob_tracks(cache_dir: Path, older_than_days: float) -> list[Path]:
    """Remove blob tracks that are older than this (0 removes all); returns those."""
    latest_s = time.time() - older_than_days * 86400
    removed = []
    for path in list_blob_tracks(cache_dir):
        if path.stat().st_mtime <= latest_s:
            try:
                path.unlink(missing_ok=True)
            except PermissionError as error:
                log.warning("%s can't be deleted (%s) and stays.", path, error.strerror or error)
                continue
            removed.append(path)
    return removed


def _read(path: Path, video: VideoInfo) -> tuple[PoseTrack, dict[str, Any]] | None:
    """A stored track and what it was made from."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            made_from = json.loads(str(stored["made_from"]))
            if made_from["blob_version"] != BLOB_VERSION:
                return None
            oddities = tuple(PoseOddity(**odd) for odd in json.loads(str(stored["oddities"])))
            xy_px, likelihood = stored["xy_px"], stored["likelihood"]
    except Exception as error:  # a damaged archive raises whatever its bytes lead to
        log.warning("The blob track %s is not readable (%s) and is made again.", path, error)
        return None
    if xy_px.shape != (video.n_frames, 1, 2) or likelihood.shape != (video.n_frames, 1):
        return None
    return PoseTrack((BLOB,), xy_px, likelihood, video.path, oddities=oddities), made_from


def _write(path: Path, made_from: dict[str, Any], track: PoseTrack) -> None:
    stream = io.BytesIO()
    told = np.array(json.dumps([asdict(odd) for odd in track.oddities]))
    made = np.array(json.dumps(made_from))
    np.savez(stream, xy_px=track.xy_px, likelihood=track.likelihood, made_from=made, oddities=told)
    try:
        replace_bytes(path, stream.getvalue())
    except OSError as error:
        log.warning("The blob track %s can't be kept (%s).", path, error)
