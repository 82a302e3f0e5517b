"""Film strips: bouts that are worth a look as frames cut from the video, one picture per bout.

Below each frame stand two bars, what the human and what the model said of that very frame (black, and
the behavior's color; pale = no, none = not scored or not predicted), and its time. Bouts of recordings that nobody
scored have the model's bar alone. Pictures lie in the
run's folder as `film_strips/<behavior>_<kind>_<rank>.jpg`, with `film_strips.csv` as their list.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from common.colors import GRID, INK, MUTED, behavior_colors
from common.pictures import jpeg_bytes
from features.crops import crop_square, resize_crop
from features.video.files import UnreadableVideoError
from features.video.reading import iter_frames
from pipeline.dataset.load import CheckedRecording
from pipeline.run_folder.pictures import write_film_strips
from pipeline.run_folder.run_dir import STRIP_PICTURES, RunDir
from pipeline.runtime.progress import progress_bars
from pipeline.scoring.bouts.choice import FilmStrip, choose_bouts, plan_strip
from pipeline.scoring.timeline import BehaviorTimeline, Timeline

THUMBNAIL_PX = 104
VIEW_PER_CROP = 1.4
"""A person needs more of the surroundings than the network: side of the picture per side of the crop."""

_GAP_PX, _LABEL_PX, _BAR_PX, _TEXT_PX = 4, 48, 6, 12
_BAR_TOPS_PX = (THUMBNAIL_PX + 6, THUMBNAIL_PX + 19)
_TIME_TOP_PX = _BAR_TOPS_PX[1] + _BAR_PX + 6
STRIP_HEIGHT_PX = _TIME_TOP_PX + _TEXT_PX + 4
_REPORT_EVERY_FRAMES = 250


class FilmedRecording(NamedTuple):
    """One recording as film strips are cut from it.

    `video_path` and `center_xy_px` (shape (n_frames, 2), float64, in pixels of the full frame) are None where there
    is nothing to cut from; `crop_size_px` is the side of the square that the network sees.
    """

    timeline: Timeline
    video_path: Path | None
    center_xy_px: NDArray[np.float64] | None
    crop_size_px: int

    @property
    def recording(self) -> str:
        """The recording's id."""
        return self.timeline.recording


class StripFrame(NamedTuple):
    """One frame of a strip.

    `picture` is RGB of shape (THUMBNAIL_PX, THUMBNAIL_PX, 3); `is_inside` tells whether the frame belongs
    to the bout; `human` and `model` are what was said of it, None = not scored, not predicted.
    """

    picture: NDArray[np.uint8]
    time_s: float
    is_inside: bool
    human: bool | None
    model: bool | None


def cut_film_strips(
    run: RunDir, checked: Sequence[CheckedRecording], timelines: Sequence[Timeline], crop_size_px: int
) -> list[str]:
    """Cut bouts that are worth a look out of a run's videos; returns notes on what could not be cut."""
    if not timelines:
        return []
    items = {item.id: item for item in checked}
    recordings = []
    for timeline in timelines:
        video, centers = items[timeline.recording].video, items[timeline.recording].centers
        path = video.path if video and centers else None
        recordings.append(FilmedRecording(timeline, path, centers.xy_px if centers else None, crop_size_px))
    with progress_bars() as bars:
        return make_film_strips(run, recordings, bars.add("Cutting film strips"))


