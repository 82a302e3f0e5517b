"""Pages made of templates."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def fill_template(
    folder: Path, name: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None
) -> str:
    """Fill a template; everything that comes from the user is escaped, and a name that isn't there is an error.

    Parameters
    ----------
    folder : Path
        Holds the template and those that it includes.
    name : str
    context : mapping
        What the template names.
    filters : mapping of str to callable, optional
        Ways of writing a value, by name.
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
