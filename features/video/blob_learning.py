"""What is learned of an animal before it is followed as a blob: from its own video, or with the help of others.

The background can be learned from a video in which the animal leaves its place. A clip of a few frames, or an animal
that stays where it is, shows too little of it: then frames of other videos, of the same arena and camera, are taken to
those of the video itself. They are the same whatever was tracked before.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import listing
from features.tracks import PoseOddity
from features.video.blobs import Blob, find_blob
from features.video.foreground import N_SAMPLES, BlobModel, FrameSampler, learn_blob, shrink
from features.video.inspection import VideoInfo
from features.video.reading import iter_bgr_frames

MOST_OTHERS = 24
"""Videos that are looked at to borrow a background."""
_N_OF_EACH, _LOOKED_AT_FRAMES = 8, 960
_FEWEST_FRAMES = 4
"""With fewer the animal is as often in a place as the ground is, so that it can't be told which of them moved."""
_OTHER_GRAY, _MOST_OTHER = 20.0, 0.15
"""Of the same arena and camera at most this share differs by so much: 0.07 between real clips, 0.25 between cameras."""
_MOST_RESTED, _NEAR_LENGTHS, _NEAR_LENGTHS_SHORT = 0.9, 1.0, 1.5
"""An animal that is so often so near to one place may be a part of the background that was learned. Of one that only
moves its tail or its head, or turns, all of the blob is within its own length (simulated, and a home cage by three
cameras); of one that walks about, half at most (five real recordings). Its pieces in a clip of a few frames are
farther apart."""


def neighbors(video: VideoInfo, others: Iterable[VideoInfo]) -> list[VideoInfo]:
    """The first few of the others that are other films in frames of the same size."""
    found: dict[str, VideoInfo] = {}
    for other in others:
        if (other.width_px, other.height_px) == (video.width_px, video.height_px) and other.sha256 != video.sha256:
            found.setdefault(other.sha256, other)
        if len(found) == MOST_OTHERS:
            break
    return list(found.values())


def learn(
    sampler: FrameSampler, name: str, others: Callable[[], list[VideoInfo]]
) -> tuple[BlobModel, tuple[PoseOddity, ...]]:
    """Learn what is needed to find the animal of a video; `others` is called only where its own frames don't tell.

    Raises
    ------
    InputError
        Nothing stands out, neither with its own frames nor with those of others.
    """
    own, refused = None, None
    try:
        own = learn_blob(sampler, name)
    except InputError as error:
        refused = error
    near_lengths = _NEAR_LENGTHS if sampler.n_frames >= N_SAMPLES else _NEAR_LENGTHS_SHORT
    is_moving = (
        sampler.n_frames >= _FEWEST_FRAMES
        and own is not None
        and rested_share(sampler, own, near_lengths) <= _MOST_RESTED
    )
    if own is not None and is_moving and sampler.n_frames >= N_SAMPLES:
        return own, ()
    borrowed = _learn_with(sampler, name, others())
    if borrowed is not None:
        return borrowed
    if own is None:
        raise InputError(
            f"{refused} A short or still clip is followed by the background of other recordings in the same table, of "
            "the same camera and frame size, but none was found that helps."
        )
    return own, () if is_moving else (_doubt(sampler, name),)


def rested_share(sampler: FrameSampler, model: BlobModel, near_lengths: float) -> float:
    """In what share of the samples the blob is so near to where it is most, of those where it is found."""
    blobs = _blobs(sampler.samples, model)
    if not blobs:
        return 1.0
    places = np.array([(blob.x_px, blob.y_px) for blob in blobs])
    near_px = near_lengths * float(np.quantile([blob.major_axis_px for blob in blobs], 0.9))
    return float((np.linalg.norm(places[:, None] - places, axis=2) <= near_px).mean(axis=1).max())


def _learn_with(
    sampler: FrameSampler, name: str, others: list[VideoInfo]
) -> tuple[BlobModel, tuple[PoseOddity, ...]] | None:
    """The same with frames of the others that show the same arena; None where that doesn't help."""
    own = sampler.samples[:: max(1, len(sampler.samples) // _N_OF_EACH)]
    if len({sample.shape for sample in own}) != 1:
        return None
    middle = np.median(np.stack(own), axis=0).astype(np.float32)
    together = FrameSampler()
    together.samples, together.width_px, together.n_frames = list(own), sampler.width_px, len(own)
    used = []
    for other in others:
        theirs = _as_light(_samples(other), middle)
        if theirs and len(together.samples) + len(theirs) <= N_SAMPLES:
            used.append(other)
            together.samples += theirs
    if not used:
        return None
    try:
        model = learn_blob(together, name)
    except InputError:
        return None
    if 2 * len(_blobs(own, model)) < len(own) or rested_share(together, model, _NEAR_LENGTHS) > _MOST_RESTED:
        return None
    note = PoseOddity(
        f"{name} has too few frames, or the animal stays in its place: the background that its blob stands out from is "
        f"borrowed from {listing([other.path.name for other in used], 4)}.",
        "The crop is right where these show the same arena with the same camera, as far as pictures tell.",
        "Nothing, if they do.",
        severity="note",
    )
    return model, (note,)


@lru_cache(maxsize=MOST_OTHERS + 8)
def _shrunk(path: Path, sha256: str, step_frames: int) -> tuple[NDArray[np.uint8], ...]:
    """A few frames of a video, shrunk; remembered, since neighbors in a table ask for the same."""
    return tuple(shrink(frame) for frame in islice(iter_bgr_frames(path, step_frames), _N_OF_EACH))


def _samples(video: VideoInfo) -> tuple[NDArray[np.uint8], ...]:
    return _shrunk(video.path, video.sha256, max(1, min(video.n_frames, _LOOKED_AT_FRAMES) // _N_OF_EACH))


def _as_light(samples: Iterable[NDArray[np.uint8]], middle: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Samples of another video, each as light as `middle` as a whole; none where it doesn't show the same arena."""
    same_size = [sample.astype(np.float32) for sample in samples if sample.shape == middle.shape]
    aligned = [np.clip(sample - np.median(sample - middle), 0, 255).astype(np.uint8) for sample in same_size]
    if not aligned:
        return []
    is_other = np.abs(np.median(np.stack(aligned), axis=0) - middle) > _OTHER_GRAY
    return aligned if is_other.mean() <= _MOST_OTHER else []


def _blobs(samples: Iterable[NDArray[np.uint8]], model: BlobModel) -> list[Blob]:
    return [blob for sample in samples if (blob := find_blob(sample, model)) is not None]


def _doubt(sampler: FrameSampler, name: str) -> PoseOddity:
    return blob_doubt(
        f"What stands out in {name} hardly leaves its place in its {sampler.n_frames:,} frames, or they are too few to "
        "tell. The animal may be a part of the background: the blob is perhaps its tail, its head, or a cable that "
        "moves."
    )


def blob_doubt(found: str) -> PoseOddity:
    """The blob is perhaps not the animal; `found` says why."""
    return PoseOddity(
        found,
        "Crops may be cut beside the animal, and nothing can be learned from them.",
        "Name other recordings of the same arena and camera in the same table: their background is then used where "
        "this one's can't be learned. Or look at crops on the video, and track it with DeepLabCut or SLEAP if they "
        "miss the animal.",
        is_doubt=True,
    )
