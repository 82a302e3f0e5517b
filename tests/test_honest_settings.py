"""Settings chosen on training recordings: nothing of the recording that is scored takes part."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.command_line import main
from tests.conftest import made_once, without_figures
from tests.lab import BEHAVIORS, known_labels, make_embedded_lab, write_labels

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

ARGUMENTS = [
    "--set", "postprocess=tune", "--set", "calibration=temperature", "--set", "tuning.inner_folds=2",
    "--set", "baseline=none", "--set", "training.epochs=2", "--set", "head={name: logistic}",
]  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def settings_for(run: Path, recording: str) -> list[dict[str, str]]:
    return [row for row in rows_of(run / "postprocess.csv") if row["recording"] == recording]


def of_grooming(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows if row["behavior"] == "grooming"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> tuple[Path, Path]:
    """A lab's experiment and its finished run with tuned post-processing."""
    folder = made_once(tmp_path_factory, "honest", tune_tiny_experiment)
    return folder / "experiment.yaml", folder / "runs" / "tiny"


def tune_tiny_experiment(folder: Path) -> None:
    with without_figures():
        assert main([str(make_embedded_lab(folder)), *ARGUMENTS, "--set", "protocol=compare"]) == 0


def test_settings_of_a_recording_are_the_same_whatever_its_own_labels_say(lab, tmp_path: Path):
    _, run = lab
    config = make_embedded_lab(tmp_path)
    write_labels(tmp_path / "r1 labels.csv", ~known_labels(1))
    # A behavior has heads and settings of its own; one is enough.
    assert main([str(config), *ARGUMENTS, "--set", "behaviors={grooming: grooming}"]) == 0
    corrupted = tmp_path / "runs" / "tiny"
    assert settings_for(corrupted, "r1") == of_grooming(settings_for(run, "r1")) != []
    # The others were chosen with its help, so for them it does make a difference.
    assert settings_for(corrupted, "final") != of_grooming(settings_for(run, "final"))
    # Its own probabilities, calibrated by those settings, are the same too: it is only scored.
    of_both = [
        [(row["grooming_probability"], row["grooming"]) for row in rows_of(path / "predictions" / "r1.csv")]
        for path in (run, corrupted)
    ]
    assert of_both[0] == of_both[1] != []


def test_settings_are_chosen_from_all_other_training_recordings_and_never_from_test_ones(lab):
    _, run = lab
    for recording in ("r0", "r1", "r2", "r3"):
        for row in settings_for(run, recording):
            assert sorted(row["chosen_on"].split("; ")) == sorted({"r0", "r1", "r2", "r3"} - {recording})
    for recording in ("r4", "final"):
        for row in settings_for(run, recording):
            assert sorted(row["chosen_on"].split("; ")) == ["r0", "r1", "r2", "r3"]


def test_raw_and_closed_stand_beside_the_tuned_settings(lab):
    _, run = lab
    for row in settings_for(run, "r2"):
        if row["postprocessed"] == "raw":
            assert float(row["threshold"]) == 0.5 and float(row["max_gap_s"]) == float(row["min_bout_s"]) == 0
        if row["postprocessed"] == "closed":
            assert float(row["threshold"]) == 0.5 and float(row["max_gap_s"]) == 1.0
        if row["postprocessed"] == "full":
            assert float(row["value"]) >= max(float(row["value_none"]), float(row["value_closed"]))
    variants = [row["postprocessed"] for row in rows_of(run / "scores.csv")]
    assert {variant: variants.count(variant) for variant in set(variants)} == {"raw": 14, "closed": 14, "full": 14}


def test_the_predictions_follow_from_the_probabilities_by_the_settings_in_the_table(lab):
    from pipeline.run_folder.run_dir import RunDir
    from pipeline.run_folder.tables import read_tables
    from pipeline.scoring.postprocessing.postprocess import postprocess

    _, run = lab
    tables = read_tables(RunDir(run))
    for recording in ("r1", "r4"):
        rows = rows_of(run / "predictions" / f"{recording}.csv")
        for behavior in BEHAVIORS:
            probability = np.array([float(row[f"{behavior}_probability"]) for row in rows])
            settings = tables.settings(behavior, recording)
            assert settings is not None
            expected = postprocess(probability.astype(np.float32), settings, 10.0)
            assert [int(row[behavior]) for row in rows] == expected.astype(int).tolist()


