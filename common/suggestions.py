"""Wording for errors about names: what there is, and what was probably meant."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """`" Did you mean 'x'?"` for the known name closest to `name`, of a likeness of `cutoff` or more; else nothing."""
    by_folded = {word.casefold(): word for word in known}
    closest = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=cutoff)
    return f" Did you mean {by_folded[closest[0]]!r}?" if closest else ""


def listing(names: Iterable[str], at_most: int = 30) -> str:
    """Names in a row with commas; the rest of a long list as a count."""
    words = list(names)
    if not words:
        return "(none)"
    rest = len(words) - at_most
    return ", ".join(words[:at_most]) + (f" and {rest} more" if rest > 0 else "")
