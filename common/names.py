"""Names: which can be file names everywhere, and what is the same name.

An accent may be stored as one sign with its letter (NFC, as keyboards give it) or as a sign of its own (NFD, as macOS
gave it to files): people see no difference. Names that are read become NFC; files keep theirs and are looked up.
"""

import hashlib
import unicodedata
from pathlib import Path
from typing import Any

from common.errors import INVISIBLE, shown
from common.files import is_file, is_folder

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
    if is_reserved(name):
        return f"{name!r} is reserved on Windows"
    return unreadable_name_reason(name)


def is_reserved(name: str) -> bool:
    """Whether Windows takes a name for a device, whatever its ending, so that nothing can be written there."""
    return name.split(".")[0].strip().casefold() in _RESERVED


def shortened(name: str) -> str:
    """A name that is ours to choose, cut where it is too long for a file; different names stay different."""
    if len(name.encode("utf-8")) <= _LONGEST:
        return name
    mark = hashlib.sha256(name.encode("utf-8", errors="replace")).hexdigest()[:8]
    return f"{name.encode('utf-8')[: _LONGEST - 10].decode('utf-8', errors='ignore').rstrip(' .')}~{mark}"


def canonical(text: str) -> str:
    """The name in the one form in which names are compared (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def canonical_names(found: Any) -> Any:
    """Settings with every name in that form, keys included; for validators.

    Raises
    ------
    ValueError
        Two keys are one name.
    """
    if isinstance(found, str):
        return canonical(found)
    if isinstance(found, list):
        return [canonical_names(item) for item in found]
    if not isinstance(found, dict):
        return found
    named = {canonical_names(key): canonical_names(value) for key, value in found.items()}
    if len(named) < len(found):
        raise ValueError("names one thing twice: the names differ only in how their accents are stored")
    return named


def find_path(path: Path) -> Path:
    """The path as the file system has it, where only the form of its accents differs; else as it is."""
    if str(path).isascii() or is_file(path) or is_folder(path):
        return path
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        place = found / part
        if not part.isascii() and not (is_file(place) or is_folder(place)) and is_folder(found):
            place = next((own for own in found.iterdir() if canonical(own.name) == canonical(part)), place)
        found = place
    return found
