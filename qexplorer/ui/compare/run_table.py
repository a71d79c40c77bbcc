"""Runs as a table: every number with its interval and n; a dash where there is none, with the reason below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from qexplorer.core.results import Run, Status
from qexplorer.report import words
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.metric_columns import columns_of
from qexplorer.ui.session import as_plain

__all__ = ["NONE", "draw_runs", "reasons_of", "table_rows"]

NONE = "—"


def draw_runs(runs: Sequence[Run], *, key: str, finished: bool = True) -> None:
    """The table; of a finished comparison also one line for each number that could not be had, and remarks."""
    if not runs:
        return
    rows = table_rows(runs)
    # the browser keeps a column as wide as its first rows were, and names get longer when a second backend comes in
    config: dict[str, Any] = {
        "run": st.column_config.TextColumn(pinned=True, width=30 + round(7.5 * max(len(row["run"]) for row in rows))),
        **{c.title: st.column_config.TextColumn(help=c.help) for c in columns_of(runs) if c.cell and c.help},
    }
    st.dataframe(rows, key=key, hide_index=True, column_config=config, height=min(38 + 35 * len(rows), 460))
    if not finished:
        return
    for line in reasons_of(runs, missing=True):
        st.caption(as_plain(f"{NONE} {line}"))
    remarks = reasons_of(runs, missing=False)
    if remarks:
        with st.expander(f"Remarks on these numbers ({len(remarks)})", icon=":material/info:", key=f"{key}_remarks"):
            st.caption("  \n".join(as_plain(line) for line in remarks))


def table_rows(runs: Sequence[Run]) -> list[dict[str, str]]:
    """One row for each run, all cells text; a column that no run fills is left out."""
    rows = [_row(run, runs) for run in runs]
    kept = [name for name in rows[0] if name == "run" or any(row[name] != NONE for row in rows)]
    return [{name: row[name] for name in kept} for row in rows]


def _row(run: Run, runs: Sequence[Run]) -> dict[str, str]:
    cells = {"run": label_of(run, runs)}
    for column in sorted(columns_of(runs), key=lambda column: column.late):
        if column.cell is not None:
            cells[column.title] = column.cell(run)
    return {name: NONE if text == words.NONE else text for name, text in cells.items()}


def reasons_of(runs: Sequence[Run], *, missing: bool) -> list[str]:
    """One line for each reason, naming the runs that it is about.

    Args:
        runs: all runs of the comparison.
        missing: why numbers could not be had; else: why numbers that are there are to be doubted or were derived.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        for what, why, lacking in _reasons(run):
            if lacking == missing:
                found.setdefault((what, why), []).append(label_of(run, runs))
    return [f"{what}, {', '.join(labels)}: {why}" for (what, why), labels in found.items()]


def _reasons(run: Run) -> list[tuple[str, str, bool]]:
    """What each reason of the run is about, the reason, and whether the number is missing."""
    if run.status is not Status.OK:
        return [(str(run.status), run.reason or "no reason was given", True)]
    took, judged, ram, power, near = run.latency_ms, run.accuracy, run.memory, run.energy_mj, run.fidelity
    given = (
        *((found.label, found, found.value is None) for found in (judged, *run.metrics) if found is not None),
        ("latency", took, took is None or took.p50 is None),
        ("memory", ram, ram is None or ram.peak_rss_bytes is None),
        ("energy", power, power is None or power.value is None),
        ("fidelity", near, near is None or near.argmax_agreement is None),
    )
    about = [(what, part, lacking) for what, part, lacking in given if what != "fidelity" or run.recipe != "float"]
    found = [(what, part.reason, lacking) for what, part, lacking in about if part is not None and part.reason]
    busy = [] if took is None or not took.load else [("load on the machine", took.load, False)]
    return [*found, *busy, *(("how it ran", note, False) for note in run.notes)]
