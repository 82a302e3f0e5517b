"""A first look is a run of its own, says that it is none of the experiment's, and what the experiment would cost."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.tables import read_table
from pipeline.command_line import main
from pipeline.config.schema import load_config
from pipeline.training.first_look import first_look_of, trial_fit
from tests.lab import make_embedded_lab
from tests.pipeline.training.test_plan import config_of, plan_of


def read_cost(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["first_look"]
    return found


@pytest.mark.usefixtures("no_figures")
def test_a_first_look_scores_every_recording_and_tells_the_cost_of_the_experiment(tmp_path: Path):
    yaml = make_embedded_lab(tmp_path / "lab", n_train=4)
    output = tmp_path / "look"
    assert main([str(yaml), "--quick", "--output", str(output)]) == 0
    scored = {row["recording"] for row in read_table(output / "scores.csv") if row["subset"] == "cross_validation"}
    assert scored == {"r0", "r1", "r2", "r3", "pooled"}
    cost = read_cost(output)
    # two behaviors: four folds and the final one, each with its baseline
    assert (cost["experiment"], cost["n_fits"]) == (load_config(yaml).name, 2 * (4 + 1) * 2)
    # Half of the fits are baselines.
    assert cost["n_heads"] == 2 * (4 + 1)
    assert 0 < cost["step_s"] < cost["seconds"]
    report = (output / "report.html").read_text(encoding="utf-8")
    assert "A first look, not the experiment" in report and f"trains {cost['n_heads']} heads" in report
    # the settings that it was made with are in the folder, as of any run
    assert main([str(output / "config.yaml"), "--output", str(output)]) == 0
    # of another experiment the same first look has another cost
    assert main([str(yaml), "--quick", "--set", "training.epochs=40", "--output", str(output)]) == 0
    assert (
        json.loads((output / "provenance.json").read_text(encoding="utf-8"))["first_look"]["seconds"] != cost["seconds"]
    )


def test_what_is_timed_has_the_behavior_and_is_no_other_protocol():
    plan, _ = plan_of(["a", "b", "c"], absent=("b",), protocol="thesis", postprocess={})
    assert trial_fit(plan).train == ("c",)
    assert first_look_of(config_of(protocol="thesis")).protocol == "thesis"
    assert first_look_of(config_of(protocol="compare")).protocol == "nested"
