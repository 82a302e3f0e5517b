"""What a run says about itself: with what, on what, how long."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.config.schema import ExperimentConfig
from pipeline.runtime.machine import REARVIEW_VERSION, describe_machine, git_state, package_versions
from pipeline.training.embed import StageOne


def now() -> str:
    """This moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def begin_provenance(config: ExperimentConfig) -> dict[str, Any]:
    """Everything that is known before an experiment begins; `finished` is filled in at the end."""
    return begin_evaluation() | {"seed": config.seed, "protocol": config.protocol}


def begin_evaluation() -> dict[str, Any]:
    """The same for scoring what another program predicted."""
    return {
        "rearview_version": REARVIEW_VERSION,
        "started": now(),
        "finished": None,
        "command": " ".join(["python", *sys.argv]) if sys.argv[0] else "",
        "python": sys.version.split()[0],
        "packages": package_versions(),
        "machine": describe_machine(),
        "git": git_state(Path(__file__).resolve().parent),
        "stages": [],
        "notes": [],
    }


def describe_backbone(config: ExperimentConfig, stage_one: StageOne) -> dict[str, Any]:
    """What the features really come from, which need not be what was asked for."""
    n_features = stage_one.recordings[0].n_features
    return {"n_features": n_features, "precision": config.precision} | stage_one.described


def bundle_metadata(config: ExperimentConfig, backbone: dict[str, Any]) -> dict[str, Any]:
    """What a head's bundle must say so that it can be used on new videos: the recipe of its embeddings.

    Post-processing and calibration are added once they are chosen (`pipeline.run_folder.results`).
    """
    return {
        "rearview_version": REARVIEW_VERSION,
        "experiment": config.name,
        "behaviors": config.their_names(),
        "recipe": {
            "backbone": backbone,
            "center": config.center.model_dump(mode="json"),
            "crop": config.crop.model_dump(mode="json"),
            "frame_step": config.frame_step,
        },
        "packages": package_versions(),
    }


class Clock:
    """Seconds and frames per second of each stage."""

    def __init__(self) -> None:
        self.stages: list[dict[str, Any]] = []
        self._since = time.monotonic()

    def stop(self, stage: str, n_frames: int | None) -> None:
        """End a stage; the next one begins at once. Without frames there is no rate."""
        seconds = time.monotonic() - self._since
        rate = round(n_frames / seconds, 1) if n_frames and seconds > 0 else None
        self.stages.append({"stage": stage, "seconds": round(seconds, 2), "n_frames": n_frames, "frames_per_s": rate})
        self._since = time.monotonic()
