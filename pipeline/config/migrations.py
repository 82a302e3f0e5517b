"""Older forms of the YAML, brought up to today's step by step, so that finished runs open for good.

When keys are renamed or moved: raise `SCHEMA`, add a step to `_STEPS`, and the old names to `RENAMED`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from common.errors import InputError

SCHEMA = 3
"""Number of today's form, written into the config.yaml of every run."""
UNNUMBERED = 1
"""The form of a YAML that names no schema: a user's own may be of any age."""

RENAMED = {"workers": "execution.workers", "cache_dir": "execution.cache_dir", "output_dir": "execution.output_dir"}
"""Old keys that `--set` takes as well, and what they are called now."""


def migrate(tree: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Bring a tree of settings to today's form, without its key `schema`.

    Raises
    ------
    InputError
        A newer Rearview wrote it, its number is none, or a setting stands there under its old and its new name.
    """
    found = dict(tree)
    number = found.pop("schema", UNNUMBERED)
    if type(number) is not int or number < 1:
        raise InputError(f"{source}: schema should be a whole number from 1 to {SCHEMA} (found {number!r:.80}).")
    if number > SCHEMA:
        raise InputError(
            f"{source} was made by a newer Rearview: it has schema {number}, and this one reads up to {SCHEMA}. Update "
            "Rearview to use it."
        )
    for step in range(number, SCHEMA):
        found = _STEPS[step](found, source)
    return found


def _move_into_execution(tree: dict[str, Any], source: str) -> dict[str, Any]:
    """Schema 2 keeps apart what changes no result."""
    moved = {key: RENAMED[key].partition(".")[2] for key in ("workers", "cache_dir", "output_dir") if key in tree}
    section = tree.get("execution", {})
    if not moved or not isinstance(section, Mapping):
        return tree
    for key, name in moved.items():
        if name in section:
            raise InputError(f"{source}: {key} is given twice, as {key} and as execution.{name}. Keep the second.")
    settings = {name: tree[key] for key, name in moved.items()}
    return {key: value for key, value in tree.items() if key not in moved} | {"execution": {**section, **settings}}


def _make_precomputed_a_source(tree: dict[str, Any], source: str) -> dict[str, Any]:
    """Schema 3 has sources of features, of which a backbone's crops are one."""
    backbone = tree.get("backbone")
    if not isinstance(backbone, Mapping) or backbone.get("name") != "precomputed":
        return tree
    if "features" in tree:
        raise InputError(
            f"{source}: backbone.name: precomputed and features: both say where features come from. Keep the second."
        )
    precomputed = {"source": "precomputed"} | {key: value for key, value in backbone.items() if key != "name"}
    return {key: value for key, value in tree.items() if key != "backbone"} | {"features": [precomputed]}


_STEPS: dict[int, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    1: _move_into_execution,
    2: _make_precomputed_a_source,
}
"""From a schema to the next."""
