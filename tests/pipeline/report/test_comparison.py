"""Who is best, and is it real: known answers on runs made by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import permutation_test
from sklearn.metrics import average_precision_score, f1_score

from common.errors import InputError
from pipeline.report.comparison.differences import NOTHING_SHARED, OWN_BASELINE
from pipeline.report.comparison.pairs import name_runs
from pipeline.report.comparison.runs import Comparison, compare_runs, share_anything
from pipeline.report.comparison.words import verdict_lines
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1
from pipeline.run_folder.reading import RecordingRow, Run
from pipeline.run_folder.tables import Tables
from pipeline.scoring.bouts.scores import bout_rows
from pipeline.scoring.classes import ALL, class_score_rows
from pipeline.scoring.postprocessing.postprocess import PostprocessConfig
from pipeline.scoring.scores import score_rows
from pipeline.scoring.statistics.intervals import Interval
from pipeline.scoring.statistics.paired import PairedDifference
from pipeline.scoring.statistics.verdict import (
    CHANCE,
    LARGE_P,
    NO_VALUE,
    OPPOSITE,
    REAL,
    TOO_FEW,
    WIDE_INTERVAL,
    Corrected,
    find_verdict,
)
from pipeline.scoring.timeline import FULL, Timeline, postprocess_variants
from pipeline.training.chosen_settings import fixed_variants

SETTINGS = PostprocessConfig(max_gap_s=0.0, min_bout_s=0.0)
CV = "cross_validation"
N_FRAMES = 240


def truth(n_recordings: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Three bouts per recording, by recording."""
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(n_recordings):
        active = np.zeros(N_FRAMES, dtype=bool)
        for start in (20, 90, 170):
            active[start + rng.integers(0, 15) :][: rng.integers(15, 40)] = True
        found[f"m{i}"] = active
    return found


def guesses(active: dict[str, np.ndarray], noise: float, seed: int) -> dict[str, np.ndarray]:
    """Probabilities that follow the truth, with noise of their own."""
    rng = np.random.default_rng(seed)
    return {
        name: (1 / (1 + np.exp(-(np.where(true, 2.0, -2.0) + noise * rng.normal(size=true.size))))).astype(np.float32)
        for name, true in active.items()
    }


def run_of(
    name: str,
    active: dict[str, np.ndarray],
    probability: dict[str, np.ndarray],
    individuals: dict[str, str] | None = None,
    behavior: str = "digging",
    subset: str = CV,
    baseline: dict[str, np.ndarray] | None = None,
    **config: Any,
) -> Run:
    """A run as read from its folder; its tables of scores are made from the timelines."""
    settings = (fixed_variants(SETTINGS),)
    owners = individuals or {}

    def timelines_of(probabilities: dict[str, np.ndarray]) -> list[Timeline]:
        return [
            Timeline(
                recording,
                10.0,
                (behavior,),
                probabilities[recording][:, None],
                postprocess_variants(probabilities[recording][:, None], settings, 10.0),
                active[recording][:, None],
                np.ones((N_FRAMES, 1), dtype=bool),
                settings,
                subset,
                owners.get(recording, f"animal {recording}"),
            )
            for recording in active
        ]

    items, poor = timelines_of(probability), [] if baseline is None else timelines_of(baseline)
    return Run(
        path=Path("runs") / name,
        config={"name": name, "behaviors": {behavior: behavior}, "head": {"name": "lstm"}, **config},
        config_text="",
        provenance={},
        recordings=tuple(
            RecordingRow(i.recording, subset, i.individual, "", f"{i.recording}.mp4", 10.0, N_FRAMES, 0) for i in items
        ),
        behaviors=(behavior,),
        scores=tuple(score_rows(items, [behavior])),
        baseline_scores=tuple({"baseline": "logistic"} | row for row in score_rows(poor, [behavior], variants=["raw"])),
        training=(),
        timelines={item.recording: item for item in items},
        baselines={"logistic": {item.recording: item for item in poor}},
        tables=Tables(bout_scores=tuple(bout_rows(items, [behavior]))),
    )


