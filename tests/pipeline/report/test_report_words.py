import dataclasses
import re

import pytest

from common.wording import count, decimal, duration, percent, ratio, setting
from pipeline.report.score_tables import balance_lines, score_lines, thesis_comparisons
from pipeline.report.thesis import TABLES, thesis_table
from pipeline.report.words.facts import provenance_rows, tells_apart
from pipeline.report.words.method import method_words
from pipeline.report.words.paper import methods_paragraph
from pipeline.report.words.summary import kind_of_error, notices, run_notes, summarize
from pipeline.run_folder.reading import read_run
from tests.pipeline.report.report_runs import make_run


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "n/a"), (0.0, "0 %"), (1.0, "100 %"), (0.004, "under 1 %"), (0.9999, "over 99 %"), (0.256, "26 %")],
)
def test_a_share_is_never_rounded_to_a_false_extreme(share, text):
    assert percent(share).replace("\u00a0", " ") == text


def test_numbers_have_one_form_each():
    assert (ratio(0.93751), ratio(None)) == ("0.938", "n/a")
    assert (count(12077), count(None)) == ("12,077", "n/a")
    assert decimal(1234.56) == "1,234.6"


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.24, "4.2 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (3599.7, "1 h 00 min")]
)
def test_durations_read_like_speech(seconds, text):
    assert duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not set"),
        (True, "yes"),
        (1e-3, "0.001"),
        ([1, "a"], "1, a"),
        ({"a": None, "b": 2}, "a: not set, b: 2"),
    ],
)
def test_settings_as_text(value, text):
    assert setting(value) == text


@pytest.mark.parametrize("name", ["mid_rearing", "Mid rearing", "rearing-mid", "rearing_mig"])
def test_the_thesis_behaviors_are_found_under_their_usual_spellings(name):
    assert thesis_table(name) is TABLES[1]


def test_other_behaviors_have_no_thesis_table():
    assert thesis_table("locomotion") is None


def test_the_thesis_numbers_are_its_tables():
    assert TABLES[0].values["average_precision"] == (0.679, 0.690, 0.588, 0.586)
    assert TABLES[1].values["recall"] == (0.797, 0.748, 0.104, 0.596)
    assert TABLES[2].values["accuracy"] == (0.918, 0.914, 0.840, 0.888)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = make_run(
        tmp_path_factory.mktemp("runs") / "run", n_train=2, n_test=1, n_frames=400, never=("mouse_03", "grooming")
    )
    return read_run(folder)


def test_a_card_holds_the_pooled_scores_of_the_tables(run):
    for card in summarize(run):
        row = run.score(card.behavior, "cross_validation", "full")
        bouts = run.tables.bout_score(card.behavior, "cross_validation", "full")
        assert [line.estimate.value for line in card.lines] == [
            row["average_precision"],
            row["f1"],
            bouts["bout_f1_iou50"],
        ]
        baseline = run.score(card.behavior, "cross_validation", "raw", baseline=True)
        assert card.lines[0].baseline == baseline["average_precision"]
        assert card.lines[0].chance == row["n_positive"] / row["n_frames"]
        (other,) = card.others
        test = run.score(card.behavior, "test", "full")
        assert (other["average_precision"], other["f1"]) == (test["average_precision"], test["f1"])


def test_a_card_names_the_recording_with_the_lowest_f1_and_what_happens_there(run):
    for card in summarize(run):
        f1 = {
            member.recording: run.score(card.behavior, "cross_validation", "full", member.recording)["f1"]
            for member in run.members("cross_validation")
        }
        f1 = {recording: value for recording, value in f1.items() if value is not None}
        assert card.worst.recording == min(f1, key=f1.__getitem__)
        assert card.worst.f1 == min(f1.values())
        row = run.score(card.behavior, "cross_validation", "full", card.worst.recording)
        assert f"{row['fn']} frames missed, {row['fp']} invented" in card.worst.what


@pytest.mark.parametrize(
    ("fn", "fp", "words"),
    [
        (0, 0, "no wrong frame"),
        (20, 10, "it mostly misses (20 frames missed, 10 invented)"),
        (10, 20, "it mostly invents (10 frames missed, 20 invented)"),
        (19, 10, "it misses and invents about equally (19 frames missed, 10 invented)"),
        (1200, 0, "it mostly misses (1,200 frames missed, 0 invented)"),
    ],
)
def test_the_kind_of_error_is_named_when_it_is_twice_the_other(fn, fp, words):
    assert kind_of_error({"fn": fn, "fp": fp}) == words


