"""The folder of one run: what lies where, and how it is written so that nothing is lost.

Every file is written to a temporary name and moved into place. A run counts as finished when its
provenance says so; a finished run is never overwritten unless asked, and even then the old folder is
kept aside until the new one is finished.
"""

import json
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from features.errors import InputError

log = logging.getLogger(__name__)

# What provenance.json calls a folder of predictions by heads that were trained elsewhere.
PREDICTION = "prediction"


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step: readers see the old one or the new one, never half."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step.

    Raises
    ------
    InputError
        If the folder cannot be written or the disk is full; the old file is untouched.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Check that the folder may be written and that the disk "
            "is not full, or choose another place with --output; then start again, finished work is kept."
        ) from None


class RunDir:
    """The files of one run, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.provenance_path = path / "provenance.json"
        self.log_path = path / "log.txt"
        self.recordings_path = path / "recordings.csv"
        self.scores_path = path / "scores.csv"
        self.baseline_scores_path = path / "baseline_scores.csv"
        self.training_path = path / "training.csv"
        self.report_path = path / "report.html"
        self.fits_path = path / "fits"
        self.choices_path = path / "postprocess.csv"
        self.bout_scores_path = path / "bout_scores.csv"
        self.protocol_scores_path = path / "protocol_scores.csv"
        self.protocol_path = path / "protocol.csv"
        self.intervals_path = path / "intervals.csv"
        self.calibration_path = path / "calibration.csv"
        self.statistics_path = path / "statistics.csv"
        self.statistics_bins_path = path / "statistics_bins.csv"
        self.statistics_agreement_path = path / "statistics_agreement.csv"
        self.groups_path = path / "groups.csv"
        self.agreement_path = path / "agreement.csv"
        self.summary_path = path / "summary.csv"
        self.failures_path = path / "failures.csv"
        self.annotators_path = path / "annotators"
        self._lock = FileLock(str(path.with_name(f".{path.name}.lock")))

    def labels_path(self, recording: str) -> Path:
        """Human labels of a recording, frame by frame."""
        return self.path / "labels" / f"{recording}.csv"

    def predictions_path(self, recording: str) -> Path:
        """Probabilities and cleaned labels of a recording, frame by frame."""
        return self.path / "predictions" / f"{recording}.csv"

    def annotator_labels_path(self, annotator: str, recording: str) -> Path:
        """One annotator's labels of a recording, where several annotated it."""
        return self.annotators_path / (annotator or "unnamed") / f"{recording}.csv"

    def uncalibrated_path(self, recording: str) -> Path:
        """Probabilities of a recording before calibration, frame by frame."""
        return self.path / "uncalibrated_predictions" / f"{recording}.csv"

    def protocol_predictions_path(self, recording: str) -> Path:
        """Probabilities of a recording by the thesis' protocol, frame by frame."""
        return self.path / "protocol_predictions" / f"{recording}.csv"

    def baseline_predictions_path(self, recording: str) -> Path:
        """Probabilities of the baseline head, frame by frame."""
        return self.path / "baseline_predictions" / f"{recording}.csv"

    def bouts_path(self, recording: str) -> Path:
        """Predicted bouts of a recording."""
        return self.path / "bouts" / f"{recording}.csv"

    def head_path(self, behavior: str) -> Path:
        """Bundle of the final head of a behavior."""
        return self.path / "heads" / behavior

    def centers_path(self, recording: str) -> Path:
        """Where the animal was, frame by frame."""
        return self.path / "centers" / f"{recording}.csv"

    def is_finished(self) -> bool:
        """Whether the run came to its end: its provenance says so, and its report is there."""
        return bool(self.read_provenance().get("finished")) and self.report_path.is_file()

    def is_prediction(self) -> bool:
        """Whether it holds predictions of new videos by another run's heads."""
        return self.read_provenance().get("kind") == PREDICTION

    def read_provenance(self) -> dict[str, Any]:
        """The provenance, or an empty mapping where there is none or it is unreadable."""
        try:
            content = json.loads(self.provenance_path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def write_provenance(self, provenance: dict[str, Any]) -> None:
        """Replace the provenance."""
        write_text(self.provenance_path, json.dumps(provenance, indent=2, ensure_ascii=False) + "\n")

    def claim(self) -> None:
        """Make the folder and keep other processes out of it until `release`.

        Raises
        ------
        InputError
            If the folder cannot be made or another process is working in it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self.path.mkdir(exist_ok=True)
        except Timeout:
            raise InputError(
                f"Another process is working on {self.path} at this moment. Wait until it ends, or give this run "
                "another place with --output."
            ) from None
        except OSError as error:
            raise InputError(
                f"The run's folder {self.path} cannot be made: {error.strerror or error}. Choose a folder that you "
                "may write with --output or `output_dir:`."
            ) from None

    def release(self) -> None:
        """Let other processes in again."""
        self._lock.release()

    def holds_anything(self) -> bool:
        """Whether an earlier run left something here."""
        return self.config_path.exists() or self.provenance_path.exists()

    def set_aside(self) -> None:
        """Move an earlier run out of the way; `drop_set_aside` deletes it once the new one is finished."""
        self.drop_set_aside()
        self.path.replace(self._aside)
        self.path.mkdir()
        log.info("The earlier run is kept in %s until this one is finished.", self._aside)

    def drop_set_aside(self) -> None:
        """Delete what `set_aside` kept."""
        shutil.rmtree(self._aside, ignore_errors=True)

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.previous")
