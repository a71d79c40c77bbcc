"""The example notebook does what it shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


def shown(cell: Any) -> str:
    """The HTML of what a cell showed."""
    return str(next(output["data"]["text/html"] for output in cell.outputs if "data" in output))


def test_the_first_steps_run_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs, values show themselves as tables, the chart is a chart, and no cell prints a warning."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    notebook = nbformat.read(ROOT / "examples" / "first_steps.ipynb", as_version=4)
    NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = {cell.source: cell for cell in notebook.cells if cell.cell_type == "code"}
    for source, cell in cells.items():
        assert [output for output in cell.outputs if output.get("name") == "stderr"] == [], source
        if source.splitlines()[-1] in ("model", "data", "quantized", "table") or source.startswith("qx.measure"):
            assert "<table" in shown(cell)
    chart = shown(cells['table.chart("weight_bytes")'])
    assert all(run in chart for run in ("vega", "float", "w8a8", "w4a8", "w4-b32"))


def test_the_notebook_is_kept_without_outputs() -> None:
    """Outputs would be numbers of one machine, and they make every change hard to read."""
    notebook = nbformat.read(ROOT / "examples" / "first_steps.ipynb", as_version=4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