def test_calibrated_probabilities_are_a_rising_curve_of_the_heads_own(lab):
    _, run = lab
    for behavior in BEHAVIORS:
        column = f"{behavior}_probability"
        before = np.array([float(row[column]) for row in rows_of(run / "uncalibrated_predictions" / "r1.csv")])
        after = np.array([float(row[column]) for row in rows_of(run / "predictions" / "r1.csv")])
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= -1e-6).all()
        assert not np.allclose(before, after, atol=1e-3)
    assert {row["probabilities"] for row in rows_of(run / "calibration.csv")} == {"as used", "before calibration"}


def test_a_bundle_carries_the_settings_that_were_chosen_on_all_training_recordings(lab):
    _, run = lab
    for behavior in BEHAVIORS:
        metadata = json.loads((run / "heads" / behavior / "head.json").read_text(encoding="utf-8"))["metadata"]
        (row,) = [
            row for row in settings_for(run, "final") if row["behavior"] == behavior and row["postprocessed"] == "full"
        ]
        assert metadata["postprocess"]["threshold"] == pytest.approx(float(row["threshold"]))
        assert metadata["postprocess"]["min_bout_s"] == pytest.approx(float(row["min_bout_s"]))
        assert metadata["calibration"]["kind"] == "temperature"


def test_predict_reads_probabilities_as_the_run_read_those_of_its_test_recording(lab, tmp_path: Path):
    config, run = lab
    table = str(config.parent / "recordings.csv")
    assert main(["predict", str(run), "--recordings", table, "--output", str(tmp_path / "new")]) == 0
    for folder in ("predictions", "uncalibrated_predictions", "bouts"):
        assert (tmp_path / "new" / folder / "r4.csv").read_bytes() == (run / folder / "r4.csv").read_bytes()


def test_the_optimism_of_the_thesis_protocol_is_a_number(lab):
    _, run = lab
    scores = {
        (name, row["behavior"]): float(row["average_precision"])
        for name in ("scores", "protocol_scores")
        for row in rows_of(run / f"{name}.csv")
        if (row["subset"], row["recording"], row["postprocessed"]) == ("cross_validation", "pooled", "raw")
    }
    for row in rows_of(run / "protocol.csv"):
        assert float(row["thesis"]) == pytest.approx(scores["protocol_scores", row["behavior"]], abs=2e-6)
        assert float(row["optimism"]) == pytest.approx(float(row["thesis"]) - float(row["nested"]), abs=2e-6)
        assert float(row["low"]) <= float(row["high"])
    assert len(rows_of(run / "protocol_predictions" / "r0.csv")) == len(known_labels(0))


def test_tuning_without_cross_validation_is_refused(lab, tmp_path: Path, capsys):
    config, _ = lab
    arguments = ["--set", "postprocess=tune", "--set", "cross_validation=none", "--output", str(tmp_path / "no")]
    assert main([str(config), *arguments]) == 2
    assert "postprocess: tune needs predictions of recordings" in capsys.readouterr().err
    assert main([str(config), "--set", "postprocess=tuned", "--output", str(tmp_path / "no")]) == 2
    assert "tune" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_where_no_calibration_can_be_fitted_the_run_says_so_and_claims_none(tmp_path: Path):
    """Of two individuals, none is left to choose from for the one that is held out."""
    config = make_embedded_lab(tmp_path, n_train=2, n_test=1)
    arguments = ["--set", "protocol=thesis", "--set", "calibration=temperature", "--set", "head={name: logistic}"]
    assert main([str(config), *arguments]) == 0
    run = tmp_path / "runs" / "tiny"
    notes = json.loads((run / "provenance.json").read_text(encoding="utf-8"))["notes"]
    for behavior in BEHAVIORS:
        (note,) = [note for note in notes if note.startswith(f"{behavior}: the probabilities of r0, r1 are not")]
        assert note.endswith("no scored frames.")
    kinds = {(row["subset"], row["probabilities"]) for row in rows_of(run / "calibration.csv")}
    # The test recording's calibration is fitted on both training recordings.
    assert kinds == {("cross_validation", "as used"), ("test", "as used"), ("test", "before calibration")}
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "the probabilities of r0, r1 are not calibrated" in page
    assert "Probabilities are calibrated" not in page.partition('id="glossary"')[0]
