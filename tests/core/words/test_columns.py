"""Facts and tables as aligned lines."""

from __future__ import annotations

from qexplorer.core.words.columns import fact_lines, table_lines


def test_facts_stand_in_two_columns_without_those_that_are_none() -> None:
    """Values begin in one column, behind the longest name that is shown."""
    assert fact_lines({"name": "digits", "opset": 21, "a long name": None, "0": 0}) == [
        "name   digits",
        "opset  21",
        "0      0",
    ]
    assert fact_lines({}) == []


def test_columns_of_numbers_end_in_one_line_and_others_begin_in_one() -> None:
    """A unit, a sign and an empty cell do not make text of a column; one word does, for the whole column."""
    rows = [["w8a8", "9.5 kB", "+1", "3"], ["float32", "120 MB", None, "3 x"], ["w4", "–", "-10", ""]]  # noqa: RUF001
    assert table_lines(["recipe", "size", "d", "note"], rows) == [
        "recipe     size    d  note",
        "w8a8     9.5 kB   +1  3",
        "float32  120 MB       3 x",
        "w4            –  -10",  # noqa: RUF001
    ]


def test_a_table_without_rows_is_its_heading() -> None:
    """Aligned to the left, as nothing says that a column holds numbers; a cell has at most 300 letters."""
    assert table_lines(["recipe", "size"], []) == ["recipe  size"]
    assert len(table_lines(["a"], [["x" * 1000]])[1]) == 300
