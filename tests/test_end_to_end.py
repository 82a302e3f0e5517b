"""The main job on tiny recordings: what comes out, and that it comes out the same."""

import csv
import json
import re
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from pipeline.command_line import main
from pipeline.run_folder.run_dir import RunDir
from tests.conftest import few_resamples, made_once
from tests.lab import BEHAVIORS, N_FRAMES, known_labels, make_embedded_lab, make_video_lab, of_schema_1, write_labels

pytestmark = pytest.mark.slow


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, Path]:
    """An experiment's YAML and the folder of its finished run."""
    folder = made_once(tmp_path_factory, "Büro 1", run_tiny_experiment)
    return folder / "experiment.yaml", folder / "runs" / "tiny"


def run_tiny_experiment(folder: Path) -> None:
    with few_resamples():
        assert main([str(make_embedded_lab(folder))]) == 0


def test_the_contract_of_a_run_folder(finished):
    _, run = finished
    assert RunDir(run).is_finished()
    for name in ("config.yaml", "provenance.json", "scores.csv", "baseline_scores.csv", "report.html", "log.txt"):
        assert (run / name).stat().st_size > 0
    for recording in ("r0", "r1", "r2", "r3", "r4"):
        predictions = rows_of(run / "predictions" / f"{recording}.csv")
        assert len(predictions) == N_FRAMES
        assert list(predictions[0]) == ["frame", "time_s", *(f"{b}_probability" for b in BEHAVIORS), *BEHAVIORS]
        assert [int(row["frame"]) for row in predictions] == list(range(N_FRAMES))
        assert float(predictions[37]["time_s"]) == pytest.approx(3.7)
    assert {path.name for path in (run / "heads").iterdir()} == set(BEHAVIORS)
    assert list((run / "figures").glob("*.png"))


def test_scores_can_be_recomputed_from_the_files_beside_them(finished):
    _, run = finished
    scores = rows_of(run / "scores.csv")
    columns = "behavior,subset,recording,postprocessed,n_frames,n_positive,threshold,accuracy,precision,recall,f1,"
    assert ",".join(scores[0]).startswith(columns + "average_precision,tp,fp,fn,tn,")
    for behavior in BEHAVIORS:
        train = [f"r{i}" for i in range(4)]
        predictions = [row for r in train for row in rows_of(run / "predictions" / f"{r}.csv")]
        labels = [row for r in train for row in rows_of(run / "labels" / f"{r}.csv")]
        truth = np.array([int(row[behavior]) for row in labels])
        probability = np.array([float(row[f"{behavior}_probability"]) for row in predictions])
        (pooled,) = [
            row
            for row in scores
            if (row["behavior"], row["subset"], row["recording"], row["postprocessed"])
            == (behavior, "cross_validation", "pooled", "full")
        ]
        assert float(pooled["average_precision"]) == pytest.approx(
            average_precision_score(truth, probability), abs=1e-6
        )
        predicted = np.array([int(row[behavior]) for row in predictions])
        assert float(pooled["f1"]) == pytest.approx(f1_score(truth, predicted), abs=1e-6)
        assert int(pooled["n_positive"]) == truth.sum()


def test_labels_in_the_run_are_the_labels_that_were_given(finished):
    _, run = finished
    written = rows_of(run / "labels" / "r2.csv")
    assert [[int(row[b]) for b in BEHAVIORS] for row in written] == known_labels(2).astype(int).tolist()


def test_bouts_are_the_runs_of_the_predictions(finished):
    _, run = finished
    predictions = rows_of(run / "predictions" / "r4.csv")
    bouts = rows_of(run / "bouts" / "r4.csv")
    for behavior in BEHAVIORS:
        active = np.zeros(N_FRAMES, dtype=int)
        for bout in bouts:
            if bout["behavior"] == behavior:
                start, stop = int(bout["start_frame"]), int(bout["stop_frame"])
                assert float(bout["duration_s"]) == pytest.approx((stop - start) / 10)
                active[start:stop] += 1
        assert active.tolist() == [int(row[behavior]) for row in predictions]


