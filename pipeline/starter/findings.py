"""What `init` finds in a lab's folder: the rows of the table, and the facts of the starter experiment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common.errors import InputError
from features.kinematics.layout import layout_of
from features.poses import split_sequence
from features.poses.calms21 import FPS as SEQUENCE_FPS
from features.sources.precomputed_arrays import SUFFIXES
from features.tracks import BLOB, MIDDLE
from pipeline.annotations import RawAnnotation
from pipeline.dataset.cell_paths import path_cell
from pipeline.dataset.findings import Finding
from pipeline.dataset.label_findings import label_findings
from pipeline.dataset.pairing.names import pose_cores
from pipeline.dataset.pairing.pairing import Pairing, Unpaired, VideoFiles, pair_files
from pipeline.dataset.pairing.table_cells import (
    animals_id,
    annotation_cell,
    guess_individuals,
    recording_ids,
    unwritable_reason,
)
from pipeline.dataset.table import ANIMAL, COLUMNS, FPS, PARTNER
from pipeline.starter.animals import VideoRows, rows_by_video
from pipeline.starter.clips import are_sorted_clips, pair_clips, pair_feature_files, pair_poses, pair_sequences
from pipeline.starter.feature_files import Owner, name_of, pair_features, template_of
from pipeline.starter.lab_folder import LabFolder, Skipped
from pipeline.starter.labels import ChosenLabels, choose_annotator, choose_labels, tally_behaviors, unusable_names
from pipeline.starter.poses import MOST_CROP_PX, PoseAdvice, advise_by_videos, advise_on_poses
from pipeline.starter.proposal import Speed, Work, propose
from pipeline.starter.starter_yaml import Precomputed, StarterFacts, learnable_behaviors
from pipeline.starter.videos import VideoHeader, read_video_header

_ANY_FPS = 30.0
_GEOMETRY = 150
"""Features of two animals' keypoints, more or less; what heads cost hardly depends on it."""


