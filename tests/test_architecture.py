"""The house: who may import whom, in which order the rooms stand, and what may not be imported at start-up."""

import ast
import subprocess
import sys
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "features", "models", "pipeline")
# From top to bottom; a room imports only what stands below it. Scoring is a leaf, and so are features and models.
ROOMS = (
    *("command_line", "commands", "experiment", "search", "ensemble", "prediction", "review", "report", "films"),
    *("exports", "run_folder", "training", "audit", "starter", "image_dataset", "dataset", "annotations", "demo"),
    *("config", "scoring", "runtime"),
)
ORDER = (*(f"pipeline.{room}" for room in ROOMS), "features", "models", "common")
LEAVES = {"features", "models", "pipeline.scoring", "pipeline.runtime", "common"}
CALLERS = ("commands", "ensemble", "experiment", "prediction", "report")
MAY_CALL_THE_REPORT = {f"pipeline.{room}" for room in CALLERS}
MAX_ROOMS, MAX_FLOORS, MAX_MODULES, MAX_LINES = 26, 13, 16, 410
HEAVY = {"tensorflow", "keras", "tcn", "openvino"}
MAY_BE_HEAVY = ("features/backbones/", "features/engines/", "features/sources/", "models/")

Arrow = tuple[str, str]


def source_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(module: str) -> str:
    """`pipeline.report` of `pipeline.report.words.facts`; leaves are a room each."""
    return ".".join(module.split(".")[: 2 if module.startswith("pipeline") else 1])


def imported(tree: ast.AST) -> set[str]:
    """Modules (or their packages) of all absolute imports anywhere in a module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_at_top(tree: ast.AST) -> set[str]:
    """The same without imports inside functions, which wait until they are needed."""
    inside = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    later = {id(node) for function in inside for node in ast.walk(function)}
    body = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) and id(n) not in later]
    return imported(ast.Module(body=body, type_ignores=[]))


def roots(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


@cache
def tree_of(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def arrows() -> dict[Arrow, list[str]]:
    """From room to room, with the imports that make each."""
    found = defaultdict(list)
    for path in source_files():
        for name in imported(tree_of(path)):
            if name.partition(".")[0] in PACKAGES and room_of(name) != room_of(name_of(path)):
                found[room_of(name_of(path)), room_of(name)].append(f"{name_of(path)} imports {name}")
    return dict(found)


def test_every_room_has_its_place():
    assert {room_of(name_of(path)) for path in source_files()} - {"pipeline"} == set(ORDER)
    assert {path.name for path in (ROOT / "pipeline").glob("*.py")} == {
        "__init__.py", "command_line.py", "experiment.py",
    }  # fmt: skip
    assert len(ORDER) <= MAX_ROOMS


def test_arrows_point_down_and_leaves_stand_on_the_common_ground():
    place = {room: position for position, room in enumerate(ORDER)}
    up = [said for (a, b), names in arrows().items() if place[b] < place[a] for said in names]
    up += [said for (a, b), names in arrows().items() if a in LEAVES and b != "common" for said in names]
    assert not up


def test_no_module_needs_itself():
    modules = {name_of(path) for path in source_files()}
    needs = {
        name_of(path): {name if name in modules else name.rpartition(".")[0] for name in imported_at_top(tree_of(path))}
        & modules
        for path in source_files()
    }
    list(TopologicalSorter(needs).static_order())  # raises CycleError


def test_the_house_is_not_too_high():
    @cache
    def floor(room: str) -> int:
        return 1 + max((floor(b) for a, b in arrows() if a == room), default=0)

    assert max(floor(room) for room in ORDER) < MAX_FLOORS  # run_experiment.py stands on top


def test_only_commands_the_experiment_and_predictions_call_the_report():
    assert {a for a, b in arrows() if b == "pipeline.report"} <= MAY_CALL_THE_REPORT


def test_folders_and_files_stay_small():
    folders = defaultdict(list)
    for path in source_files():
        folders[path.parent].append(path.name)
    assert {folder: len(names) for folder, names in folders.items() if len(names) > MAX_MODULES + 1} == {}
    lines = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {name: n for name, n in lines.items() if n > MAX_LINES} == {}


@pytest.mark.parametrize("path", source_files(), ids=name_of)
def test_tensorflow_is_imported_only_where_networks_live(path: Path):
    if not path.relative_to(ROOT).as_posix().startswith(MAY_BE_HEAVY):
        assert not roots(imported(tree_of(path))) & HEAVY


def test_a_wrong_arrow_would_be_seen():
    tree = ast.parse("def f():\n    from pipeline.config.schema import load_config")
    assert {room_of(name) for name in imported(tree)} == {"pipeline.config"}


def test_importing_everything_does_not_import_tensorflow():
    modules = [name_of(path) for path in source_files() if path.name != "__init__.py"]
    code = (
        f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\nprint({HEAVY!r} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_help_answers_without_loading_anything_heavy():
    code = (
        "import sys\nfrom pipeline.command_line import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    )
    code += "print(sorted({'numpy', 'cv2', 'pandas', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_dask_is_imported_only_where_a_cluster_is_used():
    worker = "pipeline.training.executors.dask_worker"
    at_top = {name_of(path): imported_at_top(tree_of(path)) for path in source_files()}
    assert {name for name, found in at_top.items() if roots(found) & {"distributed", "dask", "dask_jobqueue"}} == {
        worker
    }
    assert not [name for name, found in at_top.items() if any(one.startswith(worker) for one in found)]
