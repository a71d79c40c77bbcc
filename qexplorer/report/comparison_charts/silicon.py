"""Where energy would go in a chip, run by run: arithmetic, weights, activations. An estimate from published tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qexplorer.measure.energy.silicon import OPERAND_TYPES, ModelEnergy, Process
from qexplorer.report.comparison_charts.bars import BarRow, BarsInfo
from qexplorer.report.comparison_charts.values import Value, made_on, scaled_unit
from qexplorer.report.palette import CLIPPING, ROUNDING, TENSOR

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["silicon_info", "silicon_rows"]

_PARTS = (
    ("arithmetic", "arithmetic_mj", TENSOR),
    ("weights from DRAM", "weights_mj", CLIPPING),
    ("activations in SRAM", "activations_mj", ROUNDING),
)


def silicon_info(comparison: Comparison, found: Mapping[str, ModelEnergy], process: Process) -> BarsInfo:
    """Stacked bars, one for each run.

    Args:
        comparison: whose model, machine and moment stand under the title.
        found: energies by the run's label.
        process: whose table they rest on.
    """
    totals = [item.total_mj for item in found.values()]
    unit, factor = scaled_unit("mJ", totals)
    rows = []
    for label, item in found.items():
        macs = ", ".join(f"{count:,} MACs in {OPERAND_TYPES[kind][2]}" for kind, count in item.macs.items())
        details = {
            "arithmetic_mj": macs,
            "weights_mj": "every weight, read once",
            "activations_mj": f"{item.activation_bytes:,} bytes of activations, written and read once",
        }
        for part, field, colour in _PARTS:
            detail = details[field]
            rows.append(BarRow(label, part, Value(getattr(item, field) * factor, note="estimated"), colour, detail))
    title = f"In silicon of {process.value}, estimated"
    series = tuple(name for name, _, _ in _PARTS)
    return BarsInfo(
        title, made_on(comparison), f"energy per inference ({unit}), estimated", series, tuple(rows), True, ()
    )


def silicon_rows(found: Mapping[str, ModelEnergy]) -> list[dict[str, object]]:
    """The numbers behind the picture, one row for each run."""
    return [
        {
            "run": label,
            "arithmetic (mJ)": item.arithmetic_mj,
            "weights (mJ)": item.weights_mj,
            "activations (mJ)": item.activations_mj,
            "all, estimated (mJ)": item.total_mj,
            "MACs": ", ".join(f"{kind} {count:,}" for kind, count in item.macs.items()),
        }
        for label, item in found.items()
    ]
