"""Runs as a table: every number with its interval and n; a dash where there is none, with the reason below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.core.results import Run
from qexplorer.report import words
from qexplorer.report.comparison_charts.values import label_of
from qexplorer.report.metric_columns import columns_of
from qexplorer.ui.compare.remarks import remarks_of
from qexplorer.ui.session import as_plain

__all__ = ["NONE", "draw_runs", "table_rows"]

NONE = "—"
_MOST_ROWS = 13  # that are shown without scrolling
_MOST_PINNED = 220  # pixels of a first column that stays while others scroll: a telephone has 340


def draw_runs(runs: Sequence[Run], *, key: str, finished: bool = True) -> None:
    """The table; of a finished comparison also one line for each number that could not be had, and remarks."""
    if not runs:
        return
    rows = table_rows(runs)
    # the browser keeps a column as wide as its first rows were, and names get longer when a second backend comes in
    width = 30 + round(7.5 * max(len(row["run"]) for row in rows))
    config: dict[str, Any] = {
        "run": st.column_config.TextColumn(pinned=width <= _MOST_PINNED, width=width),
        **{c.title: st.column_config.TextColumn(help=c.help) for c in columns_of(runs) if c.cell and c.help},
    }
    st.dataframe(
        in_table(rows),
        key=key,
        hide_index=True,
        column_config=config,
        height="content" if len(rows) <= _MOST_ROWS else 460,
    )
    if not finished:
        return
    for each in remarks_of(runs, missing=True):
        st.caption(as_plain(f"{NONE} {each.about}, {each.runs}: {each.why}"))
    remarks = remarks_of(runs, missing=False)
    if remarks:
        about = ", ".join(dict.fromkeys(each.about for each in remarks))
        with st.expander(f"How far to trust these numbers ({about})", icon=":material/info:", key=f"{key}_remarks"):
            lines = [f"- **{as_plain(each.about)}**, {as_plain(f'{each.runs}: {each.why}')}" for each in remarks]
            st.caption("\n".join(lines))


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
