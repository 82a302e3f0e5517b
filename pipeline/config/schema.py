"""One YAML file, checked key by key, is one experiment.

The model below is the single source of truth: the command line reads it, `experiments/README.md`
is generated from it, and a run folder keeps the resolved form. Unknown keys are refused by name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from common.errors import InputError
from common.names import canonical_names, unsafe_name_reason
from common.places import all_told
from common.words import is_missing, says_unknown
from common.yaml_text import dump_yaml
from features.backbones.base import NetworkConfig
from features.centers import CenterConfig
from features.engines import AUTO, ENGINES, Engines
from features.engines.kept_networks import FOLDER as NETWORKS
from features.sources import SOURCES, open_sources
from features.sources.base import ExtractionSettings, SourceConfig
from features.sources.crop_config import CropConfig
from features.sources.frames import AnyBackbone, FrameSourceConfig
from features.sources.joined import JoinedSource
from features.video.reading import MAX_FPS, MIN_FPS
from models.heads import HEADS, HeadConfig
from models.tasks import Binary, Exclusive
from models.training import TrainingConfig
from pipeline.config.baselines import BASELINE_WORDS, BaselineSetting
from pipeline.config.complaints import complaints
from pipeline.config.demo import DEMOS, DemoConfig
from pipeline.config.ensemble import EnsembleConfig
from pipeline.config.execution import ExecutionConfig
from pipeline.config.fields import walk_fields
from pipeline.config.frame_policy import FramesSetting
from pipeline.config.migrations import RENAMED, SCHEMA, migrate
from pipeline.config.tasks import AnyTask, exclusive_refusal
from pipeline.config.yaml_tree import apply_override, read_yaml_mapping
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.postprocessing.tuning import TuningConfig

if TYPE_CHECKING:
    AnyEngine = str
    AnySource = SourceConfig
    AnyHead = HeadConfig
else:
    AnyEngine = Literal[(AUTO, *ENGINES)]
    AnySource = Annotated[
        Union[tuple(source.config_class for source in SOURCES.values())],  # noqa: UP007
        Field(discriminator="source"),
    ]
    AnyHead = Annotated[Union[tuple(HEADS.values())], Field(discriminator="name")]  # noqa: UP007

_MOST_BATCH_PX = 2**27
SEARCH = "search"
"""Key of a YAML that is a search (`pipeline.config.search`), not an experiment."""


class ExperimentConfig(BaseModel):
    """Everything that determines a run, and how it is carried out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the run; its folder is `<output_dir>/<name>`.")
    description: str = Field("", description="One line for the head of the report.")
    recordings: str = Field(
        "demo",
        description="A demo, made on first use ("
        + ", ".join(f"`{name}`: {what}" for name, what in DEMOS.items())
        + "), or the path of a recordings.csv, relative to the folder in which the command is run.",
    )
    behaviors: dict[str, str | list[str]] = Field(
        description="Our name of each behavior, and its name (or a list of names to merge) in the annotations."
    )
    task: AnyTask = Field(
        default_factory=Binary,
        description="What is said of a frame. `binary`: each behavior is present or not, by a head of its own. "
        "`exclusive`: every frame is of one class, a behavior or the background, by one head. Keys of its own: `task: "
        "{name: exclusive, other: rest}`.",
    )
    corrections: tuple[str, ...] = Field(
        (),
        description="Runs whose corrections (saved in `review`) are used in place of the annotations that the table "
        "names: `runs/exp1`, or a list, of which the last counts. Corrected recordings without a split are trained on.",
    )
    annotations: str | None = Field(
        None,
        description="Whose labels to use where a recording has several annotators: a name as in recordings.csv, or "
        "`majority` (more than half of those who scored the frame; a tie is unknown), `union` (any), "
        "`intersection` (all).",
    )
    mask_disagreements: bool = Field(
        False, description="Frames on which annotators disagree are not trained on. They are scored all the same."
    )
    demo: DemoConfig = Field(default_factory=DemoConfig, description="Size of the demo that `recordings` names.")
    frames: FramesSetting = Field(
        "strict",
        description="What to do where video, poses and labels of a recording are not of the same frames: `strict` (an "
        "error), or a policy.",
    )
    fps: float | None = Field(
        None,
        ge=MIN_FPS,
        le=MAX_FPS,
        description="Frames per second of videos whose row has nothing in the column `fps`, where they don't say their "
        "true rate themselves (raw .h264). Empty: each video's own.",
    )
    center: CenterConfig = Field(
        default_factory=lambda: CenterConfig(), description="Around which point of the animal the crop is cut."
    )
    crop: CropConfig = Field(default_factory=lambda: CropConfig(), description="The crop that the network sees.")
    features: tuple[AnySource, ...] = Field(
        (FrameSourceConfig(),),
        description="Where features come from: one source, or a list of them, whose features are joined side by side. "
        "A source is a word (`frames`: crops, run through the backbone) or has keys of its own: `[frames, {source: "
        "frames, crop: {moments_s: [-0.2, 0, 0.2]}}]`. Each has a cache of its own.",
    )
    frame_step: int = Field(
        1,
        ge=1,
        le=1000,
        description="Analyse every n-th frame. Probabilities of the frames between are interpolated; "
        "scores always cover every frame. All `window_frames` count analysed frames.",
    )
    backbone: AnyBackbone | None = Field(
        None,
        description="The frozen network that turns a crop into an embedding; not needed where no source of features "
        "runs it.",
    )
    engine: AnyEngine = Field(
        AUTO,
        description="What runs the backbone: `tensorflow` (on a GPU where it finds one), `openvino` (faster on CPUs, "
        "where the package is installed). `auto`: the one whose embeddings are cached for most of the recordings, else "
        "the faster one here. In float32 their embeddings differ in the last digits (by 1e-5 of their scale).",
    )
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = Field(
        "float32",
        description="Arithmetic of the backbone. `mixed_float16` is for GPUs, `mixed_bfloat16` for GPUs and for CPUs "
        "that have it (AVX512-BF16, AMX), where openvino is twice as fast with it. MobileNetV2's embeddings lose much "
        "by bfloat16 (a correlation of .94 with the exact ones); look at the scores.",
    )
    batch_frames: int = Field(32, ge=1, le=1024, description="Crops per call of the backbone.")
    head: AnyHead = Field(description="The network that turns a sequence of embeddings into probabilities.")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="How a head is trained.")
    ensemble: EnsembleConfig = Field(
        default_factory=lambda: EnsembleConfig(), description="Several heads in the place of each."
    )
    baseline: BaselineSetting = Field("logistic", description=BASELINE_WORDS)
    cross_validation: Literal["leave_one_video_out", "none"] | Annotated[int, Field(ge=2, le=1000)] = Field(
        "leave_one_video_out",
        description="Every training recording is held out once (all recordings of one individual together). A number: "
        "so many parts, by individual, are held out in turn, more where a behavior is rare. `none`: only the final "
        "heads are trained, for `training.epochs` epochs.",
    )
    protocol: Literal["nested", "thesis", "compare"] = Field(
        "nested",
        description="`nested`: early stopping looks at another training recording, the held-out one is only scored. "
        "`thesis`: early stopping looks at the held-out recording itself (as published; optimistic). `compare`: "
        "both, and by how much the score by `thesis` is too high (protocol.csv).",
    )
    refit: bool = Field(
        True,
        description="Nested only: once early stopping has found the best epoch, train again on the fold's training and "
        "validation recordings together, for so many epochs, as the final heads are; that head is scored.",
    )
    postprocess: PostprocessConfig | Literal["tune"] = Field(
        default_factory=PostprocessConfig,
        description="From probabilities to bouts: fixed settings, or `tune`, which chooses them per behavior on "
        "training recordings, by heads that never saw the recording they are used on (see `tuning`).",
    )
    tuning: TuningConfig = Field(
        default_factory=TuningConfig, description="Among what and for what `postprocess: tune` chooses."
    )
    calibration: Literal["none", "temperature", "isotonic"] = Field(
        "none",
        description="Calibrates probabilities (of frames at .8, four in five are positive), fitted on "
        "training recordings as `tune` is. `temperature`: stretch and shift on the log-odds; `isotonic`: any rising "
        "curve (wants many bouts).",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Same seed, same machine: same scores.")
    execution: ExecutionConfig = Field(
        default_factory=lambda: ExecutionConfig(), description="How and where a run is carried out. Changes no result."
    )

    _names = field_validator("behaviors", "annotations", mode="before")(canonical_names)

    @field_validator("corrections", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: object) -> object:
        return (given,) if isinstance(given, str) else () if given is None else given

    @field_validator("name")
    @classmethod
    def _name_is_a_folder_name(cls, name: str) -> str:
        reason = unsafe_name_reason(name)
        if reason:
            raise ValueError(f"cannot be used as a folder name: {reason}")
        return name

    @field_validator("behaviors")
    @classmethod
    def _behaviors_are_named(cls, behaviors: dict[str, Any]) -> dict[str, Any]:
        if not behaviors:
            raise ValueError("names no behavior; write for example `behaviors: {grooming: grooming}`")
        for name, theirs in behaviors.items():
            reason = unsafe_name_reason(name)
            if reason:
                raise ValueError(f"the behavior {name!r} cannot be used in file names: {reason}")
            if is_missing(name) or says_unknown(name):
                # Its own exports and corrections would be read as frames that are not scored.
                raise ValueError(
                    f"the behavior {name!r} is a word for frames that are not scored; give it another name"
                )
            if not theirs:
                raise ValueError(f"the behavior {name!r} has no name in the annotations")
        columns = {"frame", "time_s"} | {f"{name}_probability".casefold() for name in behaviors}
        taken = [name for name in behaviors if name.casefold() in columns]
        if taken:
            raise ValueError(f"the behavior {taken[0]!r} has the name of another column of the predictions; rename it")
        lowered = [name.casefold() for name in behaviors]
        if len(set(lowered)) < len(lowered):
            raise ValueError("two behaviors differ in upper and lower case only")
        return behaviors

    @field_validator("cross_validation", mode="before")
    @classmethod
    def _parts_are_whole(cls, given: object) -> object:
        if given in ("leave_one_video_out", "none") or (type(given) is int and 2 <= given <= 1000):
            return given
        raise ValueError("should be leave_one_video_out, none, or how many parts are held out in turn (2 to 1000)")

    @model_validator(mode="before")
    @classmethod
    def _sources_are_listed(cls, tree: Any) -> Any:
        """A word stands for the source of this name; a source's own crop is the experiment's but for what it says."""
        if not isinstance(tree, Mapping) or "features" not in tree:
            return tree
        given, common = tree["features"], tree.get("crop")
        entries = given if isinstance(given, list | tuple) else [given]
        if not entries:
            raise ValueError("has no source of features; leave out `features`, or name one: features: [frames]")
        entries = [{"source": entry} if isinstance(entry, str) else entry for entry in entries]
        if isinstance(common, Mapping):
            entries = [
                {**entry, "crop": {**common, **entry["crop"]}}
                if isinstance(entry, Mapping) and isinstance(entry.get("crop"), Mapping)
                else entry
                for entry in entries
            ]
        return {**tree, "features": entries}

    @model_validator(mode="after")
    def _sources_fit_the_experiment(self) -> "ExperimentConfig":
        sources = self.filled_sources()
        for i, source in enumerate(sources):
            if source in sources[:i]:
                raise ValueError(f"has the same source of features twice ({sources.index(source) + 1} and {i + 1})")
            if self.recordings in DEMOS and SOURCES[source.source].needs_own_files:
                raise ValueError(
                    f"takes features from the source {source.source}, which needs your own recordings.csv; the demo "
                    "has videos only"
                )
        networks = [source.backbone for source in sources if isinstance(source, FrameSourceConfig)]
        for network in networks:
            self._require_network(network)
        if self.backbone is not None and not networks:
            raise ValueError("names a backbone, but its features come from elsewhere; leave out backbone or features")
        return self

    def _require_network(self, backbone: NetworkConfig | None) -> None:
        if backbone is None:
            raise ValueError("needs the key backbone: the frozen network that frames are run through")
        side_px = backbone.network_input_px
        if self.batch_frames * side_px**2 > _MOST_BATCH_PX:
            raise ValueError(
                f"batch_frames: {self.batch_frames} crops of {side_px} × {side_px} px fill the memory; at most "
                f"{_MOST_BATCH_PX // side_px**2} of this size go together"
            )

    @model_validator(mode="after")
    def _task_can_be_done(self) -> "ExperimentConfig":
        if isinstance(self.task, Exclusive):
            reason = exclusive_refusal(self.task, self.behavior_names(), self.postprocess, self.calibration)
            if reason:
                raise ValueError(reason)
        return self

    @model_validator(mode="after")
    def _settings_can_be_chosen(self) -> "ExperimentConfig":
        if self.chooses_settings() and self.cross_validation == "none":
            key = "postprocess: tune" if self.postprocess == "tune" else f"calibration: {self.calibration}"
            raise ValueError(
                f"{key} needs predictions of recordings that took no part in training, so it cannot go with "
                "cross_validation: none; set fixed `postprocess:` keys and calibration: none"
            )
        return self

    def filled_sources(self) -> list[SourceConfig]:
        """The sources of features, with what they take from the experiment filled in."""
        center = self.center.model_dump(include={"min_likelihood", "max_gap_s"})
        common = {"backbone": self.backbone, "crop": self.crop, **center}
        return [source.filled(common) for source in self.features]

    def feature_source(self) -> JoinedSource:
        """Where the features of the recordings come from."""
        settings = ExtractionSettings(
            self.frame_step, self.precision, self.batch_frames, self.seed, self.engine, self.center
        )
        return open_sources(self.filled_sources(), settings, Engines(self.execution.cache_dir / NETWORKS))

    def identity(self) -> dict[str, Any]:
        """All settings that determine results: a run with the same ones, on the same recordings, is the same run.

        The table is known by its name here, wherever it lies, and by what it says (`input_fingerprints`).
        """
        tree = self.model_dump(mode="json", exclude={"name", "description", "execution", "corrections"})
        if self.ensemble.is_one_head:
            # As before there were any.
            del tree["ensemble"]
        # Their places are known by name too; what they say is in the fingerprints.
        corrections = {"corrections": [Path(place).name for place in self.corrections]} if self.corrections else {}
        return all_told(tree) | {"recordings": Path(self.recordings).name} | corrections

    def chooses_settings(self) -> bool:
        """Whether post-processing or calibration is chosen on training recordings."""
        return self.postprocess == "tune" or self.calibration != "none"

    def behavior_names(self) -> tuple[str, ...]:
        """Our names, in the order of the YAML."""
        return tuple(self.behaviors)

    def their_names(self) -> dict[str, list[str]]:
        """For each of our behaviors, the names it has in the annotations."""
        return {ours: [theirs] if isinstance(theirs, str) else list(theirs) for ours, theirs in self.behaviors.items()}


def load_config(path: Path, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Read and check one experiment, of this or an older schema.

    `overrides` are `key.path=value`, as given with `--set`; the value is read as YAML.

    Raises
    ------
    InputError
        If the file is missing or no YAML, or a key is unknown, missing or out of range.
    """
    tree = migrate(read_yaml_mapping(path), str(path))
    for override in overrides:
        apply_override(tree, override, RENAMED)
    if SEARCH in tree:
        raise InputError(f"{path} is a search, as it has the key search. Type: python run_experiment.py search {path}")
    return parse_config(tree, str(path))


def parse_config(tree: Mapping[str, Any], source: str) -> ExperimentConfig:
    """Check a tree of settings of today's form; `source` names it in errors.

    Raises
    ------
    InputError
        If a key is unknown, missing or out of range.
    """
    try:
        return ExperimentConfig.model_validate(tree)
    except ValidationError as error:
        raise InputError(
            f"{source}: {'; '.join(complaints(error, tree, list(walk_fields(ExperimentConfig))))}."
        ) from None


def dump_config(config: ExperimentConfig, seen_from: Sequence[Path] = ()) -> str:
    """The resolved configuration as YAML text, every default written out.

    Paths are told as they are seen from these folders or the current one; that of the table, and those of cache and
    runs, by their names alone where they lie elsewhere.
    """
    tree = all_told(config.model_dump(mode="json"), seen_from)
    tree["recordings"] = _name_if_elsewhere(tree["recordings"])
    tree["corrections"] = [_name_if_elsewhere(place) for place in tree["corrections"]]
    for key in ("cache_dir", "output_dir"):
        tree["execution"][key] = _name_if_elsewhere(tree["execution"][key])
    return dump_yaml({"schema": SCHEMA, **tree})


def _name_if_elsewhere(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path
