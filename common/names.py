"""Names that become file names: of runs, recordings and behaviors."""

_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
_FORBIDDEN = '<>:"/\\|?*'


def unsafe_name_reason(name: str) -> str:
    """Why `name` cannot be a file name on Windows, macOS and Linux alike; empty if it can.

    Letters of any alphabet, digits, spaces and accents are fine.
    """
    if not name or name.strip() != name:
        return "it is empty or begins or ends with a space"
    bad = sorted({c for c in name if c in _FORBIDDEN or ord(c) < 32})
    if bad:
        return f"it contains {' '.join(repr(c) for c in bad)}"
    if name.startswith(".") or name.endswith("."):
        return "it begins or ends with a dot"
    if name.split(".")[0].casefold() in _RESERVED:
        return f"{name!r} is reserved on Windows"
    if len(name.encode("utf-8")) > 120:
        return "it is longer than 120 bytes"
    return ""
