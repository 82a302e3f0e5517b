"""Trials that are cut off anywhere go on; the study ends as one that was never cut off. Nothing is trained here."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from pipeline.config.search import Search, load_search
from pipeline.run_folder.search.trials import COMPLETE, PRUNED, Trial
from pipeline.search.evaluation import Done
from pipeline.search.importance import importance_rows
from pipeline.search.processes import OwnProcess
from pipeline.search.study import Claim, TrialQueue, folds_of, open_storage, settings_of, state_of

pytest.importorskip("optuna")

N_FOLDS = 4
SPACE = "{head.units: {low: 2, high: 64, log: true}, training.learning_rate: {low: 1e-4, high: 1e-1, log: true}}"
EXPERIMENT = "name: t\nbehaviors: {a: a}\nbackbone: {name: resnet50v2}\nhead: {name: lstm, units: 8}\nsearch: "


class CutOffError(Exception):
    """As if the process were killed."""


def search_of(folder: Path, search: str) -> Search:
    path = folder / "s.yaml"
    path.write_text(EXPERIMENT + search + "\n", encoding="utf-8")
    return load_search(path)


class Life:
    """A process that works on a study; `most` steps, then it is cut off."""

    def __init__(self, folder: Path, search: Search, most: int = 10**9) -> None:
        self.process = OwnProcess(folder)
        self.search, self.left = search, most
        self.n_done = 0
        with self.process:
            queue = TrialQueue(open_storage(folder / "study.journal"), "t", search, self.process, folder / "ask")
            self.queue = queue
            try:
                while not queue.is_finished():
                    claim = queue.claim()
                    if claim is None:
                        break
                    self.step()
                    self.carry_out(claim)
            except CutOffError:
                # Nobody has this number any more.
                claim.trial.set_user_attr("process", self.process.facts | {"pid": 2**31 - 2})  # type: ignore[union-attr]

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise CutOffError

    def carry_out(self, claim: Claim) -> None:
        for number in range(N_FOLDS):
            score = score_of(claim.chosen, number)
            self.step()
            why = self.queue.report(
                claim, number, Done(f"fold {number}", score, 1.0, (f"{claim.number}.{number}",)), N_FOLDS
            )
            self.step()
            if why:
                self.queue.give_up(claim, PRUNED, why)
                return
        self.queue.complete(claim, score_of(claim.chosen, N_FOLDS - 1), float(N_FOLDS))
        self.n_done += 1


def score_of(chosen: Any, number: int) -> float:
    """Best at 16 units and a rate of .01; the folds differ a little."""
    distance = abs(chosen["head.units"] - 16) / 64 + abs(chosen.get("training.learning_rate", 0.01) - 0.01)
    return float(1 - distance - 0.01 * (number * chosen["head.units"] % 3))


def told(queue: TrialQueue) -> list[tuple[Any, ...]]:
    return [
        (t.number, state_of(t), settings_of(t, queue._search), t.values, t.intermediate_values, folds_of(t))
        for t in queue.trials()
    ]


@pytest.mark.parametrize(("method", "pruning"), [("bayes", "median"), ("random", "halving"), ("grid", "halving")])
def test_a_study_that_is_cut_off_again_and_again_is_the_same_in_the_end(tmp_path: Path, method: str, pruning: str):
    space = "{head.units: [2, 4, 16, 64], training.learning_rate: [.01, .1, .05]}" if method == "grid" else SPACE
    search = search_of(tmp_path, f"{{method: {method}, trials: 12, space: {space}, pruning: {pruning}}}")
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = told(Life(tmp_path / "whole", search).queue)
    for most in (0, 1, 2, 7, 3, 20, 5, 23):
        Life(tmp_path / "cut", search, most)
    assert told(Life(tmp_path / "cut", search).queue) == whole
    states = [state for _, state, *_ in whole]
    assert states.count(COMPLETE) + states.count(PRUNED) == 12 and states.count(PRUNED) > 0
    assert len({str(settings) for _, _, settings, *_ in whole}) == 12


def test_more_trials_go_on_where_fewer_ended(tmp_path: Path):
    fewer, more = (search_of(tmp_path, f"{{trials: {n}, space: {SPACE}}}") for n in (7, 12))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    Life(tmp_path / "a", fewer)
    assert told(Life(tmp_path / "a", more).queue) == told(Life(tmp_path / "b", more).queue)


def test_a_line_that_was_not_finished_is_no_part_of_the_journal(tmp_path: Path):
    search = search_of(tmp_path, f"{{method: random, trials: 3, space: {SPACE}, pruning: none}}")
    whole = told(Life(tmp_path, search).queue)
    with (tmp_path / "study.journal").open("ab") as file:
        file.write(b'{"op_code":4,"wor')
    again = Life(tmp_path, search_of(tmp_path, f"{{method: random, trials: 4, space: {SPACE}, pruning: none}}"))
    assert told(again.queue)[:3] == whole and again.n_done == 1


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_damaged_journal_is_named(tmp_path: Path, place: int):
    path = tmp_path / "study.journal"
    search = search_of(tmp_path, "{method: grid, space: {head.units: [1, 2]}, pruning: none}")
    with OwnProcess(tmp_path) as process:
        TrialQueue(open_storage(path), "t", search, process, tmp_path / "ask").claim()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[place] = b"{\xff" + lines[place]
    path.write_bytes(b"".join(lines))
    with pytest.raises(InputError, match=r"study.journal is damaged .*Restore the file"):
        open_storage(path)
    assert path.read_bytes() == b"".join(lines)


def test_two_at_once_do_no_point_of_a_grid_twice(tmp_path: Path):
    search = search_of(tmp_path, "{method: grid, space: {head.units: [1, 2, 3, 4, 5, 6, 7, 8]}, pruning: none}")
    lives: list[Life] = []
    threads = [threading.Thread(target=lambda: lives.append(Life(tmp_path, search))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = told(Life(tmp_path, search).queue)
    assert sorted(settings["head.units"] for _, _, settings, *_ in found) == [*range(1, 9)]
    assert all(state == COMPLETE for _, state, *_ in found)
    assert sum(life.n_done for life in lives) == 8


def test_a_process_of_another_machine_lives_while_it_is_heard_of(tmp_path: Path):
    with OwnProcess(tmp_path) as own, OwnProcess(tmp_path) as other:
        facts = other.facts | {"host": "elsewhere"}
        assert own.lives(facts) and own.lives(own.facts) and not own.lives(None)
        path = tmp_path / ".processes" / f"{facts['token']}.alive"
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 1000))
        assert not own.lives(facts)
        assert not own.lives(own.facts | {"started": own.facts["started"] - 100})


def test_the_setting_that_matters_is_told_from_one_that_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.search.importance._N_RESAMPLES", 8)
    search = search_of(tmp_path, "{method: grid, space: {head.units: [1, 2, 3, 4], head.layers: [1, 2, 3]}}")
    trials = [
        Trial("", n, COMPLETE, score=point["head.units"] / 10, settings=point)
        for n, point in enumerate(search.space.points(0))
    ]
    rows = {row["setting"]: row for row in importance_rows(search.space, trials, 0)}
    units, layers = rows["head.units"], rows["head.layers"]
    assert units["importance"] > 0.9 > 0.1 > layers["importance"]
    assert units["low"] <= units["importance"] <= units["high"] + 1e-9 and units["n_trials"] == 12
    assert importance_rows(search.space, trials[:5], 0)[0]["why"] == "5 complete trials; at least 8 are needed"
    same = [Trial("", t.trial, COMPLETE, score=0.5, settings=t.settings) for t in trials]
    assert importance_rows(search.space, same, 0)[0]["importance"] is None


def test_trials_that_no_setting_tells_apart_have_no_importance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.search.importance._N_RESAMPLES", 8)
    search = search_of(tmp_path, "{method: grid, space: {head.units: [1, 2], head.layers: [1, 2]}}")
    # Every resample without the last trial has one value of a setting, and different scores.
    units = [1, 1, 1, 1, 1, 1, 1, 2]
    settings = [{"head.units": n, "head.layers": 1} for n in units]
    trials = [Trial("", n, COMPLETE, score=n / 10, settings=own) for n, own in enumerate(settings)]
    found = importance_rows(search.space, trials, 0)[0]
    assert found["importance"] == pytest.approx(1) and found["high"] == pytest.approx(1), found
    monkeypatch.setattr("pipeline.search.importance._shares", lambda *_: None)
    found = importance_rows(search.space, trials, 0)[0]
    assert found["importance"] is None and found["why"] == "none of the settings tells good trials from bad ones"
