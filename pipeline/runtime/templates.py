"""Pages made of templates."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def fill_template(
    folder: Path, name: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None
) -> str:
    """Fill a template of a folder; what comes from the user is escaped, and a name that isn't there is an error.

    Filters are ways of writing a value, by name; all templates of a folder share them.
    """
    environment = _environment(folder)
    environment.filters |= filters or {}
    return environment.get_template(name).render(context)


@lru_cache
def _environment(folder: Path) -> "Environment":
    """One for each folder: compiling all templates of a report takes half a second."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
