"""What a teacher takes along: a link to this view with controls hidden, a class's link, the exercise notebook."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.learn.lesson import LessonPlan
from qexplorer.learn.notebook import exercise_notebook
from qexplorer.ui.learn.address import DISTRIBUTION, prepared_link
from qexplorer.ui.learn.classroom import teach, teaches
from qexplorer.ui.view.model_link import DIGEST, OWN_MODEL

__all__ = ["draw_share"]


def draw_share(lesson: LessonPlan) -> None:
    """The popover."""
    with st.popover("Teach with this", icon=":material/co_present:"):
        names = [control.name for control in lesson.controls]
        titles = {control.name: control.label for control in lesson.controls}
        if lesson.subject is not None:
            names.append(DISTRIBUTION)
            titles[DISTRIBUTION] = "Values"
        hidden = st.multiselect(
            "Hide these controls", names, format_func=titles.__getitem__, key=f"learn_hide:{lesson.name}"
        )
        left, right = st.columns(2)
        ask = left.toggle("Ask first", value=True, key=f"learn_ask:{lesson.name}")
        embed = right.toggle("Without sidebar", value=True, key=f"learn_embed:{lesson.name}")
        group = teaches()
        code = None if group is None else group.code
        st.markdown("Link to this view, as it stands now:")
        link = prepared_link(lesson, hide=hidden, ask=ask, embed=embed)
        st.code(link, language=None, wrap_lines=True)
        if f"&{DIGEST}=" in link:
            st.caption(OWN_MODEL)
        if code is None:
            st.button("Collect a class's answers", icon=":material/groups:", on_click=teach)
            st.caption("They stay on this machine, without names.")
        else:
            st.markdown("Link for the class, whose answers appear here:")
            link = prepared_link(lesson, hide=hidden, ask=True, embed=True, group=code)
            st.code(link, language=None, wrap_lines=True)
        st.download_button(
            "Exercise notebook",
            lambda: exercise_notebook(lesson),
            file_name(lesson.name, ".ipynb"),
            "application/x-ipynb+json",
            icon=":material/edit_note:",
            on_click="ignore",
            key=f"learn_notebook:{lesson.name}",
        )