def test_individuals_count_once_and_only_where_the_behavior_is_seen(tmp_path):
    folder = make_run(tmp_path / "run", n_train=3, n_test=0, n_frames=900, never=("mouse_03", "wall_rearing"))
    table = (folder / "recordings.csv").read_text(encoding="utf-8").replace("animal 1", "animal 0")
    (folder / "recordings.csv").write_text(table, encoding="utf-8")
    _, mid_rearing, wall_rearing = summarize(read_run(folder))
    assert (wall_rearing.evidence.n_individuals, mid_rearing.evidence.n_individuals) == (1, 2)
    assert "F1 is n/a in mouse_03, where it never occurs" in wall_rearing.never_occurs
    assert mid_rearing.never_occurs == ""


def test_a_behavior_that_never_occurs_is_said_to_be_unscorable(tmp_path):
    folder = make_run(tmp_path / "run", n_train=1, n_test=0, n_frames=400, never=("mouse_01", "grooming"))
    run = read_run(folder)
    card = summarize(run)[0]
    assert card.verdict.level == "unknown"
    assert card.lines[0].estimate.value is None
    assert card.worst.recording == ""
    assert any(
        notice.title == "Nothing to score" and "grooming, cross-validation" in notice.text for notice in notices(run)
    )


def test_errors_of_total_time_and_bouts_are_those_of_the_table(run):
    card = summarize(run)[2]
    rows = {
        row["statistic"]: row
        for row in run.tables.statistics_agreement
        if (row["behavior"], row["subset"]) == ("wall_rearing", "cross_validation")
    }
    for statistic, unit in (("total_s", "s total time"), ("n_bouts", "bouts")):
        row = rows[statistic]
        assert f"{row['mean_absolute_error']:.1f} of {row['human_mean']:.1f} {unit}" in card.per_recording


def test_lines_join_raw_and_postprocessed_rows(run):
    (line, *others) = score_lines(run, "wall_rearing", pooled=False)
    assert [line.recording, *(other.recording for other in others)] == ["mouse_01", "mouse_02", "mouse_03"]
    assert line.raw == run.score("wall_rearing", "cross_validation", "raw", "mouse_01")
    assert list(line.frames) == list(line.bouts) == ["raw", "closed", "full"]
    for variant, bouts in line.bouts.items():
        assert line.frames[variant] == run.score("wall_rearing", "cross_validation", variant, "mouse_01")
        assert bouts == run.tables.bout_score("wall_rearing", "cross_validation", variant, "mouse_01")


def test_balance_counts_bouts_and_their_lengths(run):
    line = next(row for row in balance_lines(run) if (row["behavior"], row["subset"]) == ("grooming", "test"))
    assert (line["n_positive"], line["human"]["n_bouts"], line["human"]["median_s"]) == (0, 0, None)


def test_ours_stand_beside_the_thesis_raw_as_there(run):
    comparison = thesis_comparisons(run)[1]
    name, theirs, ours = comparison["lines"][1]
    assert (name, theirs) == ("Precision", (0.518, 0.535, 0.415, 0.592))
    assert ours[1] == run.score("mid_rearing", "test", "raw")["precision"]


def test_a_head_that_does_not_beat_the_baseline_is_called_out(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=2, n_test=0, n_frames=300)
    (folder / "baseline_scores.csv").write_text((folder / "scores.csv").read_text(encoding="utf-8"), encoding="utf-8")
    found = [notice for notice in notices(read_run(folder)) if notice.title == "Not better than the baseline"]
    assert len(found) == 1
    assert "rear, cross-validation" in found[0].text
    assert summarize(read_run(folder))[0].verdict.headline == "Not better than the baseline, but too little to tell"


def test_notes_and_left_out_counts_are_shown(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=1, n_test=0, n_frames=300)
    text = (folder / "provenance.json").read_text(encoding="utf-8")
    text = text.replace('"notes": []', '"notes": ["fold m1: no positive frame"]')
    text = text.replace('"n_skipped": {}', '"n_skipped": {"frames without pose": 12, "rows": 0}')
    (folder / "provenance.json").write_text(text, encoding="utf-8")
    words = [notice.text for notice in notices(read_run(folder))]
    assert "fold m1: no positive frame" in words
    assert "frames without pose: 12" in words


