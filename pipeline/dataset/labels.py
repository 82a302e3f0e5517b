"""From what annotation files say to the labels of the experiment's behaviors, per frame.

Unscored is not negative: `scored` says, for each frame and behavior, whether a human looked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from common.errors import InputError
from common.suggestions import did_you_mean, listing
from pipeline.annotations import RawAnnotation
from pipeline.dataset.frames_agree import check_frames_agree
from pipeline.dataset.streams import with_known_streams

_N_FILES_NAMED = 6


@dataclass(frozen=True)
class LabelTrack:
    """Human labels of one recording, shape (n_frames, n_behaviors), in the order of `behaviors` (our names).

    `active`: the behavior was seen; False where it was not or was not scored. `scored`: a human judged this frame for
    this behavior.
    """

    behaviors: tuple[str, ...]
    active: NDArray[np.bool_]
    scored: NDArray[np.bool_]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(self.active.shape[0])


def names_in_annotations(behaviors: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Under which name each behavior (our name → theirs) leaves Rearview, so that the same YAML reads it back.

    It is the first of their names that no other behavior has; our name where each is shared.
    """
    taken = [name for theirs in behaviors.values() for name in dict.fromkeys(theirs)]
    return {ours: next((name for name in theirs if taken.count(name) == 1), ours) for ours, theirs in behaviors.items()}


def label_tracks(
    annotations: Mapping[str, RawAnnotation],
    behaviors: Mapping[str, Sequence[str]],
    n_frames: Mapping[str, int],
    is_known: bool = False,
) -> dict[str, LabelTrack]:
    """Make the labels of all recordings, by one annotator; arrays are as long as the videos.

    In event files (BORIS, bout CSV) a behavior that a file doesn't list did not happen there, provided that some file
    knows it; where files have streams, a stream must be known to hold it. In frame tables a missing column is not
    scored. Where one of our behaviors is several of theirs, a frame
    is active when any of them is, and scored when any is active or all are scored. Other behaviors of the files are
    ignored.

    `annotations` and `n_frames` (decoded) are by recording id, `behaviors` by our name. With `is_known`, their names
    are known from other files (a trained run): one that none of these files has is no error, as long as none of them
    has a name so like it that it may be a misspelling.

    Raises
    ------
    InputError
        A name that no file knows, a faulty column or point events under a name that is asked for,
        labels that don't fit their video.
    """
    if not annotations:
        return {}
    for recording, annotation in annotations.items():
        check_frames_agree(recording, n_frames[recording], label_span=annotation.span)
    for ours, theirs in behaviors.items():
        for name in theirs:
            _require_usable(annotations, ours, name, behaviors if is_known else None)
        _require_their_names(annotations, ours, behaviors)
    return {
        recording: label_track(annotation, behaviors, n_frames[recording])
        for recording, annotation in with_known_streams(annotations).items()
    }


def label_track(annotation: RawAnnotation, behaviors: Mapping[str, Sequence[str]], n_frames: int) -> LabelTrack:
    """The labels of one file; a behavior that it can't tell is unscored."""
    active = np.zeros((n_frames, len(behaviors)), dtype=bool)
    scored = np.zeros((n_frames, len(behaviors)), dtype=bool)
    not_scored = (np.zeros(n_frames, dtype=bool), np.zeros(n_frames, dtype=bool))
    for column, theirs in enumerate(behaviors.values()):
        parts = [annotation.frames_of(name, n_frames) or not_scored for name in theirs]
        active[:, column] = np.any([part[0] for part in parts], axis=0)
        scored[:, column] = active[:, column] | np.all([part[1] for part in parts], axis=0)
    return LabelTrack(tuple(behaviors), active, scored)


def _require_usable(
    annotations: Mapping[str, RawAnnotation], ours: str, name: str, known_behaviors: Mapping[str, Sequence[str]] | None
) -> None:
    """Raise unless some file knows the name (or it is known anyway), and none has a fault under it."""
    for recording, annotation in annotations.items():
        if name in annotation.faults:
            raise InputError(
                f"Behavior {name!r} can't be read from {annotation.path.name} (recording {recording!r}): "
                f"{annotation.faults[name]}."
            )
    if any(name in annotation.behaviors for annotation in annotations.values()):
        return
    known = dict.fromkeys(
        word for annotation in annotations.values() for word in (*annotation.behaviors, *annotation.faults)
    )
    if known_behaviors is not None:
        wanted = {word for theirs in known_behaviors.values() for word in theirs}
        if not did_you_mean(name, set(known) - wanted):
            return
    as_ours = "" if ours == name else f" (for {ours!r})"
    raise InputError(
        f"Behavior {name!r}{as_ours} is in none of the {len(annotations)} annotation "
        f"files.{did_you_mean(name, known)} They have: {_per_file(annotations)}. Correct the name under "
        "`behaviors`; it must be written as in the files."
    )


def _require_their_names(
    annotations: Mapping[str, RawAnnotation], ours: str, behaviors: Mapping[str, Sequence[str]]
) -> None:
    """Refuse a file that has a behavior under our name alone: its bouts would silently be read as none."""
    if any(ours in theirs for theirs in behaviors.values()):
        return
    for recording, annotation in annotations.items():
        if ours in annotation.behaviors and not set(behaviors[ours]) & set(annotation.behaviors):
            raise InputError(
                f"{annotation.path.name} (recording {recording!r}) has {ours!r}, which is our name for "
                f"{listing(behaviors[ours])}, but not that name itself. If both are one behavior, rename it in the "
                f"file; if not, give the behavior another name than {ours!r} under `behaviors`."
            )


def _per_file(annotations: Mapping[str, RawAnnotation]) -> str:
    """Which file has which behaviors, files of the same behaviors together."""
    files: dict[str, list[str]] = {}
    for annotation in annotations.values():
        files.setdefault(listing(annotation.behaviors), []).append(annotation.path.name)
    groups = [f"{names} in {listing(paths, 3)}" for names, paths in files.items()]
    rest = len(groups) - _N_FILES_NAMED
    return "; ".join(groups[:_N_FILES_NAMED]) + (f"; and {rest} more" if rest > 0 else "") or "(no file)"