def difference(comparison: Comparison, run: str, score: str = AVERAGE_PRECISION, **wanted: str) -> Any:
    """The one difference that fits."""
    wanted = {"run": run, "score": score, **wanted}
    (found,) = [
        item for item in comparison.differences if all(getattr(item, key) == value for key, value in wanted.items())
    ]
    return found


def value_of(comparison: Comparison, run: str, score: str = AVERAGE_PRECISION) -> Any:
    """A cross-validated score of one run."""
    return comparison.value("digging", CV, run, score)


def pooled(active: dict[str, np.ndarray], probability: dict[str, np.ndarray], names: Any = None) -> float:
    """Average precision of all frames, by scikit-learn."""
    chosen = list(active if names is None else names)
    return float(
        average_precision_score(
            np.concatenate([active[n] for n in chosen]), np.concatenate([probability[n] for n in chosen])
        )
    )


@pytest.fixture(scope="module")
def clear() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray], Comparison]:
    """Eight animals: one run clearly better than the other."""
    active = truth(8)
    good, poor = guesses(active, 1.0, 1), guesses(active, 4.0, 2)
    return active, good, poor, compare_runs([run_of("poor", active, poor), run_of("good", active, good)])


def test_a_clearly_better_run_wins_and_that_is_real(clear):
    active, good, poor, comparison = clear
    standing = comparison.standings["digging"]
    assert (standing.best, standing.subset, len(standing.recordings)) == ("good", CV, 8)
    item = difference(comparison, "poor")
    assert item.difference == pytest.approx(pooled(active, poor) - pooled(active, good), abs=1e-6)
    assert item.low < item.difference < item.high < 0
    assert (item.reference, item.verdict, item.n_individuals, item.n_comparisons) == ("good", REAL, 8, 1)
    assert item.p == item.p_holm == item.p_smallest == 2 / 2**8
    (line,) = verdict_lines(comparison, "digging")
    assert line == (
        f"digging: good scores highest: AP {pooled(active, good):.3f} in cross-validation. "
        f"poor {-item.difference:.3f} lower (p 0.008): real."
    )


def test_frame_and_bout_f1_differ_by_what_the_tables_say(clear):
    active, good, poor, comparison = clear
    true = np.concatenate(list(active.values()))
    by_frame = [f1_score(true, np.concatenate([p[n] >= 0.5 for n in active])) for p in (poor, good)]
    assert difference(comparison, "poor", FRAME_F1).difference == pytest.approx(by_frame[0] - by_frame[1], abs=1e-12)
    rows: Any = {name: run.tables.bout_score("digging", CV, "full") for name, run in comparison.runs.items()}
    stored = {name: row["bout_f1_iou50"] for name, row in rows.items()}
    assert difference(comparison, "poor", BOUT_F1).difference == pytest.approx(stored["poor"] - stored["good"])


def test_p_is_that_of_a_permutation_test_of_the_animals_own_differences():
    active = truth(7, seed=3)
    a, b = guesses(active, 2.0, 5), guesses(active, 2.3, 6)
    own = [average_precision_score(active[n], a[n]) - average_precision_score(active[n], b[n]) for n in active]
    expected = permutation_test((own, np.zeros(7)), lambda x, y: np.mean(x - y), permutation_type="samples")
    comparison = compare_runs([run_of("a", active, a), run_of("b", active, b)])
    assert comparison.differences[0].p == pytest.approx(expected.pvalue)


def test_runs_that_take_turns_at_being_better_could_differ_by_chance():
    active = truth(8)
    good, poor = guesses(active, 1.0, 1), guesses(active, 3.0, 2)
    names = list(active)
    first = {n: (good if i < 4 else poor)[n] for i, n in enumerate(names)}
    second = {n: (poor if i < 4 else good)[n] for i, n in enumerate(names)}
    comparison = compare_runs([run_of("first", active, first), run_of("second", active, second)])
    for score in (AVERAGE_PRECISION, FRAME_F1, BOUT_F1):
        item = difference(comparison, "second" if comparison.standings["digging"].best == "first" else "first", score)
        assert item.verdict == CHANCE
        assert item.low < 0 < item.high
        assert item.p_holm > 0.3


