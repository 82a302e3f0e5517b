"""A run folder that was edited by hand: what is wrong is named by file, row and key."""

import pytest

from common.errors import InputError
from common.yaml_text import dump_yaml
from pipeline.run_folder.reading import read_run
from tests.pipeline.review.review_runs import Scene, make_review_run


@pytest.fixture
def folder(tmp_path):
    return make_review_run(tmp_path / "run", {"a": (Scene(), None), "b": (Scene(), None)})


@pytest.mark.parametrize(
    ("column", "value"),
    [("fps", "0"), ("fps", "nan"), ("fps", "inf"), ("fps", "2001"), ("fps", "-5"), ("fps", "fast"), ("fps", ""),
     ("n_frames", "0"), ("n_frames", "-3"), ("n_frames", "1.5"), ("n_frames", "nan"), ("n_frames", "")],
)  # fmt: skip
def test_a_number_that_cannot_be_is_named_with_its_row(folder, column, value):
    path = folder / "recordings.csv"
    whole = path.read_text(encoding="utf-8").splitlines()
    cells = whole[2].split(",")
    cells[whole[0].split(",").index(column)] = value
    path.write_text("\n".join([*whole[:2], ",".join(cells)]) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"recordings\.csv, row 3 \(recording b\): `{column}` should be .*'{value}'"):
        read_run(folder)


def test_a_table_without_rows_is_named(folder):
    path = folder / "recordings.csv"
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"recordings\.csv should have a row for each recording"):
        read_run(folder)


@pytest.mark.parametrize("theirs", [5, None, [], ["a", 5], {"a": "b"}, "", 1.5, True])
def test_names_that_are_none_are_said(folder, theirs):
    config = {"behaviors": {"grooming": theirs, "rearing": "r"}, "head": {"name": "lstm"}}
    (folder / "config.yaml").write_text(dump_yaml(config), encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.yaml should give each behavior .*`grooming: "):
        read_run(folder, only=())
    (folder / "config.yaml").write_text("behaviors: {5: grooming}\nhead: {name: lstm}\n", encoding="utf-8")
    with pytest.raises(InputError, match="`5: grooming`"):
        read_run(folder, only=())


def test_a_folder_that_is_not_there_or_was_never_finished(folder):
    (folder.parent / "runs of others").mkdir()
    with pytest.raises(InputError) as caught:
        read_run(folder.parent / "runn")
    assert str(caught.value) == f"There is no folder {folder.parent / 'runn'}. Did you mean {folder}?"
    with pytest.raises(InputError, match="Give the folder of a run"):
        read_run(folder.parent / "no" / "such")
    (folder / "recordings.csv").unlink()
    with pytest.raises(InputError, match=r"never came to its end\. Start the experiment again"):
        read_run(folder)
