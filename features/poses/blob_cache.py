"""Blob tracks that were made before: following a blob costs two decodings of the video.

One `.npz` per video in the cache's folder `blob_tracks`, with what it was made from: the hash of the
video's bytes, `BLOB_VERSION` and OpenCV's version, which decodes. Anything else, or a damaged file, is
made anew. Nothing is unpickled.
"""

import io
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from common.files import replace_bytes
from features.poses.blob import BLOB_VERSION, track_blob
from features.tracks import BLOB, PoseTrack
from features.video.inspection import VideoInfo

log = logging.getLogger(__name__)

FOLDER = "blob_tracks"


def cached_blob_track(
    video: VideoInfo, cache_dir: Path, progress: Callable[[int, int], None] | None = None
) -> PoseTrack:
    """`track_blob`, or what it gave for the same video before (without calling `progress`).

    The video's hash is the key, so that a file that was moved is recognised. Errors as in `track_blob`.
    """
    path = cache_dir / FOLDER / f"{video.sha256[:32]}.npz"
    made_from = json.dumps({"sha256": video.sha256, "blob_version": BLOB_VERSION, "opencv": cv2.__version__})
    track = _read(path, made_from, video)
    if track is None:
        track = track_blob(video.path, progress)
        _write(path, made_from, track)
    return track


def list_blob_tracks(cache_dir: Path) -> list[Path]:
    """Files of blob tracks in a cache folder, sorted."""
    return sorted((cache_dir / FOLDER).glob("*.npz"))


def prune_blob_tracks(cache_dir: Path, older_than_days: float) -> list[Path]:
    """Remove blob tracks that are older than this (0 removes all); returns those."""
    latest_s = time.time() - older_than_days * 86400
    old = [path for path in list_blob_tracks(cache_dir) if path.stat().st_mtime <= latest_s]
    for path in old:
        path.unlink(missing_ok=True)
    return old


def _read(path: Path, made_from: str, video: VideoInfo) -> PoseTrack | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["made_from"]) != made_from:
                return None
            xy_px, likelihood = stored["xy_px"], stored["likelihood"]
    except Exception as error:  # a damaged archive raises whatever its bytes lead to
        log.warning("The blob track %s is not readable (%s) and is made anew.", path, error)
        return None
    if xy_px.shape != (video.n_frames, 1, 2) or likelihood.shape != (video.n_frames, 1):
        return None
    return PoseTrack((BLOB,), xy_px, likelihood, video.path)


def _write(path: Path, made_from: str, track: PoseTrack) -> None:
    stream = io.BytesIO()
    np.savez(stream, xy_px=track.xy_px, likelihood=track.likelihood, made_from=np.array(made_from))
    try:
        replace_bytes(path, stream.getvalue())
    except OSError as error:
        log.warning("The blob track %s can't be kept (%s).", path, error)