def make_film_strips(
    run: RunDir, recordings: Sequence[FilmedRecording], progress: Callable[[int, int], None]
) -> list[str]:
    """Choose bouts of every behavior, cut their frames from the videos and write the strips.

    Every video is read once, up to the last frame that is needed. A strip of which a frame can't be read
    is left out, with a note.

    Parameters
    ----------
    run : RunDir
    recordings : sequence of FilmedRecording
        At least one; all predicted. Bouts are chosen among those with a video.
    progress : callable
        Called with frames read and frames to read.

    Returns
    -------
    list of str
        Notes for the report: what is missing, and why.

    Raises
    ------
    InputError
        When the folder can't be written.
    """
    behaviors = recordings[0].timeline.behaviors
    colors = behavior_colors(behaviors)
    filmed = [item for item in recordings if item.video_path is not None]
    strips = _planned_strips(filmed, behaviors)
    wanted: dict[str, set[int]] = {}
    for strip in strips:
        wanted.setdefault(strip.recording, set()).update(strip.frames_shown)
    notes = []
    without = [item.recording for item in recordings if item.video_path is None]
    if without:
        notes.append(
            f"No film strips of {', '.join(without)}: the features are not made of a video here, so there is none to "
            "cut frames from."
        )
    n_done, n_total = 0, sum(max(frames) + 1 for frames in wanted.values())
    pictures: dict[FilmStrip, bytes] = {}

    def report(n_read: int) -> None:
        progress(n_done + n_read, n_total)

    for item in filmed:
        if item.recording not in wanted:
            continue
        thumbnails: dict[int, NDArray[np.uint8]] = {}
        unreadable = ""
        try:
            thumbnails = cut_thumbnails(item, wanted[item.recording], report)
        except UnreadableVideoError as error:
            unreadable = str(error)
        own = [strip for strip in strips if strip.recording == item.recording]
        whole = [strip for strip in own if thumbnails.keys() >= set(strip.frames_shown)]
        notes += _notes_on_lost_frames(item, [strip for strip in own if strip not in whole], thumbnails, unreadable)
        for strip in whole:
            line = item.timeline.behavior(behaviors.index(strip.behavior))
            pictures[strip] = draw_strip(_strip_frames(strip, line, thumbnails), colors[strip.behavior])
        n_done += max(wanted[item.recording]) + 1
        progress(n_done, n_total)
    # In the order of the choice, not in that of the videos.
    write_film_strips(run, {strip: pictures[strip] for strip in strips if strip in pictures})
    return notes


def _planned_strips(filmed: Sequence[FilmedRecording], behaviors: Sequence[str]) -> list[FilmStrip]:
    """The strips to make, by behavior, kind and rank."""
    by_id = {item.recording: item for item in filmed}
    planned = []
    for column, behavior in enumerate(behaviors):
        for choice in choose_bouts(behavior, [item.timeline.behavior(column) for item in filmed]):
            timeline = by_id[choice.recording].timeline
            planned.append(plan_strip(choice, timeline.n_frames, timeline.fps, STRIP_PICTURES))
    return planned


def _strip_frames(
    strip: FilmStrip, line: BehaviorTimeline, thumbnails: Mapping[int, NDArray[np.uint8]]
) -> list[StripFrame]:
    return [
        StripFrame(
            picture=thumbnails[frame],
            time_s=frame / line.fps,
            is_inside=strip.start_frame <= frame < strip.stop_frame,
            human=bool(line.true[frame]) if line.scored[frame] else None,
            model=None if np.isnan(line.probability[frame]) else bool(line.predicted[frame]),
        )
        for frame in strip.frames_shown
    ]


def _notes_on_lost_frames(
    item: FilmedRecording, left_out: Sequence[FilmStrip], read: Collection[int], unreadable: str
) -> list[str]:
    """One note per recording, however many of its strips are left out; `unreadable` says why none of it can be read."""
    if not left_out:
        return []
    lost = min(frame for strip in left_out for frame in strip.frames_shown if frame not in read)
    names = ", ".join(f"{strip.behavior} {strip.kind} {strip.rank}" for strip in left_out)
    why = unreadable or (
        f"frame {lost} of {item.video_path} can't be read. Does the file play to its end in a video player?"
    )
    return [f"Film strips of {item.recording} were left out ({names}): {why}"]


