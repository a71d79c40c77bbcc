"""Page Learn: the list of lessons, or one of them."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_markdown
from qexplorer.learn.lesson import LESSONS, LessonPlan
from qexplorer.ui.grid_editor.component import take_moved
from qexplorer.ui.learn.address import GROUP, Place, chosen_lesson, left_at, note, place_of
from qexplorer.ui.learn.classroom import asked_group, draw_answers, teaches
from qexplorer.ui.learn.controls import draw_controls
from qexplorer.ui.learn.drawing import draw_shown, editor_key
from qexplorer.ui.learn.question import draw_closing, draw_prediction, is_waiting, progress
from qexplorer.ui.learn.share import draw_share
from qexplorer.ui.learn.subject import draw_subject, tensor_of
from qexplorer.ui.session import show_error

__all__ = ["draw_learn_page"]

_ABOUT = (
    "A neural network is made of numbers: **weights**, which training found, and **activations**, which its layers "
    "compute from each input. **Quantization** stores each in a few bits, its **code**: the network gets smaller and "
    "often faster, and each number a little wrong. Here is how, one idea at a time: predict, look, play. Each "
    "takes about three minutes."
)
_TO_TOP = "learn_to_top"
_SCROLL = (
    """<script>setTimeout(() => document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0), 200);</script>"""
)


def draw_learn_page() -> None:
    """Draws the page."""
    lesson = chosen_lesson()
    if lesson is None:
        _draw_list()
    else:
        _, link = place_of(lesson)
        _draw_top(lesson)
        link.close()
        _draw_lesson(lesson)
        _draw_end(lesson)
    if st.session_state.pop(_TO_TOP, False):
        st.html(_SCROLL, unsafe_allow_javascript=True)


def _open(name: str | None) -> None:
    """Goes to a lesson as it was left, or to the list; all keys at once, so that the browser's back is one step."""
    kept = {key: value for key, value in st.query_params.items() if key in ("s", GROUP)}  # a class stays one
    st.query_params.from_dict(kept if name is None else kept | left_at(LESSONS.get(name)))
    st.session_state[_TO_TOP] = True


def _again(lesson: LessonPlan) -> None:
    Place(lesson).begin_again()
    st.session_state[_TO_TOP] = True


def _draw_list() -> None:
    st.title("Learn")
    st.markdown(_ABOUT)
    with st.container(key="learn_list"):
        for number, lesson in enumerate(LESSONS, 1):
            with st.container(border=True, key=f"card_learn_{lesson.name}"):
                st.markdown(f"**{number}. {lesson.title}**")
                st.markdown(lesson.idea)
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.button("Open", key=f"learn_open_{lesson.name}", on_click=_open, args=(lesson.name,))
                    if said := progress(Place(lesson)):
                        st.caption(said)


def _draw_top(lesson: LessonPlan) -> None:
    lessons = list(LESSONS)
    at = [each.name for each in lessons].index(lesson.name)
    with st.container(horizontal=True, vertical_alignment="center", key="learn_top"):
        st.title(lesson.title, width="content")
        _draw_arrow("back", "The lesson before", lessons[at - 1].name if at else None)
        st.caption(f"{at + 1} of {len(lessons)}", width="content")
        _draw_arrow("forward", "The next lesson", lessons[at + 1].name if at + 1 < len(lessons) else None)
        st.button("All lessons", type="tertiary", on_click=_open, args=(None,))
        draw_share(lesson)


def _draw_arrow(way: str, label: str, to: str | None) -> None:
    """A button whose words are for those who hear the page; others see the arrow."""
    icon, key = f":material/arrow_{way}:", f"learn_{way}"
    st.button(label, icon=icon, help=label, key=key, on_click=_open, args=(to,), disabled=to is None)


def _draw_end(lesson: LessonPlan) -> None:
    """Where one goes on, and where the lesson is from."""
    lessons = list(LESSONS)
    after = [each.name for each in lessons].index(lesson.name) + 1
    with st.container(horizontal=True, vertical_alignment="center", key="learn_end"):
        if after < len(lessons):
            label = f"Next: {lessons[after].title}"
            st.button(label, key="learn_on", on_click=_open, args=(lessons[after].name,))
        st.button("Start this lesson again", key="learn_again", type="tertiary", on_click=_again, args=(lesson,))
        for stem, does in lesson.pages:
            st.page_link(f"pages/{stem}.py", label=does, icon=":material/arrow_forward:", width="content")
    st.caption("Sources: " + in_markdown("; ".join(lesson.sources)) + ".")


@st.fragment
def _draw_lesson(lesson: LessonPlan) -> None:
    """Everything that a control changes; only this runs again when one moves."""
    place = Place(lesson)
    tensor = tensor_of(lesson, place)
    if lesson.dragged is not None and tensor is not None and (moved := take_moved(editor_key(lesson))) is not None:
        place.change(lesson.dragged(place.settings, tensor, moved.clip))
    note(lesson)
    with st.container(key="learn_idea"):
        st.markdown(lesson.idea)
    group = asked_group()
    if (taught := teaches()) is not None and place.ask:
        with st.container(key="learn_taught"):
            question, answers = st.columns([3, 2], gap="small")
        with question:
            draw_prediction(lesson, place, tensor, group)
        with answers:
            draw_answers(lesson, place, taught)
    else:
        draw_prediction(lesson, place, tensor, group)
    with st.container(key="explore"):
        picture, controls = st.columns([3, 1], gap="medium")
    with controls:
        draw_subject(lesson, place)
        draw_controls(lesson, place, disabled=is_waiting(lesson, place, group))
    with picture:
        settings = place.settings
        try:
            shown = lesson.show(settings, tensor)
        except QExplorerError as error:
            show_error(error)
            return
        used = [c for c in lesson.controls if c.name not in lesson.unused(tensor=tensor is not None)]
        words = ", ".join(f"{c.label} {c.write(settings[c.name])}" for c in used)
        draw_shown(lesson, shown, f"{lesson.title}, {words}", fixed=is_waiting(lesson, place, group))
        if not is_waiting(lesson, place, group):
            with st.container(key="learn_sentence"):
                st.markdown(shown.sentence)
            if shown.arithmetic:
                st.code("\n".join(shown.arithmetic), language=None, wrap_lines=True)
    with st.container(key="learn_words"):
        st.markdown("\n".join(f"- **{word}**: {says}" for word, says in lesson.words))
    draw_closing(lesson, place)
