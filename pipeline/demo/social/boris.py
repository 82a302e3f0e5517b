"""The demo's labels as a BORIS project, as a human would have pressed them: a subject for each mouse.

Format: project format 7.0. A bout is two events ``[time in seconds, subject, behavior, modifier, comment, frame]``,
at its first frame and at the first frame after it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.demo.social.behavior import BEHAVIORS
from pipeline.demo.social.recording import ANIMALS

_COLORS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728")
_DATE = "2000-01-01T00:00:00"
_N_PLAYERS = 8

Events = list[list[Any]]


def events_of(labels: NDArray[np.int8], fps: float) -> Events:
    """Events of a recording's labels, shape (n_frames, 2), by time; at one time the ends come first."""
    rows = []
    for animal, shown in zip(ANIMALS, labels.T, strict=True):
        edges = np.flatnonzero(np.diff(shown, prepend=0, append=0))
        for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if shown[start]:
                code = BEHAVIORS[shown[start] - 1]
                rows += [(start, 1, animal, code), (stop, 0, animal, code)]
    return [[round(frame / fps, 3), animal, code, "", "", frame] for frame, _, animal, code in sorted(rows)]


def project_text(observations: Mapping[str, tuple[str, Events]], n_frames: int, fps: float) -> str:
    """The project as JSON; `observations`: by their names, the video and the events of each."""
    tree = {
        "time_format": "hh:mm:ss",
        "project_date": _DATE,
        "project_name": "social demo",
        "project_description": "Two simulated mice; each behavior is pressed for the mouse that does it.",
        "project_format_version": "7.0",
        "subjects_conf": {
            str(i): {"key": str(i + 1), "name": animal, "description": f"the {animal} mouse"}
            for i, animal in enumerate(ANIMALS)
        },
        "behaviors_conf": {str(i): _behavior(name, _COLORS[i]) for i, name in enumerate(BEHAVIORS)},
        "observations": {
            name: _observation(video, events, n_frames, fps) for name, (video, events) in observations.items()
        },
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    return json.dumps(tree, indent=1) + "\n"


def _behavior(name: str, color: str) -> dict[str, Any]:
    """A state event that ends the others of its subject."""
    return {
        "type": "State event",
        "key": name[0],
        "code": name,
        "description": "",
        "color": color,
        "category": "",
        "modifiers": {},
        "excluded": ",".join(other for other in BEHAVIORS if other != name),
        "coding map": "",
    }


def _observation(video: str, events: Sequence[Sequence[Any]], n_frames: int, fps: float) -> dict[str, Any]:
    # BORIS drops events behind the media's length, so it is rounded up.
    length_s = round(math.ceil(round(n_frames / fps * 1000, 6)) / 1000 + 0.0001, 4)
    return {
        "file": {str(player): [video] if player == 1 else [] for player in range(1, _N_PLAYERS + 1)},
        "type": "MEDIA",
        "date": _DATE,
        "description": "",
        "time offset": 0.0,
        "events": [list(event) for event in events],
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {video: length_s},
            "fps": {video: fps},
            "hasVideo": {video: True},
            "hasAudio": {video: False},
            "offset": {"1": 0.0},
            "display": {video: "Nothing"},
        },
    }
