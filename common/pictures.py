"""Pictures as bytes, for files and for pages that embed them."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_JPEG_QUALITY = 82


def jpeg_bytes(picture: NDArray[np.uint8] | Image.Image) -> bytes:
    """A picture, RGB of shape (height, width, 3) or PIL's, as JPEG; the same picture gives the same bytes."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    stream = io.BytesIO()
    # Full color resolution: halved, as is usual, it frays colored edges and small print.
    image.save(stream, format="jpeg", quality=_JPEG_QUALITY, subsampling=0, optimize=True)
    return stream.getvalue()


def data_uri(content: bytes, mime: str = "image/jpeg") -> str:
    """A picture's file as an address that holds it, so that a page needs no other file."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
