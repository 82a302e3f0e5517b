"""What is odd about a recording's video, what it does to the results, and what can be done about it.

A run puts the warnings into its notes; `audit` shows all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from common.errors import InputError
from common.notes import Doubt
from common.suggestions import listing
from features.video.files import container_named
from features.video.inspection import VideoInfo
from features.video.quality import BLACK_LEVEL, SATURATED_LEVEL, FrameTimes
from pipeline.dataset.frames_agree import FramesDisagreeError

Severity = Literal["error", "warning", "note"]
Oddity = tuple[Severity, str, str, str]
"""Severity, what was found, what it does to the results, what to do."""

STOPS = "A run stops here."
MAX_OFFSET_FRAMES = 1.0
"""Labels that land so far beside what was seen are as good as exact: nobody scores to the frame."""
MANY_REPEATS, STILL_S = 0.05, 1.0
DARK_LEVEL, MANY_SATURATED = 30.0, 0.25
NTSC = 1000 / 1001
_ROUNDED = 1e-4
USUAL_RATES = {f"{rate:g}": float(rate) for rate in (5, 10, 12, 12.5, 15, 20, 24, 25, 30, 40, 48, 50, 60, 75, 90, 100,
                                                     120, 150, 200, 240, 250, 300, 480, 500, 1000)} | {
    f"{base}000/1001": base * 1000 / 1001 for base in (24, 30, 60, 120)
}  # fmt: skip
"""Frames per second that cameras write, as FFmpeg is told them."""
_STAMP_S, _EXACT_S = 0.001, 1e-5
"""Some formats round time stamps to milliseconds, others hardly at all."""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd about a recording ("" where it is about several).

    `error`: a run stops here; `warning`: it goes on, and its results suffer or may suffer; `note`: good to know. What
    was found, with numbers, what it does to the results and what to do are whole sentences. `is_doubt`: results of this
    recording may mean nothing at all. `is_change`: something was moved or left out, as the user asked: a run notes
    that, though it is no warning.
    """

    severity: Severity
    recording: str
    found: str
    consequence: str
    remedy: str
    is_doubt: bool = False
    is_change: bool = False

    @property
    def note(self) -> str:
        """As a note of a run: what and why, in one paragraph."""
        text = f"{self.recording}: {self.found} {self.consequence}".strip()
        return Doubt(text) if self.is_doubt else text


def error_finding(recording: str, error: InputError) -> Finding:
    """What would end a run, as a finding; a reader's error says itself what was found and what to do."""
    if isinstance(error, FramesDisagreeError):
        return Finding("error", recording, error.found, STOPS, error.remedy)
    return Finding("error", recording, str(error), STOPS, "Do what it says, then audit again.")


def change_finding(recording: str, note: str) -> Finding:
    """What the frame policy, or a format's own rule, did to poses or labels."""
    return Finding("note", recording, note, "", "Check that this is what you want.", is_change=True)


def video_findings(recording: str, video: VideoInfo) -> list[Finding]:
    """What is odd about a video that can be decoded."""
    oddities = chain(
        _missing_frames(video), _damage(video), _told_rate(video), _rate(video), _repeats(video), _brightness(video)
    )
    return [Finding(odd[0], recording, *odd[1:]) for odd in oddities]


def _missing_frames(video: VideoInfo) -> Iterator[Oddity]:
    if video.n_missing_frames:
        yield (
            "warning",
            f"The header of {video.path.name} promises {video.n_frames_header:,} frames, but only {video.n_frames:,} "
            f"can be decoded: {video.n_missing_frames:,} are missing.",
            "The file was cut off or is damaged. What happened in the missing part is not analysed, and poses or "
            "labels of the whole video do not fit it.",
            "Copy the file again from its source. If that is cut off too, track and score this file.",
        )
    if video.n_cut:
        yield (
            "warning",
            f"{video.path.name} was cut off: before its last frames {video.n_cut:,} are missing, which are stored "
            "behind them.",
            "What came after is not analysed, and poses or labels of the whole video do not fit it.",
            "Copy the file again from its source. If that is cut off too, track and score this file.",
        )
    if video.n_hidden:
        yield (
            "note",
            f"An edit list in {video.path.name} hides {video.n_hidden:,} of "
            f"{video.n_frames + video.n_hidden:,} frames, as cutting without re-encoding leaves it.",
            f"Only the {video.n_frames:,} that players show are analysed; poses or labels made before the cut do not "
            "fit it.",
            "Nothing, if it was tracked and scored as it is.",
        )


