"""What a run says about itself: with what, on what, how long."""

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from common.files import write_text
from common.notes import Doubt
from common.places import path_from
from common.wording import duration, quoted
from pipeline.config.schema import ExperimentConfig
from pipeline.run_folder.manifest import PROMISE
from pipeline.run_folder.run_dir import RunDir
from pipeline.runtime.machine import describe_machine, git_state, package_versions
from pipeline.runtime.version import REARVIEW_VERSION
from pipeline.training.embed import StageOne


def now() -> str:
    """This moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def begin_provenance(config: ExperimentConfig, run: RunDir) -> dict[str, Any]:
    """Everything that is known before an experiment begins; `finished` is filled in at the end."""
    cache = path_from(run.path, config.execution.cache_dir)
    return begin_evaluation() | {"seed": config.seed, "protocol": config.protocol, "cache_dir": cache}


def begin_evaluation() -> dict[str, Any]:
    """The same for scoring what another program predicted."""
    return {
        "rearview_version": REARVIEW_VERSION,
        "started": now(),
        "finished": None,
        **PROMISE,
        "command": " ".join(["python", Path(sys.argv[0]).name, *map(quoted, sys.argv[1:])]) if sys.argv[0] else "",
        "arguments": sys.argv[1:],
        "python": sys.version.split()[0],
        "packages": package_versions(),
        "machine": describe_machine(),
        "git": git_state(Path(__file__).resolve().parent),
        "stages": [],
        "notes": [],
    }


def describe_features(stage_one: StageOne) -> list[dict[str, Any]]:
    """What the features of each source really come from, which need not be what was asked for."""
    widths = stage_one.recordings[0].source.widths
    return [{**facts, "n_features": width} for facts, width in zip(stage_one.described, widths, strict=True)]


def bundle_metadata(config: ExperimentConfig, features: list[dict[str, Any]]) -> dict[str, Any]:
    """What a head's bundle must say so that it can be used on new videos: the recipe of its embeddings.

    Post-processing and calibration are added once they are chosen (`pipeline.run_folder.results`).
    """
    return {
        "rearview_version": REARVIEW_VERSION,
        "experiment": config.name,
        "behaviors": config.their_names(),
        "recipe": {
            "features": features,
            "center": config.center.model_dump(mode="json"),
            "frame_step": config.frame_step,
        },
        "packages": package_versions(),
    }


def cost_words(cost: Mapping[str, Any]) -> str:
    """What a first look says of the experiment itself; as `pipeline.training.first_look.cost_of` found it."""
    # Earlier runs counted baselines as well.
    n_heads = cost.get("n_heads", cost["n_fits"])
    return (
        f"This was a first look, with small heads and few folds. {cost['experiment']} itself trains {n_heads} "
        f"heads, which takes about {duration(cost['seconds'])} on this machine: the same command without --quick."
    )


class RunRecord:
    """What a run says of itself, in config.yaml and provenance.json, as it goes on.

    Parameters
    ----------
    run : RunDir
    config_text : str
        The resolved settings.
    facts : dict
        What is known at the beginning.
    """

    def __init__(self, run: RunDir, config_text: str, facts: dict[str, Any]) -> None:
        self._run = run
        self._facts = facts
        self._stages: list[dict[str, Any]] = []
        self._since = time.monotonic()
        run.manifest.remove()
        # First, as it tells a run from predictions, also where the next moment is the last.
        self._write()
        write_text(run.config_path, config_text)

    def stage_done(self, stage: str, n_frames: int | None = None, **facts: Any) -> None:
        """End a stage, with what became known in it; the next one begins at once. Without frames there is no rate."""
        seconds = time.monotonic() - self._since
        rate = round(n_frames / seconds, 1) if n_frames and seconds > 0 else None
        self._stages.append({"stage": stage, "seconds": round(seconds, 2), "n_frames": n_frames, "frames_per_s": rate})
        self._since = time.monotonic()
        self._write(facts)

    def finish(self, notes: Sequence[str], **facts: Any) -> None:
        """Put down that all results are written, and what a reader must know of them."""
        doubts = [note for note in notes if isinstance(note, Doubt)]
        self._write({"notes": list(notes), "doubts": doubts, **facts, "finished": now()})

    def _write(self, facts: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._facts |= {"stages": self._stages, **facts}
        self._run.write_provenance(self._facts)
