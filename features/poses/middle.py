"""No pose file: the middle of the picture, for clips that were cut around the animal, of which all is to be seen."""

import numpy as np

from features.tracks import MIDDLE, PoseTrack
from features.video.inspection import VideoInfo


def middle_track(video: VideoInfo) -> PoseTrack:
    """The keypoint ``middle`` at the middle of the picture in every frame, with likelihood 1."""
    middle_px = ((video.width_px - 1) / 2, (video.height_px - 1) / 2)
    xy_px = np.tile(np.array(middle_px, dtype=np.float64), (video.n_frames, 1, 1))
    return PoseTrack((MIDDLE,), xy_px, np.ones((video.n_frames, 1)), video.path)
