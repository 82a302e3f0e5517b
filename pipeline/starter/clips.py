"""What is no video with its files: clips in folders by what is seen in them, sequences in one file, poses, features."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.errors import InputError
from common.names import canonical
from features.poses import individuals_in, read_poses, split_sequence
from features.poses.calms21 import read_sequence
from pipeline.annotations import AnnotationChoice, told_fps
from pipeline.annotations.every_frame import FORMAT
from pipeline.dataset.pairing.names import pose_cores, raw_words, session_places, words_of
from pipeline.dataset.pairing.pairing import (
    AnnotationSource,
    PairedAnnotation,
    Pairing,
    Unpaired,
    VideoFiles,
    pair_files,
)
from pipeline.dataset.pairing.table_cells import individual_of
from pipeline.starter.feature_files import name_of
from pipeline.starter.lab_folder import LabFolder
from pipeline.starter.videos import VideoHeader

_USUAL_S, _LONGEST_S = 10.0, 60.0
_STAND_IN = ".mp4"
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


def pair_poses(lab: LabFolder) -> tuple[Pairing, dict[Path, VideoHeader]]:
    """Every recording of pose files without videos, and what its files tell of it: frames, and frames per second.

    A rate that nothing tells is 0. Files are paired as if a video of the poses' shortest name lay beside them.
    """
    stand_ins = {path.with_name(f"{min(pose_cores(path.stem), key=len)}{_STAND_IN}"): path for path in lab.poses}
    pairing = pair_files(list(stand_ins), lab.poses, lab.annotations)
    found, headers = [], {}
    for files in pairing.videos:
        if files.poses:
            path = files.poses[0]
            annotations = tuple(_with_media(paired) for paired in files.annotations)
            found.append(VideoFiles(path, files.poses, annotations))
            rates = [rate for paired in annotations if (rate := _told_fps(paired, path)) is not None]
            headers[path] = VideoHeader(rates[0] if len(set(rates)) == 1 else 0.0, _n_frames(path), 0, 0)
    return Pairing(tuple(found), pairing.unpaired), headers


def pair_feature_files(lab: LabFolder) -> tuple[Pairing, dict[Path, VideoHeader]]:
    """Every recording of features without videos and poses, as `pair_poses`; several files of one name are left out."""
    by_name: dict[Path, list[Path]] = {}
    rows = {file.path: file.n_rows for file in lab.features}
    for file in lab.features:
        by_name.setdefault(file.path.with_name(f"{name_of(file.path)}{_STAND_IN}"), []).append(file.path)
    stand_ins = {stand_in: path for stand_in, (path, *others) in by_name.items() if not others}
    pairing = pair_files(list(stand_ins), [], lab.annotations)
    found, headers = [], {}
    for files in pairing.videos:
        path = stand_ins[files.video]
        annotations = tuple(_with_media(paired) for paired in files.annotations)
        found.append(VideoFiles(path, (), annotations))
        rates = {rate for paired in annotations if (rate := _told_fps(paired, path)) is not None}
        headers[path] = VideoHeader(rates.pop() if len(rates) == 1 else 0.0, rows[path], 0, 0)
    several = [
        Unpaired(path, "", f"{len(paths)} files could be the features of {stand_in.stem}")
        for stand_in, paths in by_name.items()
        for path in paths
        if len(paths) > 1
    ]
    return Pairing(tuple(found), tuple(sorted([*pairing.unpaired, *several]))), headers


def _with_media(paired: PairedAnnotation) -> PairedAnnotation:
    """With the video that was scored, which can't be told from the name of a pose file."""
    names = {Path(media.replace("\\", "/")).name for media in paired.source.media}
    return paired._replace(media=names.pop()) if len(names) == 1 and not paired.media else paired


def _told_fps(paired: PairedAnnotation, path: Path) -> float | None:
    choice = AnnotationChoice(paired.source.format, observation=paired.source.observation, media=paired.media)
    try:
        return told_fps(paired.source.path, choice, path.name)
    except InputError:
        return None  # which is said when its labels are read


def _n_frames(path: Path) -> int:
    """Rows of a pose file; 0 where it can't be read, which is said when its keypoints are looked at."""
    try:
        names, track = individuals_in(path)
        return (track or read_poses(path, names[0])).n_frames
    except (InputError, OSError):
        return 0


def _has_labels(path: Path) -> bool:
    return "annotations" in read_sequence(*split_sequence(path))
