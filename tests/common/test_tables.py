import numpy as np
import pytest

from common.tables import cell_text, read_table, write_table


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (np.float32("nan"), ""),
        (True, "1"),
        (np.bool_(False), "0"),
        (0.1 + 0.2, "0.300000"),
        (-0.0, "0.000000"),
        (np.float64(1 / 3), "0.333333"),
        (np.int64(7), "7"),
        ("Grüße", "Grüße"),
    ],
)
def test_cells(value, text):
    assert cell_text(value) == text


def test_a_network_probability_reads_back_to_the_same_float32():
    values = np.random.default_rng(0).random(2000).astype(np.float32)
    values[:3] = [0.0, 1.0, 1e-30]
    back = np.array([cell_text(value) for value in values]).astype(np.float32)
    np.testing.assert_array_equal(back, values)
    assert "e" not in cell_text(np.float32(1e-30))


def test_names_with_commas_quotes_and_line_breaks_survive(tmp_path):
    path = tmp_path / "mäuse und mehr" / "t,1.csv"
    rows = [{"name": 'a,"b"\nc', "n": 1}, {"name": "<b>&", "n": 2}]
    write_table(path, ["name", "n"], rows)
    assert [row["name"] for row in read_table(path)] == ['a,"b"\nc', "<b>&"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "scores.csv"
    write_table(path, ["a"], [{"a": 1}])

    def rows():
        yield {"a": 2}
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_table(path, ["a"], rows())
    with pytest.raises(ValueError, match="columns"):
        write_table(path, ["a"], [{"b": 1}])
    assert read_table(path) == [{"a": "1"}]
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.csv"]
