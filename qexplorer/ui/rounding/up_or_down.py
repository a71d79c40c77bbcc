"""AdaRound on one layer: which weights went up and which down, and why nearest was worse."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.measure.lessons.choices import cells_of, other_way, row_errors_of, telling_cell
from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.report.lesson_charts.choices import cells_spec, cost_spec, other_way_sentence, row_error_spec
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.rounding.lesson import Controls, lesson_caption
from qexplorer.ui.session import as_plain, remembered

__all__ = ["SAYS", "draw_up_or_down"]

SAYS = (
    "Nearest is best for each weight by itself. But errors of a row's weights meet at its output, where they add up or "
    "cancel. **AdaRound** learns which way each weight goes so that they cancel; strong cells went another way than "
    "nearest. Click one."
)
_ROWS, _COLUMNS = 10, 24
_CELL = "rounding_cell"


def draw_up_or_down(lesson: Lesson, digest: str, bits: int, settings: str, controls: Controls) -> None:
    """The pictures."""
    rows, columns = _window(lesson, controls)
    chosen = _chosen(lesson, digest, bits, rows, columns)
    cells = cells_of(lesson, bits, rows, columns)
    found = other_way(lesson, bits, *chosen)
    (cell,) = cells_of(lesson, bits, range(chosen[0], chosen[0] + 1), range(chosen[1], chosen[1] + 1))
    sentence = other_way_sentence(found, cell)
    where = f"Channel {int(lesson.channels[cell.row])}, input {int(lesson.columns[cell.column])}: "
    st.markdown(as_plain(f"{where}{sentence}."))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        spec = cells_spec(lesson, cells, chosen, bits)
        draw_picture(spec, key="lesson_cells", settings=settings, on_select=lambda: _pick(digest))
        moved = lesson.steps[bits].nearest != lesson.steps[bits].learned
        st.caption(
            f"Orange ▲ up, blue ▼ down; {moved.mean():.1%} of the weights went another way than nearest. "
            + lesson_caption(lesson)
        )
    with right:
        if found is not None:
            draw_picture(cost_spec(found), key="lesson_cost", settings=settings)
        errors = row_errors_of(lesson, bits)
        draw_picture(row_error_spec([errors[row] for row in rows]), key="lesson_rows", settings=settings)


def _window(lesson: Lesson, controls: Controls) -> tuple[range, range]:
    """Which weights are drawn: all, or a window that two sliders move."""
    found = []
    rows, columns = lesson.values.shape
    wanted = (
        ("rows", "Channels", rows, _ROWS, controls.second),
        ("columns", "Inputs", columns, _COLUMNS, controls.wide),
    )
    for name, label, total, size, place in wanted:
        starts = list(range(0, total, size))
        start = 0
        if len(starts) > 1:
            kept = remembered(f"tensor_lesson_{name}", 0, starts)
            texts = {s: f"{s + 1} to {min(s + size, total)}" for s in starts}
            start = int(place.select_slider(label, starts, format_func=texts.__getitem__, **kept))
        found.append(range(start, min(start + size, total)))
    return found[0], found[1]


def _chosen(lesson: Lesson, digest: str, bits: int, rows: range, columns: range) -> tuple[int, int]:
    """The cell that was clicked, while it is in sight; else the one that says most."""
    picked = st.session_state.get(_CELL)
    if picked is not None and picked[0] == digest and picked[1] in rows and picked[2] in columns:
        return int(picked[1]), int(picked[2])
    return telling_cell(lesson, bits, rows, columns)


def _pick(digest: str) -> None:
    event: Any = st.session_state["lesson_cells"]
    picked = (event.get("selection") or {}).get("cell") or []
    if picked:
        st.session_state[_CELL] = (digest, int(picked[0]["row"]), int(picked[0]["column"]))
