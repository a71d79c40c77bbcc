"""Channels scaled against each other on one layer: SmoothQuant and cross-layer equalization as one control."""

from __future__ import annotations

import streamlit as st

from qexplorer.measure.lessons.channels import ALPHAS, SIDES, Moved, Side, moves
from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.report.lesson_charts.channels import moved_sentence, moving_spec, ranges_spec
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.rounding.lesson import Controls, lesson_caption
from qexplorer.ui.session import as_plain, remembered

__all__ = ["SAYS", "draw_scaled"]

SAYS = (
    "A channel can be divided where it is made and multiplied where it is read: float stays as it is, but one scale "
    "then fits all channels. **SmoothQuant** moves size from activations to weights, **cross-layer equalization** from "
    "the weights of one layer to those of the next."
)
_NAMES: dict[Side, str] = {"inputs": "activations", "front": "weights"}
_LINES = "Thin: before; thick: after."
_HALF = ALPHAS.index(0.5)


def draw_scaled(lesson: Lesson, digest: str, bits: int, settings: str, controls: Controls) -> None:
    """The pictures."""
    around = lesson.around
    assert around is not None, "lessons that are made have it"
    sides = list(SIDES if around.front_layer else SIDES[:1])
    kept = remembered("lesson_side", sides[0], sides)
    side = controls.first.selectbox("Against", sides, format_func=_NAMES.__getitem__, **kept)
    alpha = controls.wide.select_slider("Alpha", ALPHAS, **remembered("lesson_alpha", ALPHAS[_HALF], ALPHAS))
    found = _moves(digest, bits, side, lesson)
    now = found[1 + ALPHAS.index(float(alpha))]
    sentence = moved_sentence(found, now, side)
    st.markdown(as_plain(f"{sentence[:1].upper()}{sentence[1:]}."))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        draw_picture(ranges_spec(found[0], now, side), key="lesson_ranges", settings=settings)
    with right:
        draw_picture(moving_spec(found, now, side), key="lesson_moving", settings=settings)
    st.caption(f"{as_plain(_how(side, around.front_layer))} {lesson_caption(lesson, grid=False)}")


def _how(side: Side, front: str) -> str:
    if side == "front":
        grids = "both weights with one scale each, as weights alone have it"
        return f"{_LINES} In front: {front}. Activations stay in float here, {grids}."
    alone = "" if front else " No layer stands in front whose channels keep a factor."
    grids = "weights with a scale for each output channel, as integer kernels take it"
    return f"{_LINES} Activations on one 8-bit grid here, {grids}.{alone}"


@st.cache_resource(max_entries=32, show_spinner=False)
def _moves(digest: str, bits: int, side: Side, _lesson: Lesson) -> tuple[Moved, ...]:  # noqa: ARG001 - as elsewhere
    return moves(_lesson, bits, side)
