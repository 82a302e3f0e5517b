"""Labs run Windows and macOS too, which can't be run here: nothing of POSIX alone, text names its encoding."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [
    path for package in ("common", "features", "models", "pipeline") for path in sorted((ROOT / package).rglob("*.py"))
] + [ROOT / "run_experiment.py", ROOT / "rearview.py"]
POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "termios"}
POSIX_CALLS = {
    "os": {"fork", "getuid", "geteuid", "getpgid", "killpg", "setsid", "chown", "mkfifo", "nice", "statvfs", "uname",
           "symlink", "link", "sched_getaffinity", "getloadavg", "WEXITSTATUS"},
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGALRM", "alarm", "setitimer", "pause"},
    "time": {"tzset"},
}  # fmt: skip
TEXT_CALLS = {"read_text": 0, "write_text": 1}


def faults(source: str) -> Iterator[str]:
    """Say what a module does that fails elsewhere; what stands in `if hasattr(...)` or `try` is guarded."""
    tree = ast.parse(source)
    guarded = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) or (isinstance(node, ast.If | ast.IfExp) and "hasattr" in ast.unparse(node.test))
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (f"line {node.lineno}: imports {name}" for name in names if name in POSIX_MODULES)
        owner = node.value.id if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else ""
        if isinstance(node, ast.Attribute) and node.attr in POSIX_CALLS.get(owner, ()):
            yield f"line {node.lineno}: uses {owner}.{node.attr}"
        if isinstance(node, ast.Call) and _is_text_without_encoding(node):
            yield f"line {node.lineno}: {ast.unparse(node)[:60]} names no encoding"


def _is_text_without_encoding(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg for keyword in call.keywords}
    if name in TEXT_CALLS and isinstance(call.func, ast.Attribute):
        return "encoding" not in given and len(call.args) == TEXT_CALLS[name]
    if name != "open" or (isinstance(call.func, ast.Attribute) and "path" not in ast.unparse(call.func.value)):
        return False
    place = 0 if isinstance(call.func, ast.Attribute) else 1
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[place : place + 1]
    mode = modes[0] if modes else None
    is_binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
    return not is_binary and "encoding" not in given and not isinstance(mode, ast.Name)


def test_nothing_runs_on_posix_alone():
    found = {path.relative_to(ROOT).as_posix(): [*faults(path.read_text(encoding="utf-8"))] for path in FILES}
    assert len(found) > 400 and not {path: said for path, said in found.items() if said}


@pytest.mark.parametrize(
    "source",
    ["import fcntl", "import os\nos.fork()", "import signal\nx = signal.SIGKILL", "path.read_text()",
     "path.open()", "open('x')", "path.open('w')", "path.write_text(text)"],
)  # fmt: skip
def test_such_calls_would_be_found(source: str):
    assert [*faults(source)]


@pytest.mark.parametrize(
    "source",
    ["path.open('rb')", "open(x, encoding='utf-8')", "import os\nn = os.nice(1) if hasattr(os, 'nice') else 0",
     "write_text(path, text)", "path.write_text(text, encoding='utf-8')", "archive.open(name)"],
)  # fmt: skip
def test_others_are_left_alone(source: str):
    assert not [*faults(source)]
