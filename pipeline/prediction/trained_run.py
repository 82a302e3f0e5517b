"""A finished run as something to use: its settings, its heads, and the recipe that new videos must share."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import InputError
from common.places import path_at
from features.centers import CenterConfig
from features.sources.crop_config import CropConfig
from features.sources.joined import JoinedSource
from models.bundle import load_bundle, read_metadata
from models.inference import TrainedHead
from pipeline.config.schema import ExperimentConfig, dump_config, load_config
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, evidence_of, score_value
from pipeline.run_folder.features import source_facts
from pipeline.run_folder.reading import Run, read_run
from pipeline.run_folder.run_dir import HEADS, RunDir
from pipeline.run_folder.verdict import judge
from pipeline.runtime.machine import package_versions
from pipeline.scoring.postprocessing.calibration import calibration_from_json
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.training.chosen_settings import Choice, fixed_variants, tuned_variants
from pipeline.training.plan import head_outputs
from pipeline.training.timelines import RunTimelines

log = logging.getLogger(__name__)

# Other versions of these can change the last digits of a probability.
_NUMERIC_PACKAGES = ("tensorflow", "keras", "keras-tcn", "opencv-python-headless", "opencv-python", "av", "numpy")


@dataclass(frozen=True)
class TrainedRun:
    """What is needed of a run to predict new videos.

    `config` is as the run was made: `recordings` still names the table that was trained on. `bundles`: folder of each
    final head by its name (the behavior, where each has its own), in the order of the run, of an ensemble that of the
    first member; `metadata`: what each says of itself.
    """

    path: Path
    config: ExperimentConfig
    bundles: Mapping[str, Path]
    metadata: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """The run's name."""
        return self.config.name

    @property
    def head_name(self) -> str:
        """What tables call its heads."""
        return self.config.head.name

    def runs(self) -> dict[str, "TrainedRun"]:
        """Itself, the only run that new videos are predicted by; members of an ensemble have names."""
        return {"": self}

    def joined(self, found: Sequence[RunTimelines]) -> RunTimelines:
        """What its heads say, as there is nobody else."""
        return found[0]

    def dump_settings(self, config: ExperimentConfig, seen_from: Sequence[Path]) -> str:
        """config.yaml of predictions by it."""
        return dump_config(config, seen_from)

    def facts(self) -> dict[str, Any]:
        """What provenance.json of predictions says of it beside its name."""
        return {}

    @property
    def recipe(self) -> Mapping[str, Any]:
        """By what the embeddings were made that the heads learned from."""
        recipe: Mapping[str, Any] = next(iter(self.metadata.values()))["recipe"]
        return {**recipe, "features": source_facts(recipe)}

    def heads(self, name: str) -> list[TrainedHead]:
        """Load one head, in Keras' safe mode; several where it is an ensemble.

        Raises
        ------
        InputError
            If the bundle is damaged or was made by versions that this one cannot read.
        """
        folders = RunDir(self.path).bundle_paths(name, self.config.ensemble.members)
        return [load_bundle(folder)[0] for folder in folders]

    def choices(self) -> dict[str, Choice]:
        """Calibration and post-processing of each behavior; raises as `choice`."""
        heads = head_outputs(self.config)
        return {behavior: self.choice(head) for head, outputs in heads.items() for behavior in outputs}

    def choice(self, name: str) -> Choice:
        """Calibration and post-processing of one head, as chosen on all training recordings.

        Raises
        ------
        InputError
            If the bundle does not say them.
        """
        metadata = self.metadata[name]
        try:
            settings = PostprocessConfig.model_validate(metadata["postprocess"])
            given = metadata["calibration"]
            calibration = None if given is None else calibration_from_json(given)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The trained head in {self.bundles[name]} does not say how its probabilities are post-processed "
                f"({error}). The run {self.path} was perhaps interrupted before its end: run it again."
            ) from None
        reference_s = self.config.tuning.reference_max_gap_s
        variants = (
            tuned_variants(settings, reference_s) if self.config.postprocess == "tune" else fixed_variants(settings)
        )
        return Choice(variants, calibration)

    def version_notes(self) -> Iterator[str]:
        """Yield what differs between the packages of the training and of now."""
        then, now = next(iter(self.metadata.values())).get("packages", {}), package_versions()
        engines = (str(facts["engine"]) for facts in self.recipe["features"] if "engine" in facts)
        differing = [
            f"{name} {then[name]} there, {now[name]} here"
            for name in dict.fromkeys((*_NUMERIC_PACKAGES, *engines))
            if name in then and name in now and then[name] != now[name]
        ]
        if differing:
            yield (
                f"The heads were trained with other versions ({'; '.join(differing)}): probabilities can differ from "
                "those of the run in their last digits."
            )


