"""What a search tries and how it judges: the YAML's `search:`, beside the keys of an experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from common.errors import InputError
from common.suggestions import listing
from common.yaml_text import dump_yaml
from pipeline.config.complaints import complaints
from pipeline.config.migrations import RENAMED, migrate
from pipeline.config.schema import SEARCH, ExperimentConfig, dump_config, parse_config
from pipeline.config.search_space import Range, Space, open_space, settings_words
from pipeline.config.yaml_tree import apply_override, read_yaml_mapping
from pipeline.scoring.objectives import AVERAGE_PRECISION, OBJECTIVES

GRID, BAYES, RANDOM = "grid", "bayes", "random"
SECONDS = "seconds"
TEST, FOLDS = "test", "folds"
MEDIAN, HALVING, NONE = "median", "halving", "none"

_Score = Literal["average_precision", "bout_f1", "macro_f1"]
assert tuple(OBJECTIVES) == (AVERAGE_PRECISION, "bout_f1", "macro_f1")


class SearchConfig(BaseModel):
    """Which settings are tried, and by what they are judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["grid", "bayes", "random"] = Field(
        "bayes",
        description="`grid`: every combination of the choices. `bayes`: each trial where earlier ones make a good "
        "score likely (tree-structured Parzen estimator). `random`: drawn at random.",
    )
    space: dict[str, Annotated[list[Any], Field(min_length=1, max_length=200)] | Range] = Field(
        min_length=1,
        max_length=50,
        description="By key of the experiment (`head.units`), a list of choices, or a range of numbers: `{low: 1e-4, "
        "high: 1e-2, log: true}`. A key that belongs to one head or backbone alone is used where that one is tried.",
    )
    trials: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None,
        description="How many settings are tried. A finished search goes on when it is raised. Nothing: all "
        "combinations of a grid; other methods need a number.",
    )
    objective: _Score | tuple[_Score, Literal["seconds"]] = Field(
        "average_precision",
        description="The score that is maximized, cross-validated: `average_precision` (of the heads' own "
        "probabilities, pooled, mean over behaviors), `bout_f1` (IoU at least .5) or `macro_f1` (of frames; of "
        "exclusive classes, "
        "mean over all of them), both after post-processing. `[average_precision, seconds]`: the seconds of training "
        "are minimized at the same time.",
    )
    outer: Literal["test", "folds"] = Field(
        "test",
        description="Which recordings take no part in choosing, so that the score of the best settings is not too "
        "high. `test`: those with split test. `folds`: individuals are divided into parts, and for each part the "
        "search is repeated "
        "without it (so many times the work).",
    )
    outer_folds: int = Field(3, ge=2, le=50, description="Parts with `outer: folds`.")
    pruning: Literal["median", "halving", "none"] = Field(
        "median",
        description="Give a trial up after some folds of its cross-validation: `median` (the best average "
        "precision that it had after any of its folds so far is below the median of the complete trials after as many "
        "folds; asked from the second fold on, once 4 trials are complete), `halving` (not among the better half at "
        "folds 1, 2, 4, ...), or never. With `seconds` as second objective never.",
    )

    @field_validator("space", mode="before")
    @classmethod
    def _values_are_lists_or_ranges(cls, given: Any) -> Any:
        return {key: _values(key, value) for key, value in given.items()} if isinstance(given, dict) else given

    @field_validator("objective", mode="before")
    @classmethod
    def _objective_is_known(cls, given: Any) -> Any:
        first = given[0] if isinstance(given, list | tuple) and given and [*given[1:]] == [SECONDS] else given
        if not isinstance(first, str) or first not in OBJECTIVES:
            raise ValueError(
                f"should be one of {listing(OBJECTIVES)}, or one of them and the seconds of training: "
                "[average_precision, seconds]"
            )
        return given

    @model_validator(mode="after")
    def _number_of_trials_is_known(self) -> "SearchConfig":
        if self.method != GRID and self.trials is None:
            raise ValueError(f"method: {self.method} needs the key trials, for example trials: 20")
        return self

    @property
    def score(self) -> str:
        """The (first) objective: one of `OBJECTIVES`."""
        return self.objective if isinstance(self.objective, str) else self.objective[0]

    @property
    def is_timed(self) -> bool:
        """Whether seconds are the second objective."""
        return not isinstance(self.objective, str)

    @property
    def prunes(self) -> str:
        """By which rule trials are given up."""
        return NONE if self.is_timed else self.pruning


def _values(key: str, given: Any) -> list[Any] | Range:
    if isinstance(given, list | Range) and given != []:
        return given
    if not isinstance(given, dict):
        raise ValueError(f"{key} should be a list of choices, or a range: {{low: 1, high: 8}}; found {given!r:.80}")
    try:
        return Range.model_validate(given)
    except ValidationError as error:
        fields = [(name, "", field) for name, field in Range.model_fields.items()]
        raise ValueError(f"{key}: {'; '.join(complaints(error, given, fields))}") from None


@dataclass(frozen=True)
class Search:
    """A search as its YAML says.

    Attributes
    ----------
    experiment : ExperimentConfig
        With the YAML's own settings: the defaults that the best ones are compared with.
    settings : SearchConfig
    space : Space
    """

    experiment: ExperimentConfig
    settings: SearchConfig
    space: Space

    def dump(self) -> str:
        """All of it as YAML text, every default written out."""
        return dump_config(self.experiment) + dump_yaml({SEARCH: self.settings.model_dump(mode="json")})


class _Holder(BaseModel):
    search: SearchConfig


def load_search(path: Path, overrides: Sequence[str] = ()) -> Search:
    """Read and check a search: its experiment, its own settings, and that each choice is one the schema takes.

    `overrides` as of `pipeline.config.schema.load_config`; `search.trials=5` works too.

    Raises
    ------
    InputError
        If the file is missing or no YAML, has no `search:`, or a key or a choice is unknown or out of range.
    """
    tree = migrate(read_yaml_mapping(path), str(path))
    for override in overrides:
        apply_override(tree, override, RENAMED)
    if SEARCH not in tree:
        raise InputError(
            f"{path} is an experiment without `search:`. Say what is to be tried, for example search: {{method: grid, "
            f"space: {{head.units: [32, 64]}}}}, or run it as it is: python run_experiment.py {path}"
        )
    own = {SEARCH: tree.pop(SEARCH)}
    experiment = parse_config(tree, str(path))
    settings = _parse(own, str(path))
    if experiment.cross_validation == "none":
        raise InputError(
            f"{path}: a search judges settings by cross-validation, so cross_validation: none cannot go with it. Leave "
            "the key out, or give a number of parts."
        )
    return Search(experiment, settings, _space(settings, tree, experiment, str(path)))


def _space(settings: SearchConfig, tree: Mapping[str, Any], experiment: ExperimentConfig, source: str) -> Space:
    space = open_space(settings.space, tree, settings.score, source)
    if settings.method == GRID:
        for point in space.points(experiment.seed)[: settings.trials]:
            parse_config(space.tree_of(point), f"{source}, {settings_words(point)}")
    return space


def is_search(path: Path) -> bool:
    """Whether a YAML is a search's; one that can't be read is none."""
    try:
        return SEARCH in read_yaml_mapping(path)
    except InputError:
        return False


def _parse(own: Mapping[str, Any], source: str) -> SearchConfig:
    fields = [(f"{SEARCH}.{key}", "", field) for key, field in SearchConfig.model_fields.items()]
    try:
        return _Holder.model_validate(own).search
    except ValidationError as error:
        raise InputError(f"{source}: {'; '.join(complaints(error, own, fields))}.") from None
