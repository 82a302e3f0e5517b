"""Pictures as bytes, for files and for pages that embed them."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_JPEG_QUALITY = 82


def jpeg_bytes(
    picture: NDArray[np.uint8] | Image.Image, quality: int = _JPEG_QUALITY, is_shortest: bool = True
) -> bytes:
    """A picture, RGB of shape (height, width, 3) or PIL's, as JPEG; the same picture gives the same bytes.

    With `is_shortest` the shortest code for its values is looked for, which takes longer.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = io.BytesIO()
    # Full color resolution: halved, as is usual, it frays colored edges and small print.
    image.save(stream, format="jpeg", quality=quality, subsampling=0, optimize=is_shortest)
    return stream.getvalue()


def png_bytes(picture: NDArray[np.uint8]) -> bytes:
    """A picture, RGB of shape (height, width, 3), as PNG, which keeps every pixel; the same gives the same bytes."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="png")
    return stream.getvalue()


def data_uri(content: bytes, mime: str = "image/jpeg") -> str:
    """A picture's file as an address that holds it, so that a page needs no other file."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
