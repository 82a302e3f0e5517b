"""What a search tries is checked key by key and choice by choice, before anything starts."""

from pathlib import Path

import pytest

from common.errors import InputError
from pipeline.config.reference import REFERENCE_PATH
from pipeline.config.schema import load_config
from pipeline.config.search import SearchConfig, load_search
from pipeline.config.search_space import Range
from tests.pipeline.config.test_config import numbers_in

EXPERIMENTS = REFERENCE_PATH.parent
EXPERIMENT = "name: t\nbehaviors: {a: a}\nbackbone: {name: resnet50v2}\nhead: {name: lstm, units: 8}\nsearch: "


def write(folder: Path, search: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(EXPERIMENT + search + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_thesis_grids_are_those_of_its_chapter_4(number: int):
    search = load_search(EXPERIMENTS / f"search_exp{number}.yaml")
    values = {dimension.key: dimension.values() for dimension in search.space.dimensions}
    of_head = {"head.layers": [1, 2, 3], "head.units": [64, 128, 256]}
    if number > 2:
        of_head = {"head.blocks": [1, 2, 3], "head.filters": [256, 512, 1024], "head.kernel_size": [3, 5]}
        of_head |= {"head.norm": ["batch", "layer", "weight", "none"]}
    training = {"training.window_frames": [300, 600, 1650], "training.batch_windows": [8, 16, 32]}
    assert values == training | of_head
    # Around the thesis' own experiment, which is one of its points.
    assert search.experiment.identity() == load_config(EXPERIMENTS / f"exp{number}.yaml").identity()
    own = {key: value for key, value in search.space.points(0)[0].items() if key.startswith("training.")}
    assert search.space.experiment(own).training.window_frames == own["training.window_frames"]


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("{method: grid, space: {head.unit: [1]}}", "unknown key head.unit. Did you mean 'head.units'"),
        ("{method: grid, space: {head.units: [4, 0]}}", "head.units should be greater than or equal to 1 .found 0"),
        ("{method: grid, space: {head.filters: [4]}}", "head.filters belongs to tcn, but neither"),
        ("{method: grid, space: {head.dropout: {low: 0, high: 0.5}}}", "needs a list of choices or a step"),
        ("{method: bayes, space: {head.units: [4]}}", "bayes needs the key trials"),
        ("{method: grid, space: {seed: [0, 1]}}", "a seed that happens to score high is no better setting"),
        ("{method: grid, space: {behaviors: [{b: b}]}}", "it would change what is scored"),
        ("{method: grid, space: {execution.workers: [1, 2]}}", "execution.workers cannot .* it changes no result"),
        ("{method: grid, space: {postprocess.threshold: [.3]}}", "choose objective: bout_f1 or macro_f1"),
        ("{method: grid, objective: bout_f1, space: {tuning: [{}], tuning.inner_folds: [2]}}", "a part of it"),
        ("{method: gird, space: {head.units: [1]}}", "'grid', 'bayes' or 'random' .found 'gird'"),
        ("{methd: grid, space: {head.units: [1]}}", "unknown key search.methd .did you mean search.method"),
        ("{method: grid, objective: [seconds], space: {head.units: [1]}}", "or one of them and the seconds"),
        ("{method: grid, space: {head.units: 3}}", "head.units should be a list of choices, or a range"),
        ("{method: grid, space: {head.units: {low: 3, hihg: 4}}}", "head.units: .*did you mean high"),
        ("{method: grid, space: {head.units: {low: 4, high: 3}}}", "low should be less than high"),
        ("{method: grid, space: {head.units: {low: 1.5, high: 3}}}", "head.units is a whole number"),
        ("{method: grid, space: {head.units: [4, 4.0]}}", "the same choice twice"),
        ("{method: grid, space: {head.bidirectional: {low: 0, high: 1}}}", "is no number; give a list"),
        ("{method: grid, space: {features.crop.size_px: [60]}}", "features is a list of sources"),
        ("{method: grid, space: {head.units: {low: 1, high: 1000}, head.layers: [1, 2], "
         "training.epochs: {low: 1, high: 1000}}}", "2,000,000 combinations; at most"),
        ("3", "search should have keys of its own"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, search: str, said: str):
    with pytest.raises(InputError, match=said):
        load_search(write(tmp_path, search))


def test_a_search_and_an_experiment_are_told_apart(tmp_path: Path):
    path = write(tmp_path, "{method: grid, space: {head.units: [4]}}")
    with pytest.raises(InputError, match="is a search, as it has the key search"):
        load_config(path)
    with pytest.raises(InputError, match="is an experiment without `search:`"):
        load_search(EXPERIMENTS / "exp1.yaml")
    with pytest.raises(InputError, match="cross_validation: none cannot go with it"):
        load_search(path, ["cross_validation=none"])


def test_settings_of_another_head_apply_where_it_is_tried(tmp_path: Path):
    space = "{head.units: [4, 8], head.name: [lstm, tcn], head.filters: {low: 16, high: 32, step: 16}}"
    search = load_search(write(tmp_path, f"{{method: grid, space: {space}}}"), ["search.trials=3", "head.dropout=0.1"])
    assert search.settings.trials == 3
    points = search.space.points(1)
    heads = [search.space.experiment(point).head for point in points]
    assert sorted((h.name, getattr(h, "units", 0), getattr(h, "filters", 0)) for h in heads) == [
        ("lstm", 4, 0), ("lstm", 8, 0), ("tcn", 0, 16), ("tcn", 0, 32),
    ]  # fmt: skip
    assert {head.dropout for head in heads} == {0.1}
    assert all(("head.units" in point) == (point["head.name"] == "lstm") for point in points)
    # What is written down reads back to the same.
    again = tmp_path / "config.yaml"
    again.write_text(search.dump(), encoding="utf-8")
    assert load_search(again).settings == search.settings
    assert load_search(again).experiment == search.experiment


@pytest.mark.parametrize("model", [SearchConfig, Range])
def test_every_setting_is_explained_and_bounded(model: type):
    for field in model.model_fields.values():
        assert field.description
        for said in numbers_in(field.annotation, tuple(field.metadata)):
            assert any(hasattr(item, "ge") or hasattr(item, "gt") for item in said)
            assert any(hasattr(item, "le") or hasattr(item, "lt") for item in said)
