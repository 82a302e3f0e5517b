"""A new pose format, annotation format, backbone, head, export or command is one file and one line in a table.

Sources of features and engines: tests/features/test_sources.py; tasks: tests/models/test_tasks.py; executors:
tests/pipeline/training/test_executors.py.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common.tables import read_table
from pipeline.scoring.bouts.bouts import runs_of_true
from tests.lab import BEHAVIORS, N_FRAMES, center_px, known_labels, write_experiment, write_table, write_video

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_member_of_each_table_is_one_file_and_one_line(tmp_path: Path):
    rows = []
    for i in range(3):
        active = known_labels(i)
        write_video(tmp_path / f"v{i}.avi", active)
        track = {"midbody": [center_px(frame) for frame in range(N_FRAMES)]}
        (tmp_path / f"v{i} track.json").write_text(json.dumps(track), encoding="utf-8")
        bouts = [f"{name}|{a}|{b}" for c, name in enumerate(BEHAVIORS) for a, b in runs_of_true(active[:, c])]
        (tmp_path / f"v{i} bouts.txt").write_text("\n".join(["stretch|from|to", *bouts]), encoding="utf-8")
        rows.append(f"v{i},v{i}.avi,v{i} track.json,v{i} bouts.txt,mouse{i},,train")
    experiment = write_experiment(
        tmp_path, write_table(tmp_path, rows), "backbone: {name: pixels}", "{name: conv, filters: 8}"
    )
    text = experiment.read_text(encoding="utf-8").replace("epochs: 3", "epochs: 2") + "baseline: none\nrefit: false\n"
    experiment.write_text(text, encoding="utf-8")
    head = tmp_path / "conv.py"
    head.write_text(worked_example(), encoding="utf-8")

    command = [sys.executable, "-m", "tests.new_members", str(head), str(experiment)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-3000:]
    run = tmp_path / "runs" / "tiny"
    scores = [row for row in read_table(run / "scores.csv") if row["recording"] == "pooled"]
    # A grooming mouse is drawn larger, and the mean color tells.
    assert {row["behavior"] for row in scores} == set(BEHAVIORS)
    assert max(float(row["average_precision"]) for row in scores if row["behavior"] == "grooming") > 0.5
    counts = (run / "exports" / "counts.txt").read_text(encoding="utf-8").splitlines()
    assert counts == [f"v{i}: {sum(len(runs_of_true(column)) for column in known_labels(i).T)}" for i in range(3)]
    assert done.stdout.endswith("hello there\n")


def worked_example() -> str:
    """The head that CONTRIBUTING.md shows."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]
