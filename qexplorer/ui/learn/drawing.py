"""Pictures of a lesson on the page: charts with their files, boxes and tables."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_html, in_table
from qexplorer.learn.lesson import BoxPicture, ChartPicture, LessonPlan, Picture, Shown, TablePicture
from qexplorer.ui.rounding.drawing import draw_picture

__all__ = ["draw_shown"]


def draw_shown(lesson: LessonPlan, shown: Shown, settings: str) -> None:
    """The pictures, side by side where there is room for two."""
    if len(shown.pictures) == 1:
        _draw(lesson, shown.pictures[0], 0, settings)
        return
    for place, (column, picture) in enumerate(zip(st.columns(len(shown.pictures)), shown.pictures, strict=True)):
        with column:
            _draw(lesson, picture, place, settings)


def _draw(lesson: LessonPlan, picture: Picture, place: int, settings: str) -> None:
    if isinstance(picture, ChartPicture):
        draw_picture(dict(picture.spec), key=f"learn_{lesson.name}_{place}", settings=settings)
    elif isinstance(picture, BoxPicture):
        st.html(_cells(picture))
    else:
        _table(picture)


def _table(picture: TablePicture) -> None:
    st.markdown(f"**{picture.title}**")
    rows = [dict(zip(picture.columns, row, strict=True)) for row in picture.rows]
    st.dataframe(in_table(rows), hide_index=True, width="stretch")


def _cells(picture: BoxPicture) -> str:
    rows = "".join(
        f'<div class="qx-cells-row"><span class="qx-cells-says">{in_html(says)}</span><span class="qx-cells-boxes">'
        + "".join(f'<b class="qx-{in_html(kind)}">{in_html(text)}</b>' for text, kind in boxes)
        + "</span></div>"
        for says, boxes in picture.rows
    )
    return f'<figure class="qx-cells"><figcaption>{in_html(picture.title)}</figcaption>{rows}</figure>'
