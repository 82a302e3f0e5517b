"""Names that become file names: of runs, recordings and behaviors."""

import unicodedata

from common.errors import INVISIBLE, shown

_RESERVED = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"
}
_LONGEST = 120
_JOINERS = "\u200c\u200d"
_FORBIDDEN = '<>:"/\\|?*'


def invisible_letters(text: str) -> list[str]:
    """What in a text is not seen, or turns around or hides what is: control and format characters, ends of lines.

    Joiners, which scripts such as Persian need inside words, are none of them.
    """
    return [c for c in text if unicodedata.category(c) in INVISIBLE and c not in _JOINERS]


def unreadable_name_reason(name: str) -> str:
    """Why `name` cannot be shown in tables, figures and pages; empty if it can."""
    bad = sorted(set(invisible_letters(name)))
    if bad:
        return f"it contains {' '.join(map(shown, bad))}"
    return f"it is longer than {_LONGEST} bytes" if len(name.encode("utf-8")) > _LONGEST else ""


def unsafe_name_reason(name: str) -> str:
    """Why `name` cannot be a file name on Windows, macOS and Linux alike; empty if it can.

    Letters of any alphabet, digits, spaces and accents are fine.
    """
    if not name or name.strip() != name:
        return "it is empty or begins or ends with a space"
    bad = sorted({c for c in name if c in _FORBIDDEN})
    if bad:
        return f"it contains {' '.join(repr(c) for c in bad)}"
    if name.startswith(".") or name.endswith("."):
        return "it begins or ends with a dot"
    if name.split(".")[0].strip().casefold() in _RESERVED:
        return f"{name!r} is reserved on Windows"
    return unreadable_name_reason(name)
