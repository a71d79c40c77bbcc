"""What people read calls a backend by its label; its name is for what is typed: options, recipes, JSON, CSV."""

from __future__ import annotations

import json
from dataclasses import replace

from qexplorer.report.comparison_charts.bars import bars_spec, latency_info
from qexplorer.report.comparison_charts.tradeoff import trade_info, trade_spec
from qexplorer.report.notebook import comparison_html
from qexplorer.report.present.cards import presentation
from qexplorer.report.present.page import page
from qexplorer.report.table import ComparisonTable, run_cells
from qexplorer.report.verdict import headline, verdict_of
from qexplorer.run.registry import BACKENDS, backend_label
from tests.report.comparisons import comparison, float_run, quantized_run

NAME = "onnxruntime-unpacked"
LABEL = "ONNX Runtime (weights unpacked)"


def test_verdicts_tables_charts_and_cards_have_the_label() -> None:
    """Of a comparison on two backends nothing that is read has the name, and each part has the label."""
    noted = replace(quantized_run("w8", NAME), notes=("weights are unpacked once",))
    found = comparison(float_run(), quantized_run("w8"), float_run(NAME), noted)
    table = ComparisonTable(found)
    first = headline(found.runs)
    assert first is not None
    told = {
        "headline": first.text + verdict_of(noted, found.runs).text,
        "terminal": " ".join(cell for run in found.runs for cell in run_cells(run).values()),
        "notebook": comparison_html(table),
        "notes": " ".join(table.notes),
        "trade-off": json.dumps(trade_spec(trade_info(found, "latency_ms"))),
        "bars": json.dumps(bars_spec(latency_info(found))),
        "cards": page(presentation(found, [noted])),
    }
    assert {part for part, text in told.items() if LABEL not in text} == set()
    assert {part for part, text in told.items() if NAME in text} == set()


def test_a_backend_that_is_gone_keeps_its_name() -> None:
    """A record of old may name a backend that no longer exists: it is called so."""
    assert backend_label("gone") == "gone"
    assert all(backend_label(backend.name) == backend.label for backend in BACKENDS)
