"""Searches from their YAML to their tables, with real but tiny heads."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from pipeline.command_line import main
from pipeline.config.schema import load_config
from pipeline.config.search import Search, load_search
from pipeline.experiment import run_experiment
from pipeline.run_folder.contents import SCORES
from pipeline.run_folder.run_dir import RunDir
from pipeline.run_folder.search.search_dir import DIFFERENCE, OUTER, SearchDir, read_search_table
from pipeline.run_folder.search.trials import best_trial, read_trials
from pipeline.search.features import Features
from pipeline.search.folder import forget_earlier, require_same_settings
from pipeline.search.parts import Part, make_parts
from pipeline.search.processes import OwnProcess
from pipeline.search.run import open_queues, run_search
from pipeline.search.workers import Workers
from pipeline.training.executors.fit_job import FitJob
from tests.conftest import made_once, without_figures
from tests.lab import make_embedded_lab

pytest.importorskip("optuna")

SEARCH = """search:
  method: grid
  space: {training.min_steps_per_epoch: [6, 3], training.random_offsets: [true, false]}
  pruning: none
"""
HEAD = ("{name: lstm, layers: 1, units: 4, dropout: 0.0}", "{name: logistic}")


def make_search(folder: Path) -> None:
    path = make_embedded_lab(folder / "lab", n_train=4, n_test=2)
    text = path.read_text(encoding="utf-8").replace(*HEAD).replace(", rearing: rearing}", "}")
    text = text.replace("epochs: 3", "epochs: 2").replace("name: tiny", "name: s")
    (folder / "s.yaml").write_text(text + SEARCH, encoding="utf-8")
    run_search(load_search(folder / "s.yaml"), SearchDir(folder / "whole"))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `s.yaml`, and the finished search in `whole`."""
    return made_once(tmp_path_factory, "searched", make_search)


