"""Corrections as files: whose labels they are, what damage does to them, and what a cut-off save leaves."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import InputError
from common.notes import ModelLabels
from common.seals import accept_changed, checked_text, seal_findings
from pipeline.annotations import AnnotationChoice, EventList, read_annotation
from pipeline.command_line import main
from pipeline.review.corrections import (
    annotations_cell,
    draft_path,
    parse_corrections,
    parse_from_model,
    read_drafts,
    saved_state,
    write_corrections,
    write_draft,
)
from pipeline.review.run_reading import Review, read_review_run
from pipeline.run_folder.reading import Run
from tests.pipeline.review.review_runs import BEHAVIORS, FPS, N_FRAMES, Scene, make_review_run

BOUTS = [["grooming", 20, 60, "human"], ["grooming", 80, 120, "model"], [BEHAVIORS[1], 200, 255, "edited"]]
FROM_MODEL = {"grooming": [[80, 120], [130, 150]], BEHAVIORS[1]: [[240, 255]]}


@pytest.fixture
def lab(tmp_path) -> tuple[Run, Review, Path]:
    run, (review,) = read_review_run(make_review_run(tmp_path / "run", {"m1": (Scene(), None)}))
    return run, review, run.path / "corrections"


def save(lab, bouts=BOUTS, from_model=FROM_MODEL) -> tuple[Path, Path]:
    run, review, folder = lab
    corrected = parse_corrections(bouts, BEHAVIORS, N_FRAMES)
    stretches = parse_from_model(from_model, corrected, BEHAVIORS, N_FRAMES)
    boris, table = write_corrections(folder, run, review.row, None, corrected, stretches)
    return table, boris


def read(path: Path, **wanted) -> EventList:
    found = read_annotation(path, N_FRAMES, FPS, choice=AnnotationChoice(), **wanted)
    assert isinstance(found, EventList)
    return found


def bouts_of(path: Path) -> list[tuple[str, int, int]]:
    return sorted((bout.behavior, bout.start_frame, bout.stop_frame) for bout in read(path).bouts)


def said(note: str, name: str) -> bool:
    return note.startswith(
        f"1 of 3 bouts in {name} are a model's, unchanged or accepted in a review, and so are the labels of 60 "
        f"of 300 frames of grooming, 15 of 300 frames of {BEHAVIORS[1]}."
    )


def test_the_frames_that_are_the_models_are_counted_wherever_the_files_go(lab, tmp_path):
    table, boris = save(lab)
    for path in (table, boris):
        (note,) = read(path).notes
        assert isinstance(note, ModelLabels)
        assert (said(note, path.name), note.n_labels) == (True, 75)
        (note,) = read(path, behaviors=[BEHAVIORS[1]]).notes
        assert isinstance(note, ModelLabels)
        assert note.n_labels == 15
        assert note.about("m1").startswith("m1: 1 of 3") and note.about("m1").n_labels == 15
    # Without its seal the CSV knows the frames of its bouts alone: not where the model's "no" was accepted.
    copied = tmp_path / "copied.csv"
    copied.write_bytes(table.read_bytes())
    (note,) = read(copied).notes
    assert isinstance(note, ModelLabels)
    assert note.n_labels == 40 + 15
    copied = tmp_path / "copied.boris"
    copied.write_bytes(boris.read_bytes())
    (note,) = read(copied).notes
    assert said(note, "copied.boris")


def test_corrections_of_one_of_several_animals_are_read_as_its_own(lab):
    run, review, folder = lab
    # Its id in the tracks is no name; a table has both.
    lab = (run, replace(review, row=replace(review.row, animal="1", subject="dark")), folder)
    assert annotations_cell(folder, lab[1].row).endswith("m1.boris#observation=m1#subject=dark")
    for bouts in (BOUTS, []):
        for path in save(lab, bouts, {}):
            choice = AnnotationChoice(subject="dark", animal="1")
            found = read_annotation(path, N_FRAMES, FPS, choice=choice) if bouts or path.suffix == ".boris" else None
            assert found is None or len(found.bouts) == len(bouts)
        state = saved_state(folder, *lab[:2])
        assert state is not None and [bout[:3] for bout in state["bouts"]] == [bout[:3] for bout in bouts]
    save(lab)
    for path in (folder / "m1.csv", folder / "m1.boris"):
        with pytest.raises(InputError, match="'light'"):
            read_annotation(path, N_FRAMES, FPS, choice=AnnotationChoice(animal="light"))
    assert seal_findings(folder) == {}


def test_a_models_no_is_a_models_label_too(lab):
    """Where it cleared a bout there is none to tell it by."""
    for path in save(lab, [], {"grooming": [[20, 60]]}):
        (note,) = read(path).notes
        assert "0 of 0 bouts" in note and "40 of 300 frames of grooming." in note


def test_files_of_an_earlier_version_are_read_as_before(lab, tmp_path):
    run, review, _ = lab
    path = tmp_path / "old.csv"
    lines = ["behavior,start_frame,stop_frame,origin", "grooming,20,60,human", "grooming,80,120,model"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (note,) = read(path).notes
    assert note.n_labels == 40
    _, boris = save(lab)
    tree = json.loads(boris.read_bytes())
    words = "Of 3 bouts: 2 the model's, unchanged; 1 a human's, unchanged; 0 edited."
    tree["observations"]["m1"]["description"] = words
    (tmp_path / "old.boris").write_text(json.dumps(tree), encoding="utf-8")
    (note,) = read(tmp_path / "old.boris").notes
    assert note.startswith("2 of 3 bouts in old.boris are a model's")
    draft = {"version": 1, "changed_at": "2026", "started_from": "model", "unsaved": True, "done": [], "bouts": BOUTS}
    draft_path(tmp_path, review).write_text(json.dumps(draft), encoding="utf-8")
    found = saved_state(tmp_path, run, review)
    assert found is not None
    assert found["from_model"] == {"grooming": [(80, 120)], BEHAVIORS[1]: []}


def test_the_page_takes_up_what_was_saved_with_its_frames(lab):
    run, review, folder = lab
    save(lab)
    found = saved_state(folder, run, review)
    assert found is not None
    assert json.loads(json.dumps(found["from_model"])) == FROM_MODEL


def test_every_flipped_byte_of_corrections_is_noticed(lab, caplog):
    run, review, folder = lab
    table, boris = save(lab)
    state = {"version": 1, "changed_at": "2026", "started_from": "human", "unsaved": True, "done": [], "bouts": BOUTS}
    for path in (table, boris):
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 40)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.raises(InputError):
                read(path)
            assert path == boris or saved_state(folder, run, review) is None
        path.write_bytes(whole)
    assert "accept it as it is: verify" in caplog.messages[-1]
    assert bouts_of(table) == bouts_of(boris)
    write_draft(folder, review, state)
    assert read_drafts(folder, review)["draft"] == state
    draft = draft_path(folder, review)
    whole = draft.read_bytes()
    for place in range(len(whole) - 1):
        draft.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert read_drafts(folder, review)["draft"] is None
    assert "can't be used" in caplog.messages[-1]


def test_an_edited_csv_is_taken_up_once_it_is_accepted_and_the_project_is_made_again(lab, capsys):
    run, review, folder = lab
    table, boris = save(lab)
    text = table.read_text(encoding="utf-8")
    edited = text.replace("grooming,20,60,0.800000,2.400000", "grooming,20,61,0.800000,2.440000")
    table.write_text(edited, encoding="utf-8")
    assert main(["review", str(run.path)]) == 0
    assert "accept it as it is" in " ".join(capsys.readouterr().err.split())
    assert accept_changed(table)
    with pytest.raises(InputError, match=r"older than m1\.csv"):
        read(boris)
    assert main(["review", str(run.path)]) == 0
    assert bouts_of(table) == bouts_of(boris)
    assert ("grooming", 20, 61) in bouts_of(boris)
    found = saved_state(folder, run, review)
    assert found is not None
    # What was remembered of the frames was of other bouts.
    assert found["from_model"] == {"grooming": [(80, 120)], BEHAVIORS[1]: []}


@pytest.mark.parametrize("left", ["missing", "older"])
def test_a_project_that_does_not_fit_its_csv_is_made_again(lab, left):
    run, _, _ = lab
    save(lab, [["grooming", 1, 5, "edited"]])
    _, boris = save(lab)
    older = boris.read_bytes()
    table, _ = save(lab, [["grooming", 2, 9, "edited"]])
    boris.unlink() if left == "missing" else boris.write_bytes(older)
    assert main(["review", str(run.path)]) == 0
    assert bouts_of(boris) == bouts_of(table) == [("grooming", 2, 9)]


def test_what_was_edited_in_boris_is_never_written_over(lab):
    run, _, folder = lab
    _, boris = save(lab)
    tree = json.loads(boris.read_bytes())
    tree["observations"]["m1"]["events"] = []
    boris.write_text(json.dumps(tree), encoding="utf-8")
    edited = boris.read_bytes()
    assert main(["review", str(run.path)]) == 0
    assert boris.read_bytes() == edited
    save(lab)
    assert (folder / "m1 (changed 1).boris").read_bytes() == edited
    assert len(bouts_of(boris)) == 3


TIMES = ["inf", "-inf", "nan", "1e400", "9" * 400, "-" + "9" * 400, "9" * 5000, "1" + "0" * 308, "٣", "", "1_0", "0x10"]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("column", range(1, 6))
def test_times_that_are_none_are_refused_in_a_paragraph(lab, caplog, time, column):
    run, review, folder = lab
    table, _ = save(lab)
    lines = table.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    cells[column] = time
    table.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    assert accept_changed(table)
    try:
        read(table)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert column == 5 or time in ("", "nan")
    if saved_state(folder, run, review) is None:
        assert "does not fit m1" in caplog.messages[-1]
    assert main(["review", str(run.path)]) == 0


@pytest.mark.parametrize("time", ["1e400", "-1e400", "NaN", "9" * 400, "-" + "9" * 400, "9" * 5000, '"x"', "null"])
def test_times_of_a_project_that_are_none_are_refused_in_a_paragraph(lab, time):
    _, boris = save(lab)
    text = boris.read_text(encoding="utf-8").replace("0.8,", f"{time},", 1)
    boris.write_text(text, encoding="utf-8")
    assert accept_changed(boris)
    with pytest.raises(InputError) as error:
        read(boris)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    "content", ["[]", "7", '{"bouts": 1e400}', '{"version": ' + "9" * 5000 + "}", "[" * 100_000, "\x00", '{"done": 5}']
)
def test_a_draft_that_is_none_is_not_shown(lab, content):
    run, review, folder = lab
    folder.mkdir()
    for text in (content, checked_text(content)):
        draft_path(folder, review).write_text(text, encoding="utf-8")
        assert saved_state(folder, run, review) is None
        assert main(["review", str(run.path)]) == 0


@pytest.mark.parametrize(
    "found",
    [
        [], 7, {"running": []}, {"grooming": 1}, {"grooming": [1]}, {"grooming": [[1]]}, {"grooming": [[5, 5]]},
        {"grooming": [[1, 2], [1, 3]]}, {"grooming": [[0, N_FRAMES + 1]]}, {"grooming": [[-1, 2]]},
        {"grooming": [[0.5, 2]]}, {"grooming": [[True, 2]]}, {"grooming": [[1, 10**400]]}, {"grooming": {"a": 1}},
    ],
)  # fmt: skip
def test_frames_that_are_none_are_refused(found):
    with pytest.raises(ValueError, match="Expected stretches"):
        parse_from_model(found, [], BEHAVIORS, N_FRAMES)


def test_bouts_of_exclusive_behaviors_may_touch_but_not_overlap():
    touching = [["grooming", 20, 60, "human"], [BEHAVIORS[1], 60, 80, "edited"]]
    assert len(parse_corrections(touching, BEHAVIORS, N_FRAMES, exclusive=True)) == 2
    overlapping = [*touching, ["grooming", 79, 90, "edited"]]
    assert len(parse_corrections(overlapping, BEHAVIORS, N_FRAMES)) == 3
    with pytest.raises(ValueError, match="exclusive behaviors overlap"):
        parse_corrections(overlapping, BEHAVIORS, N_FRAMES, exclusive=True)


def test_other_recordings_of_the_run_are_left_alone(lab):
    run, review, folder = lab
    save(lab)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"m1.csv", "m1.boris", "m1.seal.json"}
    other = replace(review, row=replace(review.row, recording="m1.x"))
    write_corrections(folder, run, other.row, None, [])
    assert {name: (folder / name).read_bytes() for name in before} == before
