"""Rows as CSV: six digits, nothing for what is missing, and no formulas."""

from __future__ import annotations

from qexplorer.report.chart_files.csv_text import rows_csv


def test_numbers_have_six_digits_and_names_are_no_formulas() -> None:
    """Whole numbers have all of theirs; a header is made safe as a cell is."""
    text = rows_csv(("name", "=a"), [("conv", 1.23456789), ("=1+1", 12345678), (None, 1e-9)])
    assert text.split("\n") == ["name,'=a", "conv,1.23457", "'=1+1,12345678", ",1e-09", ""]
