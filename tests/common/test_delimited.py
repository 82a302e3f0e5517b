from pathlib import Path

import pytest

from common.delimited import find_dialect, head_rows, iter_rows, require_file
from common.errors import InputError
from common.suggestions import did_you_mean, listing

ROWS = [["behavior", "start", "étage"], ["a, b", "1", "2"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_what_excel_and_others_write(tmp_path: Path, delimiter, encoding, newline):
    path = tmp_path / "table.csv"
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in ROWS]
    path.write_bytes((newline.join(lines) + newline).encode(encoding))

    dialect = find_dialect(path)

    assert dialect.delimiter == delimiter
    assert [cells for _, cells in iter_rows(path, dialect)] == ROWS


def test_excels_sep_remark_is_no_row_but_is_counted(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("sep=;\na;b,c\n1;2\n", encoding="utf-8")

    assert head_rows(path, 5, find_dialect(path)) == [(2, ["a", "b,c"]), (3, ["1", "2"])]


def test_rows_are_counted_as_a_spreadsheet_shows_them(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text(' a , b\n\n"two\nlines",2\n3,4\n', encoding="utf-8")

    assert list(iter_rows(path, find_dialect(path))) == [
        (1, ["a", "b"]),
        (2, []),
        (3, ["two lines", "2"]),
        (4, ["3", "4"]),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"a,b\0c", "binary"),
        (b"a,b\n\x81\x8d", "UTF-8"),
        (b"\xff\xfea", "UTF-8"),
    ],
)
def test_refuses_what_is_no_text(tmp_path: Path, content, says):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        find_dialect(path)


def test_a_cell_without_end_is_an_input_error(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"' + "x" * 200_000, encoding="utf-8")
    with pytest.raises(InputError, match="beyond row 1"):
        list(iter_rows(path, find_dialect(path)))


def test_a_first_cell_without_end_is_an_input_error(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("x" * 200_000 + ",b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="beyond row 0"):
        list(iter_rows(path, find_dialect(path)))


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "x/" * 5000 + "y"])
def test_names_that_the_system_takes_for_none_are_no_file(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="found nothing there") as caught:
        require_file(tmp_path / name, "pose file")
    assert len(str(caught.value)) < 2100 and "\0" not in str(caught.value)


def test_require_file_tells_missing_folder_and_empty_apart(tmp_path: Path):
    empty = tmp_path / "empty.csv"
    empty.touch()
    for path, says in [(tmp_path / "no.csv", "nothing"), (tmp_path, "a folder"), (empty, "0 bytes")]:
        with pytest.raises(InputError, match=says):
            require_file(path, "pose file")


def test_suggestions():
    assert did_you_mean("Groming", ["grooming", "rearing"]) == " Did you mean 'grooming'?"
    assert did_you_mean("zzz", ["grooming"]) == ""
    assert listing([]) == "(none)"
    assert listing(["a", "b", "c"], at_most=2) == "a, b and 1 more"
