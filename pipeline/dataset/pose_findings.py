"""What is odd about a recording's poses: of one animal, and of several whose tracks jump or swap places."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import listing
from features.centers import WHOLE_ANIMAL, CenterConfig, remedy_for
from features.identity import Handover, IdentityChanges, Jump, Swap, identity_changes
from features.poses import individuals_in, read_poses, split_sequence
from features.tracks import Animals, CenterTrack, PoseTrack
from features.video.inspection import VideoInfo
from pipeline.config.frame_policy import FrameAllowance
from pipeline.dataset.findings import Finding
from pipeline.dataset.frame_fit import fit_poses

MANY_UNSURE, MANY_UNOBSERVED, MORE_UNOBSERVED, MANY_OUTSIDE = 0.2, 0.05, 0.01, 0.01
MOSTLY_UNSURE = 0.5
NEAR_ORIGIN = 0.1
"""An arena of 50 cm in a picture of 640 px that is tracked in cm; in parts of the picture it would be 1 px."""
FEW_ON_ANIMAL, FEWEST_FRAMES, NEAR_SHARE = 0.6, 15, 0.08
"""Poses of the video itself reach 0.98 and more, those of another video 0.4 at most (see benchmarks/README.md)."""
_MOST_IN_ONE_PLACE, _N_PLACES = 0.35, 300
_N_NAMED, _MOST_TRACKS = 4, 24
_JOIN = "Give an animal one id throughout in the tracker (SLEAP: connect track breaks), and export again."
_CORRECT = (
    "Look at these frames (`audit` shows the first). Where it is so, correct the tracks in the tracker (DeepLabCut's "
    "and SLEAP's have views for that) and export them again."
)


def reading_findings(recording: str, pose: PoseTrack) -> list[Finding]:
    """What whoever read or made the poses found odd."""
    return [
        Finding(
            odd.severity,
            recording,
            odd.found,
            odd.consequence,
            odd.remedy,
            odd.is_doubt,
            odd.is_change,
        )
        for odd in pose.oddities
    ]


def pose_findings(
    recording: str, pose: PoseTrack, centers: CenterTrack, config: CenterConfig, video: VideoInfo | None
) -> list[Finding]:
    """What is odd about poses that can be used."""
    oddities = list(_oddities(pose, centers, config, video))
    # What is doubtful comes first.
    return [Finding("warning", recording, *odd) for odd in sorted(oddities, key=lambda odd: not odd[3])]


def _oddities(
    pose: PoseTrack, centers: CenterTrack, config: CenterConfig, video: VideoInfo | None
) -> Iterator[tuple[str, str, str, bool]]:
    """Yield what was found, what it does to the results, what to do, and whether results may mean nothing."""
    name = pose.source_path.name
    outside = 0.0 if video is None else outside_share(pose, config, video)
    farthest = math.inf if video is None else farthest_share(pose, config, video)
    if farthest < NEAR_ORIGIN:
        yield (
            f"All positions in {name} lie within {farthest:.1%} of the picture's size of its top left corner.",
            "They are perhaps centimeters or parts of the picture, not pixels: crops are then cut beside the animal, "
            "and nothing can be learned from them.",
            "Export positions in pixels of this video. If the animal never left that corner, this finding is mistaken.",
            True,
        )
    elif video is not None and outside > MANY_OUTSIDE:
        yield (
            f"{outside:.1%} of the positions in {name} lie outside the picture of {video.width_px} x "
            f"{video.height_px} px.",
            "The poses were tracked in a larger or differently cropped video: crops are cut beside the animal.",
            "Track this file, or use the video that was tracked.",
            False,
        )
    unsure = low_likelihood_share(pose, config)
    if unsure > MANY_UNSURE:
        whose = f"the blob in {name}" if pose.is_blob else f"{listing(center_keypoints(pose, config))} in {name}"
        yield (
            f"{unsure:.0%} of the positions of {whose} are missing or below the likelihood {config.min_likelihood:g}.",
            "The animal's place is guessed there from the frames around.",
            remedy_for(pose),
            pose.is_blob and unsure > MOSTLY_UNSURE,
        )
    # Frames that the video lacks are told of as such.
    is_lost = ~video.seen if video is not None and video.n_frames == centers.n_frames else False
    unobserved = float((~centers.observed & ~is_lost).mean()) if centers.n_frames else 0.0
    if unobserved > MANY_UNOBSERVED:
        yield (
            f"In {unobserved:.0%} of the frames the animal is not observed: no good pose for more than "
            f"{config.max_gap_s:g} s.",
            "It is taken to be where it was last seen. These frames are not trained on, but scored.",
            f"Look at the video there: is the animal hidden or out of the picture? If not: {remedy_for(pose)}",
            False,
        )
    if video is None or farthest < NEAR_ORIGIN or outside > MANY_OUTSIDE or pose.is_blob:
        return
    share = on_animal_share(centers, video)
    if share is not None and share < FEW_ON_ANIMAL:
        yield (
            f"In only {share:.0%} of the frames that were looked at does the center by {name} lie on or near anything "
            f"that stands out from the background of {video.path.name}.",
            "The poses are perhaps those of another video, of another picture size, or late: crops are then cut beside "
            "the animal, and nothing can be learned from them.",
            "Draw the points on the video (DeepLabCut can). Were they tracked in this file? Where the animal "
            "hardly differs from the ground, or the camera moves, this finding is mistaken.",
            True,
        )


def on_animal_share(centers: CenterTrack, video: VideoInfo) -> float | None:
    """Tell in how many of the sampled frames the center lies on or near what stands out from the background, in [0, 1].

    Near: at most the size of what stands out away, and at least `NEAR_SHARE` of the picture's shorter side. None where
    it can't be told: nothing stands out, the center is the middle of several animals, or it is seen in too few of the
    frames outside of places where it rests.
    """
    foreground = video.quality.foreground
    if foreground is None or centers.is_between:
        return None
    near_px = max(foreground.animal_px, NEAR_SHARE * min(video.width_px, video.height_px))
    observed_px = centers.xy_px[centers.observed][:: max(1, centers.n_frames // _N_PLACES)]
    distances_px = []
    for shown in foreground.frames:
        if shown.frame < centers.n_frames and centers.observed[shown.frame] and shown.boxes_px:
            center_px = centers.xy_px[shown.frame]
            # Where an animal is for much of the video, it is a part of the background.
            here = np.linalg.norm(observed_px - center_px, axis=1) <= near_px
            if here.mean() <= _MOST_IN_ONE_PLACE:
                distances_px.append(distance_to_boxes_px(center_px, shown.boxes_px))
    if len(distances_px) < FEWEST_FRAMES:
        return None
    return float(np.mean(np.array(distances_px) <= near_px))


def distance_to_boxes_px(point_px: NDArray[np.float64], boxes_px: Sequence[tuple[float, float, float, float]]) -> float:
    """From a point (x, y) to the nearest box (left, top, right, bottom); 0 inside of one."""
    boxes = np.array(boxes_px)
    # Beyond the nearer edge of each box, in x and y; negative inside.
    beyond = np.maximum(boxes[:, :2] - point_px, point_px - boxes[:, 2:])
    return float(np.hypot(*np.maximum(beyond, 0).T).min())


def center_keypoints(pose: PoseTrack, config: CenterConfig) -> Sequence[str]:
    """The keypoints that the center is made of, of those that the file has."""
    if len(pose.keypoints) == 1 and pose.keypoints[0] in WHOLE_ANIMAL:
        return pose.keypoints
    return [name for name in config.keypoint_names if name in pose.keypoints]


def low_likelihood_share(pose: PoseTrack, config: CenterConfig) -> float:
    """Share of the center's keypoints that are missing or unsure, over all frames; in [0, 1]."""
    columns = [pose.keypoints.index(name) for name in center_keypoints(pose, config)]
    if not columns or not pose.n_frames:
        return 0.0
    with np.errstate(invalid="ignore"):
        return float((~(pose.likelihood[:, columns] >= config.min_likelihood)).mean())