@contextmanager
def cut_off_after(n_fits: int, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the process were killed when so many fits are stored."""
    left, carry_out, facts = [n_fits], FitJob.carry_out, OwnProcess.__init__

    def some(job: FitJob, *args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise SystemExit
        carry_out(job, *args)

    def gone(self: OwnProcess, folder: Path) -> None:
        facts(self, folder)
        # Nobody has this number.
        self.facts["pid"] = 2**31 - 2

    with patch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(FitJob, "carry_out", some)
        patched.setattr(OwnProcess, "__init__", gone)
        yield


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8") as stream:
        return [{key: cell for key, cell in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


def test_a_search_that_is_cut_off_twice_goes_on_and_ends_the_same(
    searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    search, folder = load_search(searched / "s.yaml"), SearchDir(tmp_path / "cut")
    for n_fits in (2, 5):
        with cut_off_after(n_fits, monkeypatch):
            run_search(search, folder)
    kept = {path: path.stat().st_mtime_ns for path in folder.fits_path.iterdir()}
    run_search(search, folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rows_of(folder.path) == rows_of(searched / "whole")
    for name in ("outer.csv", "difference.csv", "best.yaml"):
        assert (folder.path / name).read_bytes() == (searched / "whole" / name).read_bytes()
    with pytest.raises(InputError, match=r"other settings .different: search.pruning"):
        run_search(load_search(searched / "s.yaml", ["search.pruning=median"]), folder)


def test_best_settings_are_an_experiment_with_the_scores_that_the_search_told(searched: Path, tmp_path: Path):
    whole = SearchDir(searched / "whole")
    trials, settings = read_trials(whole)
    best = best_trial(trials)
    assert (
        best is not None
        and settings == ["training.min_steps_per_epoch", "training.random_offsets"]
        and len(trials) == 4
    )
    config = load_config(whole.best_path, [f"output_dir={tmp_path.as_posix()}", "baseline=none"])
    assert {f"training.{key}": value for key, value in config.training} | best.settings == {
        f"training.{key}": value for key, value in config.training
    }
    run = RunDir(tmp_path / "best")
    with without_figures():
        run_experiment(config, run)
    scores = {
        row["subset"]: row["average_precision"]
        for row in SCORES.read(run)
        if row["recording"] == "pooled" and row["postprocessed"] == "raw"
    }
    (row,) = (r for r in read_search_table(whole, OUTER) if (r["settings"], r["behavior"]) == ("best", ""))
    assert scores == pytest.approx({"cross_validation": row["inner"], "test": row["outer"]}, abs=2e-6)
    assert row["inner"] == pytest.approx(best.score, abs=2e-6)
    assert row["optimism"] == pytest.approx(row["inner"] - row["outer"], abs=2e-6)
    difference = read_search_table(whole, DIFFERENCE)[0]
    assert difference["is_real"] is None and difference["why"] == "an interval needs 4 recordings or individuals"


def test_outer_parts_take_no_part_in_choosing(searched: Path, tmp_path: Path):
    # Two parts of two would leave two individuals, of which nested cross-validation cannot be made.
    overrides = ["search.outer=folds", "search.outer_folds=2", "search.trials=1"]
    assert len(parts_of(load_search(searched / "s.yaml", overrides))) == 1 + 4
    search = load_search(searched / "s.yaml", [*overrides, "protocol=thesis"])
    whole, *parts = parts_of(search)
    assert sorted(r for part in parts for r in part.held_out) == ["r0", "r1", "r2", "r3"] and not whole.held_out
    run_search(search, SearchDir(tmp_path / "folds"))
    rows = read_search_table(SearchDir(tmp_path / "folds"), OUTER)
    pooled = [row for row in rows if (row["search"], row["settings"], row["behavior"]) == ("", "best", "")]
    each = [row for row in rows if row["search"] and row["settings"] == "best" and row["behavior"] == ""]
    assert pooled[0]["n_individuals"] == 4 and [row["n_individuals"] for row in each] == [2, 2]
    assert pooled[0]["inner"] == pytest.approx(sum(row["inner"] for row in each) / 2, abs=2e-6)
    # Four individuals have an interval, but can't tell.
    row = read_search_table(SearchDir(tmp_path / "folds"), DIFFERENCE)[0]
    assert row["low"] is not None and row["is_real"] is None


def parts_of(search: Search) -> list[Part]:
    with Workers(search.experiment, Path()) as workers:
        recordings = Features(lambda item: item.subset == "cross_validation", workers).of(search.experiment)
    parts = make_parts(search.experiment, search.settings, [r.checked for r in recordings])
    for part in parts:
        assert not {r.id for r in part.inside(recordings)} & part.held_out
        assert {r.id for r in part.all(recordings) if r.checked.subset == "test"} == part.held_out
    return parts


def test_without_test_recordings_there_is_no_honest_score(searched: Path, tmp_path: Path):
    table = (searched / "lab" / "recordings.csv").read_text(encoding="utf-8")
    (searched / "lab" / "train.csv").write_text(table.replace(",test\n", ",\n"), encoding="utf-8")
    recordings = f"recordings={(searched / 'lab' / 'train.csv').as_posix()}"
    with pytest.raises(InputError, match=r"set search.outer: folds"):
        run_search(load_search(searched / "s.yaml", [recordings]), SearchDir(tmp_path / "none"))


def test_settings_that_cannot_be_trained_fail_alone(searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    sources = "[{source: precomputed, fps: 10}, {source: precomputed, fps: 10, files: 'no/{recording}.npy'}]"
    arguments = [str(searched / "s.yaml"), "--set", f"search.space={{features: {sources}}}"]
    assert main(["search", *arguments, "--output", str(tmp_path / "f")]) == 0
    assert "Best settings minus defaults: +0.000. Whether that is real cannot be told" in capsys.readouterr().out
    assert sorted((row["state"], "r0.npy" in row["why"]) for row in rows_of(tmp_path / "f")) == [
        ("complete", False), ("failed", True),
    ]  # fmt: skip
    assert (tmp_path / "f" / "search.html").is_file()
    assert main(["verify", str(tmp_path / "f")]) == 0


def test_overwriting_deletes_what_a_search_wrote_and_only_once_all_is_known_to_be_right(tmp_path: Path):
    folder, path = SearchDir(tmp_path / "old"), make_embedded_lab(tmp_path / "lab", n_train=4, n_test=2)
    path.write_text(path.read_text(encoding="utf-8").replace(*HEAD) + SEARCH, encoding="utf-8")
    folder.path.mkdir()
    folder.write_provenance({"kind": "search"})
    for name in ("study.journal", "trials.csv", "best.yaml", "notes.txt"):
        (folder.path / name).write_text("mine", encoding="utf-8")
    before = {entry.name for entry in folder.path.iterdir()}
    with pytest.raises(InputError, match=r"nowhere.csv"):
        run_search(load_search(path, ["recordings=nowhere.csv"]), folder, overwrite=True)
    assert {entry.name for entry in folder.path.iterdir()} == before | {"log.txt"}
    with OwnProcess(folder.path) as process:
        forget_earlier(folder, process)
    assert {entry.name for entry in folder.path.iterdir()} == {"notes.txt", "log.txt"}


@pytest.mark.parametrize(("then", "now"), [(1, 5), (5, 1)])
def test_trials_of_one_head_and_of_an_ensemble_are_not_mixed(searched: Path, tmp_path: Path, then: int, now: int):
    folder = SearchDir(tmp_path)
    earlier, search = (load_search(searched / "s.yaml", [f"ensemble.members={n}"]) for n in (then, now))
    folder.config_path.write_text(earlier.dump(), encoding="utf-8")
    folder.study_path.touch()
    require_same_settings(folder, earlier)
    with pytest.raises(InputError, match="different: ensemble"):
        require_same_settings(folder, search)


def test_a_search_by_another_name_goes_on_with_the_same_trials(searched: Path, tmp_path: Path):
    found = []
    for name in ("one", "two"):
        search = load_search(searched / "s.yaml", [f"name={name}"])
        with OwnProcess(tmp_path) as process:
            (queue,) = open_queues(search, SearchDir(tmp_path), [Part("", frozenset())], process).values()
            if not found:
                claim = queue.claim()
                assert claim is not None
                queue.complete(claim, 0.5, 1.0)
            found.append([(trial.values, trial.params) for trial in queue.trials()])
    assert found[0] == found[1] and len(found[0]) == 1
