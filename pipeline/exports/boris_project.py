"""BORIS' project file (.boris), to look at bouts beside the video and to correct them.

Format: project format 7.0, which BORIS 7 to 10 read and write (tried with 7.13, 8.27, 9.15 and 10.0): JSON with the
ethogram (``behaviors_conf``) and the observations. Here every recording has an observation for each source of
bouts, ``<recording>`` for the predicted and ``<recording> (human)`` for a human's, both of the same media
file. The animal, where a recording names one, is the subject, and all animals of a video together have an observation
``<video> (all animals)`` as well. The only part of an observation that depends on bouts is ``events``, a list of rows
``[time in seconds, subject, behavior, "", comment, frame index]``, two for a bout (see `boris_events`); to fill in
other bouts, replace that list.

Only ASCII is written, since BORIS opens the file in the system's encoding, which need not be UTF-8.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from string import ascii_lowercase, digits
from typing import Any

from common.colors import behavior_colors
from pipeline.exports.base import ExportedFile
from pipeline.exports.boris_events import event_rows, media_length_s
from pipeline.exports.recording import NO_DATE, PREDICTED, ExportRecording, name_of, of_several_animals
from pipeline.scoring.bouts.bouts import Bout

DESCRIPTION = "BORIS project, all recordings in one; animals are subjects"
FORMAT_VERSION = "7.0"
_N_PLAYERS = 8


def boris_project(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> dict[str, Any]:
    """The tree of a BORIS project; written as JSON it is a ``.boris`` file.

    Parameters
    ----------
    recordings : sequence of ExportRecording
    behaviors : sequence of str
        The ethogram; all of them are state events.
    name : str
        The project's.
    date : str
        Of project and observations, ``YYYY-MM-DDTHH:MM:SS``.

    Returns
    -------
    dict
        ``tree["observations"][<observation>]["events"]`` are the rows; everything is what JSON can hold.
    """
    return {
        "time_format": "hh:mm:ss",
        "project_date": date,
        "project_name": name,
        "project_description": "Bouts of behaviors, written by Rearview. Observations that end with (human) hold the "
        "labels of an annotator, the others what was predicted.",
        "project_format_version": FORMAT_VERSION,
        "subjects_conf": _subjects(recordings),
        "behaviors_conf": _ethogram(behaviors, any(recording.exclusive for recording in recordings)),
        "observations": _observations(recordings, behaviors, date),
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def files(
    recordings: Sequence[ExportRecording], behaviors: Sequence[str], name: str, date: str = NO_DATE
) -> Iterator[ExportedFile]:
    """One project of all recordings, ``<name>.boris``."""
    path = f"{name}.boris"
    text = json.dumps(boris_project(recordings, behaviors, name, date), indent=1) + "\n"
    cells = {
        (recording.id, source): f"{path}#observation={name_of(recording.id, source)}{recording.part}"
        for recording in recordings
        for source in recording.bouts
    }
    yield ExportedFile(path, text.encode("ascii"), cells)


def _ethogram(behaviors: Sequence[str], exclusive: bool) -> dict[str, Any]:
    """All behaviors as state events; where they are exclusive, BORIS stops one when another begins."""
    colors = behavior_colors(behaviors)
    keys = _keys(behaviors)
    return {
        str(i): {
            "type": "State event",
            "key": keys[behavior],
            "code": behavior,
            "description": "",
            "color": colors[behavior],
            "category": "",
            "modifiers": {},
            "excluded": ",".join(other for other in behaviors if exclusive and other != behavior),
            "coding map": "",
        }
        for i, behavior in enumerate(behaviors)
    }


def _keys(behaviors: Sequence[str]) -> Mapping[str, str]:
    """A key for each behavior: one of its letters where one is free; "" where no key is left."""
    keys: dict[str, str] = {}
    for behavior in behaviors:
        wanted = chain((c for c in behavior.casefold() if c in ascii_lowercase), ascii_lowercase, digits)
        keys[behavior] = next((c for c in wanted if c not in keys.values()), "")
    return keys


def _subjects(recordings: Sequence[ExportRecording]) -> dict[str, Any]:
    """The animals that are named; their keys are digits, which behaviors rarely have."""
    animals = dict.fromkeys(recording.animal for recording in recordings if recording.animal)
    keys = chain(digits[1:], repeat(""))
    return {
        str(i): {"key": key, "name": animal, "description": ""}
        for i, (animal, key) in enumerate(zip(animals, keys, strict=False))
    }


def _observations(recordings: Sequence[ExportRecording], behaviors: Sequence[str], date: str) -> dict[str, Any]:
    """One for each recording and source, then for each video of several animals one of all, where all have it."""
    found = {
        name_of(recording.id, source): _observation([recording], recording.id, source, behaviors, date)
        for recording in recordings
        for source in recording.bouts
    }
    for name, own in of_several_animals(recordings).items():
        for source in own[0].bouts:
            if name_of(name, source) not in found and all(source in one.bouts for one in own):
                whose = " and ".join(one.animal for one in own)
                found[name_of(name, source)] = _observation(own, whose, source, behaviors, date)
    return found


def _observation(
    recordings: Sequence[ExportRecording], whose: str, source: str, behaviors: Sequence[str], date: str
) -> dict[str, Any]:
    """Of one recording, or of several animals in one video."""
    recording = recordings[0]
    media = recording.id if recording.video_path is None else recording.video_path.as_posix()
    players = {str(player): [media] if player == 1 else [] for player in range(1, _N_PLAYERS + 1)}
    unscored = [stretch for one in recordings for stretch in one.unscored.get(source, ())]
    watches = {_watched(one.unscored.get(source, ()), behaviors, one.n_frames) for one in recordings}
    watched = watches.pop() if len(watches) == 1 else None
    events = [row for one in recordings for row in event_rows(one.bouts[source], one.fps, one.animal)]
    interval_s = [round(frame / recording.fps, 3) for frame in watched] if watched else [0, 0]
    return {
        "file": players,
        "type": "MEDIA",
        "date": date,
        "description": _description(recording, whose, source, unscored),
        "time offset": 0.0,
        "events": [list(row) for row in sorted(events, key=lambda row: row.time_s)],
        "observation time interval": interval_s,
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {media: media_length_s(recording.n_frames, recording.fps)},
            "fps": {media: recording.fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
            "display": {media: "Nothing"},  # no spectrogram or waveform; BORIS 10 adds it where it is missing
        },
    }


def _watched(unscored: Sequence[Bout], behaviors: Sequence[str], n_frames: int) -> tuple[int, int] | None:
    """The one stretch in which every behavior was scored, where all else was scored for none; else None."""
    by_behavior = {b: sorted((s.start_frame, s.stop_frame) for s in unscored if s.behavior == b) for b in behaviors}
    stretches = by_behavior[behaviors[0]] if behaviors else []
    if not stretches or any(found != stretches for found in by_behavior.values()):
        return None
    start = stretches[0][1] if stretches[0][0] == 0 else 0
    stop = stretches[-1][0] if stretches[-1][1] == n_frames else n_frames
    inner = [found for found in stretches if found[1] > start and found[0] < stop]
    return (start, stop) if start < stop and not inner else None


def _description(recording: ExportRecording, whose: str, source: str, unscored: Sequence[Bout]) -> str:
    parts = [f"Predicted bouts of {whose}." if source == PREDICTED else f"Labels of {whose} by a {source}."]
    if unscored:
        names = sorted({stretch.behavior for stretch in unscored})
        n_frames = len({f for stretch in unscored for f in range(stretch.start_frame, stretch.stop_frame)})
        parts.append(
            f"{n_frames} of {recording.n_frames} frames were not scored for {', '.join(names)}: "
            "a stretch without a bout in them is unknown, not negative."
        )
    if recording.video_path is None:
        parts.append("Which video this is of is not known; choose it in BORIS.")
    return " ".join(parts)
