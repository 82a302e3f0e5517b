"""A YAML file as a tree of settings, not yet checked.

Read by a YAML 1.2 safe loader, so that `1e-3` is a number and `no` is a word.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from common.errors import InputError


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a file of `key: value` lines.

    Raises
    ------
    InputError
        The file is missing, no UTF-8, no YAML, or holds something else.
    """
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise InputError(f"The experiment file {path} does not exist (looked in {Path.cwd()}).{hint}")
    try:
        tree = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8 in your editor.") from None
    except YAMLError as error:
        place = str(getattr(error, "problem_mark", "") or "").strip().replace("\n", " ")
        problem = getattr(error, "problem", None) or "unreadable"
        raise InputError(
            f"{path} is not valid YAML: {problem} {place}. Check the indentation and the colons there."
        ) from None
    if not isinstance(tree, dict):
        raise InputError(f"{path} should hold `key: value` lines, as experiments/exp1.yaml does; found {tree!r:.60}.")
    return tree


def apply_override(tree: dict[str, Any], override: str, renamed: Mapping[str, str]) -> None:
    """Change one setting of a tree in place, as `--set` gives it: `key.path=value`, the value read as YAML.

    `renamed`: old keys that are taken as well, and what they are called in the tree.

    Raises
    ------
    InputError
        Not of that form, no YAML, or a key below a single value.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set expects key.path=value (for example --set seed=1); found {override!r}.")
    try:
        value = YAML(typ="safe", pure=True).load(text) if text.strip() else None
    except YAMLError:
        raise InputError(f"--set {override!r}: the value after `=` is not valid YAML.") from None
    key = key.strip()
    *parents, last = renamed.get(key, key).split(".")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise InputError(f"--set {override!r}: {parent!r} is a single value, it has no keys below it.")
        node = child
    node[last] = value
