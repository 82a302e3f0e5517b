"""The pictures of a data set: a video is decoded once for all of its animals."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from features.prefetch import run_ahead
from features.sources.cropping import Crops, crop_video
from features.video.inspection import VideoInfo
from features.video.reading import DecodedFrame
from pipeline.image_dataset.rows import RecordingImages

_QUEUED_PICTURES = 64


def shown(
    frames: Iterator[DecodedFrame],
    recordings: Sequence[RecordingImages],
    wanted: Sequence[NDArray[np.int64]],
    size_px: int,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield which recording, and what a network is shown of its next wanted frame: (size_px, size_px, 3), RGB.

    `wanted` has the frames of each recording, rising.
    """
    crops, places = [], []
    for place, (images, own) in enumerate(zip(recordings, wanted, strict=True)):
        if len(own):
            crops.append(Crops(images.cropping, own, size_px, 1))
            places.append(place)
    for which, batch in crop_video(frames, crops):
        yield places[which], batch[0]


def encoded(
    video: VideoInfo,
    recordings: Sequence[RecordingImages],
    wanted: Sequence[NDArray[np.int64]],
    size_px: int,
    encode: Callable[[NDArray[np.uint8]], bytes],
) -> Generator[tuple[int, bytes], None, None]:
    """Yield which recording, and its next wanted picture as the content of a file.

    A thread decodes and cuts while pictures are compressed.

    Raises
    ------
    UnreadableVideoError
        When the video can't be decoded as before.
    """
    with closing(run_ahead(shown(video.frames(), recordings, wanted, size_px), _QUEUED_PICTURES)) as pictures:
        for which, picture in pictures:
            yield which, encode(picture)
