"""YAML in, checked settings out; every mistake is named by its key."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest

from common.errors import InputError
from features.sources.frames import FrameSourceConfig
from pipeline.config.demo import DEMOS
from pipeline.config.execution import ExecutionConfig
from pipeline.config.fields import walk_fields
from pipeline.config.reference import REFERENCE_PATH, reference
from pipeline.config.schema import ExperimentConfig, dump_config, load_config, parse_config
from pipeline.config.search import is_search

EXPERIMENTS = REFERENCE_PATH.parent
SHIPPED = [path for path in sorted(EXPERIMENTS.glob("*.yaml")) if not is_search(path)]
MINIMAL = "name: t\nbehaviors: {a: a}\nbackbone: {name: resnet50v2}\nhead: {name: lstm}\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "é x.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_experiments_are_valid_and_run_anywhere(path: Path):
    config = load_config(path)
    assert config.name == path.stem
    assert config.recordings in DEMOS
    for source in config.filled_sources():
        if not isinstance(source, FrameSourceConfig):
            continue
        assert source.backbone.shipped_weights() or source.backbone.weights_if_unavailable == "compact"
    assert config.training.learning_rate == 1e-3 and config.training.patience == 5 and config.training.epochs == 50


def test_the_thesis_settings_are_those_of_table_4_1():
    one, two, three, four = (load_config(EXPERIMENTS / f"exp{n}.yaml") for n in (1, 2, 3, 4))
    assert [c.backbone.name for c in (one, two, three, four)] == ["resnet50v2", "inception_resnet_v2"] * 2
    assert [c.training.window_frames for c in (one, two, three, four)] == [300, 600, 300, 300]
    assert [c.training.batch_windows for c in (one, two, three, four)] == [8, 16, 32, 8]
    assert [(c.head.layers, c.head.units) for c in (one, two)] == [(3, 64), (2, 64)]
    assert [(c.head.blocks, c.head.filters, c.head.kernel_size, c.head.norm) for c in (three, four)] == [
        (1, 256, 3, "batch")
    ] * 2
    assert all(c.head.dropout == 0.5 for c in (one, two, three, four))


def test_the_resolved_form_reads_back_to_the_same(tmp_path: Path):
    config = load_config(EXPERIMENTS / "exp3.yaml", ["seed=7"])
    assert load_config(write(tmp_path, dump_config(config))) == config


def test_an_older_runs_config_is_read_as_todays(tmp_path: Path):
    """As it was written before schemas were numbered."""
    smaller = ["demo={n_train: 4, n_test: 1, n_frames: 700, size_px: 256}"]
    smaller += ["training.epochs=4", "training.min_epochs=2"]
    config = load_config(EXPERIMENTS.parent / "tests" / "data" / "config_schema_1.yaml")
    assert config == load_config(EXPERIMENTS / "exp1.yaml", smaller)
    assert load_config(write(tmp_path, dump_config(config))) == config


@pytest.mark.parametrize("text", ["", "schema: 1\n", "schema: 2\nexecution: {cache_dir: there}\n"])
def test_settings_that_change_no_result_are_taken_under_their_old_names(tmp_path: Path, text: str):
    overrides = ["workers=3", "output_dir=elsewhere"] + (["cache_dir=there"] if "execution" not in text else [])
    config = load_config(write(tmp_path, text + MINIMAL), overrides)
    assert config.execution == ExecutionConfig(workers=3, cache_dir=Path("there"), output_dir=Path("elsewhere"))
    old = "workers: 3\ncache_dir: there\noutput_dir: elsewhere\n"
    assert load_config(write(tmp_path, MINIMAL + old)) == config
    assert config.identity() == load_config(write(tmp_path, MINIMAL), ["description=x"]).identity()
    assert config.identity() != load_config(write(tmp_path, MINIMAL), ["batch_frames=8"]).identity()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("schema: 4\nheads: [1]\n", "made by a newer Rearview: it has schema 4.*reads up to 3"),
        ("schema: two\n", r"schema should be a whole number from 1 to 3 \(found 'two'\)"),
        ("schema: 0\n", "found 0"),
        ("workers: 1\nexecution: {workers: 2}\n", "workers is given twice, as workers and as execution.workers"),
        ("schema: 2\nworkers: 1\n", "unknown key workers .did you mean execution.workers"),
        ("workers: -1\n", "execution.workers should be greater than or equal to 0"),
        ("execution: 3\nworkers: 1\n", "execution should have keys of its own"),
    ],
)
def test_a_schema_that_cannot_be_read_is_told(tmp_path: Path, text: str, said: str):
    with pytest.raises(InputError, match=said):
        load_config(write(tmp_path, MINIMAL + text))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_settings_that_differ_from_the_defaults_say_why(path: Path):
    config = load_config(path)
    settings, defaults = config.model_dump(), {}
    for key, owner, field in walk_fields(ExperimentConfig):
        place = key.partition(".")[0]
        if owner in ("", settings[place]["name"] if place in ("backbone", "head") else ""):
            defaults[key] = field.get_default(call_default_factory=True)
    unexplained, section = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, rest = line.partition(":")
        section = name if colon and not line.startswith(" ") else section
        key = name if section == name else f"{section}.{name.strip()}"
        if not colon or key not in defaults or key in ("name", "description", "recordings", "behaviors"):
            continue
        value = settings[section] if key == section else settings[section][name.strip()]
        if isinstance(value, dict) or key.endswith(".name"):
            continue
        if value != defaults[key] and "#" not in rest:
            unexplained.append(line.strip())
    assert unexplained == []


def test_numbers_and_words_are_read_as_people_mean_them(tmp_path: Path):
    config = load_config(write(tmp_path, MINIMAL + "training: {learning_rate: 1e-3}\n"))
    assert config.training.learning_rate == 0.001
    assert load_config(write(tmp_path, MINIMAL.replace("{a: a}", "{no: off}"))).behaviors == {"no": "off"}


def test_set_changes_one_key_and_leaves_its_neighbours(tmp_path: Path):
    path = write(tmp_path, MINIMAL + "crop: {size_px: 100}\n")
    config = load_config(path, ["head.units=32", "recordings=my data/recordings.csv", "center.keypoints=[a, b]"])
    assert (config.head.units, config.head.name, config.crop.size_px) == (32, "lstm", 100)
    assert config.recordings == "my data/recordings.csv"
    assert config.center.keypoints == ("a", "b")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("head.dropout_rate=1", "unknown key head.dropout_rate .did you mean head.dropout"),
        ("trainig={}", "unknown key trainig .did you mean training"),
        ("learning_rate=1", "unknown key learning_rate .did you mean training.learning_rate"),
        ("backbone.alpha=1", "unknown key backbone.alpha: it belongs to mobilenet_v2, not to resnet50v2"),
        ("head.kernel_size=1", "belongs to tcn, not to lstm"),
        ("training.epochs=abc", r"training.epochs .* \(found 'abc'\)"),
        ("training.epochs=0", r"training.epochs should be greater than or equal to 1 \(found 0\)"),
        ("head.name=lstn", "head.name should be one of 'lstm'"),
        ("head=lstm", "head"),
        ("crop=5", "crop should have keys of its own"),
        ("name=a/b", "name cannot be used as a folder name"),
        ("behaviors={}", "names no behavior"),
        ("behaviors={A: x, a: y}", "upper and lower case"),
        ("behaviors={a: ''}", "has no name in the annotations"),
        ("behaviors={a: }", r"x\.yaml: behaviors\.a should be a valid string \(found None\)\.$"),
        ("behaviors={Out of view: x}", "frames that are not scored"),
        ("behaviors={NA: x}", "frames that are not scored"),
        ("behaviors={frame: x}", "another column"),
        ("behaviors={a: x, a_probability: y}", "another column"),
        ("frame_step=1.5", "frame_step"),
        ("postprocess=tuned", "postprocess should be 'tune' or have keys of its own below it"),
        ("postprocess={treshold: 0.4}", "unknown key postprocess.treshold .did you mean postprocess.threshold"),
        ("postprocess={order: [close, threshold]}", "puts `close` before `threshold`"),
        ("tuning.inner_folds=1", "tuning.inner_folds should be greater than or equal to 2"),
        ("protocol=nest", "protocol should be 'nested', 'thesis' or 'compare'"),
        ("postprocess.threshold=2", "postprocess.threshold"),
        ("features=framez", r"x\.yaml: features\.source should be one of 'frames', 'poses', 'pre.*; found 'framez'"),
        ("features={}", r"features\.source should be one of 'frames', 'poses', 'precomputed'; it is missing"),
        ("features=3", r"x\.yaml: features should have keys of its own below it \(found 3\)"),
        ("features=[]", "has no source of features"),
        ("features=[frames, {source: frames, crop: {}}]", r"the same source of features twice \(1 and 2\)"),
        ("features={source: frames, crop: {moments_s: 1}}", r"features\.crop\.moments_s should be a list \(found 1\)"),
        ("features={source: frames, fps: 1}", r"features\.fps: it belongs to precomputed"),
        ("features=[{source: frames, fps: 1}]", r"features\.fps: it belongs to precomputed\.$"),
        ("seed", "--set expects key.path=value"),
        ("name.x=1", "'name' is a single value"),
        ("seed=[1", "not valid YAML"),
        ("head={name: tcn, units: 3}", r"head\.units: it belongs to .*, not to tcn.*--set \"head=\{name: tcn\}\""),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, override: str, said: str):
    with pytest.raises(InputError, match=said):
        load_config(write(tmp_path, MINIMAL), [override])


def test_a_missing_key_is_named(tmp_path: Path):
    with pytest.raises(InputError, match="the key head is missing"):
        load_config(write(tmp_path, MINIMAL.replace("head: {name: lstm}\n", "")))


def test_a_missing_file_names_the_one_that_was_meant():
    with pytest.raises(InputError, match=r"does not exist.*Did you mean .*exp1\.yaml"):
        load_config(EXPERIMENTS / "exp1.yml")


@pytest.mark.parametrize("text", ["a: [1", "- 1\n- 2\n", "", "\tname: x", "name: !!python/object:os.system {}"])
def test_what_is_no_configuration_is_refused_in_a_paragraph(tmp_path: Path, text: str):
    with pytest.raises(InputError):
        load_config(write(tmp_path, text))


def test_what_is_no_experiment_is_answered_by_what_to_type(tmp_path: Path):
    table = tmp_path / "recordings.csv"
    table.write_text("recording,video\na,a.mp4\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"run_experiment\.py audit .*recordings\.csv.*--set recordings="):
        load_config(table)
    path = write(tmp_path, MINIMAL)
    with pytest.raises(InputError, match=rf"{path.name}.*run_experiment\.py init"):
        load_config(tmp_path)


def test_text_in_another_encoding_is_refused(tmp_path: Path):
    path = tmp_path / "x.yaml"
    path.write_bytes("name: ratón".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        load_config(path)


def test_the_reference_page_is_up_to_date_and_complete():
    page = REFERENCE_PATH.read_text(encoding="utf-8")
    assert page == reference(), "run `python -m pipeline.config.reference`"
    # The crop of one source has the keys of the crop of all.
    keys = {key.replace("features.crop.", "crop.") for key, _, _ in walk_fields(ExperimentConfig)}
    assert not [key for key in keys if f"`{key}`" not in page and not key.endswith((".name", ".source"))]


def test_every_setting_is_explained():
    choosing = ("name", ".source")
    assert not [
        key for key, _, field in walk_fields(ExperimentConfig) if not field.description and not key.endswith(choosing)
    ]


def test_a_source_takes_no_more_than_it_has_keys_for():
    tree = {"name": "t", "behaviors": {"a": "a"}, "head": {"name": "lstm"}, "recordings": "r.csv"}
    config = parse_config(tree | {"features": {"source": "precomputed", "fps": 10}}, "x")
    assert config.filled_sources() == list(config.features)
    assert not hasattr(config.filled_sources()[0], "backbone")


def test_precomputed_features_need_recordings_of_ones_own():
    tree = {"name": "t", "behaviors": {"a": "a"}, "head": {"name": "lstm"}}
    with pytest.raises(InputError, match="the demo has videos only"):
        parse_config(tree | {"features": {"source": "precomputed", "files": "{recording}.npz"}}, "x")


def numbers_in(annotation: Any, limits: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """What is said of each kind of number that a setting may be or hold."""
    if get_origin(annotation) is Annotated:
        inner, *said = get_args(annotation)
        yield from numbers_in(inner, (*limits, *getattr(said[0], "metadata", said)))
    elif annotation in (int, float):
        yield limits
    else:
        for member in get_args(annotation):
            yield from numbers_in(member, limits)


def test_every_number_has_a_lower_and_an_upper_bound():
    unbounded = [
        key
        for key, _, field in walk_fields(ExperimentConfig)
        for said in numbers_in(field.annotation, tuple(field.metadata))
        if not all(
            any(hasattr(item, sign) for item in said for sign in signs) for signs in (("ge", "gt"), ("le", "lt"))
        )
    ]
    assert unbounded == []


NUMBERS = [
    (key, owner)
    for key, owner, field in walk_fields(ExperimentConfig)
    if any(True for _ in numbers_in(field.annotation, ())) and key not in ("postprocess", "frames")
]


@pytest.mark.parametrize(("key", "owner"), NUMBERS, ids=[" ".join(item) for item in NUMBERS])
def test_no_number_is_taken_that_makes_something_grow_without_end(tmp_path: Path, key: str, owner: str):
    place = key.partition(".")[0]
    choosing = "source" if place == "features" else "name"
    chosen = [f"{place}.{choosing}={owner}"] if owner else ["frames.policy=shift"] if place == "frames" else []
    for value in (
        "1e10",
        "1e300",
        "-1e300",
        ".inf",
        ".nan",
        "10000000000",
        "-10000000000",
        "9" * 90,
        "[1e10]",
        "{m: 1e10}",
    ):
        with pytest.raises(InputError, match=key.rpartition(".")[2]):
            load_config(write(tmp_path, MINIMAL), [*chosen, f"{key}={value}"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (f"tuning.thresholds={[0.5] * 500}", "lists 112,000 combinations"),
        (f"head={{name: tcn, dilations: {[1] * 50}}}", "head.dilations .* at most 12"),
        ("batch_frames=1024", "1024 crops of 512 × 512 px fill the memory; at most 512 of this size"),
    ],
)
def test_settings_that_together_are_too_much_are_refused(tmp_path: Path, override: str, said: str):
    with pytest.raises(InputError, match=said):
        load_config(write(tmp_path, MINIMAL), ["backbone.input_px=512", override])


NESTED = "a: &a [1, 1]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopqrstu"))
MERGED = "a: &a {x: 1}\n" + "".join(f"{b}: &{b} {{<<: [*{a}, *{a}]}}\n" for a, b in pairwise("abcdefghijklmnopqrstu"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: " + "9" * 5000, "a number of 5,000 digits in line 5, column 7"),
        ("seed: 0x" + "F" * 5000, "a number of 5,002 digits"),
        ("seed: !!int x", "can't be read as what it seems to be"),
        ("seed: !!int ''", "can't be read as what it seems to be"),
        ("seed: !!float abc", "can't be read as what it seems to be"),
        ("seed: !!bool x", "can't be read as what it seems to be"),
        ("seed: 2001-99-99", "can't be read as what it seems to be"),
        ("seed: !!timestamp x", "timestamp"),
        ("seed: " + "[" * 2000 + "]" * 2000, "levels lie below each other"),
        ("seed: " + "[" * 60 + "]" * 60, "levels lie below each other"),
        ("seed: &a [*a]", "levels lie below each other"),
        (NESTED, "more than 50,000 values"),
        (MERGED, "more than 50,000 values"),
        ("name: u", "stands there twice"),
        ('execution: {cache_dir: "a\\0b"}', "execution.cache_dir should be the path of a folder"),
        ('description: "\\ud800"', "half of a character"),
        ("x" * 500_001, "as no experiment is"),
        ("".join(f"k{n}: 1\n" for n in range(3000)), "unknown key k0.*and 2,990 more"),
        ("? [1, 2]\n: 3", "should be strings"),
    ],
    ids=range(19),
)
def test_what_the_yaml_library_cannot_read_is_refused_in_a_paragraph(tmp_path: Path, text: str, said: str):
    with pytest.raises(InputError, match=said) as caught:
        load_config(write(tmp_path, MINIMAL + text))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 2100
    if text.startswith("seed: "):
        with pytest.raises(InputError):
            load_config(write(tmp_path, MINIMAL), [text.replace(": ", "=", 1)])


@pytest.mark.parametrize("key", ["x." * 5000, "a" * 100_000, "", ".", "x\0", "head."])
def test_odd_keys_of_set_are_refused(tmp_path: Path, key: str):
    with pytest.raises(InputError):
        load_config(write(tmp_path, MINIMAL), [f"{key}=1"])
