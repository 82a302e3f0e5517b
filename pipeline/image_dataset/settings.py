"""What a user can ask of a data set of images."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.pictures import jpeg_bytes, png_bytes

JPEG, PNG = "jpg", "png"
DEFAULT_QUALITY = 95


@dataclass(frozen=True)
class ImageSettings:
    """Settings of a data set of images.

    Attributes
    ----------
    every : int
        Frames 0, `every`, 2 * `every`, ... of each video are taken.
    format : str
        One of ``pipeline.image_dataset.formats.FORMATS``.
    images : str
        `jpg` or `png`, which is also the ending of the files' names.
    quality : int
        Of JPEG, 1 to 100.
    size_px : int or None
        Side of the images; None: as many pixels as are cut out of the video, or where that differs from frame to frame
        (``crop.around: box``), as many as the network sees.
    view : int
        Which of the experiment's networks the crops are for, counted from 1.
    validation : float
        Share of the training images that is set aside, by individual.
    unlabeled : bool
        Whether frames that are not scored are written too.
    unobserved : bool
        Whether frames in which the animal was not observed are written too.
    """

    every: int = 1
    format: str = "folders"
    images: str = JPEG
    quality: int = DEFAULT_QUALITY
    size_px: int | None = None
    view: int = 1
    validation: float = 0.0
    unlabeled: bool = False
    unobserved: bool = False

    def encoder(self) -> Callable[[NDArray[np.uint8]], bytes]:
        """What makes a file's content of a picture, RGB of shape (height, width, 3)."""
        return ENCODERS[self.images](self.quality)

    def described(self) -> dict[str, Any]:
        """All that determines the files; the quality only where it counts."""
        facts = asdict(self)
        return facts if self.images == JPEG else facts | {"quality": None}

    def require_sound(self) -> None:
        """Raise `InputError` where a number is out of its bounds."""
        bounds = {
            "--every": (self.every, 1, 1_000_000),
            "--quality": (self.quality, 1, 100),
            "--size": (8 if self.size_px is None else self.size_px, 8, 4096),
            "--validation": (self.validation, 0.0, 0.9),
        }
        for option, (value, least, most) in bounds.items():
            if not least <= value <= most:
                raise InputError(f"{option} {value:g} is out of bounds: it should be {least:g} to {most:g}.")


def _jpeg_encoder(quality: int) -> Callable[[NDArray[np.uint8]], bytes]:
    # Without the search for the shortest code, which takes three times as long for 8 % fewer bytes.
    return partial(jpeg_bytes, quality=quality, is_shortest=False)


def _png_encoder(quality: int) -> Callable[[NDArray[np.uint8]], bytes]:
    return png_bytes


ENCODERS = {JPEG: _jpeg_encoder, PNG: _png_encoder}
"""By ending of a file's name: from a quality to what makes its content."""
