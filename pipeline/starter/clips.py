"""Data sets that bring their labels along: clips in folders by what is seen in them, sequences in one file of poses."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.names import canonical
from features.poses import split_sequence
from features.poses.calms21 import read_sequence
from pipeline.annotations.every_frame import FORMAT
from pipeline.dataset.pairing.names import raw_words, session_places, words_of
from pipeline.dataset.pairing.pairing import AnnotationSource, PairedAnnotation, Pairing, VideoFiles, pair_files
from pipeline.dataset.pairing.table_cells import individual_of
from pipeline.starter.lab_folder import LabFolder
from pipeline.starter.videos import VideoHeader

_USUAL_S, _LONGEST_S = 10.0, 60.0
_LEAST_CLASSES, _LEAST_CLIPS = 2, 2


def are_sorted_clips(lab: LabFolder, headers: Mapping[Path, VideoHeader]) -> bool:
    """True where short videos lie in several folders, whose names are no days or animals, and no file has labels."""
    folders = [video.parent for video in headers]
    names = {folder.name for folder in folders}
    if (
        lab.annotations
        or lab.root in folders
        or len(names) < _LEAST_CLASSES
        or len(headers) < _LEAST_CLIPS * len(names)
    ):
        return False
    lengths_s = [header.n_frames / header.fps for header in headers.values()]
    are_sessions = any(individual_of(raw_words(name)) or any(session_places(words_of(name))) for name in names)
    return not are_sessions and float(np.median(lengths_s)) <= _USUAL_S and max(lengths_s) <= _LONGEST_S


def pair_clips(lab: LabFolder, videos: list[Path]) -> Pairing:
    """Every clip with the name of its folder as its class, and with its poses where there are any."""
    pairing = pair_files(videos, lab.poses, [])
    clips = [
        VideoFiles(
            files.video,
            files.poses,
            (PairedAnnotation(AnnotationSource(Path(canonical(files.video.parent.name)), format=FORMAT), ""),),
        )
        for files in pairing.videos
    ]
    return Pairing(tuple(clips), pairing.unpaired)


def pair_sequences(lab: LabFolder) -> Pairing:
    """Every recording in files of several, with the labels that the same file has of it; there are no videos."""
    found = [
        VideoFiles(path, (path,), (PairedAnnotation(AnnotationSource(path), ""),) if _has_labels(path) else ())
        for path in lab.sequences
    ]
    return Pairing(tuple(found), ())


def _has_labels(path: Path) -> bool:
    return "annotations" in read_sequence(*split_sequence(path))
