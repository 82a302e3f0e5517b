"""What `init` finds in a lab's folder: the rows of the table, and the facts of the starter experiment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import InputError
from features.poses.calms21 import FPS as SEQUENCE_FPS
from features.tracks import BLOB, MIDDLE
from pipeline.annotations import RawAnnotation
from pipeline.dataset.findings import Finding
from pipeline.dataset.label_findings import label_findings
from pipeline.dataset.pairing.pairing import Pairing, Unpaired, VideoFiles, pair_files
from pipeline.dataset.pairing.table_cells import (
    annotation_cell,
    guess_individuals,
    path_cell,
    recording_ids,
    unwritable_reason,
)
from pipeline.dataset.table import COLUMNS, FPS
from pipeline.starter.clips import are_sorted_clips, pair_clips, pair_sequences
from pipeline.starter.lab_folder import LabFolder, Skipped
from pipeline.starter.labels import ChosenLabels, choose_annotator, choose_labels, tally_behaviors, unusable_names
from pipeline.starter.poses import MOST_CROP_PX, PoseAdvice, advise_by_videos, advise_on_poses
from pipeline.starter.starter_yaml import StarterFacts, learnable_behaviors
from pipeline.starter.videos import VideoHeader, read_video_header


@dataclass(frozen=True)
class FoundRecording:
    """A row of the table, and what it was made of."""

    id: str
    files: VideoFiles
    header: VideoHeader
    labels: ChosenLabels
    individual: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Findings:
    """Everything that `init` found, wrote and could not decide.

    `pose_word`: what videos without a pose file got instead; "" = nothing. `doubts`: what labels lack of the behaviors
    of the experiment.
    """

    root: Path
    table_path: Path
    experiment_path: Path
    recordings: tuple[FoundRecording, ...]
    unpaired: tuple[Unpaired, ...]
    skipped: tuple[Skipped, ...]
    facts: StarterFacts
    pose_word: str
    doubts: tuple[Finding, ...] = ()


def find_recordings(lab: LabFolder, table_path: Path, experiment_path: Path, name: str, has_blob: bool) -> Findings:
    """Pair what lies in a folder, and look into it as far as the table and the experiment need it.

    Nothing is written here. `has_blob`: say `blob` for videos without a pose file; else clips say `middle`.

    Raises
    ------
    InputError
        None of the videos can be opened.
    """
    headers: dict[Path, VideoHeader] = {}
    broken = []
    for video in lab.videos:
        try:
            headers[video] = read_video_header(video)
        except InputError as error:
            broken.append(Skipped(video, str(error)))
    is_alone = not lab.videos and bool(lab.sequences)
    if is_alone:
        headers = dict.fromkeys(lab.sequences, VideoHeader(SEQUENCE_FPS, 0, 0, 0))
    if not headers:
        raise InputError(
            f"None of the {len(lab.videos)} videos in {lab.root} can be opened. The first: {broken[0].reason}"
        )
    are_clips = are_sorted_clips(lab, headers)
    if is_alone:
        pairing = pair_sequences(lab)
    elif are_clips:
        pairing = pair_clips(lab, list(headers))
    else:
        pairing = pair_files(list(headers), lab.poses, lab.annotations)
    pose_word = BLOB if has_blob else MIDDLE if are_clips else ""
    recordings, refused = _recordings(pairing, headers, table_path.parent, pose_word)
    unpaired = tuple(sorted([*pairing.unpaired, *refused]))
    facts = _facts(recordings, name, table_path, are_clips, is_alone)
    skipped = (*lab.skipped, *broken)
    doubts = tuple(_doubts(recordings, facts))
    return Findings(
        lab.root, table_path, experiment_path, tuple(recordings), unpaired, skipped, facts, pose_word, doubts
    )


def _doubts(recordings: Sequence[FoundRecording], facts: StarterFacts) -> Iterator[Finding]:
    """Yield what a run will warn of, as far as the headers of the videos tell it."""
    kept, _ = learnable_behaviors(facts)
    annotations: dict[tuple[str, str], RawAnnotation] = {}
    n_frames: dict[str, int] = {}
    for recording in recordings:
        for who, annotation in recording.labels.read.items():
            length = max(annotation.span.n_frames, 0 if annotation.span.complete else recording.header.n_frames)
            # Labels of other lengths are told as such.
            if length and n_frames.setdefault(recording.id, length) == length:
                annotations[recording.id, who] = annotation
    found = label_findings(annotations, {tally.names[0]: tally.names for tally in kept}, n_frames)
    return (finding for finding in found if finding.severity == "warning")


def _recordings(
    pairing: Pairing, headers: dict[Path, VideoHeader], table_folder: Path, pose_word: str
) -> tuple[list[FoundRecording], list[Unpaired]]:
    ids = recording_ids([files.video for files in pairing.videos])
    individuals = guess_individuals(ids)
    recordings = []
    refused: list[Unpaired] = []
    for files in pairing.videos:
        reasons = {paired: unwritable_reason(paired, table_folder) for paired in files.annotations}
        refused += [p.source.unpaired(reason) for p, reason in reasons.items() if reason]
        files = replace(files, annotations=tuple(paired for paired, reason in reasons.items() if not reason))
        header, own_id, individual = headers[files.video], ids[files.video], individuals[files.video]
        labels = choose_labels(files, header)
        refused += labels.unpaired
        cells = dict.fromkeys(COLUMNS, "") | {
            "recording": own_id,
            "video": path_cell(files.video, table_folder) if files.video not in files.poses else "",
            "poses": path_cell(files.poses[0], table_folder) if files.poses else pose_word,
            "annotations": annotation_cell(labels.sources, table_folder),
            "individual": individual,
            "split": "train" if labels.sources else "",
        }
        if files.video in files.poses:
            cells[FPS] = f"{header.fps:g}"
        recordings.append(FoundRecording(own_id, files, header, labels, individual, cells))
    return recordings, refused


def _facts(
    recordings: Sequence[FoundRecording], name: str, table_path: Path, are_clips: bool, is_alone: bool
) -> StarterFacts:
    annotated = [recording for recording in recordings if recording.labels.sources]
    annotator = choose_annotator([list(recording.labels.sources) for recording in annotated])
    read: dict[str, dict[str, RawAnnotation]] = {r.id: r.labels.read for r in annotated}
    tallies = tally_behaviors(read, annotator, {r.id: r.individual for r in annotated})
    points, columns = unusable_names([annotation for found in read.values() for annotation in found.values()])
    # Sequences that were scored for the same classes name one in each frame.
    are_alike = is_alone and len({labels.behaviors for found in read.values() for labels in found.values()}) == 1
    return StarterFacts(
        name,
        from_here(table_path),
        # What one file can't tell ends a run that asks for it.
        tuple(tally for tally in tallies if not set(points).intersection(tally.names)),
        tuple(points),
        tuple(columns),
        tuple(sorted({who for recording in annotated for who in recording.labels.sources})),
        annotator,
        len(annotated),
        len({recording.individual for recording in annotated}),
        PoseAdvice() if is_alone else _advice(recordings, are_clips),
        max(recording.header.fps for recording in recordings),
        are_clips,
        is_alone,
        are_clips or are_alike,
    )


def _advice(recordings: Sequence[FoundRecording], are_clips: bool) -> PoseAdvice:
    """Center and crop by the poses; where these don't tell the animal's length, by the videos, or all of a clip."""
    poses = [recording.files.poses[0] for recording in recordings if recording.files.poses]
    side_px = min(min(recording.header.width_px, recording.header.height_px) for recording in recordings)
    advice = advise_on_poses(poses, side_px) if poses else PoseAdvice()
    # What stands out from the background is no single animal where there are several.
    if advice.body_px is None and not advice.has_unequal_lengths and not advice.individuals and not are_clips:
        videos = [(recording.files.video, recording.header.fps) for recording in recordings]
        advice = advise_by_videos(advice, videos, side_px)
    is_whole = are_clips and advice.crop_px is None
    return replace(advice, crop_px=min(side_px, MOST_CROP_PX)) if is_whole else advice


def from_here(path: Path) -> str:
    """A path as the command line finds it."""
    here = Path.cwd().resolve()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