def test_easy_labels_are_learned_and_held_out_recordings_are_never_trained_on(finished):
    _, run = finished
    pooled = [r for r in rows_of(run / "scores.csv") if r["recording"] == "pooled" and r["postprocessed"] == "raw"]
    assert all(float(row["average_precision"]) > 0.8 for row in pooled)
    folds = {row["fold"] for row in rows_of(run / "training.csv")}
    assert folds == {"r0", "r1", "r2", "r3", "final"}


def test_provenance_says_with_what(finished):
    _, run = finished
    provenance = json.loads((run / "provenance.json").read_text(encoding="utf-8"))
    assert provenance["features"][0]["used"] == "precomputed"
    assert provenance["packages"]["keras"] and provenance["machine"]["n_cores"] >= 1
    assert [stage["stage"] for stage in provenance["stages"]][:3] == ["check inputs", "features", "heads"]


def test_no_file_of_a_run_says_where_it_was_made(finished):
    """Nor by whom: settings, provenance, tables, page, log, also inside of archives."""
    config, run = finished
    places = {str(place) for folder in (config.parent, Path.cwd(), Path.home()) for place in (folder, folder.resolve())}
    for path in run.rglob("*"):
        contents = [path.read_bytes()] if path.is_file() else []
        if path.suffix in {".keras", ".npz"}:
            with zipfile.ZipFile(path) as archive:
                contents += [archive.read(name) for name in archive.namelist()]
        for place in places:
            spelled = re.escape(place.encode("utf-8")) + rb"(?![\w-])"
            assert not any(re.search(spelled, content) for content in contents), (path, place)


def test_a_finished_run_is_left_alone_and_other_settings_are_refused(finished, capsys):
    config, run = finished
    before = (run / "scores.csv").stat().st_mtime_ns
    assert main([str(config)]) == 0
    assert main([str(config), "--set", "seed=1"]) == 2
    assert "finished run with other settings" in capsys.readouterr().err
    assert (run / "scores.csv").stat().st_mtime_ns == before


def test_a_finished_run_is_the_same_run_with_other_folders_workers_and_words(finished, tmp_path: Path, capsys):
    config, run = finished
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    older = of_schema_1((copy / "config.yaml").read_text(encoding="utf-8"))
    for text in (older, None):
        if text is not None:
            (copy / "config.yaml").write_text(text, encoding="utf-8")
            RunDir(copy).manifest.update(["config.yaml"])
        words = ["--set", "workers=2", "--set", f"cache_dir={tmp_path / 'new'}", "--set", "description=another"]
        # Before there was a choice, nobody made it.
        words += ["--set", "engine=auto"] if text == older else []
        assert main([str(config), "--output", str(copy), *words]) == 0
        assert "finished already, with the same settings" in capsys.readouterr().err
        assert main([str(config), "--output", str(copy), "--set", "batch_frames=8"]) == 2
        shutil.copy(run / "config.yaml", copy)
        RunDir(copy).manifest.update(["config.yaml"])


@pytest.mark.usefixtures("no_figures")
def test_same_seed_same_scores_another_seed_others(finished, tmp_path: Path):
    config, run = finished
    assert main([str(config), "--output", str(tmp_path / "again"), "--set", "baseline=none"]) == 0
    assert (tmp_path / "again" / "scores.csv").read_bytes() == (run / "scores.csv").read_bytes()
    assert (tmp_path / "again" / "predictions" / "r1.csv").read_bytes() == (run / "predictions" / "r1.csv").read_bytes()
    # The test recording is predicted by the final heads, for which the folds are not needed.
    for seed in ("0", "1"):
        other = [f"seed={seed}", "baseline=none", "cross_validation=none", "behaviors={grooming: grooming}"]
        words = [word for one in other for word in ("--set", one)]
        assert main([str(config), "--output", str(tmp_path / seed), *words]) == 0
    assert (tmp_path / "0" / "predictions" / "r4.csv").read_bytes() != (
        tmp_path / "1" / "predictions" / "r4.csv"
    ).read_bytes()


