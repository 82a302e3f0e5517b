"""Pages of reports and comparisons: templates filled with numbers, words and pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.wording import FILTERS
from pipeline.runtime.templates import fill_template

_TEMPLATES_PATH = Path(__file__).parent / "templates"


def render(template: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None) -> str:
    """Fill a template of reports, in which numbers are written by `common.wording`."""
    return fill_template(_TEMPLATES_PATH, template, context, FILTERS | {"href": href} | dict(filters or {}))


def href(path: str) -> str:
    """A relative path as a link: spaces, accents and question marks survive."""
    return quote(path.replace("\\", "/"))
