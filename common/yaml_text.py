"""Settings as YAML text, as this project writes them."""

import io
from typing import Any

from ruamel.yaml import YAML


def dump_yaml(tree: Any) -> str:
    """A tree of mappings, lists and plain values as block-style YAML 1.2."""
    stream = io.StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.dump(tree, stream)
    return stream.getvalue()
