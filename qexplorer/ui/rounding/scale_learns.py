"""LSQ on one layer: the gradient of a scale, and the way down from the widest grid."""

from __future__ import annotations

import streamlit as st

from qexplorer.measure.lessons.lesson import Lesson
from qexplorer.measure.lessons.scale_walk import RATE, STEPS, Walk, walk_of
from qexplorer.report.lesson_charts.scale_walk import curve_spec, slope_spec, walk_sentence
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.rounding.lesson import Controls, lesson_caption
from qexplorer.ui.session import as_plain, remembered

__all__ = ["SAYS", "draw_scale_learns"]

SAYS = (
    "A wide grid clips nothing and rounds coarsely. **LSQ** learns the scale: weights inside the grid pull it down, "
    "because a finer one rounds them better; clipped ones push it up. It rests where both are in balance."
)


def draw_scale_learns(lesson: Lesson, digest: str, bits: int, settings: str, controls: Controls) -> None:
    """The pictures."""
    walk = _walk(digest, bits, lesson)
    step = int(controls.wide.slider("Steps of training", 0, STEPS, **remembered("lesson_scale_step", STEPS // 4)))
    sentence = walk_sentence(walk, step)
    st.markdown(as_plain(f"{sentence[:1].upper()}{sentence[1:]}."))
    left, right = st.columns([1, 1], gap="medium")
    with left:
        draw_picture(slope_spec(walk, step), key="lesson_slopes", settings=settings)
    with right:
        draw_picture(curve_spec(walk, step), key="lesson_curve", settings=settings)
    st.caption(
        f"One scale for all {lesson.values.size:,} weights, symmetric; shaded: where they are; lines: the ends of the "
        f"grid. Adam moves it by up to {RATE:.0%} a step, as training here does. " + lesson_caption(lesson)
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _walk(digest: str, bits: int, _lesson: Lesson) -> Walk:  # noqa: ARG001 - the digest is the key
    return walk_of(_lesson, bits)
