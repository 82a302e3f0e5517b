"""The tables of a run's folder: what other tools read, and that they are read back as they were written."""

import pytest

from common.errors import InputError
from pipeline.run_folder import contents
from pipeline.run_folder.contents import (
    BOUT_SCORES,
    FILES_IN_WORDS,
    FOLDERS_IN_WORDS,
    SCORES,
    SUMMARY,
    Table,
    number,
    text,
    truth,
    whole,
)
from pipeline.run_folder.results import clear_results
from pipeline.run_folder.run_dir import HUMAN_FOLDERS, RunDir

TABLES = [table for table in vars(contents).values() if isinstance(table, Table)]
CELLS = {text: "mäuse, 1", whole: 7, number: 0.25, truth: True}
EMPTY = {text: "", whole: None, number: None, truth: False}

SCORES_HEADER = (
    "behavior,subset,recording,postprocessed,n_frames,n_positive,threshold,"
    "accuracy,precision,recall,f1,average_precision,tp,fp,fn,tn,balanced_accuracy,cohen_kappa,mcc,roc_auc"
)
BOUT_SCORES_HEADER = (
    "behavior,subset,recording,postprocessed,n_true,n_predicted,"
    "bout_precision_iou10,bout_recall_iou10,bout_f1_iou10,bout_f1_iou10_true_to_predicted,"
    "bout_precision_iou25,bout_recall_iou25,bout_f1_iou25,bout_f1_iou25_true_to_predicted,"
    "bout_precision_iou50,bout_recall_iou50,bout_f1_iou50,bout_f1_iou50_true_to_predicted,"
    "missed,invented,split,merged,n_matched,"
    "onset_error_s,onset_shift_s,offset_error_s,offset_shift_s,edit_score"
)


@pytest.mark.parametrize(("table", "header"), [(SCORES, SCORES_HEADER), (BOUT_SCORES, BOUT_SCORES_HEADER)])
def test_headers_that_other_tools_read(tmp_path, table, header):
    table.write(RunDir(tmp_path), [])
    assert (tmp_path / table.file).read_text(encoding="utf-8").splitlines() == [header]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.file)
def test_every_table_is_read_back_and_equal_rows_give_equal_bytes(tmp_path, table):
    run = RunDir(tmp_path)
    rows = [{name: cells[read] for name, read in table.readers.items()} for cells in (CELLS, EMPTY)]
    table.write(run, rows)
    before = table.path(run).read_bytes()
    assert table.read(run) == rows
    table.write(run, table.read(run))
    assert table.path(run).read_bytes() == before


def test_another_table_a_missing_one_and_an_older_one(tmp_path):
    run = RunDir(tmp_path)
    assert SCORES.read_if_there(run) == []
    with pytest.raises(InputError, match=r"scores\.csv does not exist"):
        SCORES.read(run)
    SCORES.path(run).write_text("behavior,subset\nrear,test\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lacks the column\(s\) recording"):
        SCORES.read(run)
    with pytest.raises(ValueError, match="columns"):
        SCORES.write(run, [{"behavior": "rear"}])
    older = [name for name in SUMMARY.columns if name != "doubts"]
    SUMMARY.path(run).write_text(",".join(older) + "\n" + "," * (len(older) - 1) + "\n", encoding="utf-8")
    assert SUMMARY.read(run)[0]["doubts"] == ""


def test_nothing_is_left_of_recordings_that_an_interrupted_run_had(tmp_path):
    """Every file and folder that the report lists as a result, and none that a human or the fits made."""
    run = RunDir(tmp_path)
    kept = {"config.yaml", "provenance.json", "log.txt", "failures.csv"}
    for name in FILES_IN_WORDS:
        (tmp_path / name).touch()
    for name in (*FOLDERS_IN_WORDS, *HUMAN_FOLDERS, "fits"):
        (tmp_path / name / "deeper").mkdir(parents=True)
        (tmp_path / name / "deeper" / "gone.csv").touch()
    clear_results(run)
    assert {path.name for path in tmp_path.iterdir()} == kept | {"heads", "fits", *HUMAN_FOLDERS}
    clear_results(run)
