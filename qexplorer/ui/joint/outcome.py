"""What a joint search found: the trials with their front, what matters, and the ways on from a recipe."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.report.joint_charts.importance import importance_spec
from qexplorer.report.joint_charts.joint_words import (
    FRONT_HEADER,
    chosen_words,
    cost_share,
    float_words,
    front_cells,
    tried_sentence,
)
from qexplorer.report.joint_charts.tried import progress_spec, tried_spec
from qexplorer.search.joint.joint_types import JointReport
from qexplorer.search.training_apart import trained_as
from qexplorer.ui.recipe_ways import draw_recipe_ways
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.serving.people import is_shared
from qexplorer.ui.session import as_plain, current_recipe

__all__ = ["draw_outcome"]


def draw_outcome(report: JointReport, *, live: bool = False) -> None:
    """Everything that is known; ``live`` while the search goes on: nothing can be chosen yet."""
    st.markdown(as_plain(tried_sentence(report)))
    for note in report.notes:
        st.caption(as_plain(note[:1].upper() + note[1:]) + ".")
    if not report.front:
        return
    settings = f"{report.model}, {report.data}"
    picture, matters = st.columns([3, 2], gap="medium")
    with picture:
        if live:
            draw_picture(tried_spec(report), key="joint_tried_live", settings=settings)
        else:
            _choose(report, settings)
    with matters:
        draw_picture(progress_spec(report), key=f"joint_progress{live}", settings=settings)
        if any(report.importance.values()):
            draw_picture(importance_spec(report), key=f"joint_importance{live}", settings=settings)
    if live:
        return
    st.header("The front")
    st.dataframe(in_table([dict(zip(FRONT_HEADER, row, strict=True)) for row in front_cells(report)]), hide_index=True)
    if told := float_words(report):
        st.caption(f"The float network: {as_plain(told)}.")
    if is_shared():  # nobody there sees where files are
        return
    st.caption("The whole history is in Optuna's storage; to look into it: `pip install optuna-dashboard`, then")
    st.code(f"optuna-dashboard '{report.storage}'", language="sh")


@st.fragment
def _choose(report: JointReport, settings: str) -> None:
    """The front, one recipe of it picked, and the ways on from that."""
    front = {trial.number: trial for trial in report.front}
    usual = report.chosen.number if report.chosen is not None else next(iter(front))
    number = usual
    if len(front) > 1:  # a slider with one stop cannot be drawn
        number = st.select_slider(
            "A recipe of the front, from the cheapest to the one that loses least",
            list(front),
            value=usual,
            format_func=lambda each: f"{cost_share(report, front[each]):.1f} %",
            key=f"joint_pick_{report.study}_{len(report.trials)}",
        )
    trial = front[number]
    draw_picture(tried_spec(report, number), key="joint_tried", settings=settings)
    st.markdown(f"**{as_plain(trial.name)}**: {as_plain(chosen_words(report, trial))}")
    draw_recipe_ways(trained_as(report.recipe(trial), current_recipe()), "joint")