def test_many_notes_are_listed_under_data_instead(tmp_path):
    folder = make_run(tmp_path / "run", behaviors=("rear",), n_train=1, n_test=0, n_frames=300)
    text = (folder / "provenance.json").read_text(encoding="utf-8")
    (folder / "provenance.json").write_text(
        text.replace('"notes": []', '"notes": ["a", "b", "c", "d"]'), encoding="utf-8"
    )
    run = read_run(folder)
    assert [notice.title for notice in notices(run) if "from the run" in notice.title] == ["4 notes from the run"]
    assert run_notes(run) == ["a", "b", "c", "d"]


def test_an_older_run_of_one_network_tells_its_crop(tmp_path):
    """As provenance was before there could be several sources."""
    run = read_run(make_run(tmp_path / "run"))
    provenance = dict(run.provenance)
    (source,) = provenance.pop("features")
    backbone = {key: value for key, value in source.items() if key not in ("source", "crop")}
    run = dataclasses.replace(run, provenance=provenance | {"backbone": backbone})
    assert "a crop of 160 px around the animal, by the frozen network resnet50v2 (2048 numbers)" in method_words(run)[0]
    assert ("Features 1: crop", "size_px: 160") in provenance_rows(run)


@pytest.mark.parametrize(
    ("standardize", "said"), [(True, "scaled by itself"), (False, "They are joined, as they are.")]
)
def test_joined_sources_are_called_scaled_where_they_were(tmp_path, standardize, said):
    run = read_run(make_run(tmp_path / "run"))
    sources = [*run.provenance["features"], {"source": "precomputed", "used": "precomputed", "n_features": 3}]
    run = dataclasses.replace(
        run,
        config={**run.config, "training": {"standardize": standardize}},
        provenance={**run.provenance, "features": sources},
    )
    assert said in method_words(run)[0]


@pytest.mark.parametrize(("n_kept", "is_said"), [(0, False), (256, True), (4096, False)])
def test_components_are_named_where_a_head_saw_them(tmp_path, n_kept, is_said):
    run = read_run(make_run(tmp_path / "run"))
    run = dataclasses.replace(run, config={**run.config, "training": {"reduce_features": n_kept}})
    assert ("The head sees 256 principal components of them" in method_words(run)[0]) == is_said


def test_a_paper_gets_a_paragraph_with_the_runs_own_settings_and_works(tmp_path):
    run = read_run(make_run(tmp_path / "run"))
    paper = methods_paragraph(run)
    assert paper is not None
    assert "network resnet50v2 [1] (trained on ImageNet)" in paper.paragraph
    assert "a bidirectional LSTM [2] head (layers: 3, units: 64) learned from windows of 300 frames" in paper.paragraph
    assert "scored 5 recordings of 5 individuals" in paper.paragraph
    cited = [int(number) for number in re.findall(r"\[(\d+)\]", paper.paragraph)]
    assert sorted(set(cited)) == list(range(1, len(paper.works) + 1)), "each work is cited, in order"
    assert "Hochreiter" in paper.works[1]
    other = dataclasses.replace(run, config={key: value for key, value in run.config.items() if key != "head"})
    assert methods_paragraph(other) is None, "another program's output was trained elsewhere"


def test_a_run_in_another_folder_or_with_other_settings_says_so_in_its_title(tmp_path):
    run = read_run(make_run(tmp_path / "exp1", n_train=2, n_test=0, n_frames=300))
    assert tells_apart(run) == []
    typed = "python run_experiment.py a.yaml --quick --set head.units=32 --set=seed=1 --set recordings=x"
    other = dataclasses.replace(run, path=tmp_path / "wide", provenance=run.provenance | {"command": typed})
    assert tells_apart(other) == ["wide", "head.units=32", "seed=1"]
    many = dataclasses.replace(
        run, provenance=run.provenance | {"command": " ".join(f"--set a{i}={i}" for i in range(5))}
    )
    assert tells_apart(many) == ["a0=0", "a1=1", "a2=2", "2 more"]
