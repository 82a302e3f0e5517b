"""Writes experiments/README.md: every key of the YAML, made from the schema so that it stays true.

`python -m pipeline.config.reference` rewrites the file; a test fails when it is out of date.
"""

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from features.backbones import BACKBONES
from features.sources import SOURCES
from models.heads import HEADS
from models.tasks import TASKS
from pipeline.config.execution import ExecutionConfig
from pipeline.config.schema import ExperimentConfig
from pipeline.config.search import SearchConfig
from pipeline.config.search_space import Range

REFERENCE_PATH = Path(__file__).resolve().parents[2] / "experiments" / "README.md"

_INTRODUCTION = """# Experiments

One YAML file is one experiment: `python run_experiment.py experiments/exp1.yaml`.

| file | backbone | head | from |
|---|---|---|---|
| `exp1.yaml` | ResNet50V2 | LSTM, 3 layers, 64 units | thesis, experiment 1 |
| `exp2.yaml` | InceptionResNetV2 | LSTM, 2 layers, 64 units | thesis, experiment 2 |
| `exp3.yaml` | ResNet50V2 | TCN, 256 filters | thesis, experiment 3 |
| `exp4.yaml` | InceptionResNetV2 | TCN, 256 filters | thesis, experiment 4 |
| `exp5.yaml` | ResNet101 | LSTM, 3 layers, 64 units | ours |
| `motion.yaml` | `compact`, and the same of three moments | LSTM, 3 layers, 64 units | ours; `init` proposes it |
| `search_exp1.yaml` to `search_exp4.yaml` | as above | searches among the settings that the thesis tried | thesis |
| `exclusive.yaml` | `compact` | one LSTM, 2 layers, 32 units, over exclusive classes | ours |
| `social.yaml` | `compact`, and poses of both mice | the same, a row per mouse, on the demo of two | ours |

The thesis is X. de Juan, *Automated Mouse Behavior Recognition using LSTM and TCN Networks*, Universitat de Barcelona
2022; the numbers are those of its Table 4.1. All run on a built-in demo as they are. For your own recordings
change the line `recordings:` (and `behaviors:`), or give `--set recordings=my/recordings.csv` on the command line; any
other key can be set the same way, for example `--set training.epochs=20`.

Paths are relative to the folder in which the command is run. Unknown keys are refused. The settings below `execution`
change no result: a finished run is the same run with others. Older names (`workers`, `cache_dir` and `output_dir` by
themselves, `backbone.name: precomputed`) and the config.yaml of older runs are understood; its key `schema` numbers the
form in which it is written.

A search (`python run_experiment.py search experiments/search_exp1.yaml`) is an experiment with the key `search`: what
is tried, how, and by what it is judged.

This page is made from the code by `python -m pipeline.config.reference`.
"""


def reference() -> str:
    """The whole page, Markdown."""
    parts = [_INTRODUCTION, _table("All keys", ExperimentConfig)]
    for key in ("frames", "center", "crop", "training", "ensemble", "postprocess", "tuning", "demo", "execution"):
        parts.append(_table(f"`{key}`", _keys_below(ExperimentConfig.model_fields[key]), f"{key}."))
    parts.append(_table("`execution.slurm`", _keys_below(ExecutionConfig.model_fields["slurm"]), "execution.slurm."))
    parts += [_table(f"`task` with `name: {name}`", model, "task.") for name, model in TASKS.items()]
    parts.append(_table("`task.loss`", _keys_below(TASKS["binary"].model_fields["loss"]), "task.loss."))
    parts += [_table(f"`backbone` with `name: {name}`", model, "backbone.") for name, model in BACKBONES.items()]
    parts += [
        _table(f"A source of `features` with `source: {name}`", source.config_class, "features.")
        for name, source in SOURCES.items()
    ]
    parts += [_table(f"`head` with `name: {name}`", model, "head.") for name, model in HEADS.items()]
    parts += [_table("`search` (of a search)", SearchConfig, "search.")]
    parts += [_table("A range in `search.space`", Range)]
    return "\n".join(parts)


def _keys_below(field: FieldInfo) -> type[BaseModel]:
    """The settings under a key, also where a word may stand instead of them (`postprocess: tune`)."""
    members = typing.get_args(field.annotation) or (field.annotation,)
    return next(member for member in members if isinstance(member, type) and issubclass(member, BaseModel))


def _table(title: str, model: type[BaseModel], prefix: str = "") -> str:
    rows = "\n".join(_rows(model, prefix))
    return f"## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for key, field in model.model_fields.items():
        if prefix and key in ("name", "source"):
            continue
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{prefix}{key}` | {_type_text(field)} | {_default_text(field)} | {meaning} |"


def _type_text(field: FieldInfo) -> str:
    limits = [
        f"{sign} {getattr(item, name)}"
        for item in field.metadata
        for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<"))
        if getattr(item, name, None) is not None
    ]
    return ", ".join([_name_of(field.annotation), *limits])


def _name_of(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "see below"
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _name_of(typing.get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        names = dict.fromkeys(_name_of(member) for member in typing.get_args(annotation))
        return " or ".join("nothing" if name == "NoneType" else name for name in names)
    words = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "folder"}
    if annotation in words:
        return words[annotation]
    if origin in (list, tuple):
        return "list"
    if origin is dict:
        return "mapping"
    return getattr(annotation, "__name__", str(annotation))


def _default_text(field: FieldInfo) -> str:
    default = field.default
    if default is PydanticUndefined:
        return "see below" if field.default_factory else "*required*"
    if default is None or default in ("", ()):
        return "nothing"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return f"`[{', '.join(getattr(one, 'source', str(one)) for one in default)}]`"
    return f"`{default.as_posix() if isinstance(default, Path) else default}`"


def main() -> None:
    """Rewrite the page."""
    REFERENCE_PATH.write_text(reference(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
