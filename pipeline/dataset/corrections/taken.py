"""Corrections of earlier runs in the place of the annotations that the table of recordings names."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from common.errors import InputError
from common.names import canonical, find_path
from common.seals import seal_path
from common.suggestions import listing
from common.wording import quoted
from pipeline.annotations import AnnotationChoice
from pipeline.dataset.recording import Recording
from pipeline.dataset.split_groups import split_groups

CORRECTIONS = "corrections"
"""The folder of a run in which they lie."""
PROJECT, BOUTS = ".boris", ".csv"
"""A recording's files there; the project alone names behaviors that don't occur."""


def with_corrections(recordings: Sequence[Recording], runs: Sequence[str]) -> list[Recording]:
    """Let corrected recordings have the corrections as their only annotations.

    Those without a split are for training then, unless a test recording is of the same individual or video. `runs`:
    folders of runs; of two that corrected the same recording, the later one counts. Paths are relative to the current
    folder.

    Raises
    ------
    InputError
        A folder that is missing or holds no corrections, or one of a recording that the table doesn't have.
    """
    found = {recording.id: recording for recording in recordings}
    for run in runs:
        for name, path in _corrections_in(run).items():
            if name not in found:
                raise InputError(
                    f"corrections: {run} has corrections of {name}, but the table of recordings has no such row (it "
                    f"has {listing(found, 5)}). Add a row with its video, poses and individual, or take the files "
                    f"{name}.* out of {path.parent}."
                )
            found[name] = _corrected(found[name], path)
    groups = split_groups(recordings)
    of_tests = {groups[recording.id] for recording in recordings if recording.split == "test"}
    return [
        replace(one, split="train") if one.is_corrected and not one.split and groups[one.id] not in of_tests else one
        for one in found.values()
    ]


def _corrected(recording: Recording, path: Path) -> Recording:
    choice = AnnotationChoice(observation=recording.id, subject=recording.subject, animal=recording.animal)
    return replace(
        recording,
        annotation_paths={"": path},
        annotation_choices={"": choice},
        is_corrected=True,
    )


def _corrections_in(run: str) -> dict[str, Path]:
    """The project of each recording that was corrected."""
    folder = find_path(Path(run))
    if not folder.is_dir():
        raise InputError(f"corrections: there is no folder {run}. Name that of a reviewed run, such as runs/exp1.")
    folder = folder / CORRECTIONS if (folder / CORRECTIONS).is_dir() else folder
    files = sorted(path for suffix in (PROJECT, BOUTS) for path in folder.glob(f"*{suffix}"))
    # What lies beside them without a seal was not saved by a review, such as a copy of what somebody changed.
    paths = {canonical(file.stem): file.with_suffix(PROJECT) for file in files if seal_path(file).is_file()}
    if not paths:
        raise InputError(
            f"corrections: {run} holds none. Correct something in its review and save it: "
            f"python run_experiment.py review {quoted(run)} --serve"
        )
    for path in paths.values():
        if not path.is_file():
            raise InputError(
                f"corrections: {path} is missing, though {path.stem}{BOUTS} beside it is there. Open the review of the "
                "run once, which makes it again."
            )
    return paths
