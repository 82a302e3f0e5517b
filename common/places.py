"""Where files lie, as a folder may tell it that leaves the machine: without the user's name and folders."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.errors import InputError

LONGEST_PATH = 240
"""Characters of a path that every Windows takes (259), but for those of a name under which a file is written first."""
LONGEST_INSIDE = 190
"""The same of a path within a folder that may be copied to Windows some day."""
_IS_WINDOWS = os.name == "nt"


def require_short_paths(folder: Path, inside: Iterable[str], advice: str) -> None:
    """Make sure that the files of a folder can lie there, and in a folder of Windows to which it may be copied.

    Parameters
    ----------
    folder : Path
    inside : iterable of str
        Paths of files within it.
    advice : str
        What can be made shorter.

    Raises
    ------
    InputError
        Windows would refuse the longest.
    """
    longest = max(inside, key=len, default="")
    n_whole = len(os.path.abspath(folder)) + 1 + len(longest)  # noqa: PTH100 - resolve() would follow links
    if len(longest) > LONGEST_INSIDE:
        said = f"of {len(longest)} characters within {folder}, and Windows takes {LONGEST_INSIDE} there at most"
    elif _IS_WINDOWS and n_whole > LONGEST_PATH:
        said = f"of {n_whole} characters with that of its folder {folder}, and Windows takes {LONGEST_PATH} at most"
    else:
        return
    raise InputError(f"The file {longest} would have a path {said}. {advice}")


def path_from(folder: Path, path: Path) -> str:
    """Write a path as it is reached from a folder, so that both can be moved together; read back by `path_at`.

    What lies in the home folder, while the folder does not, begins with `~`; what lies on another drive of Windows
    keeps its whole path, for there is no other.
    """
    start, target, home = folder.resolve(), path.resolve(), _home()
    if home is not None and target.is_relative_to(home) and not start.is_relative_to(home):
        return (Path("~") / target.relative_to(home)).as_posix()
    try:
        return Path(os.path.relpath(target, start)).as_posix()
    except ValueError:
        return target.as_posix()


def path_at(folder: Path, text: str) -> Path:
    """Read a path that `path_from` wrote (or an absolute one) back."""
    return Path(os.path.normpath(folder.resolve() / Path(text).expanduser()))


def told(text: str, folders: Iterable[Path] = ()) -> str:
    """Text with the paths in it as seen from the first of these folders that holds them, or from the current one.

    The home folder is `~`.
    """
    places = {spelled: "" for folder in (*folders, Path.cwd()) for spelled in (folder.absolute(), folder.resolve())}
    home = _home()
    if home is not None:
        places.setdefault(home, "~")
    for place, name in places.items():
        if len(place.parts) < 2:
            continue
        for spelled in dict.fromkeys((str(place), place.as_posix())):
            for separator in ("/", "\\"):
                text = text.replace(spelled + separator, f"{name}{separator}" if name else "")
            # A longer name that begins so is another one.
            text = re.sub(re.escape(spelled) + r"(?![\w-]|\.\w)", name or ".", text)
    return text


def all_told(tree: Any, folders: Iterable[Path] = ()) -> Any:
    """The same for every text in a tree of dicts and lists."""
    places = list(folders)
    if isinstance(tree, str):
        # Subclasses of text keep what they are.
        words = told(tree, places)
        return words if words != tree else tree
    if isinstance(tree, dict):
        return {key: all_told(value, places) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [all_told(value, places) for value in tree]
    return tree


def _home() -> Path | None:
    try:
        home = Path.home().resolve()
    except (OSError, RuntimeError):
        return None
    return home if len(home.parts) > 1 else None
