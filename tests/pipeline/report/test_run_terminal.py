"""The table at a run's end says what scores.csv and the report's verdicts say, in 80 columns."""

import pytest

from common.wording import ratio
from pipeline.report.run_terminal import print_result
from pipeline.report.words.summary import summarize
from pipeline.run_folder.evidence import AVERAGE_PRECISION, BOUT_F1, FRAME_F1, score_value
from pipeline.run_folder.reading import read_run
from tests.pipeline.report.report_runs import BEHAVIORS, make_run


@pytest.mark.parametrize(
    "settings", [{}, {"n_train": 0, "baseline": False}, {"n_train": 0, "n_test": 0, "n_predict": 1}]
)
def test_scores_verdicts_and_where_it_lies(tmp_path, capsys, monkeypatch, settings):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("TERM", "dumb")
    run = read_run(make_run(tmp_path / "exp1", **settings), only=())
    print_result(run)
    printed = capsys.readouterr().out
    cards = {card.behavior: card for card in summarize(run)}
    lines = printed.splitlines()
    assert len(cards) == (len(BEHAVIORS) if run.subsets else 0)
    for name, card in cards.items():
        first, verdict = (next(line for line in lines if line.split(end)[0].strip() == name) for end in (" 0", ":"))
        scores = [score_value(run, name, run.subsets[0], score) for score in (AVERAGE_PRECISION, FRAME_F1, BOUT_F1)]
        assert first.split()[1:4] == [ratio(value) for value in scores]
        assert verdict.endswith(card.verdict.headline)
        assert len(first) <= 80
    assert f"Report: {run.path / 'report.html'}" in printed.replace("\n", "")
    assert any(line.split()[-1:] == ["AP"] and "AP      AP" in line for line in lines) == (len(run.subsets) > 1)