@dataclass(frozen=True)
class FoundRecording:
    """A row of the table, and what it was made of.

    `animal` is "" where the video has a single row, which is of the `pair` if that names two animals
    (`is_pair_named`: pose files hold others as well). `held_out_with`:
    rows of one name there stand on one side of every split, as those of one video do; the recording's own id, or what
    the video's name tells of the animal. `notes` and `doubts` are about the animals of the video, with its first row.
    """

    id: str
    files: VideoFiles
    header: VideoHeader
    labels: ChosenLabels
    individual: str
    cells: dict[str, str]
    held_out_with: str
    animal: str = ""
    pair: tuple[str, ...] = ()
    is_pair_named: bool = False
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


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
        None of the videos can be opened, or features are all that there is, but they can't be used.
    """
    headers: dict[Path, VideoHeader] = {}
    broken = []
    for video in lab.videos:
        try:
            headers[video] = read_video_header(video)
        except InputError as error:
            broken.append(Skipped(video, str(error)))
    is_alone = not lab.videos and bool(lab.sequences or lab.poses or lab.features)
    if not headers and not is_alone:
        raise InputError(
            f"None of the {len(lab.videos)} videos in {lab.root} can be opened. The first: {broken[0].reason}"
        )
    are_clips = not is_alone and are_sorted_clips(lab, headers)
    if is_alone and lab.sequences:
        pairing, headers = pair_sequences(lab), dict.fromkeys(lab.sequences, VideoHeader(SEQUENCE_FPS, 0, 0, 0))
    elif is_alone:
        pairing, headers = pair_poses(lab) if lab.poses else pair_feature_files(lab)
    elif are_clips:
        pairing = pair_clips(lab, list(headers))
    else:
        pairing = pair_files(list(headers), lab.poses, lab.annotations)
    pose_word = BLOB if has_blob else MIDDLE if are_clips else ""
    recordings, refused = _recordings(pairing, headers, table_path.parent, pose_word)
    recordings, precomputed, unused = _with_features(lab, recordings, table_path.parent)
    unpaired = tuple(sorted([*pairing.unpaired, *refused, *unused]))
    if is_alone and not (lab.sequences or lab.poses or precomputed):
        raise InputError(_no_features(lab, unpaired))
    facts = _facts(recordings, name, table_path, are_clips, is_alone, precomputed)
    skipped = (*lab.skipped, *broken)
    doubts = tuple(_doubts(recordings, facts))
    return Findings(
        lab.root, table_path, experiment_path, tuple(recordings), unpaired, skipped, facts, pose_word, doubts
    )


def with_proposal(findings: Findings, speed: Speed | None) -> Findings:
    """Add network, frame step, window and cross-validation to the facts; `speed` as `propose` takes it."""
    facts, recordings = findings.facts, findings.recordings
    kept, _ = learnable_behaviors(facts)
    videos = {r.files.video: r.header for r in recordings} if not facts.is_alone else {}
    work = Work(
        tuple(r.header.n_frames for r in recordings),
        tuple(r.header.n_frames for r in recordings if r.labels.sources),
        facts.n_individuals,
        1 if facts.is_exclusive else max(1, len(kept)),
        float(sum(header.n_frames * header.width_px * header.height_px for header in videos.values())),
        facts.fps,
        facts.runs_network,
        facts.has_movement,
        _n_other(facts),
        facts.is_in_parts,
    )
    return replace(findings, facts=replace(facts, proposal=propose(work, speed)))


def _n_other(facts: StarterFacts) -> int:
    """Features that no network makes; of geometry, about how many there are."""
    if facts.precomputed is not None:
        return facts.precomputed.n_features
    return _GEOMETRY if facts.has_partners or not facts.runs_network else 0


def _with_features(
    lab: LabFolder, recordings: list[FoundRecording], table_folder: Path
) -> tuple[list[FoundRecording], Precomputed | None, list[Unpaired]]:
    """With features that were made elsewhere: named in the table where it names no videos, else by a pattern."""
    owners = [
        Owner(r.id, r.files.video, _named_as(r.files).stem, r.header.n_frames, bool(r.labels.sources))
        for r in recordings
    ]
    known = {r.files.video for r in recordings}
    files = [file for file in lab.features if lab.videos or lab.poses or file.path in known]
    if lab.sequences and not lab.videos:
        return recordings, None, [Unpaired(file.path, "", "features, but no video has this name") for file in files]
    found, unused = pair_features(files, owners)
    if found is None:
        return recordings, None, unused
    n_features, pattern = found.n_features, template_of(found, table_folder)
    if lab.videos and pattern is None:
        first = next(iter(found.files))
        reason = (
            "features, but called otherwise than the recordings in recordings.csv: the YAML can name files by these "
            f"ids alone, in one pattern, such as {first}{found.files[first].path.suffix}. Rename them and start again"
        )
        return recordings, None, [*unused, *(Unpaired(file.path, "", reason) for file in found.files.values())]
    lack = "no features of it lie here, while there are some of every recording with labels"
    unused += [Unpaired(r.files.video, "", lack) for r in recordings if r.id not in found.files]
    recordings = [r for r in recordings if r.id in found.files]
    if not lab.videos:
        named = {own_id: path_cell(file.named, table_folder) for own_id, file in found.files.items()}
        recordings = [replace(r, cells=r.cells | {"video": named[r.id]}) for r in recordings]
    return recordings, Precomputed(pattern or "" if lab.videos else "", found.frame_step, n_features), unused


def _no_features(lab: LabFolder, unpaired: Sequence[Unpaired]) -> str:
    of_features = {file.path for file in lab.features}
    first = next(item for item in unpaired if item.path in of_features)
    return (
        f"Found no videos and no poses in {lab.root}, and none of the {len(of_features)} files of features there can "
        f"be used. The first, {first.path.name}: {first.reason}. Keep one set of files, or name the folder that has it."
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
    refused: list[Unpaired] = []
    all_files = []
    for files in pairing.videos:
        reasons = {paired: unwritable_reason(paired, table_folder) for paired in files.annotations}
        refused += [p.source.unpaired(reason) for p, reason in reasons.items() if reason]
        all_files.append(replace(files, annotations=tuple(p for p, reason in reasons.items() if not reason)))
    rows_of = rows_by_video(all_files, table_folder)
    refused += [each for found in rows_of.values() for each in found.unpaired]
    named = {files.video: _named_as(files) for files in all_files}
    by_name = recording_ids(list(named.values()))
    guessed = guess_individuals(by_name)
    ids, individuals = ({video: found[name] for video, name in named.items()} for found in (by_name, guessed))
    has_animals = any(row.animal for found in rows_of.values() for row in found.rows)
    has_several = any(len(found.rows) > 1 for found in rows_of.values())
    taken = {own_id.casefold() for own_id in ids.values()}
    recordings: list[FoundRecording] = []
    for files in all_files:
        found, header, video = rows_of[files.video], headers[files.video], files.video
        for row in found.rows:
            own_id, individual = ids[video], individuals[video]
            if row.animal and has_several:
                own_id = animals_id(own_id, row.animal, taken)
                individual = own_id if individual == ids[video] else f"{individual}_{row.animal}"
            own_files = replace(files, annotations=row.annotations)
            labels = choose_labels(own_files, _readable(header), row.animal)
            refused += labels.unpaired
            cells = _cells(own_id, individual, own_files, header, labels, table_folder, "" if row.animal else pose_word)
            cells |= {ANIMAL: row.animal, PARTNER: row.partner} if has_animals else {}
            said = found if row is found.rows[0] else VideoRows(())
            about = (row.animal, found.pair, found.is_pair_named, said.notes, said.doubts)
            recordings.append(
                FoundRecording(own_id, own_files, header, labels, individual, cells, individuals[video], *about)
            )
    return recordings, refused


def _named_as(files: VideoFiles) -> Path:
    """The video, or what it was called where there are poses or features alone."""
    path, sequence = split_sequence(files.video)
    if files.video in files.poses and not sequence:
        return path.with_stem(min(pose_cores(path.stem), key=len))
    is_of_features = path.suffix.casefold() in SUFFIXES and not sequence
    return path.with_stem(name_of(path)) if is_of_features else files.video


def _cells(
    own_id: str,
    individual: str,
    files: VideoFiles,
    header: VideoHeader,
    labels: ChosenLabels,
    table_folder: Path,
    pose_word: str,
) -> dict[str, str]:
    is_alone = files.video in files.poses
    has_rate = not is_alone and files.video.suffix.casefold() not in SUFFIXES
    cells = dict.fromkeys(COLUMNS, "") | {
        "recording": own_id,
        "video": "" if is_alone else path_cell(files.video, table_folder),
        "poses": path_cell(files.poses[0], table_folder) if files.poses else pose_word,
        "annotations": annotation_cell(labels.sources, table_folder),
        "individual": individual,
        "split": "train" if labels.sources else "",
    }
    return cells | ({FPS: f"{header.fps:g}" if header.fps else ""} if not has_rate else {})


def _readable(header: VideoHeader) -> VideoHeader:
    """With some rate where nothing tells it: names of behaviors do not depend on it."""
    return header if header.fps else replace(header, fps=_ANY_FPS)


def _facts(
    recordings: Sequence[FoundRecording],
    name: str,
    table_path: Path,
    are_clips: bool,
    is_alone: bool,
    precomputed: Precomputed | None,
) -> StarterFacts:
    annotated = [recording for recording in recordings if recording.labels.sources]
    annotator = choose_annotator([list(recording.labels.sources) for recording in annotated])
    read: dict[str, dict[str, RawAnnotation]] = {r.id: r.labels.read for r in annotated}
    tallies = tally_behaviors(read, annotator, {r.id: r.held_out_with for r in annotated})
    points, columns = unusable_names([annotation for found in read.values() for annotation in found.values()])
    are_sequences = is_alone and all(split_sequence(recording.files.video)[1] for recording in recordings)
    # Sequences that were scored for the same classes name one in each frame.
    are_alike = are_sequences and len({labels.behaviors for own in read.values() for labels in own.values()}) == 1
    advice = PoseAdvice() if are_sequences else _advice(recordings, are_clips, is_alone or precomputed is not None)
    if any(recording.animal for recording in recordings):
        advice = replace(advice, individuals=())  # the table names whose each row is
    has_rows = len({recording.files.video for recording in recordings}) < len(recordings)
    has_partners = has_rows and all(recording.cells.get(PARTNER) for recording in recordings)
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
        len({recording.held_out_with for recording in annotated}),
        advice,
        max(recording.header.fps for recording in recordings),
        are_clips,
        is_alone,
        are_clips or are_alike,
        are_sequences,
        next((recording.pair for recording in recordings if recording.pair), ()),
        has_rows,
        has_partners and has_geometry(advice.available),
        any(recording.is_pair_named for recording in recordings),
        precomputed,
    )


def has_geometry(keypoints: Sequence[str]) -> bool:
    """Whether the geometry of two animals can be told without anybody's help."""
    try:
        return len(keypoints) > 1 and layout_of(keypoints, "").axis is not None
    except InputError:
        return False


def _advice(recordings: Sequence[FoundRecording], are_clips: bool, has_no_crops: bool) -> PoseAdvice:
    """Center and crop by the poses; where these don't tell the animal's length, by the videos, or all of a clip."""
    poses = list(dict.fromkeys(recording.files.poses[0] for recording in recordings if recording.files.poses))
    side_px = min(min(recording.header.width_px, recording.header.height_px) for recording in recordings)
    advice = advise_on_poses(poses, side_px) if poses else PoseAdvice()
    if has_no_crops:
        return replace(advice, crop_px=None)
    # What stands out from the background is no single animal where there are several.
    is_unclear = advice.body_px is None and not advice.has_unequal_lengths and not advice.individuals
    if is_unclear and not are_clips and not any(recording.animal for recording in recordings):
        videos = [(recording.files.video, recording.header.fps) for recording in recordings]
        advice = advise_by_videos(advice, videos, side_px)
    is_whole = are_clips and advice.crop_px is None
    return replace(advice, crop_px=min(side_px, MOST_CROP_PX)) if is_whole else advice


def from_here(path: Path) -> str:
    """A path as the command line finds it."""
    here = Path.cwd().resolve()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
