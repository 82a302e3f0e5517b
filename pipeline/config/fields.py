"""All settings of an experiment, one after the other: for errors, and for the list of them."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from features.backbones import BACKBONES
from features.sources import SOURCES
from models.heads import HEADS
from models.tasks import TASKS


def walk_fields(experiment: type[BaseModel]) -> Iterator[tuple[str, str, Any]]:
    """Yield (dotted key, owner, field) of every setting; owner names the backbone or head, or is empty."""
    yield from _walk(experiment, "", "")
    sources = {name: source.config_class for name, source in SOURCES.items()}
    tables: tuple[tuple[Mapping[str, type[BaseModel]], str], ...] = (
        (BACKBONES, "backbone"),
        (sources, "features"),
        (HEADS, "head"),
        (TASKS, "task"),
    )
    for table, place in tables:
        for name, model in table.items():
            yield from _walk(model, place, name)


def _walk(model: type[BaseModel], prefix: str, owner: str) -> Iterator[tuple[str, str, Any]]:
    for key, field in model.model_fields.items():
        dotted = f"{prefix}.{key}" if prefix else key
        yield dotted, owner, field
        members = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else ()
        models = [m for m in (members or (field.annotation,)) if isinstance(m, type) and issubclass(m, BaseModel)]
        # A word may stand instead of keys (`postprocess: tune`); kinds of backbone and head are walked by name.
        if len(models) == 1:
            yield from _walk(models[0], dotted, owner)
