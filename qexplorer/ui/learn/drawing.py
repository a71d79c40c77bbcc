"""Pictures of a lesson on the page: charts with their files, boxes and tables."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_html
from qexplorer.core.formats import get_format
from qexplorer.learn.lesson import BoxPicture, ChartPicture, GridPicture, LessonPlan, Picture, Shown
from qexplorer.ui.grid_editor.component import draw_grid_editor
from qexplorer.ui.grid_editor.payload import EditorView
from qexplorer.ui.rounding.drawing import draw_picture

__all__ = ["draw_shown", "editor_key"]


def draw_shown(lesson: LessonPlan, shown: Shown, settings: str, *, fixed: bool) -> None:
    """The pictures, side by side where there is room for two; ``fixed`` while the question waits for its answer: then
    nothing can be dragged, and late pictures are only announced."""
    if len(shown.pictures) == 1:
        _draw(lesson, shown.pictures[0], 0, settings, fixed=fixed)
        return
    for place, (column, picture) in enumerate(zip(st.columns(len(shown.pictures)), shown.pictures, strict=True)):
        with column:
            _draw(lesson, picture, place, settings, fixed=fixed)


def _draw(lesson: LessonPlan, picture: Picture, place: int, settings: str, *, fixed: bool) -> None:
    if isinstance(picture, ChartPicture) and picture.late and fixed:
        st.markdown(f"**{picture.spec['title']['text']}**")
        st.caption("This picture comes with the answer.")
    elif isinstance(picture, ChartPicture):
        key = f"learn_{lesson.name}_{place}"
        draw_picture(dict(picture.spec), key=key, settings=settings, reads=picture.reads)
    elif isinstance(picture, GridPicture):
        _grid(lesson, picture, fixed=fixed)
    else:
        st.html(_cells(picture))


def editor_key(lesson: LessonPlan) -> str:
    """Key of the lesson's grid editor."""
    return f"learn_editor_{lesson.name}"


def _grid(lesson: LessonPlan, picture: GridPicture, *, fixed: bool) -> None:
    view = EditorView(
        title=picture.title,
        histogram=picture.stats.histogram,
        format=get_format(picture.format),
        symmetric=picture.symmetric,
        clip=picture.clip,
        log=True,
        hide=frozenset({"curve", "outlier", "steps"}),
        fixed=fixed,
    )
    draw_grid_editor(editor_key(lesson), view)


def _cells(picture: BoxPicture) -> str:
    rows = "".join(
        f'<div class="qx-cells-row"><span class="qx-cells-says">{in_html(says)}</span><span class="qx-cells-boxes">'
        + "".join(f'<b class="qx-{in_html(kind)}">{in_html(text)}</b>' for text, kind in boxes)
        + "</span></div>"
        for says, boxes in picture.rows
    )
    return f'<figure class="qx-cells"><figcaption>{in_html(picture.title)}</figcaption>{rows}</figure>'
