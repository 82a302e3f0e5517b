"""Pages made of templates."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def fill_template(
    folder: Path, name: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None
) -> str:
    """Fill a template of a folder; what comes from the user is escaped, and a name that isn't there is an error.

    Filters are ways of writing a value, by name.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(name).render(context)
