"""A YAML file as a tree of settings, not yet checked.

Read by a YAML 1.2 safe loader, so that `1e-3` is a number and `no` is a word.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, Event
from ruamel.yaml.nodes import Node, ScalarNode

from common.errors import InputError
from common.files import is_file
from common.suggestions import listing
from common.wording import quoted

# An experiment has some hundred values; aliases of aliases make billions of a few lines.
_MOST_BYTES, _MOST_VALUES, _DEEPEST, _LONGEST_NUMBER = 500_000, 50_000, 50, 100

_TABLES = (".csv", ".tsv", ".txt", ".xlsx")


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a file of `key: value` lines.

    Raises
    ------
    InputError
        The file is missing, no UTF-8, no YAML, or holds something else.
    """
    if path.is_dir():
        experiments = sorted(str(p) for p in path.glob("*.yaml"))
        run = f" To run an experiment, name its YAML: {listing(experiments)}." if experiments else ""
        raise InputError(
            f"{path} is a folder, and an experiment is a YAML file.{run} To begin with the videos in a folder, type: "
            f"python run_experiment.py init {quoted(str(path))}"
        )
    if not is_file(path):
        beside = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, beside, n=1)
        hint = f" Did you mean {path.parent / near[0]}?" if near else ""
        raise InputError(f"The experiment file {path} does not exist (looked in {Path.cwd()}).{hint}")
    if path.suffix.lower() in _TABLES:
        raise InputError(
            f"{path} is a table, and an experiment is a YAML file. To look at these recordings, type: python "
            f"run_experiment.py audit {quoted(str(path))}; to run an experiment on them, write `recordings: {path}` "
            f"into its YAML, or type: python run_experiment.py experiments/exp1.yaml --set "
            f"{quoted(f'recordings={path}')}"
        )
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path} is larger than {_MOST_BYTES // 1000} kB, as no experiment is. Name its YAML.")
    try:
        tree = parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8 in your editor.") from None
    except NotYamlError as problem:
        raise InputError(f"{path} can't be read as YAML: {problem}. Look at the indentation and colons.") from None
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
        raise InputError(f"--set expects key.path=value (for example --set seed=1); found {override!r:.200}.")
    try:
        value = parse_yaml(text) if text.strip() else None
    except NotYamlError as problem:
        raise InputError(f"--set {override!r:.200}: the value after `=` is not valid YAML: {problem}.") from None
    key = key.strip()
    *parents, last = renamed.get(key, key).split(".")
    if len(parents) > _DEEPEST:
        raise InputError(f"--set {override!r:.200}: no key lies {len(parents)} levels below another.")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise InputError(f"--set {override!r:.200}: {parent!r} is a single value, it has no keys below it.")
        node = child
    node[last] = value


class NotYamlError(ValueError):
    """What is wrong with a text, in words."""


def parse_yaml(text: str) -> Any:
    """The tree of a text, small enough to be looked at, and printed, as a whole.

    Raises
    ------
    NotYamlError
        In words what is wrong, and where.
    """
    try:
        _require_shallow(YAML(typ="safe", pure=True).parse(text))
        composed = YAML(typ="safe", pure=True).compose(text)
        if composed is not None:
            _require_small(composed)
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
        if isinstance(error, DuplicateKeyError):
            key = str(problem).partition('"')[2].partition('"')[0]
            raise NotYamlError(f"the key {key!r} stands there twice, the second time{_place(mark)}; keep one") from None
        raise NotYamlError(f"{problem or 'a character that YAML does not allow'}{_place(mark)}") from None
    except NotYamlError:
        raise
    except Exception as error:  # the library's constructors raise whatever a value's text leads to
        raise NotYamlError(f"a value can't be read as what it seems to be ({error})") from None


def _place(mark: Any) -> str:
    return "" if mark is None else f" in line {mark.line + 1}, column {mark.column + 1}"


def _require_shallow(events: Iterable[Event]) -> None:
    depth = 0
    for event in events:
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > _DEEPEST:
            raise NotYamlError(f"more than {_DEEPEST} levels lie below each other{_place(event.start_mark)}")


def _require_small(root: Node) -> None:
    waiting, n_values = [(root, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        n_values += 1
        if depth > _DEEPEST:
            raise NotYamlError(f"more than {_DEEPEST} levels lie below each other{_place(node.start_mark)}")
        if n_values > _MOST_VALUES:
            raise NotYamlError(f"it has more than {_MOST_VALUES:,} values, aliases counted as what they stand for")
        if not isinstance(node, ScalarNode):
            children = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
            waiting += [(child, depth + 1) for child in children]
        elif any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise NotYamlError(f"it has half of a character (a surrogate){_place(node.start_mark)}")
        elif str(node.tag).endswith((":int", ":float")) and len(node.value) > _LONGEST_NUMBER:
            raise NotYamlError(f"it has a number of {len(node.value):,} digits{_place(node.start_mark)}")