def cut_thumbnails(
    item: FilmedRecording, frames: Collection[int], progress: Callable[[int], None]
) -> dict[int, NDArray[np.uint8]]:
    """Cut the animal and what is around it out of chosen frames, in one pass over the video.

    The square is moved to lie inside the frame where the animal is near its edge, and is smaller only
    where the frame is: unlike the network's crop it shows no repeated edge.

    `progress` is called with the number of frames read so far; frames are counted from 0.

    Returns
    -------
    dict of int to ndarray, shape (THUMBNAIL_PX, THUMBNAIL_PX, 3), uint8
        RGB by frame; frames that can't be read are absent.

    Raises
    ------
    UnreadableVideoError
        When the video can't be opened.
    """
    assert item.video_path is not None and item.center_xy_px is not None
    return {
        number: _thumbnail(frame, item.center_xy_px[number], item.crop_size_px)
        for number, frame in _frames_in_order(item.video_path, frozenset(frames), progress)
    }


def _frames_in_order(
    path: Path, frames: frozenset[int], progress: Callable[[int], None]
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Frames with their numbers, blue, green, red; nothing seeks, and nothing after the last one is read.

    A frame that isn't wanted is decoded all the same (later ones build on it) but isn't converted or copied, which
    costs more than decoding.
    """
    for frame in islice(iter_frames(path), max(frames, default=-1) + 1):
        if frame.number in frames:
            yield frame.number, frame.picture()
        if frame.number % _REPORT_EVERY_FRAMES == 0:
            progress(frame.number)


def _thumbnail(frame: NDArray[np.uint8], center_xy_px: NDArray[np.float64], crop_size_px: int) -> NDArray[np.uint8]:
    height_px, width_px = frame.shape[:2]
    side_px = min(round(VIEW_PER_CROP * crop_size_px), height_px, width_px)
    farthest = np.array([width_px, height_px]) - side_px / 2
    view = crop_square(frame, np.clip(center_xy_px, side_px / 2, farthest), side_px)
    return np.ascontiguousarray(resize_crop(view, THUMBNAIL_PX)[:, :, ::-1])


def strip_width_px(n_frames: int) -> int:
    """Width of a strip's picture; its height is STRIP_HEIGHT_PX."""
    return _LABEL_PX + n_frames * (THUMBNAIL_PX + _GAP_PX) - _GAP_PX


def draw_strip(frames: Sequence[StripFrame], color: str) -> bytes:
    """Draw a strip as JPEG: pictures, below them the bars of human (black) and model (in `color`), and times.

    The same frames give the same bytes.
    """
    picture = Image.new("RGB", (strip_width_px(len(frames)), STRIP_HEIGHT_PX), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_TEXT_PX)
    is_known = (any(frame.human is not None for frame in frames), True)
    for text, top, known in zip(("human", "model"), _BAR_TOPS_PX, is_known, strict=True):
        if known:
            draw.text((_LABEL_PX - 6, top + _BAR_PX / 2), text, MUTED, font, anchor="rm")
    steps_s = np.diff([frame.time_s for frame in frames])
    n_decimals = 1 if not steps_s.size or steps_s.min() > 0.099 else 2
    for i, frame in enumerate(frames):
        left = _LABEL_PX + i * (THUMBNAIL_PX + _GAP_PX)
        picture.paste(Image.fromarray(frame.picture), (left, 0))
        said = ((frame.human, INK), (frame.model, color))
        for (is_active, active_color), top in zip(said, _BAR_TOPS_PX, strict=True):
            if is_active is not None:
                box = (left, top, left + THUMBNAIL_PX - 1, top + _BAR_PX - 1)
                draw.rectangle(box, fill=active_color if is_active else GRID)
        place = (left + THUMBNAIL_PX / 2, _TIME_TOP_PX)
        draw.text(place, f"{frame.time_s:.{n_decimals}f} s", INK if frame.is_inside else MUTED, font, anchor="ma")
    return jpeg_bytes(picture)
