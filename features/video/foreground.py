"""What stands out from a still background: the animal, where no pose tells of it.

For a camera that stands still and an animal that stands out against the ground. The background is the median
of frames sampled over the whole video; whether the animal is darker or lighter than it is told by which of the
two covers more of the picture over time. A pixel belongs to the animal where it is nearer to the animal's own
brightness than to the background's. What is left after morphological opening (which takes the tail away), in
pieces of plausible size, is the animal, or several.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import InputError

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
_MOST_BOXES = 12
SMALLEST, LARGEST = 0.2, 4.0
"""Plausible areas, in usual areas: rearing seen from above, stretched out with its shadow."""


@dataclass(frozen=True)
class BlobModel:
    """What is needed to find the animal in a frame of one video; areas and lengths in shrunk pixels."""

    background: NDArray[np.float32]
    """The empty arena in gray, (height, width), shrunk by `scale`."""
    threshold: NDArray[np.float32]
    """How much darker (or lighter) than the background the animal is at least, by pixel."""
    scale: float
    """Pixels of the full frame per pixel of the shrunk one."""
    is_dark: bool
    area_px: float
    """The animal's usual area."""
    opening_px: int
    """Size of what is too thin to be body."""


@dataclass(frozen=True)
class ForegroundFrame:
    """Boxes around what stands out in one frame: left, top, right, bottom, in pixels of the full frame."""

    frame: int
    boxes_px: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class Foreground:
    """What stands out in frames spread over a video, in order."""

    animal_px: float
    """Usual size of the largest thing that stands out: the square root of its area, in pixels of the full frame."""
    frames: tuple[ForegroundFrame, ...]


class FrameSampler:
    """Takes all frames of a video in order and keeps evenly spaced ones, shrunk and gray.

    There are at most `n_samples`, and at least half of that where there are so many frames; sample i is frame
    i * `step_frames`. `n_frames` were taken so far, `width_px` wide in full.
    """

    def __init__(self, max_side_px: int = MAX_SIDE_PX, n_samples: int = N_SAMPLES) -> None:
        self._max_side_px, self._n_samples = max_side_px, n_samples
        self.samples: list[NDArray[np.uint8]] = []
        self.step_frames, self.n_frames, self.width_px = 1, 0, 0

    def add(self, picture: Callable[[], NDArray[np.uint8]]) -> None:
        """Take the next frame; its picture, (height, width, 3) as OpenCV has it, is asked for only if it is kept."""
        if self.n_frames % self.step_frames == 0:
            frame = picture()
            self.samples.append(shrink(frame, self._max_side_px))
            self.width_px = frame.shape[1]
            if len(self.samples) > self._n_samples:
                self.samples, self.step_frames = self.samples[::2], 2 * self.step_frames
        self.n_frames += 1


def learn_blob(sampler: FrameSampler, name: str) -> BlobModel:
    """Learn background, brightness and size of the animal from a video's frames; its name is for errors.

    Raises
    ------
    InputError
        Nothing stands out, or what does is no single animal.
    """
    samples = sampler.samples
    if len({sample.shape for sample in samples}) != 1:
        raise _nothing_moves(name)
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
    scale = sampler.width_px / stack.shape[2]
    draft = BlobModel(background, threshold, scale, is_dark, area_px=math.nan, opening_px=3)
    area_px = _usual_area(samples, draft, name)
    opening_px = max(3, 2 * round(0.15 * math.sqrt(area_px)) + 1)
    area_px = _usual_area(samples, replace(draft, opening_px=opening_px), name)
    return replace(draft, area_px=area_px, opening_px=opening_px)


