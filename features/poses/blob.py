"""No pose file: one animal followed as a blob, by subtracting the background.

For one animal, a camera that stands still and an animal that stands out against the ground; good
enough to crop by, no substitute for keypoints. The background is the median of frames sampled over the
whole video; whether the animal is darker or lighter than it is told by which of the two covers more of
the picture over time. A pixel belongs to the animal where it is nearer to the animal's own brightness
than to the background's. Of what is left after morphological opening (which takes the tail away) the
largest piece of plausible size is the animal; its middle is the keypoint ``blob``.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from features.errors import InputError
from features.tracks import PoseTrack
from features.video import iter_bgr_frames

KEYPOINT = "blob"
BLOB_VERSION = 1
"""Raised when the same video gives another track."""

MAX_SIDE_PX = 480
"""Frames are shrunk to this: finer than needed to crop by, and fast."""
N_SAMPLES = 96
_NOISE_FACTOR = 6.0
_MIN_CONTRAST = 12.0
"""Gray levels (of 256); compression alone makes less."""
_SHADOW = 0.2
"""Shadows and reflections differ from the ground by up to this share of what the animal does."""
_RESTED_QUANTILE = 0.9
"""An animal may rest in one place for up to this share of the video."""
_MIN_AREA_PX = 12
_MAX_SHARE = 0.25
"""A blob that covers more of the picture is a change of light, or a hand."""
_SMALLEST, _LARGEST = 0.2, 4.0
"""Plausible areas, in usual areas: rearing seen from above, stretched out with its shadow."""


class Blob(NamedTuple):
    """The animal in one frame.

    Attributes
    ----------
    x_px, y_px : float
        Middle of its area, in pixels of the full frame.
    major_axis_px : float
        Length of the ellipse with the same second moments; near the body's length without the tail.
    likelihood : float
        How far it is the only blob and of the usual size, in [0, 1].
    """

    x_px: float
    y_px: float
    major_axis_px: float
    likelihood: float


@dataclass(frozen=True)
class BlobModel:
    """What is needed to find the animal in a frame of one video.

    Attributes
    ----------
    background : ndarray, shape (height, width), float32
        The empty arena in gray, shrunk by `scale`.
    threshold : ndarray, shape (height, width), float32
        How much darker (or lighter) than the background the animal is at least.
    scale : float
        Pixels of the full frame per pixel of the shrunk one.
    is_dark : bool
        True where the animal is darker than the ground.
    area_px : float
        The animal's usual area, in shrunk pixels.
    opening_px : int
        Size of what is too thin to be body, in shrunk pixels.
    """

    background: NDArray[np.float32]
    threshold: NDArray[np.float32]
    scale: float
    is_dark: bool
    area_px: float
    opening_px: int


def track_blob(video_path: Path, progress: Callable[[int, int], None] | None = None) -> PoseTrack:
    """Follow the one animal of a video; the video is decoded twice.

    Parameters
    ----------
    video_path : Path
        Its camera stands still and it shows one animal, most of the time.
    progress : callable, optional
        Called with the number of frames done and to do (decoding twice counts twice).

    Returns
    -------
    PoseTrack
        One keypoint `blob` per video frame; NaN where nothing of plausible size stands out.

    Raises
    ------
    InputError
        No such video, or nothing in it moves before a still background.
    """
    samples, n_frames, width_px = sample_frames(iter_bgr_frames(video_path))
    total = 2 * n_frames
    model = learn_blob(samples, width_px, video_path.name)
    xy_px = np.full((n_frames, 1, 2), np.nan)
    likelihood = np.full((n_frames, 1), np.nan)
    for number, frame in enumerate(iter_bgr_frames(video_path)):
        blob = find_blob(frame, model)
        if blob is not None:
            xy_px[number, 0] = blob.x_px, blob.y_px
            likelihood[number, 0] = blob.likelihood
        if progress is not None and number % 100 == 0:
            progress(n_frames + number, total)
    if progress is not None:
        progress(total, total)
    return PoseTrack((KEYPOINT,), xy_px, likelihood, video_path)


def sample_frames(frames: Iterable[NDArray[np.uint8]]) -> tuple[list[NDArray[np.uint8]], int, int]:
    """Evenly spaced frames, shrunk and gray (half of `N_SAMPLES` at least); the number of all; their full width."""
    samples: list[NDArray[np.uint8]] = []
    step, n_frames, width_px = 1, 0, 0
    for n_frames, frame in enumerate(frames, start=1):
        if (n_frames - 1) % step == 0:
            samples.append(shrink(frame))
            width_px = frame.shape[1]
            if len(samples) > N_SAMPLES:
                samples, step = samples[::2], 2 * step
    return samples, n_frames, width_px


def learn_blob(samples: list[NDArray[np.uint8]], full_width_px: int, name: str) -> BlobModel:
    """Learn background, brightness and size of the animal.

    Parameters
    ----------
    samples : list of ndarray, shape (height, width), uint8
        Gray, shrunk frames as `sample_frames` gives them.
    full_width_px : int
        Width of the video's own frames.
    name : str
        The video's, for errors.

    Raises
    ------
    InputError
        Nothing stands out, or what does is no single animal.
    """
    stack = np.stack(samples).astype(np.float32)
    background, is_dark, least = _learn_background(stack)
    excess = _excess(stack, background, is_dark)
    contrast = float(np.median(excess.max(axis=(1, 2))))
    if contrast < least:
        raise _nothing_moves(name)
    # Pixels of the animal, roughly: half as dark (or light) as it gets. They tell its own brightness.
    brightness = float(np.median(stack[excess > contrast / 2]))
    threshold = np.abs(background - brightness) / 2
    threshold = np.maximum(threshold, max(least, _SHADOW * contrast)).astype(np.float32)
    scale = full_width_px / stack.shape[2]
    draft = BlobModel(background, threshold, scale, is_dark, area_px=math.nan, opening_px=3)
    area_px = _usual_area(samples, draft, name)
    opening_px = max(3, 2 * round(0.15 * math.sqrt(area_px)) + 1)
    area_px = _usual_area(samples, replace(draft, opening_px=opening_px), name)
    return replace(draft, area_px=area_px, opening_px=opening_px)


def find_blob(frame: NDArray[np.uint8], model: BlobModel) -> Blob | None:
    """Find the animal in one frame (height, width, 3), blue, green, red; None where nothing plausible stands out."""
    return _find(shrink(frame), model)


def shrink(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame in gray, its longer side at most `MAX_SIDE_PX`, slightly smoothed against compression."""
    factor = min(1.0, MAX_SIDE_PX / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if factor < 1 else frame
    gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return cv2.GaussianBlur(gray, (3, 3), 0).astype(np.uint8, copy=False)


def _learn_background(stack: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool, float]:
    """The empty arena, whether the animal is darker, and the least difference that is no noise."""
    background = np.median(stack, axis=0)
    difference = _excess(stack, background, is_dark=False)
    noise = 1.4826 * float(np.median(np.abs(difference)))
    least = max(_MIN_CONTRAST, _NOISE_FACTOR * noise)
    # Where an animal rests for most of the video, the median shows it, and leaves a ghost of the opposite
    # sign. The ghost has one place, the animal comes to many: what covers more of the picture is the animal.
    is_dark = bool((difference < -least).any(axis=0).sum() >= (difference > least).any(axis=0).sum())
    rested = np.quantile(stack, _RESTED_QUANTILE if is_dark else 1 - _RESTED_QUANTILE, axis=0)
    has_ghost = np.abs(rested - background) > least
    return np.where(has_ghost, rested, background).astype(np.float32), is_dark, least


def _excess(frames: NDArray[np.float32], background: NDArray[np.float32], is_dark: bool) -> NDArray[np.float32]:
    """How much lighter (or darker) than the background, after what the light as a whole changed by."""
    difference = frames - background
    difference -= np.median(difference, axis=(-2, -1), keepdims=True)
    return -difference if is_dark else difference


def _usual_area(samples: list[NDArray[np.uint8]], model: BlobModel, name: str) -> float:
    """Median area of the largest piece in the samples."""
    areas = [area for sample in samples if (area := _largest_area(sample, model)) is not None]
    # The animal may be away for half of the video, no more: else what was found is something else.
    if 2 * len(areas) < len(samples):
        raise _nothing_moves(name)
    return float(np.median(areas))


def _largest_area(gray: NDArray[np.uint8], model: BlobModel) -> float | None:
    areas = _pieces(gray, model)[1][:, cv2.CC_STAT_AREA]
    sound = areas[(areas >= _MIN_AREA_PX) & (areas <= _MAX_SHARE * gray.size)]
    return float(sound.max()) if len(sound) else None


def _pieces(gray: NDArray[np.uint8], model: BlobModel) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels of connected pieces (0 = ground) and their statistics, without that of the ground."""
    is_animal = _excess(gray.astype(np.float32), model.background, model.is_dark) > model.threshold
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (model.opening_px, model.opening_px))
    mask = cv2.morphologyEx(is_animal.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels.astype(np.int32, copy=False), statistics[1:].astype(np.int32, copy=False)


def _find(gray: NDArray[np.uint8], model: BlobModel) -> Blob | None:
    labels, statistics = _pieces(gray, model)
    areas = statistics[:, cv2.CC_STAT_AREA] / model.area_px
    sound = np.flatnonzero((areas >= _SMALLEST) & (areas <= _LARGEST))
    if not len(sound):
        return None
    chosen = int(sound[np.argmax(areas[sound])])
    left, top, width, height = statistics[chosen, :4]
    piece = (labels[top : top + height, left : left + width] == chosen + 1).astype(np.uint8)
    moments = cv2.moments(piece, binaryImage=True)
    x, y = moments["m10"] / moments["m00"] + left, moments["m01"] / moments["m00"] + top
    spread = np.array([[moments["mu20"], moments["mu11"]], [moments["mu11"], moments["mu02"]]]) / moments["m00"]
    major_axis = 4 * math.sqrt(max(0.0, float(np.linalg.eigvalsh(spread)[1])))
    alone = float(areas[chosen] / areas[areas >= _SMALLEST].sum())
    usual = min(1.0, 2 * float(min(areas[chosen], 1 / areas[chosen])))
    # The centers of the shrunk pixels lie between those of the full frame.
    x_px, y_px = ((value + 0.5) * model.scale - 0.5 for value in (x, y))
    return Blob(x_px, y_px, major_axis * model.scale, alone * usual)


def _nothing_moves(name: str) -> InputError:
    return InputError(
        f"No animal can be followed as a blob in {name}: in most of its frames nothing of plausible size stands out "
        "from the still background. That needs one animal that differs from the ground, a camera that stands "
        "still, and an animal that leaves its place. Track the video with DeepLabCut or SLEAP, and name that file."
    )