def test_a_run_against_itself_differs_by_nothing():
    active = truth(6)
    values = guesses(active, 2.0, 1)
    comparison = compare_runs([run_of("a", active, values), run_of("b", active, values)])
    assert comparison.standings["digging"].best == "a"
    for item in comparison.differences:
        assert (item.difference, item.low, item.high, item.p, item.verdict) == (0.0, 0.0, 0.0, 1.0, CHANCE)
    (line,) = verdict_lines(comparison, "digging")
    assert line.startswith("digging: a and b score the same: AP")


@pytest.mark.parametrize(("n_animals", "reason"), [(5, "cannot get under 0.062"), (3, "an interval needs 4")])
def test_with_fewer_than_six_animals_nothing_is_real(n_animals, reason):
    active = truth(n_animals)
    comparison = compare_runs(
        [run_of("good", active, guesses(active, 0.5, 1)), run_of("poor", active, guesses(active, 5.0, 2))]
    )
    item = difference(comparison, "poor")
    assert item.verdict == TOO_FEW
    assert reason in item.reason
    assert item.p == item.p_smallest == 2 / 2**n_animals


def test_videos_of_one_animal_count_once():
    active = truth(12)
    owners = {f"m{i}": f"animal {i // 2}" for i in range(12)}
    runs = [
        run_of("good", active, guesses(active, 0.5, 1), owners),
        run_of("poor", active, guesses(active, 5.0, 2), owners),
    ]
    item = difference(compare_runs(runs), "poor")
    assert (item.n_recordings, item.n_individuals, item.p) == (12, 6, 2 / 2**6)


def holm_by_definition(p_values: list[float]) -> list[float]:
    """Adjusted p of Holm 1979: the largest of (m - j) p_(j) over the ranks up to one's own, at most 1."""
    ordered = sorted(p_values)
    m = len(ordered)
    return [min(1.0, max((m - j) * ordered[j] for j in range(ordered.index(p) + 1))) for p in p_values]


@pytest.fixture(scope="module")
def three() -> list[Run]:
    active = truth(8)
    return [run_of(name, active, guesses(active, noise, seed)) for name, noise, seed in
            (("a", 1.0, 1), ("b", 1.6, 2), ("c", 4.0, 3))]  # fmt: skip


def test_against_the_best_the_correction_counts_all_pairs(three):
    comparison = compare_runs(three)
    pairs: dict[tuple[str, str], Any] = {("a", "b"): None, ("a", "c"): None, ("b", "c"): None}
    for first, second in pairs:
        both = compare_runs([run for run in three if run.name in (first, second)])
        pairs[first, second] = next(i.p for i in both.differences if i.score == FRAME_F1)
    expected = dict(zip(pairs, holm_by_definition(list(pairs.values())), strict=True))
    for name in ("b", "c"):
        item = difference(comparison, name, FRAME_F1)
        assert (item.reference, item.n_comparisons) == ("a", 3)
        assert item.p_holm == pytest.approx(expected["a", name])
        assert item.p_smallest == pytest.approx(3 * 2 / 2**8)


def test_a_reference_that_was_named_is_corrected_for_its_own_comparisons(three):
    plain, named = compare_runs(three), compare_runs(three, reference="b")
    best = [item for item in named.differences if item.reference == "a"]
    assert best == list(plain.differences)
    turned, item = difference(named, "a", reference="b"), difference(named, "b", reference="a")
    assert (turned.difference, turned.low, turned.high) == (-item.difference, -item.high, -item.low)
    assert (turned.p, turned.n_comparisons) == (item.p, 2)
    assert [line.split(":")[0] for line in verdict_lines(named, "digging")] == ["digging", "digging, against b"]
    best_named = compare_runs(three, reference="a")
    assert [(i.run, i.reference, i.n_comparisons) for i in best_named.differences[:2]] == [("b", "a", 2), ("c", "a", 2)]


