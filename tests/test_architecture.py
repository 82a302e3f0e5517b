"""Two leaves and a trunk: who may import whom, and what may not be imported at start-up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("features", "models", "pipeline")
FORBIDDEN = {"features": {"models", "pipeline"}, "models": {"features", "pipeline"}, "pipeline": set[str]()}
HEAVY = {"tensorflow", "keras", "tcn"}
MAY_BE_HEAVY = ("features/backbones/", "features/engines/", "models/")


def source_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(tree: ast.AST) -> set[str]:
    """Top-level names of all absolute imports anywhere in a module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_arrows_point_from_the_trunk_to_the_leaves(path: Path):
    package = path.relative_to(ROOT).parts[0]
    assert not imported(ast.parse(path.read_text(encoding="utf-8"))) & FORBIDDEN[package]


@pytest.mark.parametrize("path", source_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_tensorflow_is_imported_only_where_networks_live(path: Path):
    name = path.relative_to(ROOT).as_posix()
    if not name.startswith(MAY_BE_HEAVY):
        assert not imported(ast.parse(path.read_text(encoding="utf-8"))) & HEAVY


def test_a_wrong_arrow_would_be_seen():
    assert imported(ast.parse("def f():\n    from pipeline.config import load_config")) == {"pipeline"}


def test_importing_everything_does_not_import_tensorflow():
    modules = [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in source_files() if p.name != "__init__.py"]
    code = (
        f"import importlib, sys\nfor m in {modules!r}: importlib.import_module(m)\nprint('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_help_answers_without_loading_anything_heavy():
    code = (
        "import sys\nfrom pipeline.command_line import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
    )
    code += "print(sorted({'numpy', 'cv2', 'pandas', 'tensorflow', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")
