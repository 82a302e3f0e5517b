"""What the page of a search says and shows, from tables that were made up."""

import csv
import re
from types import MappingProxyType

import pytest

from common.errors import InputError
from pipeline.report.search import catalog
from pipeline.report.search.page import ranked, write_search_page
from pipeline.report.search.reading import read_search
from pipeline.report.search.scales import Scale, scale_of
from pipeline.report.search.setting_figures import draw_parallel, draw_setting_importance, draw_slices
from pipeline.report.search.trial_figures import draw_cost, draw_folds, draw_history
from pipeline.report.search.words import agreement_words, importance_reasons, optimism_words, verdict
from pipeline.run_folder.search.search_dir import DIFFERENCE, OUTER, WHOLE, SearchDir, read_search_table
from pipeline.run_folder.search.trials import (
    COMPLETE,
    FAILED,
    PRUNED,
    Trial,
    best_trial,
    pareto_front,
    read_trials,
    setting_text,
    setting_value,
    write_trials,
)
from tests.pipeline.report.search_folders import DROPOUT, NAME, RATE, UNITS, difference_row, make_search, outer_rows


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return read_search(make_search(tmp_path_factory.mktemp("searches") / "search", parts=("part 1", "part 2")))


@pytest.mark.parametrize("value", [0.00123456789012, 64, True, None, "lstm", "64", "null", "", 'Ü, "x"', [64, 32]])
def test_a_setting_comes_back_from_its_cell(value):
    found = setting_value(setting_text(value))
    assert found == value
    assert type(found) is type(value)


def test_tables_come_back_as_they_were_written(tmp_path):
    search = SearchDir(tmp_path)
    trials = [
        Trial(WHOLE, 0, COMPLETE, 0.75, 12.5, 4, 12, 3, "", {"head.units": 64, "head.name": "lstm"}),
        Trial("part 1", 1, FAILED, why="nothing, at all", settings={"head.name": "logistic"}),
    ]
    write_trials(search, trials, ["head.name", "head.units"])
    assert read_trials(search) == (trials, ["head.name", "head.units"])
    for table, rows in ((OUTER, outer_rows()), (DIFFERENCE, [difference_row("", None, None, None, "why")])):
        table.write(search, rows)
        found = read_search_table(search, table)
        assert [list(row) for row in found] == [list(table.columns)] * len(rows)
        assert found == [
            {key: pytest.approx(value) if isinstance(value, float) else value for key, value in row.items()}
            for row in rows
        ]


def test_a_table_that_was_cut_short_is_named(tmp_path):
    search = SearchDir(make_search(tmp_path / "search", n_trials=3))
    path = search.path / "trials.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("complete", "compl"), encoding="utf-8")
    with pytest.raises(InputError, match=r"trials\.csv cannot be read.*compl"):
        read_search(search.path)


def test_the_best_is_complete_and_the_front_is_not_beaten():
    def trial(number, score, seconds, state=COMPLETE):
        return Trial(WHOLE, number, state, score, seconds)

    trials = [trial(0, 0.7, 10.0), trial(1, 0.8, 30.0), trial(2, 0.8, 20.0), trial(3, 0.9, 5.0, PRUNED)]
    trials += [trial(4, 0.6, 15.0), trial(5, 0.7, 10.0), trial(6, None, None, FAILED)]
    assert best_trial(trials) == trials[1]
    assert [t.trial for t in pareto_front(trials)] == [0, 2]
    assert [t.trial for t in ranked(tuple(trials))] == [1, 2, 0, 5, 4, 3, 6]
    assert best_trial(trials[6:]) is None


@pytest.mark.parametrize(
    ("row", "level", "words"),
    [
        ((0.0443, 0.02, True, ""), "good", ["0.0443 higher", "[+0.0243, +0.0643]", "p 0.004", "8 individuals"]),
        ((-0.05, 0.02, True, ""), "poor", ["0.0500 lower", "Keep the defaults"]),
        ((0.0043, 0.02, False, ""), "fair", ["not real", "0.0043 higher", "[\u22120.0157, +0.0243]", "chance"]),
        ((0.02, None, None, "2 individuals; it needs 4"), "unknown", ["cannot be told", "2 individuals; it needs 4."]),
        ((None, None, None, "grooming does not occur"), "unknown", ["n/a", "Grooming does not occur."]),
        (None, "unknown", ["n/a", "not there yet"]),
    ],
)
def test_the_verdict_says_what_the_table_says(tmp_path, row, level, words):
    rows = [] if row is None else [difference_row("", *row)]
    found = verdict(read_search(make_search(tmp_path / "search", rows, n_trials=3)))
    assert found.level == level
    assert [word for word in words if word not in f"{found.headline} {found.sentence}"] == []


def test_words_beside_the_verdict(results, tmp_path):
    assert "is +0.0036: " in optimism_words(results)
    assert "+0.0283 is left for choosing." in optimism_words(results)
    assert agreement_words(results).startswith("All agree on ")
    early = read_search(make_search(tmp_path / "early", n_trials=3, has_outer=False, why_no_importance="3 trials"))
    assert optimism_words(early) == "The optimism is known when the outer scores are."
    assert importance_reasons(early) == ["All settings: 3 trials."]
    assert agreement_words(early) == ""


