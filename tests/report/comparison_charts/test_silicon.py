"""What a chip would need, as bars and as rows."""

from __future__ import annotations

import pytest

from qexplorer.measure.energy.silicon import ModelEnergy, Process
from qexplorer.report.comparison_charts.silicon import silicon_info, silicon_rows
from tests.report.comparisons import comparison

FOUND = {
    "float": ModelEnergy(0.03, 0.02, 0.01, {"fp32": 5000}, 1200, Process.NM7),
    "w8a8": ModelEnergy(0.003, 0.005, 0.0025, {"int8": 4000, "fp32": 1000}, 300, Process.NM7),
}


def test_the_parts_of_a_bar_are_in_one_unit_and_say_what_they_rest_on() -> None:
    """Microjoules where the largest sum is below 0.1 mJ; multiplications, weights and activations each in words."""
    info = silicon_info(comparison(), FOUND, Process.NM7)
    assert (info.x_title, info.stacked) == ("energy per inference (\u00b5J), estimated", True)
    assert [row.value.value for row in info.rows] == pytest.approx([30.0, 20.0, 10.0, 3.0, 5.0, 2.5])
    assert [(row.label, row.series) for row in info.rows[3:]] == [("w8a8", name) for name in info.series]
    assert info.series == ("arithmetic", "weights from DRAM", "activations in SRAM")
    assert all(row.value.note == "estimated" for row in info.rows)
    arithmetic, weights, activations = (row.detail for row in info.rows[3:])
    assert (arithmetic.startswith("4,000 MACs in "), ", 1,000 MACs in " in arithmetic) == (True, True)
    assert weights == "every weight, read once"
    assert activations == "300 bytes of activations, written and read once"


def test_the_numbers_behind_the_picture_are_millijoules() -> None:
    """Each part and all of them, with the multiplications by type."""
    assert silicon_rows(FOUND)[1] == {
        "run": "w8a8",
        "arithmetic (mJ)": 0.003,
        "weights (mJ)": 0.005,
        "activations (mJ)": 0.0025,
        "all, estimated (mJ)": pytest.approx(0.0105),
        "MACs": "int8 4,000, fp32 1,000",
    }
