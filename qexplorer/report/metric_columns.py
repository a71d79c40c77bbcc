"""Columns that a comparison's own metrics bring: headings by the metric, and a column for each further one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qexplorer.core.results import Accuracy, Run
from qexplorer.report import words
from qexplorer.report.metric_words import axis_title, others_of
from qexplorer.report.run_columns import COLUMNS, Column, ExportedValue

__all__ = ["columns_of", "further_columns"]


def columns_of(runs: Sequence[Run]) -> tuple[Column, ...]:
    """All columns of ``runs``, headings resolved; further metrics behind what a run costs, in front of its status."""
    *found, status = (_named(column, runs) for column in COLUMNS)
    return (*found, *further_columns(runs), status)


def _named(column: Column, runs: Sequence[Run]) -> Column:
    title = column.title if column.heading is None else column.heading(runs)
    brief = column.brief_title if column.brief_heading is None else column.brief_heading(runs)
    return replace(column, title=title, brief_title=brief)


def further_columns(runs: Sequence[Run]) -> tuple[Column, ...]:
    """One column for each further metric that any of ``runs`` has a value of; numbers named after it in the CSV."""
    return tuple(_column(metric) for metric in others_of(runs))


def _column(metric: Accuracy) -> Column:
    name = metric.metric

    def of(run: Run) -> Accuracy | None:
        return next((found for found in run.metrics if found.metric == name), None)

    def end(field: str, i: int) -> ExportedValue:
        def read(run: Run) -> float | None:
            interval = getattr(of(run), field, None)
            return None if interval is None else float(interval[i])

        stem = name if field == "ci95" else f"{name}_delta"
        return ExportedValue(f"{stem}_{('low', 'high')[i]}", read)

    return Column(
        metric.label,
        f"{axis_title(metric)}, {metric.direction} is better; with its 95 % interval and n",
        lambda run: words.accuracy_cell(of(run)),
        lambda run: words.accuracy_text(of(run)),
        (
            *(ExportedValue(name, lambda run: getattr(of(run), "value", None)), end("ci95", 0), end("ci95", 1)),
            ExportedValue(f"{name}_delta", lambda run: getattr(of(run), "delta", None)),
            *(end("delta_ci95", 0), end("delta_ci95", 1)),
        ),
        late=True,  # behind what the run costs: they are looked up, not compared first
    )
