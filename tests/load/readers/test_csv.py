"""Tables: read as documented, and each way to be wrong has its sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.load import load_data
from qexplorer.load.readers.csv import read_csv


def _csv(folder: Path, text: str) -> Path:
    (folder / "table.csv").write_text(text, encoding="utf-8")
    return folder / "table.csv"


def test_csv_with_header_and_named_labels(tmp_path: Path) -> None:
    """The column headed Label is the label wherever it stands, groups go apart, the rest are features."""
    raw = read_csv(_csv(tmp_path, "a,Label,group,b\n1,dog,m,2\n3,cat,f,4.5\n\n5,dog,m,-6e1\n"))
    np.testing.assert_allclose(raw.evaluation.inputs[""], [[1, 2], [3, 4.5], [5, -60]])
    assert raw.features == ("a", "b")
    assert raw.classes == ("cat", "dog")
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [1, 0, 1]
    assert raw.evaluation.groups is not None
    assert raw.evaluation.groups.tolist() == ["m", "f", "m"]


def test_csv_labels_with_fractions_are_measurements(tmp_path: Path) -> None:
    """A label column with a fraction in it makes the data regression, and whole numbers make it classification."""
    rows = [f"{i},{i % 3}" for i in range(40)]
    found = load_data(_csv(tmp_path, "\n".join(["a,y", *rows, "7,0.5"])))
    assert found.task == "regression"
    assert found.evaluation.labels is not None
    assert found.evaluation.labels.dtype == np.float64
    assert load_data(_csv(tmp_path, "\n".join(["a,y", *rows]))).task == "classification"


def test_csv_without_header_takes_the_last_column_if_it_looks_like_labels(tmp_path: Path) -> None:
    """Few whole numbers in the last column are labels; measurements are not."""
    rows = [f"{i}.5;{i % 3}" for i in range(20)]
    assert read_csv(_csv(tmp_path, "\n".join(rows))).evaluation.labels is not None
    measured = [f"{i % 3};{i}.5" for i in range(20)]
    raw = read_csv(_csv(tmp_path, "\n".join(measured)))
    assert raw.evaluation.labels is None
    assert raw.evaluation.inputs[""].shape == (20, 2)
    assert "No column was taken for labels" in raw.notes[0]


@pytest.mark.parametrize(
    ("cells", "labels", "classes"),
    [
        (["1", "0", "1"], [1, 0, 1], ()),
        (["1", "x", "1"], [0, 1, 0], ("1", "x")),
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        (["1.5", "0", "-2"], [1.5, 0, -2], ()),
    ],
)
def test_labels_are_numbers_if_all_of_them_are(
    cells: list[str], labels: list[float], classes: tuple[str, ...], tmp_path: Path
) -> None:
    """One word among them makes all of them names."""
    raw = read_csv(_csv(tmp_path, "\n".join(["a,label", *(f"{i},{cell}" for i, cell in enumerate(cells))])))
    assert raw.evaluation.labels is not None
    assert (raw.evaluation.labels.tolist(), raw.classes) == (labels, classes)


def test_csv_header_with_numbers_for_pixels(tmp_path: Path) -> None:
    """A first row that names the labels is a header, whatever its other cells."""
    raw = read_csv(_csv(tmp_path, "label,0,1\n3,10,20\n4,30,40\n"))
    assert raw.features == ("0", "1")
    np.testing.assert_allclose(raw.evaluation.inputs[""], [[10, 20], [30, 40]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("a,b\n", "a header, and no sample"),
        ("a,b,y\n1,2,0\n3,four,1\n", r"row 3, column 'b' is 'four'; allowed: a finite number"),
        ("a,b,y\n1,,0\n", "row 2, column 'b' is empty"),
        ("1,2\n3,nan\n5,6\n", "row 2, column 'column 2' is 'nan'"),
        ("a,b\n1,2\n1e300,6\n", "row 3, column 'a' is '1e300'"),
        ("a,b\n3.4028234663852886e38,2\n-3.4028234663852886e38,3\n4e38,6\n", "row 4, column 'a' is '4e38'"),
        ("1,2\n3\n", "row 2 has 1 cells, the first row has 2"),
        ("1,2\n \n, \n3,4,5\n", "row 4 has 3 cells, the first row has 2"),
        ("\n , \na,b\n1,2\n,\n ,?\n", "row 6, column 'a' is empty"),
        ("y\n1\n", "no column besides the labels"),
        ("a,b\n1,2\n\n3,1_0\n", "row 4, column 'b' is '1_0'"),
        ("a,b\n" + "1,2\n" * 120_000 + "1,?\n", "row 120002, column 'b' is '\\?'"),
        ("1,2\n" * 120_000 + "1,2,3\n", "row 120001 has 3 cells"),
        (",".join("1" * 100_001), "the table has 100,001 columns; allowed: at most 100,000; give it as .npz"),
    ],
)
def test_csv_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    """Row and column of what is wrong are named, counting as a spreadsheet does."""
    with pytest.raises(DataError, match=words):
        read_csv(_csv(tmp_path, text))


def test_csv_of_many_pieces_is_read_in_its_order(tmp_path: Path) -> None:
    """Features, labels and groups of a table that is taken in piece by piece belong together."""
    n = 150_000
    lines = [f"{i},{'ab'[i % 2]}, {i % 7} ,{-i - 0.25}" for i in range(n)]
    raw = read_csv(_csv(tmp_path, "\n".join(["one,group,y,two", *lines])))
    x, labels, groups = raw.evaluation.inputs[""], raw.evaluation.labels, raw.evaluation.groups
    assert labels is not None
    assert groups is not None
    np.testing.assert_array_equal(x, np.stack([np.arange(n), -np.arange(n) - 0.25], axis=1).astype(np.float32))
    np.testing.assert_array_equal(labels, np.arange(n) % 7)
    np.testing.assert_array_equal(groups, np.array(list("ab"))[np.arange(n) % 2])


def test_csv_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are called that."""
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe1\x002\x00")
    with pytest.raises(DataError, match="not text in UTF-8"):
        read_csv(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("last", "labels"),
    [
        ([0, 1, 2] * 4, True),
        ([0, 1, 2, 3] * 3, False),  # more kinds than a quarter of the rows
        ([0, 1], True),  # two kinds are few, however few the rows
        ([1, 2] * 4, True),
        ([0, 3] * 4, False),  # two kinds reach to 2 at most
        ([-1, 1] * 4, False),
        (["a", "b"] * 4, True),
        (["a", "1"] * 4, False),
        ([0.5, 1] * 4, False),
    ],
)
def test_a_last_column_without_a_name_is_taken_for_labels_where_it_looks_like_them(
    tmp_path: Path, last: list[object], labels: bool
) -> None:
    """Few whole numbers from 0 or 1 on, or words; a column of words that is no label cannot be read."""
    path = _csv(tmp_path, "\n".join(f"{i}.5,{value}" for i, value in enumerate(last)))
    if "a" in last and not labels:
        with pytest.raises(DataError, match="column 'column 2' is 'a'"):
            read_csv(path)
        return
    assert (read_csv(path).evaluation.labels is not None) is labels


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["label", "Y", "target", "CLASS", "labels"])
def test_columns_are_parted_by_what_the_first_line_has_most_of(tmp_path: Path, delimiter: str, name: str) -> None:
    """A decimal comma would be a column of its own; the label's name counts in any case, at the front too."""
    lines = [[name, "a", "group"], ["1", "2.5", "x"], ["0", "-1", "y"]]
    raw = read_csv(_csv(tmp_path, "\n".join(delimiter.join(line) for line in lines)))
    assert raw.features == ("a",)
    assert raw.evaluation.inputs[""].tolist() == [[2.5], [-1.0]]
    assert raw.evaluation.labels is not None
    assert raw.evaluation.labels.tolist() == [1, 0]
    assert raw.notes == (f"The labels are in '{name}'.",)