def outside_share(pose: PoseTrack, config: CenterConfig, video: VideoInfo) -> float:
    """Share of positions that are seen, and not in the picture; in [0, 1]."""
    seen_px = pose.xy_px[_is_seen(pose, config)]
    outside = ((seen_px < -1) | (seen_px > (video.width_px, video.height_px))).any(axis=1)
    return float(outside.mean()) if len(seen_px) else 0.0


def farthest_share(pose: PoseTrack, config: CenterConfig, video: VideoInfo) -> float:
    """How far from the picture's top left corner positions that are seen get, in parts of its width or height."""
    seen_px = pose.xy_px[_is_seen(pose, config)]
    return float(np.abs(seen_px / (video.width_px, video.height_px)).max()) if len(seen_px) else math.inf


def _is_seen(pose: PoseTrack, config: CenterConfig) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return (pose.likelihood >= config.min_likelihood) & np.isfinite(pose.xy_px).all(axis=2)


def find_changes(
    recording: str,
    animals: Animals,
    path: Path,
    frames: tuple[int, float],
    allowed: FrameAllowance,
    min_likelihood: float,
) -> tuple[IdentityChanges, list[Finding]]:
    """Where the tracks of several animals in a pose file are not what they say, and what of it concerns a recording.

    Nothing is found in a file of one animal, and in one of more tracks than animals fit into a picture, which is told.
    A file is looked at once for all rows and readings. `frames`: their number, to which the policy brings poses, and
    frames per second.
    """
    if not animals.own and len(animals.tracks) < 2:
        return IdentityChanges(), []
    facts = split_sequence(path)[0].stat()
    n_tracks, changes = _changes_in(path, (facts.st_size, facts.st_mtime_ns), *frames, allowed, min_likelihood)
    if n_tracks > _MOST_TRACKS:
        return changes, [_pieces_finding(recording, n_tracks, path.name)]
    used = [name for name in animals.tracks if name != animals.own] if animals.own else []
    return changes, [*identity_findings(recording, animals.own, changes, frames[1], path.name, used)]


