"""What pydantic finds wrong with settings, in words that name the YAML's keys."""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

# How pydantic names the members of a union in the place of an error.
_UNION_TAGS = ("str", "list[str]", "literal[", "function-after[")

_MOST = 10
_OF_ANOTHER = ", not to "

Setting = tuple[str, str, Any]
"""(dotted key, the backbone or head it belongs to or "", field)."""


def complaints(error: ValidationError, tree: Mapping[str, Any], fields: Sequence[Setting]) -> list[str]:
    """One text for each key that is wrong in `tree`, the first few; from all `fields` the meant one is guessed."""
    # A value that fits no member of a union is reported once for each member: once is enough.
    items = [item for item in error.errors() if not _is_about_the_other_kind(item)]
    by_key = {".".join(_yaml_keys(item["loc"], tree)): item for item in reversed(items)}
    first = list(reversed(by_key.values()))[:_MOST]
    rest = len(by_key) - len(first)
    said = [_describe(item, tree, fields) for item in first] + ([f"and {rest:,} more"] if rest else [])
    # As after `--set head.name=tcn`, where the file has another head's keys.
    places = [key.rpartition(".")[0] for key, item in by_key.items() if item["type"] == "extra_forbidden"]
    named = next((place for place in places if _name_of(tree.get(place)) and _OF_ANOTHER in "".join(said)), None)
    return said if named is None else [*said, f'for its defaults: --set "{named}={{name: {_name_of(tree[named])}}}"']


def _is_about_the_other_kind(item: Any) -> bool:
    """Whether a complaint is that keys are no word, or a word no keys, where both are possible."""
    is_mapping = isinstance(item["input"], Mapping)
    kind = str(item["loc"][-1]) if item["loc"] else ""
    return (kind.startswith("literal[") and is_mapping) or (kind.startswith("function-after[") and not is_mapping)


def _describe(item: Any, tree: Mapping[str, Any], fields: Sequence[Setting]) -> str:
    """One pydantic complaint in words that name the YAML key."""
    keys = _yaml_keys(item["loc"], tree)
    key = ".".join(keys) or "the experiment"
    if item["type"] == "extra_forbidden":
        return _describe_unknown(key, tree, fields)
    if item["type"] == "missing":
        return f"the key {key} is missing"
    if item["type"].startswith("union_tag"):
        place = key.rpartition(".")[2]
        owners = dict.fromkeys(owner for known, owner, _ in fields if known.startswith(f"{place}.") and owner)
        wanted = ", ".join(f"'{owner}'" for owner in owners)
        found = item["ctx"].get("tag")
        choosing = item["ctx"]["discriminator"].strip("'")
        return f"{key}.{choosing} should be one of {wanted}" + (f"; found {found!r}" if found else "; it is missing")
    if item["type"] in ("model_type", "dict_type", "model_attributes_type"):
        return f"{key} should have keys of its own below it (found {item['input']!r:.80})"
    message = re.sub(r"^(Input|Value error,) ?", "", item["msg"]).replace("a valid tuple", "a list")
    if item["loc"] and str(item["loc"][-1]).startswith("literal["):
        message += " or have keys of its own below it"
    given = item["input"]
    found = f" (found {given!r:.80})" if not isinstance(given, dict | BaseModel) else ""
    return f"{key} {message}{found}"


def _describe_unknown(key: str, tree: Mapping[str, Any], fields: Sequence[Setting]) -> str:
    """Name the key that was probably meant, or the backbone or head that it belongs to."""
    place, _, last = key.rpartition(".")
    owner_chosen = _name_of(tree.get(place))
    # Of several sources any may have been meant.
    usable = [known for known, owner, _ in fields if owner in ("", owner_chosen) or known.startswith("features.")]
    others = [owner for known, owner, _ in fields if known == key]
    if others:
        not_to = f"{_OF_ANOTHER}{owner_chosen}" if owner_chosen else ""
        return f"unknown key {key}: it belongs to {' and '.join(others)}{not_to}"
    near = difflib.get_close_matches(key, usable, n=1, cutoff=0.6)
    near = [known for known in usable if known.rpartition(".")[2] == last] or near
    hint = f" (did you mean {' or '.join(near[:3])}?)" if near else "; experiments/README.md lists all keys"
    return f"unknown key {key}{hint}"


def _name_of(node: Any) -> str | None:
    """Which backbone, head or task a part of the tree chooses."""
    return node.get("name") if isinstance(node, Mapping) else None


def _yaml_keys(loc: tuple[int | str, ...], tree: Mapping[str, Any]) -> list[str]:
    """Pydantic's place without what only pydantic sees (union members, discriminator tags)."""
    keys: list[str] = []
    node: Any = tree
    for position, part in enumerate(loc):
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(part, int):
            # One source, or one name, may stand there without the list around it.
            node = node[part] if isinstance(node, list) and part < len(node) else node
            continue
        elif position < len(loc) - 1 or (isinstance(part, str) and part.startswith(_UNION_TAGS)):
            continue
        keys.append(str(part))
    return keys
