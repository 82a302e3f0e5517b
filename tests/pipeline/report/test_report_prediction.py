"""The page of predictions: what was found, and all that is known of what it is worth."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from common.wording import ratio
from pipeline.prediction.trained_run import measured_scores
from pipeline.report.html import write_report
from pipeline.run_folder.reading import Run, read_run
from tests.pipeline.report.report_runs import make_run

pytestmark = pytest.mark.usefixtures("no_figures")
BEHAVIORS = ("grooming", "rearing")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Run:
    return read_run(make_run(tmp_path_factory.mktemp("runs") / "exp1", behaviors=BEHAVIORS, n_frames=900))


def measured(run: Run) -> dict[str, dict[str, Any]]:
    return measured_scores(run.path)


def page_of(folder: Path, scores: dict[str, dict[str, Any]]) -> str:
    """The report of predictions whose heads scored so."""
    run = make_run(folder, behaviors=BEHAVIORS, n_train=0, n_test=0, n_predict=2, n_frames=600, baseline=False)
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    provenance |= {"kind": "prediction", "trained_run": {"name": "exp1", "scores": scores}}
    (run / "provenance.json").write_text(json.dumps(provenance), encoding="utf-8")
    return write_report(run).read_text(encoding="utf-8")


def test_all_subsets_of_the_training_are_measured_with_the_bias_in_seconds(trained):
    for behavior, found in measured(trained).items():
        assert [part["subset"] for part in (found, *found["further"])] == ["cross_validation", "test"]
        for part in (found, *found["further"]):
            column = trained.behaviors.index(behavior)
            lines = [trained.timelines[row.recording].behavior(column) for row in trained.members(part["subset"])]
            differences = [(line.predicted.sum() - line.true.sum()) / line.fps for line in lines]
            assert part["bias_s"] == pytest.approx(sum(differences) / len(differences), abs=1e-6)
            row = trained.score(behavior, part["subset"], "raw")
            assert row is not None
            assert part["average_precision"] == row["average_precision"]
            assert part["n_individuals"] == len(lines)


def test_the_page_shows_cross_validation_and_test(trained, tmp_path):
    scores = measured(trained)
    page = page_of(tmp_path / "new", scores)
    table = page[page.index('id="measured"') : page.index("</section>", page.index('id="measured"'))]
    for found in scores.values():
        for part in (found, *found["further"]):
            for score in ("average_precision", "f1", "bout_f1"):
                assert f"<td>{ratio(part[score])}</td>" in table
            assert f"{part['bias_s']:+.1f} of ".replace("-", "\u2212") in table
        assert f"<b>{found['verdict']}</b>" in table
    rows = re.findall(r'<td class="text nowrap">(.*?)</td>', table)
    assert rows == ["cross-validation", "test"] * len(BEHAVIORS)


def test_heads_that_were_never_scored_are_said_to_be_unknown(tmp_path):
    assert "how good these predictions are is not known" in page_of(tmp_path / "new", {})


def test_predictions_of_an_earlier_rearview_are_shown(trained, tmp_path):
    """Whose provenance has the first subset alone, without the bias."""
    new = ("further", "cautions", "bias_s", "human_s")
    older = {b: {k: v for k, v in found.items() if k not in new} for b, found in measured(trained).items()}
    page = page_of(tmp_path / "new", older)
    assert f"<td>{ratio(older['grooming']['f1'])}</td>" in page
