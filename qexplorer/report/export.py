"""What a person takes away: results as JSON and CSV text, the same in the app, the terminal and a notebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qexplorer.report.chart_files.csv_text import frame_csv
from qexplorer.report.statements.cautions import cautions_of
from qexplorer.report.table import frame_of, plain, printed

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Comparison

__all__ = ["comparison_csv", "comparison_json", "json_text"]


_OF_DATA = ("n_calibration", "n_calibration_available", "n_shared")
"""What every line of the CSV says of the data: samples observed, of how many, and how many are in both parts."""


def json_text(value: Any) -> str:
    """``value`` as valid JSON (never NaN or Infinity), indented, with a newline at the end."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def comparison_json(comparison: Comparison) -> str:
    """A comparison as the JSON that ``qexplorer compare --json`` prints."""
    return json_text(printed(comparison))


def comparison_csv(comparison: Comparison) -> str:
    """A comparison as CSV: one line per run, units in the column names, empty where a value could not be had."""
    frame = frame_of(comparison.runs)
    frame.insert(0, "model", comparison.model.get("name"))
    for name in _OF_DATA:
        frame[name] = comparison.data.get(name)
    frame["created"], frame["effort"] = comparison.created, comparison.effort
    frame["cautions"] = "; ".join(cautions_of(comparison.runs)) or None
    return frame_csv(frame)
