"""Pages of reports and comparisons: templates filled with numbers, words and pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from common.wording import FILTERS
from pipeline.report.words.glossary import term, terms_of
from pipeline.runtime.templates import fill_template

GLOSSARY_PLACE = '<section id="glossary"></section>'
_TEMPLATES_PATH = Path(__file__).parent / "templates"


def render(template: str, context: Mapping[str, Any], filters: Mapping[str, Callable[..., Any]] | None = None) -> str:
    """Fill a template of reports, in which numbers are written by `common.wording`.

    A template with `GLOSSARY_PLACE` gets the terms there to which the page links.
    """
    shared: dict[str, Callable[..., Any]] = FILTERS | {"href": href, "term": term}
    page = fill_template(_TEMPLATES_PATH, template, context, shared | dict(filters or {}))
    if GLOSSARY_PLACE not in page:
        return page
    # Which terms a page uses is known once it is written.
    glossary = fill_template(_TEMPLATES_PATH, "sections/glossary.html.j2", {"terms": terms_of(page)})
    return page.replace(GLOSSARY_PLACE, glossary, 1)


def href(path: str) -> str:
    """A relative path as a link: spaces, accents and question marks survive."""
    return quote(path.replace("\\", "/"))
