"""Training that is killed at any moment goes on where it stopped and ends with the same numbers."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.command_line import main
from tests.lab import make_embedded_lab

ROOT = Path(__file__).resolve().parents[1]


def start(config: Path, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "run_experiment.py"), str(config), "--output", str(output)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_kill_9_during_training_loses_only_the_fit_in_flight(tmp_path: Path):
    config = make_embedded_lab(tmp_path / "lab", n_train=3, n_test=1)
    text = config.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 2").replace(", rearing: rearing}", "}")
    config.write_text(text, encoding="utf-8")
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(config, killed)
    deadline = time.monotonic() + 120
    while len(list(killed.glob("fits/*.*.npz"))) < 2 and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    assert process.wait() != 0, "it finished before it could be killed"
    # What an earlier life finished is not touched by the next.
    kept = {path.name: path.stat().st_mtime_ns for path in killed.glob("fits/*.*.npz")}
    assert main([str(config), "--output", str(killed)]) == 0
    assert kept.items() <= {path.name: path.stat().st_mtime_ns for path in killed.glob("fits/*.*.npz")}.items()
    assert main([str(config), "--output", str(whole)]) == 0
    for name in ("scores.csv", "baseline_scores.csv", "predictions/r1.csv", "predictions/r3.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    for path in (whole / "heads").glob("*/*"):
        assert path.read_bytes() == (killed / path.relative_to(whole)).read_bytes(), path.name
