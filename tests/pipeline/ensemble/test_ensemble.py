"""Several runs as one: means of what they say, chosen where no member saw anything, and refused where that can't be."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from pipeline.command_line import main
from pipeline.ensemble.choosing import FITTED, Weights, choose_all, require_choosable
from pipeline.ensemble.members import Member, read_members
from pipeline.run_folder.run_dir import RunDir
from pipeline.training.fits import open_fit, store_fit
from pipeline.training.plan import FINAL
from tests.conftest import made_once, without_figures
from tests.lab import make_embedded_lab

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_figures")]

TUNED = [
    "--set", "calibration=temperature", "--set", "postprocess=tune", "--set", "tuning.inner_folds=2",
    "--set", "baseline=none", "--set", "refit=false", "--set", "training.epochs=2",
    "--set", "head={name: logistic}", "--set", "behaviors={grooming: grooming}",
]  # fmt: skip


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def column(run: Path, recording: str, name: str = "grooming_probability", folder: str = "predictions") -> np.ndarray:
    return np.array([float(row[name]) for row in rows_of(run / folder / f"{recording}.csv")])


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Path:
    """Two tuned and calibrated runs of one lab, and their ensemble with fitted weights."""
    return made_once(tmp_path_factory, "ensemble", make_two_runs)


def make_two_runs(folder: Path) -> None:
    config = str(make_embedded_lab(folder, n_train=3))
    with without_figures():
        for name, more in (("a", []), ("b", ["--set", "seed=5"])):
            assert main([config, *TUNED, *more, "--output", str(folder / "runs" / name)]) == 0
        assert ensemble(folder, "a", "b", output="ab", weights=FITTED) == 0


def ensemble(lab: Path, *names: str, output: str, weights: str = "mean") -> int:
    runs = [str(lab / "runs" / name) for name in names]
    return main(["ensemble", *runs, "--output", str(lab / "runs" / output), "--weights", weights])


def copy_of(lab: Path, tmp_path: Path, name: str = "b") -> Path:
    shutil.copytree(lab / "runs" / name, tmp_path / name)
    return tmp_path / name


def refused(lab: Path, *paths: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_members([lab / "runs" / "a", *paths])
    return str(caught.value)


def test_probabilities_are_weighted_means_of_what_the_runs_say(lab):
    run = lab / "runs" / "ab"
    weights = {(row["recording"], row["member"]): float(row["weight"]) for row in rows_of(run / "ensemble_weights.csv")}
    for recording, key in (("r0", "r0"), ("r2", "r2"), ("r3", "final")):
        own = [column(lab / "runs" / name, recording) for name in "ab"]
        shares = [weights[key, name] for name in "ab"]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        mean = np.average(own, axis=0, weights=shares)
        assert column(run, recording) == pytest.approx(mean, abs=2e-6)
        spread = np.sqrt(np.average(np.square(own - mean), axis=0, weights=shares))
        assert column(run, recording, "grooming_spread", "spread") == pytest.approx(spread, abs=2e-6)
    scores = {(r["subset"], r["score"], r["role"]): r for r in rows_of(run / "ensemble.csv")}
    (ap,) = [
        r["average_precision"]
        for r in rows_of(run / "scores.csv")
        if (r["subset"], r["recording"], r["postprocessed"]) == ("cross_validation", "pooled", "raw")
    ]
    assert float(scores["cross_validation", "average_precision", "ensemble"]["value"]) == pytest.approx(float(ap))
    # Three individuals are too few for an interval, and that is said.
    assert scores["cross_validation", "average_precision", "best member"]["reason"]


def test_what_a_held_out_recording_is_read_by_is_chosen_without_it(lab, tmp_path):
    """Its own labels and its own held-out predictions change nothing of its weights and settings."""
    members = read_members([lab / "runs" / name for name in "ab"])

    def chosen(found: list[Member]) -> tuple[Weights, object]:
        weights, choices = choose_all(found, FITTED)
        return weights, choices.of("grooming", "r1")

    weights, choice = chosen(members)
    for member in members:
        labels = member.labels["r1"]
        assert labels is not None
        labels.active[:] = ~labels.active
        member.folds["grooming"].crossed["r1"][:] = 0.5
    corrupted, other = chosen(members)
    assert corrupted.of("r1") == pytest.approx(weights.of("r1")) and other == choice
    assert set(choice.chosen_on) == {"r0", "r2"}  # type: ignore[attr-defined]
    places = ("r0", "r2", FINAL)
    assert any(not np.allclose(corrupted.of(place), weights.of(place)) for place in places)


def test_it_predicts_as_its_members_do_wherever_they_have_gone(lab, tmp_path):
    shutil.copytree(lab / "runs" / "ab", tmp_path / "ab")
    table = ["predict", str(tmp_path / "ab"), "--recordings", str(lab / "recordings.csv")]
    assert main([*table, "--output", str(tmp_path / "new")]) == 0
    for folder in ("predictions", "spread", "bouts"):
        expected = (lab / "runs" / "ab" / folder / "r3.csv").read_bytes()
        assert (tmp_path / "new" / folder / "r3.csv").read_bytes() == expected
    assert main(["verify", str(tmp_path / "ab")]) == 0
    assert main(["export", str(tmp_path / "ab"), "--output", str(tmp_path / "exported")]) == 0


def test_the_same_again_does_nothing_and_others_are_not_overwritten(lab, capsys):
    before = (lab / "runs" / "ab" / "manifest.json").read_bytes()
    assert ensemble(lab, "a", "b", output="ab", weights=FITTED) == 0
    assert (lab / "runs" / "ab" / "manifest.json").read_bytes() == before
    assert ensemble(lab, "a", "b", output="ab") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert ensemble(lab, "a", "b", output="b") == 2
    assert "is a member itself" in capsys.readouterr().err


def test_runs_that_can_not_be_averaged_are_refused_with_the_reason(lab, tmp_path):
    assert "at least two" in refused(lab)
    assert "given twice" in refused(lab, lab / "runs" / "a")
    assert "same run" in refused(lab, copy_of(lab, tmp_path, "a"))
    assert "ensemble itself" in refused(lab, lab / "runs" / "ab")
    relabelled = copy_of(lab, tmp_path)
    path = relabelled / "labels" / "r1.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("\n5,0", "\n5,1", 1), encoding="utf-8")
    assert "cannot be used" in refused(lab, relabelled)
    RunDir(relabelled).manifest.update(["labels"], "2026-11-30")
    assert "labels of r1 differ" in refused(lab, relabelled)
    unfinished = copy_of(lab, tmp_path / "u")
    (unfinished / "manifest.json").unlink()
    assert "did not come to its end" in refused(lab, unfinished)


def test_other_folds_are_refused(lab, tmp_path):
    """Two recordings that were held out together in one run and apart in the other."""
    run = copy_of(lab, tmp_path)
    one, two = (run / "fits" / f"grooming.head.fold{n}.npz" for n in ("01", "02"))
    (fingerprint, first), (_, second) = (opened for path in (one, two) if (opened := open_fit(path)))
    first.probabilities.update(second.probabilities)
    store_fit(one, fingerprint, first)
    two.unlink()
    for path in run.glob("fits/*.inner.fold0[12]*"):
        path.unlink()
    RunDir(run).manifest.update(["fits"], "2026-11-30")
    assert "folds for 'grooming' differ: r0, r1 were held out together" in refused(lab, run)
    shutil.rmtree(run / "fits")
    assert "stored fits" in refused(lab, run)


def test_members_must_be_read_alike_and_weights_need_inner_predictions(lab):
    members = read_members([lab / "runs" / name for name in "ab"])
    for changes in ({"postprocess": {"threshold": 0.4}}, {"tuning": {"objective": "frame_f1"}}):
        config = type(members[1].config).model_validate(members[1].config.model_dump(mode="json") | changes)
        trained = type(members[1].trained)(**{**vars(members[1].trained), "config": config})
        other = Member(**{**vars(members[1]), "trained": trained})
        with pytest.raises(InputError, match="post-processed differently"):
            require_choosable([members[0], other], "mean")
    for member in members:
        member.folds["grooming"].inner.clear()
    with pytest.raises(InputError, match="needs inner predictions"):
        require_choosable(members, FITTED)


def test_a_killed_attempt_is_made_anew(lab, tmp_path, monkeypatch):
    shutil.copytree(lab / "runs" / "ab", tmp_path / "ab")
    run = RunDir(tmp_path / "ab")
    run.manifest.path.unlink()
    (tmp_path / "ab" / "predictions" / "left over.csv").touch()
    facts = json.loads(run.provenance_path.read_text(encoding="utf-8"))
    run.provenance_path.write_text(json.dumps(facts | {"finished": None}), encoding="utf-8")
    runs = [str(lab / "runs" / name) for name in "ab"]
    assert main(["ensemble", *runs, "--output", str(run.path), "--weights", FITTED]) == 0
    assert not (run.path / "predictions" / "left over.csv").exists()
    for name in ("scores.csv", "ensemble.csv", "predictions/r0.csv"):
        assert (run.path / name).read_bytes() == (lab / "runs" / "ab" / name).read_bytes()
