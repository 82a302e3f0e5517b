"""HTTP's `Range` header, as far as browsers use it to seek in a video."""

import re

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def requested_range(header: str, size: int) -> tuple[int, int] | None:
    """Bytes of a file that are asked for.

    Parameters
    ----------
    header : str
        Such as ``bytes=100-``, ``bytes=0-99`` or ``bytes=-500`` (the last 500); "" = all.
    size : int
        Of the file, in bytes.

    Returns
    -------
    (int, int) or None
        Half-open. None where nothing of the range is in the file. What isn't understood (several ranges, other
        units) is answered with the whole file, as HTTP allows.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size) if int(last) and size else None
    start = int(first)
    if start >= size or (last and int(last) < start):
        return None
    return start, min(size, int(last) + 1) if last else size
