"""The heat maps of channels."""

from __future__ import annotations

import math

from qexplorer.report.tensor_charts.channel_heat import heat_info, heat_rows, heat_spec


def test_every_channel_has_a_cell_of_its_own() -> None:
    """Cells stand in rows as text does, few channels in one row; thousands in no more than 64 rows."""
    small = heat_info("w", [1.0, 2.0, 3.0], None)
    assert [(cell.row, cell.column) for cell in small.cells] == [(0, 0), (0, 1), (0, 2)]
    large = heat_info("w", [1.0] * 5120, None)
    assert large.rows <= 64
    assert len({(cell.row, cell.column) for cell in large.cells}) == 5120


def test_the_spoiler_is_framed_and_infinity_is_no_colour() -> None:
    """The channel that spoils a scale has a frame; one without error has no number."""
    info = heat_info("w", [1.0, 8.0], [math.inf, 20.0], spoiler=1)
    rows = heat_spec(info, error=True)["datasets"]["channels"]
    assert [row["spoils"] for row in rows] == [False, True]
    assert [row["sqnr_db"] for row in heat_rows(info)] == [None, 20.0]
    assert heat_spec(info)["encoding"]["color"]["field"] == "reach"


def test_rows_are_as_many_as_are_needed() -> None:
    """The last may be short."""
    for count in (1, 3, 64, 65, 5120):
        info = heat_info("w", [1.0] * count, None)
        assert info.rows == max(cell.row for cell in info.cells) + 1
        assert info.columns == max(cell.column for cell in info.cells) + 1
