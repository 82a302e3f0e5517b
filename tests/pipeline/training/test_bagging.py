"""Several heads in the place of one: what each learns from, what becomes of what they say, and that they are kept."""

import csv
from pathlib import Path

import numpy as np
import pytest

from pipeline.command_line import main
from pipeline.training.bagging import draw_individuals
from pipeline.training.fits import Fit, FitResult, open_fit
from pipeline.training.folds import group_by_individual
from pipeline.training.plan import BASELINES, HEAD, INNER, FitPlan
from tests.conftest import without_figures
from tests.lab import make_embedded_lab
from tests.pipeline.training.test_plan import config_of, plan_of

NAMES = ["a", "b", "c", "d", "e"]


def all_fits(plan: FitPlan) -> list[Fit]:
    crossed = plan.cross_fits()
    results = [(fit, FitResult({}, [], 3, "")) for fit in crossed]
    return [*crossed, *(fit for _, fit in plan.inner_fits(results)), *plan.final_fits(results)]


def test_individuals_are_drawn_whole_and_only_such_as_one_can_learn_from():
    individuals = {"a1": "a", "b1": "b", "a2": "a", "c1": "c"}
    draws = [draw_individuals(list(individuals), individuals, seed, lambda _: "") for seed in range(200)]
    for drawn in draws:
        assert drawn.count("a1") == drawn.count("a2")
        assert sum(drawn.count(name) for name in ("a1", "b1", "c1")) == 3
    # An individual is missing from (2/3)^3 = 30 % of the samples.
    assert np.mean(["b1" not in drawn for drawn in draws]) == pytest.approx(0.296, abs=0.1)
    with_b = [
        draw_individuals(list(individuals), individuals, seed, lambda r: "" if "b1" in r else "b") for seed in range(50)
    ]
    assert all(drawn and "b1" in drawn for drawn in with_b)
    assert draw_individuals(["a1", "b1"], individuals, 0, lambda _: "everything") is None


def test_members_learn_from_the_training_recordings_of_their_fold_alone():
    """Of every fit: its recordings are a sample of those that the single head would have, and nothing else differs."""
    one, _ = plan_of(NAMES)
    many, _ = plan_of(NAMES, ensemble={"members": 4})
    single = {fit.key: fit for fit in all_fits(one)}
    members = [fit for fit in all_fits(many) if fit.member]
    own = [fit for fit in single.values() if fit.kind in (HEAD, INNER)]
    assert len(members) == 4 * len(own) and many.n_fits == one.n_fits + 3 * len(own) == len(all_fits(many))
    assert {fit.kind for fit in all_fits(many) if not fit.member} == {"baseline"} and "logistic" in BASELINES
    for fit in members:
        alone = single[fit.key.removesuffix(f".m{fit.member}")]
        assert set(fit.train) <= set(alone.train) and len(fit.train) == len(alone.train)
        assert not set(fit.train) & {*fit.validation, *fit.predict}
        assert (fit.validation, fit.predict, fit.n_epochs) == (alone.validation, alone.predict, alone.n_epochs)
    assert len({(fit.train, fit.seed) for fit in members}) == len(members)
    assert len({fit.train for fit in members if fit.key.startswith("g.head.fold01")}) > 1
    assert not many.notes_on_draws()
    seeds, _ = plan_of(NAMES, ensemble={"members": 2, "by": "seeds"})
    for fit in all_fits(seeds):
        assert fit.train == single[fit.key.split(".m")[0]].train
    assert group_by_individual({"x": "", "y": ""}) == [("x",), ("y",)]


def test_members_for_whom_no_draw_was_enough_are_named(monkeypatch):
    monkeypatch.setattr(FitPlan, "_lacking", lambda *_: "everything")
    plan, _ = plan_of(NAMES[:3], postprocess={}, ensemble={"members": 2})
    members = [fit for fit in (*all_fits(plan), *all_fits(plan)) if fit.member]
    assert all(len(set(fit.train)) == len(fit.train) for fit in members)
    notes = plan.notes_on_draws()
    assert [note.split(":")[0] for note in notes] == ["g, a", "g, b", "g, c", "g, final"]
    assert all("member 1, 2 learned from each individual once" in note for note in notes)


def test_a_single_head_is_the_run_it_always_was():
    assert "ensemble" not in config_of().identity() and "ensemble" in config_of(ensemble={"members": 2}).identity()
    plan, _ = plan_of(NAMES)
    assert {fit.member for fit in all_fits(plan)} == {0}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_a_run_of_two_members_says_their_mean_keeps_both_and_goes_on_after_a_kill(tmp_path):
    lab, run = str(make_embedded_lab(tmp_path, n_train=3)), tmp_path / "runs" / "tiny"
    arguments = [
        lab, "--set", "ensemble.members=2", "--set", "head={name: logistic}", "--set", "baseline=none",
        "--set", "refit=false", "--set", "training.epochs=2", "--set", "behaviors={grooming: grooming}",
    ]  # fmt: skip
    with without_figures():
        assert main(arguments) == 0
        own = []
        for number in (1, 2):
            opened = open_fit(run / "fits" / f"grooming.head.fold02.m{number}.npz")
            assert opened is not None
            own.append(opened[1].probabilities["r1"][:, 0])
        assert not np.allclose(*own)
        predicted, spread = (table(run / folder / "r1.csv") for folder in ("predictions", "spread"))
        assert [float(row["grooming_probability"]) for row in predicted] == pytest.approx(np.mean(own, axis=0))
        assert [float(row["grooming_spread"]) for row in spread] == pytest.approx(np.std(own, axis=0), abs=1e-6)
        assert {row["member"] for row in table(run / "ensemble.csv")} == {"member 1", "member 2", ""}
        before = {name: (run / name).read_bytes() for name in ("predictions/r3.csv", "scores.csv", "ensemble.csv")}
        for lost in ("manifest.json", "fits/grooming.head.final.m2.npz", "fits/grooming.head.fold01.m1.npz"):
            (run / lost).unlink()
        assert main(arguments) == 0
        assert {name: (run / name).read_bytes() for name in before} == before
        new = ["predict", str(run), "--recordings", str(tmp_path / "recordings.csv"), "--output", str(tmp_path / "new")]
        assert main(new) == 0
    for folder in ("predictions", "spread"):
        assert (tmp_path / "new" / folder / "r3.csv").read_bytes() == (run / folder / "r3.csv").read_bytes()