def _damage(video: VideoInfo) -> Iterator[Oddity]:
    n_lost, n_faulty = (sum(stop - start for start, stop in runs) for runs in (video.lost, video.faulty))
    if n_lost:
        yield (
            "warning",
            f"{n_lost:,} of {video.n_frames:,} frames of {video.path.name} can't be decoded: {_places(video.lost)}.",
            "The file is damaged. The lost frames keep their numbers, so that poses and labels of the whole video fit; "
            "they show the picture before, count as unobserved and are not trained on. Up to the next key frame the "
            "picture may be smeared.",
            "Copy the file again from its source. A program that passes over lost frames gives them no row: track the "
            "poses again if their rows are fewer.",
        )
    if n_faulty:
        yield (
            "warning",
            f"{n_faulty:,} of {video.n_frames:,} frames of {video.path.name} are decoded from damaged data: "
            f"{_places(video.faulty)}.",
            "Their pictures may be smeared or frozen: they count as unobserved and are not trained on. Up to the "
            "next key frame those after them may be smeared as well; they count as they are.",
            "Copy the file again from its source.",
        )


def _places(runs: Sequence[tuple[int, int]]) -> str:
    """Frames in words; of many, the first."""
    return listing([f"{start:,}" if stop == start + 1 else f"{start:,}-{stop - 1:,}" for start, stop in runs], 5)


def _told_rate(video: VideoInfo) -> Iterator[Oddity]:
    """What is said of the frame rate by a file that can't know it, or by the user."""
    container = container_named(video.container)
    if not container.has_rate and not video.is_fps_given:
        codec = f", though the codec's own header says {video.fps_codec:g}" if video.fps_codec else ""
        codec = codec if abs(video.fps_codec - video.fps) > _ROUNDED * video.fps else ""
        yield (
            "warning",
            f"{video.path.name} is raw video without a container, which has no time stamps: {video.fps:g} frames/s are "
            f"assumed{codec}.",
            "If the camera took another rate, labels in seconds land on wrong frames, and all times and durations in "
            "the results are off.",
            "Write the camera's rate into the column `fps` of the recordings table (or `fps:` into the YAML), or put "
            f"the video into a container: ffmpeg -framerate {video.fps_codec or video.fps:g} -i {video.path.name} -c "
            "copy whole.mp4.",
        )
    if video.fps != video.fps_header and container.has_rate and not container.has_times:
        yield (
            "note",
            f"{video.fps:g} frames/s are given for {video.path.name}, whose header says {video.fps_header:g}.",
            "What is given is used. The file has no time stamps that could tell which is right.",
            "Check that it is the camera's rate.",
        )


def _rate(video: VideoInfo) -> Iterator[Oddity]:
    times = video.quality.times
    is_given = video.fps != video.fps_header
    if is_given and not container_named(video.container).has_times:
        return
    if times is None or (times.max_offset_frames <= MAX_OFFSET_FRAMES and not times.is_variable):
        return
    name = video.path.name
    irregular = (
        f"{times.n_irregular:,} of {video.n_frames - 1:,} steps from frame to frame differ from the usual one; the "
        f"longest is {times.longest_step_s * 1000:.0f} ms, after frame {times.longest_step_frame:,}"
    )
    off = (
        f"Time × {video.fps:g} and the frame's number differ by up to {times.max_offset_frames:.1f} frames "
        f"({times.max_offset_frames / video.fps:.2f} s, at frame {times.max_offset_frame:,})."
    )
    if times.max_offset_frames <= MAX_OFFSET_FRAMES:
        found = f"Frames of {name} do not come at equal times: {irregular}. {off}"
        yield "note", found, "That is too little to matter.", "Nothing."
        return
    consequence = (
        "BORIS and players count in seconds, Rearview in frames: labels in seconds land up to "
        f"{math.ceil(times.max_offset_frames)} frames off, and times and durations in the results are "
        "off."
    )
    if times.is_variable:
        found = (
            f"The frame rate of {name} is not constant: the {'table' if is_given else 'header'} gives {video.fps:g} "
            f"frames/s, but {irregular}. {off}"
        )
        remedy = (
            "Convert it to a constant rate that keeps the times: ffmpeg -i "
            f"{name} -vf fps={usual_rate(times, video.fps)} -crf 16 constant.mp4. Labels in seconds stay right; track "
            "the poses again in the new file, and score it again where labels are by frame."
        )
    else:
        ntsc = rounded_rate(video.fps, times.fps)
        rounded = "" if ntsc is None else f": {ntsc:.2f} was rounded to {video.fps:g}"
        found = (
            f"{'For' if is_given else 'The header of'} {name} {'are given' if is_given else 'gives'} {video.fps:g} "
            "frames/s, but by its time stamps the video has "
            f"{times.fps:.4g}{rounded}. {off}"
        )
        remedy = (
            f"Write the file again with its true rate (ffmpeg -i {name} -c copy copy.mp4 often does), and audit that."
        )
        if is_given:
            remedy = "If the stamps are right, leave `fps` (the column of the table, or the key of the YAML) empty."
    yield "warning", found, consequence, remedy


