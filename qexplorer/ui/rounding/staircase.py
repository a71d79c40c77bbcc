"""The straight-through estimator: the staircase, its derivative and the one in its place, and steps of training."""

from __future__ import annotations

import streamlit as st

from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.measure.lessons.stairs import Training, liveliest, staircase_of, trained
from qexplorer.report.lesson_charts.stairs import derivative_spec, loss_spec, stairs_spec, step_sentence, way_spec
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.rounding.lesson import Controls, lesson_caption
from qexplorer.ui.session import as_plain, remembered

__all__ = ["SAYS", "draw_staircase"]

SAYS = (
    "Rounding is flat but for its jumps, so its derivative teaches nothing: training passes the gradient **straight "
    "through** (STE), as if rounding were not there, and stops it beyond the grid. A weight in float moves under it "
    "until it jumps."
)
_AHEAD, _MOST = 30, 60
_RATE = 0.1  # of the largest that is stable without rounding; with larger ones most weights swing
_TAKEN = "rounding_steps"


def draw_staircase(lesson: Lesson, digest: str, bits: int, row: int, settings: str, controls: Controls) -> None:
    """The pictures, and the buttons that take steps."""
    ahead = _trained(digest, bits, row, _AHEAD, lesson)
    columns = [int(column) for column in lesson.columns]
    about = (digest, bits, row)
    best = columns[liveliest(ahead)]
    if st.session_state.get("rounding_about") != about:  # another row: the weight that moves first
        st.session_state["rounding_about"], st.session_state[_TAKEN] = about, 0
        st.session_state.pop("keep:tensor_lesson_input", None)
    kept = remembered("tensor_lesson_input", best, columns)
    if kept["key"] not in st.session_state or st.session_state[kept["key"]] is None:
        st.session_state[kept["key"]] = best
    column = columns.index(int(controls.second.selectbox("Input", columns, **kept)))
    with controls.wide, st.container(horizontal=True, gap="small"):
        taken = int(st.session_state.get(_TAKEN, 0))
        off = taken >= _MOST
        st.button(
            "Step", key="lesson_step", icon=":material/redo:", on_click=_take, args=(1,), disabled=off, type="primary"
        )
        st.button("10", key="lesson_ten", icon=":material/fast_forward:", on_click=_take, args=(10,), disabled=off)
        st.button("Back", key="lesson_back", icon=":material/replay:", on_click=_take, args=(-_MOST,))
    training = _trained(digest, bits, row, taken, lesson)
    stairs = staircase_of(lesson, bits, row, column)
    at = float(training.weights[-1, column])
    sentence = step_sentence(training, column, stairs)
    st.markdown(as_plain(f"{sentence[:1].upper()}{sentence[1:]}."))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        draw_picture(stairs_spec(stairs, at, bits), key="lesson_stairs", settings=settings)
        draw_picture(derivative_spec(stairs, at), key="lesson_derivative", settings=settings)
    with right:
        draw_picture(way_spec(training, column, stairs), key="lesson_way", settings=settings)
        draw_picture(loss_spec(training), key="lesson_loss", settings=settings)
    st.caption(
        "All weights of the channel learn, so that its output stays what it was in float; the orange one is drawn. "
        "Plain gradient descent; weights near a jump swing over it, as they do in training. " + lesson_caption(lesson)
    )


def _take(steps: int) -> None:
    st.session_state[_TAKEN] = min(max(int(st.session_state.get(_TAKEN, 0)) + steps, 0), _MOST)


@st.cache_resource(max_entries=128, show_spinner=False)
def _trained(digest: str, bits: int, row: int, steps: int, _lesson: Lesson) -> Training:  # noqa: ARG001 - as elsewhere
    return trained(_lesson, bits, row, steps, _RATE)