@lru_cache(maxsize=256)
def _changes_in(
    path: Path, stamp: tuple[int, int], n_frames: int, fps: float, allowed: FrameAllowance, min_likelihood: float
) -> tuple[int, IdentityChanges]:
    """How many tracks a file holds, and what was found in them; `stamp` tells whether it is still the same file."""
    names: tuple[str, ...] = ()
    with suppress(InputError):  # of an animal that features are not made of
        names, _ = individuals_in(path)
        if 1 < len(names) <= _MOST_TRACKS:
            tracks = {name: fit_poses(read_poses(path, name), n_frames, allowed).pose for name in names}
            return len(names), identity_changes(tracks, fps, min_likelihood)
    return len(names), IdentityChanges()


def _pieces_finding(recording: str, n_tracks: int, name: str) -> Finding:
    return Finding(
        "warning",
        recording,
        f"{name} holds {n_tracks} tracks, which are pieces of fewer animals.",
        "Jumps, swaps and changes of id were not looked for. Where the row's animal has another id it is unobserved.",
        _JOIN,
    )


def identity_findings(
    recording: str, own: str, changes: IdentityChanges, fps: float, name: str, used: Sequence[str] = ()
) -> Iterator[Finding]:
    """Yield what was found of the recording's own animal, once for each kind; `own` "" = of all, as of a pair.

    `name`: of the pose file. `used`: others that the recording is about, such as a partner.
    """
    about = {own, *used}
    swaps = [swap for swap in changes.swaps if not own or about.intersection(swap.animals)]
    for pair in dict.fromkeys(swap.animals for swap in swaps):
        frames = [swap for swap in swaps if swap.animals == pair]
        yield _swap_finding(recording, own, frames, fps, name)
    for animal in dict.fromkeys(jump.animal for jump in changes.jumps):
        if not own or animal in about:
            yield _jump_finding(recording, [jump for jump in changes.jumps if jump.animal == animal], fps, name)
    handovers = [each for each in changes.handovers if not own or about.intersection((each.old, each.new))]
    if handovers:
        yield _handover_finding(recording, handovers, fps, name)