def measured_scores(path: Path) -> dict[str, dict[str, Any]]:
    """What the run says of its own heads, by behavior, pooled over each subset; {} where it scored nothing.

    Those of the first subset: `subset`, `n_individuals`, `average_precision` (of the bare threshold), `f1`, `bout_f1`
    (after post-processing), `bias_s` (by how much more or less time than the human's `human_s` is found per recording).
    `further`: the same of each further subset. `unsure_fraction` (the highest of a recording of the first subset),
    `verdict`, `verdict_level` and `cautions` (as on the first screen of the run's own report).

    Raises
    ------
    InputError
        If a table of the run cannot be read.
    """
    run = read_run(path, only=())
    if not run.subsets:
        return {}
    found = {}
    for behavior in run.behaviors:
        first, *further = [_pooled_scores(run, behavior, subset) for subset in run.subsets]
        members = {member.recording for member in run.members(run.subsets[0])}
        rows = [row for row in run.tables.summary if row["behavior"] == behavior and row["recording"] in members]
        unsure = [row["unsure_fraction"] for row in rows if row["unsure_fraction"] is not None]
        verdict = judge(evidence_of(run, behavior, run.subsets[0]))
        found[behavior] = first | {
            "further": further,
            "unsure_fraction": max(unsure, key=lambda value: float(str(value)), default=None),
            "verdict": verdict.headline,
            "verdict_level": verdict.level,
            "cautions": list(verdict.cautions),
        }
    return found


def _pooled_scores(run: Run, behavior: str, subset: str) -> dict[str, Any]:
    wanted = (behavior, subset, "total_s")
    times = [r for r in run.tables.statistics_agreement if (r["behavior"], r["subset"], r["statistic"]) == wanted]
    return {
        "subset": subset,
        "n_individuals": len({member.individual or member.recording for member in run.members(subset)}),
        "average_precision": score_value(run, behavior, subset, AVERAGE_PRECISION),
        "f1": score_value(run, behavior, subset, FRAME_F1),
        "bout_f1": score_value(run, behavior, subset, BOUT_F1),
        "bias_s": times[0]["bias"] if times else None,
        "human_s": times[0]["human_mean"] if times else None,
    }


def open_trained_run(path: Path) -> TrainedRun:
    """Read a finished run's settings and what its heads say of themselves.

    Raises
    ------
    InputError
        If the folder holds no finished run, a head is missing or damaged, or its heads do not belong to its settings.
    """
    run = RunDir(path)
    if not run.config_path.is_file():
        raise InputError(
            f"{path} is no folder of a run: it holds no config.yaml. Give the folder in which a finished experiment "
            "lies, such as runs/exp1."
        )
    if run.is_prediction():
        raise InputError(
            f"{path} holds predictions, not trained heads. Give the run that made them: "
            f"{path_at(path, str(run.read_provenance().get('trained_run', {}).get('path', 'runs/NAME')))}."
        )
    if not run.head_path("").is_dir():
        raise InputError(
            f"{path} holds no trained heads (it has no folder heads), so it can predict nothing. Give the folder "
            "of a finished experiment, such as runs/exp1; one that was cut off goes on when it is started again."
        )
    run.require_finished([HEADS])
    for read in (run.config_path, run.provenance_path):
        run.manifest.require(read)
    config = _with_cache(load_config(run.config_path), run)
    folders = {name: run.bundle_paths(name, config.ensemble.members) for name in head_outputs(config)}
    bundles = {name: found[0] for name, found in folders.items()}
    missing = [name for name, found in folders.items() if not all(folder.is_dir() for folder in found)]
    if missing or not run.read_provenance().get("finished"):
        what = f"has no head for {missing[0]!r} in {bundles[missing[0]]}" if missing else "did not come to its end"
        raise InputError(
            f"The run {path} {what}. Start the experiment again (it goes on where it stopped), then predict."
        )
    of_members = {name: [_metadata(run, folder) for folder in found] for name, found in folders.items()}
    metadata = {name: first for name, (first, *_) in of_members.items()}
    trained = TrainedRun(path, config, bundles, metadata)
    _require_whole_recipes(trained)
    sources = [source.model_dump(mode="json", include={"source", "crop"}) for source in config.filled_sources()]
    said = {**config.model_dump(mode="json", include={"center", "frame_step"}), "features": sources}
    differing = list(_differences(said, _settings_of_then(trained.recipe)))
    if differing:
        raise _recipe_error(trained, differing, f"{run.config_path.name} says")
    return trained