def test_a_reference_that_is_no_run_is_an_error(three):
    with pytest.raises(InputError, match=r"'d' should be one of the runs that are compared: a, b(,| and) c"):
        compare_runs(three, reference="d")


def test_only_common_recordings_are_compared():
    active = truth(8)
    good, poor = guesses(active, 1.0, 1), guesses(active, 2.0, 2)
    extra = active | {"m8": truth(1, seed=8)["m0"]}
    # One more recording on which the better run fails: its own pooled score falls under the other's.
    failing = good | {"m8": (1 - guesses({"m8": extra["m8"]}, 0.1, 4)["m8"]).astype(np.float32)}
    shared = dict(reversed(list(active.items())))
    comparison = compare_runs([run_of("fails", extra, failing), run_of("steady", shared, poor)])
    fails, steady = (value_of(comparison, name).value for name in ("fails", "steady"))
    assert fails < steady
    assert comparison.standings["digging"].best == "fails"
    item = difference(comparison, "steady")
    assert item.n_recordings == 8
    assert item.difference == pytest.approx(pooled(active, poor) - pooled(active, good), abs=1e-6)
    assert any(
        "scored different recordings (cross-validation: 9 in fails, 8 in steady)" in n.text for n in comparison.notes
    )


def assert_none_is_best(comparison: Comparison) -> None:
    """Neither star, nor bold, nor a name."""
    assert comparison.standings["digging"].best is None
    assert not any(comparison.is_highest(*key) for key in comparison.values)
    (line,) = verdict_lines(comparison, "digging")
    assert line.startswith("digging: none is called the best: no recording was scored by all of them against the same")


def test_across_different_labels_nothing_is_best():
    """As after a correction: one run was scored against other labels than the other in every recording."""
    active = truth(6)
    corrected = {name: np.roll(true, 3) for name, true in active.items()}
    runs = [run_of("a", active, guesses(active, 1, 1)), run_of("b", corrected, guesses(corrected, 2, 2))]
    comparison = compare_runs(runs)
    assert_none_is_best(comparison)
    assert any("their scores can't be compared" in note.text for note in comparison.notes)
    # A third run that shares its labels with one of them changes nothing about all three.
    comparison = compare_runs([*runs, run_of("c", active, guesses(active, 3, 3))])
    assert_none_is_best(comparison)
    assert share_anything(comparison)


def test_tests_are_ranked_where_cross_validation_has_other_labels(three):
    """A corrected training set leaves the test recordings as they were: there the runs can be ranked."""
    active = truth(6)
    corrected = {name: np.roll(true, 3) for name, true in active.items()}
    tested = {f"t{i}": true for i, true in enumerate(truth(6, 2).values())}

    def both(name: str, labels: dict[str, np.ndarray], noise: float) -> Run:
        trained, test = (
            run_of(name, labels, guesses(labels, noise, 1)),
            run_of(name, tested, guesses(tested, noise, 2), subset="test"),
        )
        return replace(
            trained,
            recordings=trained.recordings + test.recordings,
            scores=trained.scores + test.scores,
            timelines={**trained.timelines, **test.timelines},
            tables=Tables(bout_scores=trained.tables.bout_scores + test.tables.bout_scores),
        )

    comparison = compare_runs([both("a", active, 3.0), both("b", corrected, 1.0)])
    standing = comparison.standings["digging"]
    assert (standing.best, standing.subset) == ("b", "test")
    assert comparison.is_highest("digging", "test", "b", AVERAGE_PRECISION)
    assert not any(comparison.is_highest("digging", CV, name, AVERAGE_PRECISION) for name in "ab")


