"""A class answers the question: the teacher sees the bars grow and reveals; everybody else waits for that."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_chart
from qexplorer.learn.group import Group, new_group, open_group
from qexplorer.learn.lesson import LessonPlan, as_offered
from qexplorer.report.chart_frame import chart_frame
from qexplorer.report.palette import INTEGER
from qexplorer.ui.learn.address import GROUP, PASSED, Place
from qexplorer.ui.session import session_id, show_error
from qexplorer.ui.view.choices import choice, chosen

__all__ = ["asked_group", "bars_spec", "draw_answers", "draw_waiting", "is_held_back", "send", "teach", "teaches"]

_EVERY_S = 2.0
_TAUGHT = "learn_group"


def teaches() -> Group | None:
    """The group of this session's class, if it is the teacher's."""
    code = choice(_TAUGHT, None)
    try:
        return open_group(code) if isinstance(code, str) else None
    except QExplorerError:  # its folder was removed, so that there is nothing to show
        return None


def teach() -> None:
    """Makes this session the teacher of a new group."""
    chosen(_TAUGHT, new_group().code)


def asked_group() -> Group | None:
    """The group that the address names, for somebody of the class; tells where there is none."""
    code = st.query_params.get(GROUP)
    if code is None:
        return None
    try:
        return open_group(code)
    except QExplorerError as error:
        show_error(error)
        return None


@st.fragment(run_every=_EVERY_S)
def draw_answers(lesson: LessonPlan, place: Place, group: Group) -> None:
    """What the class has answered so far, and the button that ends it; the teacher then sees the answer as well."""
    counts = group.counts(lesson.name, len(lesson.prediction.choices))
    given = sum(counts)
    with st.container(key="learn_answers", gap=None):
        spec = bars_spec(*_as_offered(lesson, counts))
        st.vega_lite_chart(in_chart(spec), width="stretch", key=f"learn_answers_{lesson.name}")
        if group.is_revealed(lesson.name):
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Reveal", type="primary", icon=":material/visibility:", help="Shows the answer to everybody"):
                group.reveal(lesson.name)
                if place.answer is None:
                    place.take_answer(PASSED)
                st.rerun()
            st.caption(f"{'1 answer' if given == 1 else f'{given} answers'} of the class, without names.")


@st.fragment(run_every=_EVERY_S)
def draw_waiting(lesson: LessonPlan, group: Group) -> None:
    """What somebody of the class sees until the answer is revealed."""
    if group.is_revealed(lesson.name):
        st.rerun()
    st.info("Your answer is in. The answer comes when it is revealed.", icon=":material/hourglass_empty:")


def send(lesson: LessonPlan, group: Group, choice: int) -> None:
    """Hands in an answer."""
    try:
        group.answer(lesson.name, session_id(), choice)
    except QExplorerError as error:
        show_error(error)


def is_held_back(lesson: LessonPlan, place: Place, group: Group | None) -> bool:
    """Whether an answer was given and is not revealed yet."""
    return group is not None and place.answer is not None and not group.is_revealed(lesson.name)


def _as_offered(lesson: LessonPlan, counts: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Choices and their counts in the order of the buttons."""
    choices = lesson.prediction.choices
    order = as_offered(lesson.name, 0, choices)
    return tuple(choices[at] for at in order), tuple(counts[at] for at in order)


def bars_spec(choices: tuple[str, ...], counts: tuple[int, ...]) -> dict[str, Any]:
    """Answers by choice, as bars from zero with their number at the end, which is why there is no axis of numbers: the
    lesson's picture below needs the room."""
    given = sum(counts)
    frame = chart_frame(f"What the class expects: {given}", "", 21 * len(choices))
    rows = [{"choice": choice, "answers": count} for choice, count in zip(choices, counts, strict=True)]
    return {
        **frame,
        "title": frame["title"] | {"offset": 6},
        "datasets": {"answers": rows},
        "data": {"name": "answers"},
        "encoding": {
            "y": {"field": "choice", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 200}},
            "x": {
                "field": "answers",
                "type": "quantitative",
                "axis": None,
                "scale": {"domain": [0, max(5, *counts)]},
            },
        },
        "layer": [
            {"mark": {"type": "bar", "color": INTEGER}},
            {"mark": {"type": "text", "align": "left", "dx": 4}, "encoding": {"text": {"field": "answers"}}},
        ],
    }
