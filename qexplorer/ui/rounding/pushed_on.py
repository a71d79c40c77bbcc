"""GPTQ on one row: the Hessian of its inputs, and the error that each rounded column pushes on."""

from __future__ import annotations

import streamlit as st

from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.measure.lessons.pushing import Pushing, pushing_of
from qexplorer.report.lesson_charts.pushing import change_spec, hessian_spec, left_spec, pushing_sentence
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.rounding.lesson import Controls, lesson_caption
from qexplorer.ui.session import as_plain, remembered

__all__ = ["SAYS", "draw_pushed_on"]

SAYS = (
    "**GPTQ** rounds one column after the other, those with the largest inputs first. The Hessian says which inputs "
    "come together: weights still in float move so that they make up for the error of the one just rounded."
)


def draw_pushed_on(lesson: Lesson, digest: str, bits: int, row: int, settings: str, controls: Controls) -> None:
    """The pictures."""
    found = _pushing(digest, bits, row, lesson)
    columns = len(found.order)
    kept = remembered("tensor_lesson_done", min(columns, max(columns // 3, 1)))
    st.session_state[kept["key"]] = min(int(st.session_state[kept["key"]]), columns)
    done = int(controls.wide.slider("Columns rounded", 0, columns, **kept))
    sentence = pushing_sentence(found, done)
    st.markdown(as_plain(f"{sentence[:1].upper()}{sentence[1:]}."))
    left, right = st.columns([2, 3], gap="medium")
    with left:
        draw_picture(hessian_spec(lesson, found, done), key="lesson_hessian", settings=settings)
    with right:
        draw_picture(change_spec(found, done), key="lesson_changes", settings=settings)
        draw_picture(left_spec(found, done), key="lesson_left", settings=settings)
    st.caption(
        "Strong: large; the square root is drawn, so that small ones are seen. Above and left of the lines is what is "
        "rounded. " + lesson_caption(lesson)
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _pushing(digest: str, bits: int, row: int, _lesson: Lesson) -> Pushing:  # noqa: ARG001 - the digest is the key
    return pushing_of(_lesson, bits, row)