def company_findings(
    recording: str,
    animals: Animals,
    centers: CenterTrack,
    observed: NDArray[np.bool_] | None,
    config: CenterConfig,
    video: VideoInfo | None,
) -> Iterator[Finding]:
    """Yield whether frames are lost because another animal than the recording's own is not seen.

    `observed`, shape (n_frames,): where all animals are that features are made of; None where it is one.
    """
    if observed is None or not len(observed):
        return
    lost = ~(observed & centers.observed)
    if video is not None:
        lost &= video.seen  # the others are told of as such
    more = lost & centers.observed
    if lost.mean() > MANY_UNOBSERVED and more.mean() > MORE_UNOBSERVED:
        who = "the animal or its partner" if animals.own else "one of the two animals"
        yield Finding(
            "warning",
            recording,
            f"In {lost.mean():.0%} of the frames {who} is not observed: no good pose for more than "
            f"{config.max_gap_s:g} s.",
            "Crops are cut there where it was last seen; these frames are not trained on, but scored. Features of "
            "keypoints that need both animals are missing there.",
            "Look at the video there: is it hidden or out of the picture? If not, label more frames of this kind for "
            "the tracker and track the video again, or lower center.min_likelihood.",
        )


def _swap_finding(recording: str, own: str, swaps: Sequence[Swap], fps: float, name: str) -> Finding:
    found = (
        f"In {name}, the tracks {' and '.join(swaps[0].animals)} swap places {_times(len(swaps))}: each goes on where "
        f"the other was. {_frames(swaps, fps)}."
    )
    if not own:
        return Finding("note", recording, found, "Features of a pair are the same for two that are swapped.", _CORRECT)
    whose = "the animal scored" if own in swaps[0].animals else "its partner"
    consequence = f"From there on each is taken for the other: crops and poses are not those of {whose}."
    return Finding("warning", recording, found, consequence, _CORRECT)


def _jump_finding(recording: str, jumps: Sequence[Jump], fps: float, name: str) -> Finding:
    farthest = max(jumps, key=lambda jump: jump.distance_px)
    lengths = "" if farthest.lengths != farthest.lengths else f" ({farthest.lengths:.1f} body lengths)"
    onto = list(dict.fromkeys(jump.onto for jump in jumps if jump.onto))
    found = (
        f"In {name}, the track {jumps[0].animal} jumps {_times(len(jumps))} farther than an animal can go, at most "
        f"{farthest.distance_px:.0f} px{lengths}{f', onto {listing(onto)}' if onto else ''}. {_frames(jumps, fps)}."
    )
    consequence = "There, for some frames or from there on, it is on something else than this animal."
    return Finding("warning", recording, found, consequence, _CORRECT)


def _handover_finding(recording: str, handovers: Sequence[Handover], fps: float, name: str) -> Finding:
    shown = [f"{each.old} in frame {each.before:,} ({each.before / fps:.1f} s), {each.new}" for each in handovers]
    found = f"In {name}, a track ends where another begins, in the same place: {listing(shown, _N_NAMED)}."
    return Finding(
        "warning",
        recording,
        found,
        "These are probably one animal under two names or ids. Its row knows one: other frames are unobserved.",
        _JOIN,
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _frames(events: Sequence[Swap | Jump], fps: float) -> str:
    shown = [f"{event.frame:,} ({event.frame / fps:.1f} s)" for event in events]
    return f"Frame{'s' if len(shown) > 1 else ''} {listing(shown, _N_NAMED)}"