def usual_rate(times: FrameTimes, fps_header: float) -> str:
    """The rate of the usual step, as FFmpeg is told it.

    Stamps of whole milliseconds say 33 or 34 ms where a camera took 30 frames/s: of the usual rates whose step is
    as near as that, it is the header's, else the one that fits exactly, else the nearest whole one.
    """
    step_s = times.usual_step_s if times.usual_step_s > 0 else 1 / times.fps
    off_s = {name: abs(1 / rate - step_s) for name, rate in USUAL_RATES.items()}
    near = [name for name, off in off_s.items() if off < _STAMP_S]
    headers = [name for name in near if abs(USUAL_RATES[name] - fps_header) < _ROUNDED * fps_header]
    exact = [name for name in near if off_s[name] < _EXACT_S]
    whole = [name for name in near if "/" not in name]
    found = headers or exact or whole
    return min(found, key=off_s.__getitem__) if found else f"{1 / step_s:.3f}"


def rounded_rate(fps_header: float, fps_measured: float) -> float | None:
    """The rate of which the header's is a rounded form, such as 29.97 (30000/1001) written as 30; None = it is not."""
    ntsc = round(fps_header) * NTSC
    is_whole = abs(fps_header - round(fps_header)) < _ROUNDED * fps_header
    return ntsc if is_whole and abs(fps_measured - ntsc) < 2 * _ROUNDED * ntsc else None


def _repeats(video: VideoInfo) -> Iterator[Oddity]:
    repeats = video.quality.repeats
    if repeats.n_lone:
        share = repeats.n_lone / video.n_frames
        is_many = share > MANY_REPEATS
        yield (
            "warning" if is_many else "note",
            f"{repeats.n_lone:,} frames ({share:.1%}) show the same picture as the frame before although the animal "
            "moves, first "
            f"at {listing(map(str, repeats.lone_frames), 5)}.",
            "The camera or a converter lost frames and wrote others twice: the animal seems to stop there"
            + (", often enough to change what movement looks like." if is_many else ". So few do not matter."),
            "For the next recordings check the camera's cable, exposure time and disk, and convert without "
            "changing the frame rate.",
        )
    start, n_still = repeats.longest_start_frame, repeats.longest_frames
    if n_still >= STILL_S * video.fps:
        yield (
            "warning",
            f"From frame {start:,} nothing changes in the picture for {n_still:,} frames "
            f"({n_still / video.fps:.1f} s); in all {repeats.n_frames:,} frames repeat the one before.",
            "The picture froze, or nothing moved in a very clean or strongly compressed video. While it is frozen, "
            "labels can't match the picture.",
            f"Look at the video around {start / video.fps:.1f} s. If it froze, leave these frames unscored (empty "
            "cells in a frame table), or leave the recording out.",
        )


def _brightness(video: VideoInfo) -> Iterator[Oddity]:
    found = video.quality.brightness
    if found.mean < DARK_LEVEL:
        yield (
            "warning",
            f"The picture is dark: its mean brightness is {found.mean:.0f} of 255.",
            "The network sees little of the animal, and behaviors that differ by a paw's movement look alike.",
            "Use more light or a longer exposure; a recording that is dark already gains little from brightening.",
        )
    elif found.n_black:
        yield (
            "warning",
            f"{found.n_black:,} frames are black (mean brightness below {BLACK_LEVEL:.0f} of 255), the first is "
            f"frame {found.first_black_frame:,}.",
            "Nothing can be seen in them, whatever poses and labels say.",
            "Leave them unscored (empty cells in a frame table), or cut the video and track and score the rest.",
        )
    if found.saturated_share > MANY_SATURATED:
        yield (
            "warning",
            f"{found.saturated_share:.0%} of the picture is overexposed ({SATURATED_LEVEL} of 255 or brighter).",
            "Where all is white, a white animal or its paws can't be told from the ground.",
            "Use less light or a shorter exposure in the next recordings. Harmless where only the ground is white.",
        )
    if found.n_jumps:
        places = [f"frame {jump.frame:,} ({jump.before:.0f} to {jump.after:.0f})" for jump in found.jumps]
        times = f"{found.n_jumps} time{'s' if found.n_jumps > 1 else ''}"
        yield (
            "warning",
            f"The mean brightness changes abruptly {times}: at {listing(places, 5)}, of 255.",
            "A lamp, a hand or automatic exposure: the same behavior looks different before and after, and a head can "
            "learn the light instead of the behavior.",
            "If it is at the beginning or the end, leave those frames unscored. If it is in many recordings, see that "
            "every behavior occurs in both lights.",
        )