def test_the_report_can_be_written_again(finished, tmp_path: Path, monkeypatch):
    config, run = finished
    drawn = []
    monkeypatch.setattr("pipeline.report.html.draw_figures", lambda run, folder: drawn.append(folder.name) or {})
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "figures")
    (copy / "report.html").unlink()
    assert main([str(config), "--stage", "report", "--output", str(copy)]) == 0
    assert (copy / "report.html").stat().st_size > 10_000
    assert drawn == ["figures"]


@pytest.mark.usefixtures("no_figures")
def test_a_finished_fold_is_not_trained_again_and_a_damaged_one_is(finished, tmp_path: Path, monkeypatch):
    config, run = finished
    begun = tmp_path / "begun"
    (begun / "fits").mkdir(parents=True)
    for path in (run / "fits").iterdir():
        if "final" not in path.name:
            (begun / "fits" / path.name).write_bytes(path.read_bytes())
    damaged = begun / "fits" / "grooming.head.fold01.npz"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    trained = []
    from pipeline.training.executors import fit_job

    perform = fit_job.perform_fit
    monkeypatch.setattr(fit_job, "perform_fit", lambda fit, *rest: (trained.append(fit.key), perform(fit, *rest))[1])
    assert main([str(config), "--output", str(begun)]) == 0
    assert {key for key in trained if "final" not in key} == {"grooming.head.fold01"}
    assert (begun / "scores.csv").read_bytes() == (run / "scores.csv").read_bytes()


@pytest.mark.usefixtures("no_figures")
def test_overwrite_replaces_the_run_only_when_it_is_asked_for(finished, tmp_path: Path):
    config, _ = finished
    output = str(tmp_path / "o")
    assert main([str(config), "--output", output, "--set", "cross_validation=none", "--set", "training.epochs=1"]) == 0
    assert main([str(config), "--output", output, "--set", "cross_validation=none", "--set", "training.epochs=2"]) == 2
    arguments = ["--set", "cross_validation=none", "--set", "training.epochs=2", "--overwrite"]
    assert main([str(config), "--output", output, *arguments]) == 0
    assert {row["epoch"] for row in rows_of(tmp_path / "o" / "training.csv")} == {"1", "2"}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["o"]


@pytest.mark.usefixtures("no_figures")
def test_from_video_to_report_with_every_third_frame(tmp_path: Path):
    config = make_video_lab(tmp_path / "vidéos du labo")
    settings = ["frame_step=3", "training.window_frames=20", "behaviors={grooming: grooming}", "baseline=none"]
    arguments = [*(word for one in settings for word in ("--set", one)), "--output", str(tmp_path / "run")]
    assert main([str(config), *arguments]) == 0
    predictions = rows_of(tmp_path / "run" / "predictions" / "v1.csv")
    assert len(predictions) == N_FRAMES
    p = [float(row["grooming_probability"]) for row in predictions]
    assert p[4] == pytest.approx(p[3] + (p[6] - p[3]) / 3, abs=1e-6)
    arguments += ["--set", "training.epochs=1"]
    assert main([str(config), "--stage", "heads", *arguments, "--overwrite"]) == 0
    assert main(["cache", "--cache-dir", str(tmp_path / "vidéos du labo" / "cache"), "verify"]) == 0
    assert not [path for path in tmp_path.rglob("*.lock*") if path.is_file()]


@pytest.mark.usefixtures("no_figures")
def test_several_experiments_end_with_one_comparison(finished, capsys):
    config, run = finished
    other = config.with_name("other.yaml")
    text = config.read_text(encoding="utf-8").replace("name: tiny", "name: other")
    text = text.replace("name: lstm, layers: 1, units: 4, dropout: 0.0", "name: logistic") + "baseline: none\n"
    other.write_text(text, encoding="utf-8")
    assert main([str(config), str(other)]) == 0
    assert (run.parent / "comparison.html").is_file()
    assert "other" in capsys.readouterr().out