def test_recordings_with_other_labels_are_left_out_and_said():
    active = truth(8)
    good, poor = guesses(active, 1.0, 1), guesses(active, 2.0, 2)
    relabelled = active | {"m3": np.roll(active["m3"], 5)}
    comparison = compare_runs([run_of("a", active, good), run_of("b", relabelled, poor)])
    item = difference(comparison, "b")
    rest = [name for name in active if name != "m3"]
    assert item.n_recordings == 7
    assert item.difference == pytest.approx(pooled(active, poor, rest) - pooled(active, good, rest), abs=1e-9)
    assert any("the human labels of m3 differ between a and b" in note.text for note in comparison.notes)
    # What the table shows is of all recordings and can't be ranked; the best is that of the rest, and says so.
    assert not any(comparison.is_highest(*key) for key in comparison.values)
    (line,) = verdict_lines(comparison, "digging")
    assert line.startswith(
        f"digging: a scores highest: AP {pooled(active, good, rest):.3f} in cross-validation over the 7 that all runs "
        "scored "
        "against the same labels."
    )


def test_frames_that_one_run_did_not_predict_count_for_neither():
    active = truth(6)
    good, poor = guesses(active, 1.0, 1), guesses(active, 2.0, 2)
    holed = {name: values.copy() for name, values in poor.items()}
    for values in holed.values():
        values[:60] = np.nan
    comparison = compare_runs([run_of("a", active, good), run_of("b", active, holed)])
    cut = [{n: v[60:] for n, v in part.items()} for part in (active, good, poor)]
    expected = pooled(cut[0], cut[2]) - pooled(cut[0], cut[1])
    assert difference(comparison, "b").difference == pytest.approx(expected, abs=1e-9)


def test_runs_without_a_common_recording_have_no_difference():
    first, second = truth(4), {f"other {n}": a for n, a in truth(4, 1).items()}
    runs = [run_of("a", first, guesses(first, 1, 1)), run_of("b", second, guesses(second, 2, 2))]
    comparison = compare_runs(runs)
    assert not share_anything(comparison)
    assert_none_is_best(comparison)
    item = difference(compare_runs(runs, reference="a"), "b")
    assert (item.difference, item.verdict, item.reason, item.n_recordings) == (None, NO_VALUE, NOTHING_SHARED, 0)
    assert any("No recording is in all of them" in note.text for note in comparison.notes)


def test_a_behavior_that_never_occurs_has_no_best_and_says_why():
    active = {name: np.zeros(N_FRAMES, dtype=bool) for name in truth(6)}
    comparison = compare_runs([run_of(n, active, guesses(active, 1, s)) for n, s in (("a", 1), ("b", 2))])
    assert comparison.standings["digging"].best is None
    assert comparison.differences == ()
    found = value_of(comparison, "a")
    assert (found.value, found.reason) == (None, "the behavior never occurs in the scored frames")
    assert list(verdict_lines(comparison, "digging")) == ["digging: no run has a score."]


def test_each_run_is_compared_with_its_own_baseline():
    active = truth(8)
    good, poor = guesses(active, 1.0, 1), guesses(active, 4.0, 2)
    comparison = compare_runs([run_of("a", active, good, baseline=poor), run_of("b", active, good)])
    (item,) = comparison.baseline_differences
    assert (item.run, item.reference, item.verdict, item.n_comparisons) == ("a", OWN_BASELINE, REAL, 1)
    assert item.difference == pytest.approx(pooled(active, good) - pooled(active, poor), abs=1e-6)
    assert value_of(comparison, "b", "baseline_average_precision").reason == "the run has no baseline"


def test_a_lone_run_is_the_best_of_nothing(three):
    comparison = compare_runs(three[:1])
    assert comparison.standings["digging"].best is None
    assert comparison.differences == ()
    assert not comparison.is_highest("digging", CV, "a", AVERAGE_PRECISION)


def test_the_best_is_found_in_tests_where_nothing_is_cross_validated():
    active = truth(6)
    runs = [run_of(n, active, guesses(active, s, 1), subset="test") for n, s in (("a", 3.0), ("b", 1.0))]
    standing = compare_runs(runs).standings["digging"]
    assert (standing.best, standing.subset) == ("b", "test")


