"""What is said beside an accuracy, wherever it is shown."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

from qexplorer.report.export import comparison_csv
from qexplorer.report.notebook import comparison_html, run_html
from qexplorer.report.statements.cautions import FEW, cautions_of
from qexplorer.report.table import ComparisonTable
from tests.report.comparisons import comparison, float_run, quantized_run


def test_few_samples_are_said_in_every_form() -> None:
    """Below 32 samples the terminal, a notebook, JSON and CSV say so; at 32 none does."""
    few = [replace(run, accuracy=replace(run.accuracy, n=FEW - 1)) for run in (float_run(), quantized_run())]
    table = ComparisonTable(comparison(*few))
    (said,) = cautions_of(few)
    assert said.startswith("only 31 samples judge the answers")
    assert said in table.conditions
    assert table.to_json()["cautions"] == [said]
    assert said in comparison_html(table)
    assert said in run_html(few[1])
    assert {row["cautions"] for row in csv.DictReader(io.StringIO(comparison_csv(table.comparison)))} == {said}
    enough = [replace(run, accuracy=replace(run.accuracy, n=FEW)) for run in few]
    assert cautions_of(enough) == ()
    assert ComparisonTable(comparison(*enough)).to_json()["cautions"] == []
