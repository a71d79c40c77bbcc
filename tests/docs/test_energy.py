"""The page on energy says what the program computes with."""

from __future__ import annotations

from pathlib import Path

from qexplorer.machine.meters.estimate import WATTS_PER_CPU
from qexplorer.machine.meters.registry import METERS
from qexplorer.measure.energy.silicon import PROCESSES
from qexplorer.report.footprint import DEFAULTS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "energy.md").read_text(encoding="utf-8")


def row(start: str) -> list[str]:
    """The cells of the table's row that begins so."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {start} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_table_of_operations_is_the_programs() -> None:
    """Every price on the page is the one in the program, and none is missing."""
    kinds = ("int8", "int32", "fp16", "bf16", "fp32")
    for process, table in PROCESSES.items():
        for what, prices in (("multiply", table.multiply), ("add", table.add)):
            cells = dict(zip(kinds, row(f"{what}, {process.value}"), strict=False))
            assert {kind: float(cell) for kind, cell in cells.items() if cell} == dict(prices)
        memory = [float(cell) for cell in row(f"multiply, {process.value}")[5:]]
        assert memory == [table.sram_64_bits, table.dram_64_bits]


def test_meters_and_assumptions_are_named() -> None:
    """Every meter has its row, and the defaults stand on the page."""
    for meter in METERS:
        assert f"| `{meter.name}` |" in PAGE
    for number in (WATTS_PER_CPU, DEFAULTS.battery_wh, DEFAULTS.grid_g_per_kwh):
        assert f"{number:g}" in PAGE