def test_protocols_that_differ_are_said_and_compare_counts_as_nested(three):
    flattering = replace(three[1], config={**three[1].config, "protocol": "thesis"})
    both = replace(three[0], config={**three[0].config, "protocol": "compare"})
    texts = [note.text for note in compare_runs([both, flattering]).notes]
    assert any("a: nested, b: thesis" in text for text in texts)
    assert compare_runs([both, three[2]]).notes == ()


def test_exclusive_runs_have_scores_of_all_classes_and_others_a_reason():
    active = truth(5)
    better, worse, binary = (
        run_of(name, active, guesses(active, noise, seed), task={"name": task})
        for seed, (name, noise, task) in enumerate(
            [("better", 0.5, "exclusive"), ("worse", 3.0, "exclusive"), ("binary", 0.5, "binary")]
        )
    )
    rows = {
        run.name: class_score_rows(
            [replace(t, task="exclusive", background="other") for t in run.timelines.values()], "lstm"
        )
        for run in (better, worse)
    }
    better, worse = (replace(run, tables=replace(run.tables, class_scores=rows[run.name])) for run in (better, worse))
    comparison = compare_runs([better, worse, binary])
    for run in (better, worse):
        true, predicted = (
            np.concatenate([getattr(t, kind)[FULL] if kind == "predicted" else t.true for t in run.timelines.values()])
            for kind in ("true", "predicted")
        )
        value = comparison.value(ALL, CV, run.name, "macro_f1")
        assert value is not None and value.value == pytest.approx(
            f1_score(true[:, 0], predicted[:, 0], average="macro")
        )
    assert [comparison.is_highest(ALL, CV, name, "accuracy") for name in comparison.runs] == [True, False, False]
    missing = comparison.value(ALL, CV, "binary", "accuracy")
    assert missing is not None and missing.value is None and "not exclusive" in missing.reason
    assert comparison.class_reasons == (missing.reason,)
    assert not compare_runs([binary]).subsets(ALL)
    other = truth(5, seed=9)
    elsewhere = run_of("elsewhere", other, guesses(other, 0.5, 1), task={"name": "exclusive"})
    unlike = compare_runs([better, replace(elsewhere, tables=better.tables)])
    assert not any(unlike.is_highest(ALL, CV, name, "accuracy") for name in unlike.runs)


def test_runs_of_one_name_are_told_apart_by_their_folders(three):
    twins = [replace(three[0], path=Path(folder)) for folder in ("old/a", "new/a")]
    assert [*name_runs([*twins, three[2]])] == ["old/a", "new/a", "c"]


def paired(low: float | None, high: float | None, mean: float = 0.1) -> PairedDifference:
    return PairedDifference(0.1, Interval(low, high, 10, 2000), 0.01, 0.002, 10, mean)


@pytest.mark.parametrize(
    ("interval", "mean", "p_holm", "verdict", "reason"),
    [
        ((0.05, 0.2), 0.1, 0.049, REAL, ""),
        ((0.05, 0.2), 0.1, 0.05, CHANCE, LARGE_P),
        ((-0.05, 0.2), 0.1, 0.049, CHANCE, WIDE_INTERVAL),
        ((-0.05, 0.2), 0.1, 0.3, CHANCE, ""),
        ((0.05, 0.2), -0.1, 0.01, CHANCE, OPPOSITE),
        ((None, None), 0.1, 0.01, TOO_FEW, ""),
    ],
)
def test_the_rules_of_a_verdict(interval, mean, p_holm, verdict, reason):
    assert find_verdict(paired(*interval, mean), Corrected(p_holm, 0.01, 3)) == (verdict, reason)


def test_a_p_that_cannot_get_small_is_no_verdict_whatever_the_interval():
    found = find_verdict(paired(0.05, 0.2), Corrected(0.06, 0.05, 3))
    assert found == (TOO_FEW, "with 10 individuals p, corrected for 3 comparisons, cannot get under 0.050")
