"""Labs run Windows and macOS too, which can't be run here: nothing of POSIX alone, text names its encoding."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import places
from common.errors import InputError
from common.names import shortened, unsafe_name_reason
from common.places import LONGEST_PATH, require_short_paths
from features.cache.parts import parts_folder
from features.cache.store import cache_path, require_short_cache_paths
from pipeline.command_line import main
from pipeline.config.schema import load_config
from pipeline.dataset.table import read_recordings
from pipeline.run_folder.run_dir import RunDir
from tests.lab import make_embedded_lab, write_experiment, write_table

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


# --- names and paths ------------------------------------------------------------------------------------------

DEVICES = ["CON", "nul", "AUX.csv", "com1", "Lpt9.labels", "PRN .x"]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return make_embedded_lab(tmp_path, n_train=3, n_test=0)


@pytest.mark.parametrize("name", DEVICES)
def test_names_of_devices_are_refused_wherever_a_file_gets_them(name: str, lab: Path, capsys):
    write_table(lab.parent, [f"{name},r0.npy,,r0 labels.csv,mouse,,train"])
    with pytest.raises(InputError, match=r"column 'recording'.*reserved on Windows"):
        read_recordings(lab.parent / "recordings.csv")
    for setting in (f"name={name}", f"behaviors={{'{name}': grooming}}"):
        with pytest.raises(InputError, match="reserved on Windows"):
            load_config(lab, [setting])
    for output in (f"runs/{name}", f"{name}/exp1"):
        with pytest.raises(SystemExit):
            main([str(lab), "--output", output])
        assert "the name of a device on Windows" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["MOUSE É1", "mouse e\u03011", "Mouse É1"])
def test_recordings_whose_files_would_be_one_elsewhere_are_refused(other: str, lab: Path):
    rows = [f"{name},r{n}.npy,,r{n} labels.csv,mouse{n},,train" for n, name in enumerate(("mouse é1", other))]
    with pytest.raises(InputError, match=r"row 3, column 'recording'.*already stands in row 2"):
        read_recordings(write_table(lab.parent, rows))


def test_experiments_whose_folders_would_be_one_elsewhere_are_refused(lab: Path, capsys):
    (other := lab.with_name("other.yaml")).write_text(
        lab.read_text(encoding="utf-8").replace("name: tiny", "name: Tiny"), encoding="utf-8"
    )
    assert main([str(lab), str(other)]) == 2
    assert "they would share a folder" in capsys.readouterr().err


def test_a_run_whose_files_windows_would_refuse_says_so_before_it_works(lab: Path, capsys):
    name, annotator = "r" * 110, "a" * 80
    labels = f"{annotator}=r0 labels.csv;b=r2 labels.csv"
    rows = [f"{name},r0.npy,,{labels},mouse0,,train", "r1,r1.npy,,r1 labels.csv,mouse1,,train"]
    table = write_table(lab.parent, rows)
    experiment = write_experiment(lab.parent, table, "features: {source: precomputed, fps: 10}")
    assert main([str(experiment), "--set", "annotations=union"]) == 2
    said = capsys.readouterr().err
    assert f"annotators{os.sep}{annotator}{os.sep}{name}.csv would have a path of" in said and "Shorten the id" in said
    assert not (lab.parent / "runs" / "tiny").exists()


def test_elsewhere_a_folder_may_lie_deep_but_not_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    deep = tmp_path.joinpath(*["x" * 50] * 5)
    for short in (lambda: RunDir(deep).require_short_paths({"r1": ()}, ["grooming"]),
                  lambda: require_short_cache_paths(deep, ["r1"])):  # fmt: skip
        short()
        with monkeypatch.context() as patched:
            patched.setattr(places, "_IS_WINDOWS", True)
            with pytest.raises(InputError, match=f"takes {LONGEST_PATH} at most. Shorten"):
                short()
    require_short_paths(tmp_path, [], "")


def test_the_longest_id_fits_into_the_cache(tmp_path: Path):
    longest = "r" * 120
    assert not unsafe_name_reason(longest)
    require_short_cache_paths(tmp_path, [longest])
    parts_folder(cache_path(tmp_path, longest, "0" * 64)).mkdir()


def test_long_names_of_ours_are_cut_and_stay_different():
    names = ["é" * 100 + end for end in "ab"]
    short = [*map(shortened, names)]
    assert len({*short}) == 2 and not any(map(unsafe_name_reason, short)) and shortened("exp1") == "exp1"