def test_a_pruned_score_does_not_stand_among_others(results, tmp_path):
    asked = {"objective": ["bout_f1", "seconds"]}
    other = read_search(make_search(tmp_path / "other", n_trials=4, search=asked))
    assert other.objectives == ("bout F1", "seconds")
    for found, is_known in ((results, True), (other, False)):
        scores = [trial.score is not None for trial in found.trials if trial.state == PRUNED]
        assert scores == [is_known] * len(scores) != []


def test_settings_stand_on_axes_that_suit_them(results):
    assert scale_of(results, RATE) == Scale(RATE, is_log=True, low=1e-4, high=1e-2)
    assert scale_of(results, RATE).place(1e-3) == pytest.approx(-3)
    assert scale_of(results, UNITS).options == ("64", "128", "256")
    assert scale_of(results, NAME).place("mobilenet_v2") == 1
    assert scale_of(results, DROPOUT) == Scale(DROPOUT, low=0.0, high=0.5)


def test_figures_show_the_numbers_of_the_tables(results):
    scored = [t for t in results.trials if t.score is not None]
    history = draw_history(results)
    points = [line for line in history.figure.axes[0].lines if line.get_marker() in "oD"]
    assert sorted(float(line.get_ydata()[0]) for line in points) == pytest.approx(sorted(t.score for t in scored))
    assert max(row["best_so_far"] or 0 for row in history.numbers) == results.best.score
    slices = draw_slices(results)
    assert len(slices.numbers) == 4 * len(results.trials)
    drawn = [row for row in slices.numbers if row["setting"] == RATE]
    assert [setting_value(row["value"]) for row in drawn] == [t.settings[RATE] for t in results.trials]
    parallel = draw_parallel(results)
    assert [row["score"] for row in parallel.numbers] == [t.score for t in results.trials if t.state == COMPLETE]
    assert len(parallel.figure.axes[0].lines) == len(parallel.numbers) + 5
    assert {row["trial"] for row in draw_cost(results).numbers if row["on_front"]} == {
        t.trial for t in pareto_front(results.trials)
    }
    assert len(draw_folds(results).numbers) == sum(t.n_folds for t in results.trials)
    importance = draw_setting_importance(results)
    assert [bar.get_width() for bar in importance.figure.axes[0].patches] == [0.6, 0.3, 0.2, 0.15]


def test_figures_without_numbers_are_left_out(tmp_path):
    folder = make_search(tmp_path / "one", n_trials=1, settings=(RATE,), why_no_importance="1 trial")
    one = read_search(folder)
    assert draw_slices(one) is not None
    assert [draw(one) for draw in (draw_parallel, draw_cost, draw_setting_importance)] == [None] * 3
    trial = Trial(WHOLE, 0, FAILED, why="no memory", settings={RATE: 0.001})
    write_trials(SearchDir(folder), [trial], [RATE])
    none = read_search(folder)
    assert [draw(none) for draw in (draw_slices, draw_history, draw_parallel)] == [None] * 3


def test_the_page_is_made_from_the_folder_alone(tmp_path, monkeypatch):
    rows = [difference_row("", 0.0043, 0.02, False, ""), difference_row("<grooming>", None, None, None, "never seen")]
    folder = make_search(tmp_path / "search", rows, n_trials=24, parts=("part 1",), description="a <search>")
    only = MappingProxyType({"history": catalog.FIGURES["history"]})
    monkeypatch.setattr(catalog, "FIGURES", only)
    page = write_search_page(folder).read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]))
    best = read_search(folder).best
    for said in (
        "The difference is not real.",
        f"learning_rate {best.settings[RATE]:.4g} 0.001",
        "0.8731 inner 0.8412 outer +0.0319 optimism",
        "# Trial 6 of search.",
        "Failed (trial 10, trial 21): the loss is not finite",
        "a &lt;search&gt;",
        "&lt;grooming&gt;: never seen.",
        "Without part 1 (12 trials)",
        "0.0001 to 0.01, on a logarithmic scale",
    ):
        assert said in words
    assert "differences.svg" not in page
    with (folder / "figures" / "history.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["state"] for row in csv.DictReader(stream)].count(PRUNED) == 5
    assert write_search_page(folder).read_text(encoding="utf-8") == page


def test_the_page_of_a_search_under_way(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "FIGURES", {})
    search = SearchDir(tmp_path)
    with pytest.raises(InputError, match=r"holds trials\.csv, but"):
        write_search_page(search.path)
    write_trials(search, [Trial("part 1", 0, FAILED, why="no memory", settings={RATE: 0.001})], [RATE])
    page = write_search_page(search.path).read_text(encoding="utf-8")
    assert "No trial on all training recordings is complete yet" in page
    assert "There are no outer scores yet" in page
