"""The page's JavaScript: plain ES modules, put one after the other into a single script.

Every module stays one that a browser or an editor reads as it is. In a page that is opened from a disk, though,
modules may not be loaded, so each becomes a function that returns what it exports.
"""

import re
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parent / "templates"
REVIEW_SCRIPTS = (
    "dom.js", "frames.js", "bouts.js", "document.js", "storage.js", "exports.js", "decimate.js", "player.js",
    "live.js", "raster_layout.js", "others.js", "raster.js", "raster_touch.js", "edit.js", "lists.js", "box.js",
    "keys.js", "saving.js", "main.js",
)  # fmt: skip
INDEX_SCRIPTS = ("dom.js", "index.js")

_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([a-z_]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)


def bundle(names: Sequence[str]) -> str:
    """Join modules (files in `FOLDER`, those first that others import from) into one module without imports.

    Each keeps its names to itself.
    """
    parts = ["const modules = {};"]
    for name in names:
        text = (FOLDER / name).read_text(encoding="utf-8").strip("\n")
        exported = ", ".join(_EXPORT.findall(text))
        text = _EXPORT.sub("", _IMPORT.sub(r"const \1 = modules.\2;", text))
        parts.append(
            f"// {name}\nmodules.{name.removesuffix('.js')} = (() => {{\n{text}\nreturn {{ {exported} }};\n}})();"
        )
    return "\n\n".join(parts)