def _with_cache(config: ExperimentConfig, run: RunDir) -> ExperimentConfig:
    """The run's settings with its cache where it lies as seen from the run's folder, if it is there."""
    cache = path_at(run.path, str(run.read_provenance().get("cache_dir", ".")))
    if cache == run.path.resolve() or not cache.is_dir():
        return config
    return config.model_copy(update={"execution": config.execution.model_copy(update={"cache_dir": cache})})


def _metadata(run: RunDir, bundle: Path) -> dict[str, Any]:
    for path in sorted(bundle.iterdir()):
        if not path.name.startswith("."):
            run.manifest.require(path)
    return read_metadata(bundle)


def source_as_trained(trained: TrainedRun) -> JoinedSource:
    """The source of features that the heads of the run learned from; a run that had to fall back is followed.

    Raises
    ------
    InputError
        If its weights cannot be had, or are others now, by name.
    """
    used = trained.recipe["features"]
    source = trained.config.feature_source().as_used(used)
    now = source.identity()
    then = [{key: facts.get(key) for key in own} for facts, own in zip(used, now, strict=True)]
    differing = list(_differences({"features": now}, {"features": then}))
    if differing:
        raise _recipe_error(trained, differing, "here it is")
    return source


def described_now(trained: TrainedRun, source: JoinedSource) -> list[dict[str, Any]]:
    """What the features of new videos come from, as the heads' recipe has it: the engine need not be the same."""
    pairs = zip(trained.recipe["features"], source.described(), strict=True)
    return [{**then, **({"engine": now["engine"]} if "engine" in now else {})} for then, now in pairs]


def _settings_of_then(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe has of config.yaml, with settings that there were none of then as they are by default."""
    return {
        "center": {**CenterConfig().model_dump(mode="json"), **recipe.get("center", {})},
        "frame_step": recipe.get("frame_step"),
        "features": [
            {"source": facts.get("source")}
            | ({"crop": {**CropConfig().model_dump(mode="json"), **facts["crop"]}} if "crop" in facts else {})
            for facts in recipe["features"]
        ],
    }


def _require_whole_recipes(trained: TrainedRun) -> None:
    recipes = {behavior: metadata.get("recipe") for behavior, metadata in trained.metadata.items()}
    for behavior, recipe in recipes.items():
        if not isinstance(recipe, Mapping) or not source_facts(recipe):
            raise InputError(
                f"The trained head in {trained.bundles[behavior]} does not say how its embeddings were made. Copy the "
                "whole folder again from where it was trained, or train it again."
            )
    first, *others = recipes.items()
    for behavior, recipe in others:
        differing = list(_differences(recipe, first[1]))
        if differing:
            key, one, other = differing[0]
            raise InputError(
                f"The heads of {trained.path} were not trained on the same embeddings: {key} is {other!r} for "
                f"{first[0]!r} and {one!r} for {behavior!r}. Copy the whole run again, or train it again."
            )


def _differences(found: Any, wanted: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, found, wanted) of every setting that differs."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in dict.fromkeys((*found, *wanted)):
            yield from _differences(found.get(name), wanted.get(name), f"{key}.{name}" if key else str(name))
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        for number, pair in enumerate(zip(found, wanted, strict=True), start=1):
            yield from _differences(*pair, f"{key}[{number}]" if len(found) > 1 else key)
    elif found != wanted:
        yield key, found, wanted


def _recipe_error(trained: TrainedRun, differing: list[tuple[str, Any, Any]], who: str) -> InputError:
    listed = "; ".join(
        f"{key} was {wanted!r} when the heads were trained, {who} {found!r}" for key, found, wanted in differing
    )
    return InputError(
        f"New videos must be embedded by the recipe that the heads of {trained.path} were trained on, but it differs: "
        f"{listed}. Restore what was used then (for weights: the same file), or train again with what is here."
    )
