"""How values show themselves in a notebook: plain HTML tables that take the page's colours, light or dark.

Importing this module registers the renderers; nothing else needs to be called.
"""

from __future__ import annotations

from collections.abc import Sequence

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.foreign.media import in_html
from qexplorer.core.model import Model
from qexplorer.core.python_surface.show import show_with
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Run
from qexplorer.measure.effects.effect_types import EffectReport
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.training.diaries.outcome import TrainedModel
from qexplorer.report.as_text.reports import TELLERS, told_of
from qexplorer.report.effect_charts.effect_table import EFFECT_HEADER, effect_cells, effect_sentence
from qexplorer.report.statements.cautions import cautions_of
from qexplorer.report.table import ComparisonTable, run_cells, run_notes
from qexplorer.report.training_charts.notebook import training_html
from qexplorer.report.words import bytes_text, carried_text, count_text

__all__ = [
    "comparison_html",
    "data_html",
    "effects_html",
    "model_html",
    "quantized_html",
    "recipe_html",
    "report_html",
    "run_html",
    "table_html",
]

_CELL = "padding:.2em .8em .2em 0;text-align:left;border-bottom:1px solid rgba(128,128,128,.35);color:inherit"
_QUIET = "color:inherit;opacity:.7;margin:.3em 0"
_MANY_ROWS = 60


def table_html(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """An HTML table; every cell is escaped, and rows beyond 60 are counted instead of shown."""
    head = "".join(f'<th style="{_CELL};font-weight:600">{in_html(cell)}</th>' for cell in header)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows[:_MANY_ROWS])
    more = f'<p style="{_QUIET}">and {len(rows) - _MANY_ROWS} more rows</p>' if len(rows) > _MANY_ROWS else ""
    style = "border-collapse:collapse;background:transparent;color:inherit;font-variant-numeric:tabular-nums"
    return f'<table style="{style}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}'


def model_html(model: Model) -> str:
    """Title, totals and layers of a model."""
    able = sum(layer.quantizable for layer in model.computing_layers)
    facts = [f"{count_text(model.parameters)} parameters", bytes_text(model.file_bytes), f"opset {model.opset}"]
    if model.macs is not None:
        facts.insert(1, f"{count_text(model.macs)} multiply-accumulates a sample")
    facts.append(f"{able} of {len(model.computing_layers)} layers can be quantized")
    if model.untrained:
        facts.append("untrained: size and latency only")
    rows = [
        (
            layer.name,
            layer.op,
            _shape(layer.weight_shape),
            layer.parameters,
            "yes" if layer.quantizable else layer.reason,
        )
        for layer in model.computing_layers
    ]
    header = ("layer", "operator", "weight", "parameters", "can be quantized")
    return _title(model.name, facts) + table_html(header, rows) + _notes(model.notes)


def data_html(data: DataSet) -> str:
    """Sizes, shapes and classes of a data set."""
    facts = [f"{len(data.classes)} classes"] if data.classes else []
    facts.append(data.parts_text)
    rows = [_split_row("calibration", data.calibration), _split_row("evaluation", data.evaluation)]
    return _title(data.name, facts) + table_html(("part", "samples", "inputs", "labels"), rows) + _notes(data.notes)


def recipe_html(recipe: Recipe) -> str:
    """The recipe's YAML, which ``Recipe.parse`` reads back."""
    return _title(recipe.name, [f"digest {recipe.digest}"]) + f"<pre>{_lines(recipe.to_yaml())}</pre>"


def effects_html(report: EffectReport) -> str:
    """What each algorithm of a recipe changed."""
    parts = [_title(f"{report.model} by {report.recipe}", [f"{report.n} calibration samples of {report.data}"])]
    for effect in report.algorithms:
        parts += [f"<p>{in_html(effect_sentence(effect))}</p>", table_html(EFFECT_HEADER, effect_cells(effect))]
    return "".join(parts)


def quantized_html(quantized: QuantizedModel) -> str:
    """What became of each layer, and why."""
    kept = quantized.weight_bytes / max(quantized.model.weight_bytes, 1)
    facts = [
        f"{bytes_text(quantized.weight_bytes)} of weights, {kept:.3g} of float{carried_text(quantized.size)}",
        f"digest {quantized.digest}",
    ]
    if quantized.calibration is not None:
        facts.insert(1, f"ranges from {quantized.calibration}")
    rows = [
        (layer.name, layer.op, layer.treatment, layer.weights or "", layer.activations or "", layer.reason)
        for layer in quantized.plan.layers
        if layer.computes
    ]
    header = ("layer", "operator", "treatment", "weights", "activations", "why")
    title = _title(f"{quantized.model.name}, {quantized.recipe.name}", facts)
    return title + table_html(header, rows) + _notes(quantized.plan.notes)


def run_html(run: Run) -> str:
    """One run as a table with one row for each quantity."""
    notes = (*cautions_of((run,)), *run_notes((run,)))
    return table_html(("quantity", "value"), list(run_cells(run).items())) + _notes(notes)


def comparison_html(table: ComparisonTable) -> str:
    """One row per run, the float model first."""
    rows = [run_cells(run, table.runs) for run in table.runs]
    title = _title(str(table.comparison.model.get("name", "comparison")), table.conditions)
    return title + table_html(list(rows[0]) if rows else [], [list(row.values()) for row in rows]) + _notes(table.notes)


def report_html(report: object) -> str:
    """What is told of a report that a verb returned: facts, tables, notes."""
    told = told_of(report)
    facts = [(name, value) for name, value in told.facts.items() if value is not None]
    tables = "".join(table_html(table.header, table.rows) for table in told.tables)
    return table_html(("", ""), facts) + tables + _notes(told.notes)


def _title(name: str, facts: Sequence[str]) -> str:
    return f'<p style="color:inherit;margin:.3em 0"><b>{in_html(name)}</b> · {in_html(", ".join(facts))}</p>'


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p style="{_QUIET}">{in_html(note)}</p>' for note in notes)


def _split_row(name: str, split: Split) -> tuple[object, ...]:
    inputs = "; ".join(f"{key + ' ' if key else ''}{_shape(a.shape[1:])} {a.dtype}" for key, a in split.inputs.items())
    return name, split.n, inputs, "no" if split.labels is None else "yes"


def _shape(shape: Sequence[int]) -> str:
    return " x ".join(str(size) for size in shape)


def _lines(text: str) -> str:
    return "\n".join(map(in_html, text.splitlines()))


def _cell(value: object) -> str:
    return f'<td style="{_CELL}">{in_html(value)}</td>'


show_with(Model, model_html)
show_with(DataSet, data_html)
show_with(Recipe, recipe_html)
show_with(QuantizedModel, quantized_html)
show_with(EffectReport, effects_html)
show_with(TrainedModel, training_html)
show_with(Run, run_html)
for _kind in TELLERS:
    show_with(_kind, report_html, lambda report: told_of(report).text)
show_with(ComparisonTable, comparison_html)