def shrink(frame: NDArray[np.uint8], max_side_px: int = MAX_SIDE_PX) -> NDArray[np.uint8]:
    """The frame in gray, its longer side at most `max_side_px`, slightly smoothed against compression."""
    factor = min(1.0, max_side_px / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if factor < 1 else frame
    gray = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return cv2.GaussianBlur(gray, (3, 3), 0).astype(np.uint8, copy=False)


def find_foreground(sampler: FrameSampler) -> Foreground | None:
    """Look for animals in sampled frames; None where little is to be told from the background.

    Other than the blob tracker this asks what differs from the background at all, darker or lighter, moving or only
    left: of several animals each is seen, and one that rests for half of the video where it was.
    """
    if len({sample.shape for sample in sampler.samples}) != 1:
        return None
    stack = np.stack(sampler.samples).astype(np.float32)
    background = np.median(stack, axis=0)
    difference = _excess(stack, background, is_dark=False)
    is_other = np.abs(difference) > _least_difference(difference)
    scale = sampler.width_px / stack.shape[2]
    frames, largest = [], []
    for number, mask in enumerate(is_other):
        statistics = _connected(mask, opening_px=3)[1]
        areas = statistics[:, cv2.CC_STAT_AREA]
        sound = (areas >= _MIN_AREA_PX) & (areas <= _MAX_SHARE * mask.size)
        seen = statistics[sound][np.argsort(-areas[sound], kind="stable")][:_MOST_BOXES, : cv2.CC_STAT_AREA] * scale
        corners = tuple((float(x), float(y), float(x + width), float(y + height)) for x, y, width, height in seen)
        frames.append(ForegroundFrame(number * sampler.step_frames, corners))
        if sound.any():
            largest.append(float(areas[sound].max()))
    if 2 * len(largest) < len(frames):
        return None
    return Foreground(math.sqrt(float(np.median(largest))) * scale, tuple(frames))


def _learn_background(stack: NDArray[np.float32]) -> tuple[NDArray[np.float32], bool, float]:
    """The empty arena, whether the animal is darker, and the least difference that is no noise."""
    background = np.median(stack, axis=0)
    difference = _excess(stack, background, is_dark=False)
    least = _least_difference(difference)
    # Where an animal rests for most of the video, the median shows it, and leaves a ghost of the opposite
    # sign. The ghost has one place, the animal comes to many: what covers more of the picture is the animal.
    is_dark = bool((difference < -least).any(axis=0).sum() >= (difference > least).any(axis=0).sum())
    rested = np.quantile(stack, _RESTED_QUANTILE if is_dark else 1 - _RESTED_QUANTILE, axis=0)
    has_ghost = np.abs(rested - background) > least
    return np.where(has_ghost, rested, background).astype(np.float32), is_dark, least


def _least_difference(difference: NDArray[np.float32]) -> float:
    """The least difference from the background that is no noise."""
    noise = 1.4826 * float(np.median(np.abs(difference)))
    return max(_MIN_CONTRAST, _NOISE_FACTOR * noise)


def _excess(frames: NDArray[np.float32], background: NDArray[np.float32], is_dark: bool) -> NDArray[np.float32]:
    """How much lighter (or darker) than the background, after what the light as a whole changed by."""
    difference = frames - background
    difference -= np.median(difference, axis=(-2, -1), keepdims=True)
    return -difference if is_dark else difference


def _usual_area(samples: list[NDArray[np.uint8]], model: BlobModel, name: str) -> float:
    """Median area of the largest piece in the samples."""
    largest = []
    for gray in samples:
        areas = pieces(gray, model)[1][:, cv2.CC_STAT_AREA]
        sound = areas[(areas >= _MIN_AREA_PX) & (areas <= _MAX_SHARE * gray.size)]
        largest += [sound.max()] if len(sound) else []
    # The animal may be away for half of the video, no more: else what was found is something else.
    if 2 * len(largest) < len(samples):
        raise _nothing_moves(name)
    return float(np.median(largest))


def pieces(gray: NDArray[np.uint8], model: BlobModel) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Label the connected pieces of a shrunk frame that stand out.

    Returns labels (height, width), where 0 is ground and piece i has i + 1, and statistics (n_pieces, 5) as
    `cv2.connectedComponentsWithStats` gives them: left, top, width, height, area, in shrunk pixels.
    """
    is_animal = _excess(gray.astype(np.float32), model.background, model.is_dark) > model.threshold
    return _connected(is_animal, model.opening_px)


def _connected(stands_out: NDArray[np.bool_], opening_px: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (opening_px, opening_px))
    mask = cv2.morphologyEx(stands_out.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, kernel)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return labels.astype(np.int32, copy=False), statistics[1:].astype(np.int32, copy=False)


def _nothing_moves(name: str) -> InputError:
    return InputError(
        f"No animal can be followed as a blob in {name}: in most of its frames nothing of plausible size stands out "
        "from the still background. That needs one animal that differs from the ground, a camera that stands "
        "still, and an animal that leaves its place. Track the video with DeepLabCut or SLEAP, and name that file."
    )
