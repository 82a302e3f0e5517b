"""Whatever stands in a YAML or behind `--set`, it is an experiment or refused in one paragraph."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.fields import walk_fields
from pipeline.config.reference import REFERENCE_PATH
from pipeline.config.schema import ExperimentConfig, dump_config, load_config, parse_config
from tests.damage import CELLS, damaged, fuzzed, read_or_refused

FULL = dump_config(load_config(REFERENCE_PATH.parent / "exp3.yaml"))
SHORT = """\
name: t
behaviors: {a: a, b: [b, c]}
features: [{source: precomputed, files: "f/{recording}.npz", fps: 25}, {source: frames, crop: {moments_s: [-1, 0, 1]}}]
backbone: {name: compact}
recordings: r.csv
head: {name: lstm, units: 4}
frames: {policy: shift, by_frames: {m1: 3}}
postprocess: {smooth_s: 0.5, order: [smooth, threshold]}
training: {epochs: 3, learning_rate: 1e-3}
"""
KEYS = sorted({key for key, _, _ in walk_fields(ExperimentConfig)})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | CELLS | st.just(10**400) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELLS | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("text", [FULL, SHORT], ids=["resolved", "short"])
@fuzzed(60)
@given(data=st.data())
def test_damaged_yaml(tmp_path: Path, text: str, data: st.DataObject):
    path = tmp_path / "x.yaml"
    path.write_bytes(data.draw(damaged(text.encode())))
    config = read_or_refused(lambda: load_config(path))
    if config is not None:
        path.write_text(dump_config(config), encoding="utf-8")
        assert load_config(path) == config


@fuzzed(150)
@given(
    key=st.sampled_from(KEYS) | CELLS | st.tuples(st.sampled_from(KEYS), CELLS).map(".".join),
    value=CELLS | st.text(max_size=12) | CELLS.map("[1, {}]".format) | CELLS.map("{{a: {}}}".format),
)
def test_odd_overrides(tmp_path: Path, key: str, value: str):
    path = tmp_path / "x.yaml"
    path.write_text(SHORT, encoding="utf-8")
    read_or_refused(lambda: load_config(path, [f"{key}={value}"]))


@fuzzed(100)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_odd_trees(key: str, value: object):
    tree: dict[str, object] = {
        "name": "t",
        "behaviors": {"a": "a"},
        "backbone": {"name": "resnet50v2"},
        "head": {"name": "tcn"},
    }
    place, _, last = key.partition(".")
    inside = tree.get(place)
    tree[place] = ({**inside, last: value} if isinstance(inside, dict) else {last: value}) if last else value
    read_or_refused(lambda: parse_config(tree, "x.yaml"))
