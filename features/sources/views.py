"""What a frozen network is shown of a video, as pictures and in words, for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from common.pictures import jpeg_bytes
from features.centers import CenterConfig
from features.crops import resize_crop
from features.sources.crop_config import CropConfig
from features.sources.cropping import Crops, crop_video, cropping_of
from features.tracks import Animals, CenterTrack
from features.video.inspection import VideoInfo
from features.video.reading import iter_frames

MOST_PX = 224
"""Pictures for a page are no larger; most networks see no more."""
N_EARLY, EARLY_FRAMES = 4, 60


@dataclass(frozen=True)
class NetworkView:
    """What one network is shown: its name, how it is cropped, and the side of the square that it sees.

    `center`: how centers are found, and what of keypoints counts as seen.
    """

    network: str
    crop: CropConfig
    input_px: int
    center: CenterConfig = field(default_factory=CenterConfig)

    @property
    def title(self) -> str:
        """Such as `mobilenet_v2: −0.2 s, now, 0.2 s`, or `compact: the partner`."""
        crop = self.crop
        moments = ["now" if moment == 0 else f"{moment:g} s".replace("-", "−") for moment in crop.moments_s]
        who = {"pair": "both animals"}.get(crop.around, "the partner" if crop.animal == "partner" else "")
        shown = [who, ", ".join(moments), "with keypoints" if crop.keypoint_overlay else ""]
        return f"{self.network}: {', '.join(filter(None, shown)) or 'the frame'}"

    @property
    def size_in_words(self) -> str:
        """Sides of the squares in the video and for the network."""
        if self.crop.around == "center":
            return f"{self.crop.size_px} px of the video, seen as {self.input_px} × {self.input_px}"
        whose = "the boxes of both" if self.crop.around == "pair" else "the animal’s box"
        return f"{whose} and {self.crop.margin_percent:g} % at each end, seen as {self.input_px} × {self.input_px}"

    @property
    def colors_in_words(self) -> str:
        """What the colors mean; "" where they are the video's own."""
        if not self.crop.moments_s:
            return ""
        red, green, blue = map(_moment, self.crop.moments_s)
        said = f"Red is the picture {red}, green the one {green}, blue the one {blue}"
        if self.crop.follow:
            said += ", each around the animal’s place at that moment: a posture that stays is gray, and a change of it "
            said += "(or of what is around) has colored edges"
        else:
            said += ", all of one place: what stands still is gray, and what moves has colored edges"
        return (
            f"{said} (if dark: cyan where it was first, yellow where it is last). A tint all over is a change of light."
        )


def _moment(moment_s: float) -> str:
    if moment_s == 0:
        return "now"
    return f"{abs(moment_s):g} s {'before' if moment_s < 0 else 'after'}"


def shown_pictures(
    views: Sequence[NetworkView],
    video: VideoInfo,
    centers: CenterTrack,
    animals: Animals | None,
    frames: NDArray[np.int64],
) -> list[NDArray[np.uint8]]:
    """What each network is shown of a few frames: by view, shape (n_frames, input_px, input_px, 3), RGB.

    The video is read once, up to the last frame that is needed. Frames of a video that ends before are left out.

    Parameters
    ----------
    views : sequence of NetworkView
    video : VideoInfo
    centers : CenterTrack
        Of every frame.
    animals : Animals or None
        Where a view shows more than the center.
    frames : ndarray of int, shape (n_frames,)
        Rising.

    Raises
    ------
    InputError
        When moments that differ are the same frame, or the animals' boxes or keypoints are not there.
    UnreadableVideoError
        When the video can't be decoded.
    """
    crops = []
    for view in views:
        cropping = cropping_of(view.crop, view.center, video, centers, animals, video.path.name)
        crops.append(Crops(cropping, frames, view.input_px, 1))
    pictures = [[np.empty((0, view.input_px, view.input_px, 3), dtype=np.uint8)] for view in views]
    for which, batch in islice(crop_video(iter_frames(video.path), crops), len(views) * len(frames)):
        pictures[which].append(batch)
    return [np.concatenate(shown) for shown in pictures]


def shown_jpegs(
    views: Sequence[NetworkView],
    video: VideoInfo,
    centers: CenterTrack,
    animals: Animals | None,
    frames: NDArray[np.int64],
) -> list[list[bytes]]:
    """The same for a page: JPEG by view and frame, no larger than `MOST_PX`; parameters and errors are the same."""
    by_view = zip(views, shown_pictures(views, video, centers, animals, frames), strict=True)
    return [[jpeg_bytes(resize_crop(one, min(view.input_px, MOST_PX))) for one in shown] for view, shown in by_view]


def early_frames(views: Sequence[NetworkView], fps: float, n_frames: int) -> NDArray[np.int64]:
    """Up to `N_EARLY` frames, rising, for which little more than the first `EARLY_FRAMES` need be read.

    All their moments are of the video, if it is long enough. Raises `InputError` as `shown_pictures`.
    """
    offsets = [offset for view in views for offset in view.crop.offsets_frames(fps, "")]
    before, after = max(0, -min(offsets)), max(0, max(offsets))
    last = min(max(EARLY_FRAMES - 1 - after, before), n_frames - 1)
    return np.unique(np.linspace(min(before, last), last, N_EARLY).astype(np.int64))