@pytest.mark.usefixtures("no_figures")
def test_one_bad_experiment_of_several_does_not_stop_the_others(finished, tmp_path, capsys):
    config, _ = finished
    bad = tmp_path / "bad.yaml"
    text = config.read_text(encoding="utf-8").replace("name: tiny", "name: bad")
    bad.write_text(text.replace("grooming: grooming", "grooming: nobody"), encoding="utf-8")
    assert main([str(bad), str(config)]) == 2
    captured = capsys.readouterr()
    assert "the experiment bad was not finished" in captured.err and "nobody" in captured.err
    assert "Comparison:" in captured.out


@pytest.mark.usefixtures("no_figures")
def test_a_finished_run_notices_that_its_labels_have_changed(tmp_path: Path, capsys):
    config = make_embedded_lab(tmp_path / "lab", n_train=3, n_test=0)
    settings = ["training.epochs=1", "baseline=none", "head={name: logistic}", "cross_validation=none"]
    sets = [word for one in settings for word in ("--set", one)]
    arguments = [str(config), *sets, "--output", str(tmp_path / "run")]
    assert main(arguments) == 0
    assert main(arguments) == 0
    assert "finished already" in capsys.readouterr().err
    write_labels(tmp_path / "lab" / "r1 labels.csv", ~known_labels(1))
    before = (tmp_path / "run" / "scores.csv").read_bytes()
    assert main(arguments) == 2
    assert "have changed since: r1" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "run" / "scores.csv").read_bytes() == before
    # Corrections in the run's own folder can be learned from when it is replaced.
    corrections = tmp_path / "run" / "corrections"
    corrections.mkdir()
    shutil.copy(tmp_path / "lab" / "r1 labels.csv", corrections / "r1.csv")
    table = tmp_path / "lab" / "recordings.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("r1 labels.csv", "../run/corrections/r1.csv"), "utf-8")
    assert main([*arguments, "--overwrite"]) == 0
    assert (corrections / "r1.csv").is_file()


@pytest.mark.usefixtures("no_figures")
def test_embeddings_are_known_by_their_content_wherever_they_lie(tmp_path: Path, capsys):
    make_embedded_lab(tmp_path / "lab", n_train=3, n_test=0)
    settings = ["head={name: logistic}", "baseline=none", "cross_validation=none"]
    arguments = [*(word for one in settings for word in ("--set", one)), "--output", str(tmp_path / "run")]
    config = tmp_path / "lab" / "experiment.yaml"
    assert main([str(config), *arguments]) == 0
    assert main([str(config), *arguments]) == 0
    assert "finished already" in capsys.readouterr().err
    table = tmp_path / "lab" / "recordings.csv"
    (tmp_path / "lab" / "moved").mkdir()
    shutil.move(tmp_path / "lab" / "r1.npy", tmp_path / "lab" / "moved" / "r1.npy")
    table.write_text(table.read_text(encoding="utf-8").replace("r1.npy", "moved/r1.npy"), encoding="utf-8")
    assert main([str(config), *arguments]) == 0
    np.save(tmp_path / "lab" / "moved" / "r1.npy", np.load(tmp_path / "lab" / "r2.npy"))
    assert main([str(config), *arguments]) == 2
    assert "have changed since: r1" in " ".join(capsys.readouterr().err.split())


def test_an_experiment_that_cannot_begin_leaves_no_folder(tmp_path: Path):
    config = make_embedded_lab(tmp_path / "lab")
    assert main([str(config), "--set", "behaviors={rearing: climbing}", "--output", str(tmp_path / "run")]) == 2
    assert not (tmp_path / "run").exists()


def test_a_python_without_the_packages_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.logging", None)
    assert main(["experiments/exp1.yaml"]) == 2
    assert "'rich.logging' is not installed in this Python" in capsys.readouterr().err
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "Rearview 0.1.0\n"


def test_a_misspelt_command_is_told(capsys):
    assert main(["reveiw", "runs/exp1"]) == 2
    assert "Did you mean 'review'?" in capsys.readouterr().err
