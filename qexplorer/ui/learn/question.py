"""The question before the answer, and the three at the end."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_label
from qexplorer.learn.group import Group
from qexplorer.learn.lesson import Closing, LessonPlan, as_offered
from qexplorer.observe.stats import TensorStats
from qexplorer.ui.learn.address import PASSED, Place
from qexplorer.ui.learn.classroom import draw_waiting, is_held_back, send

__all__ = ["draw_closing", "draw_prediction", "is_waiting", "progress"]


def is_waiting(lesson: LessonPlan, place: Place, group: Group | None) -> bool:
    """Whether the question is still to be answered, or its answer to be revealed; controls wait for it."""
    return place.ask and (place.answer is None or is_held_back(lesson, place, group))


def draw_prediction(lesson: LessonPlan, place: Place, tensor: TensorStats | None, group: Group | None) -> None:
    """The question with its choices; once answered, whether that was right and why."""
    if not place.ask:
        return
    asked = lesson.prediction
    if place.answer is None:
        with st.container(border=True, key="learn_question", gap="small"):
            st.markdown(f"**Before you try: {asked.asks}**")
            with st.container(horizontal=True, gap="small"):
                for at in as_offered(lesson.name, 0, asked.choices):
                    st.button(asked.choices[at], key=f"learn_choice_{at}", on_click=_answer, args=(place, at, group))
                if group is None:
                    st.button("Pass", key="learn_pass", type="tertiary", on_click=_answer, args=(place, PASSED))
    elif group is not None and is_held_back(lesson, place, group):
        draw_waiting(lesson, group)
    else:
        place.move_on()
        before = lesson.show(place.asked_at, tensor).numbers
        after = lesson.show({**place.asked_at, **asked.then}, tensor).numbers
        _predicted(asked.asks, asked.choices, place.answer, asked.right(before, after), asked.reason(after))


def _answer(place: Place, at: int, group: Group | None = None) -> None:
    if group is not None:
        send(place.lesson, group, at)
    place.take_answer(at)
    if group is None:  # in a class the picture tells the answer only when it is revealed
        place.move_on()


def _predicted(asks: str, choices: tuple[str, ...], given: int, right: int, because: str) -> None:
    answer = _plain(choices[right])
    if given == right:
        st.success(f"{asks} **Right: {answer}.** {because}", icon=":material/check:")
    elif given == PASSED:
        st.info(f"{asks} **{answer[:1].upper()}{answer[1:]}.** {because}", icon=":material/lightbulb:")
    else:
        st.warning(f"{asks} Not “{_plain(choices[given])}”, but **{answer}.** {because}", icon=":material/lightbulb:")


def _plain(choice: str) -> str:
    """A choice without the full stop of one that ends a sentence."""
    return choice.removesuffix(".")


def draw_closing(lesson: LessonPlan, place: Place) -> None:
    """The three questions at the end; each answer gets its sentence at once, and a wrong one can be changed."""
    st.header("Three questions")
    given = place.closing
    for number, question in enumerate(lesson.closing):
        order = as_offered(lesson.name, number + 1, question.choices)
        key = f"learn_closing:{lesson.name}:{number}"
        st.session_state[key] = given.get(number)
        st.radio(
            question.asks,
            order,
            format_func=question.choices.__getitem__,
            key=key,
            on_change=_take_closing,
            args=(place, number, key),
        )
        if number in given:
            _closed(question, given[number])
    if said := progress(place):
        st.markdown(f"**{said}**")


def _take_closing(place: Place, number: int, key: str) -> None:
    place.take_closing(number, st.session_state[key])


def _closed(question: Closing, given: int) -> None:
    answer, says = question.answers[given]
    if given == 0:
        st.success(f"**Right: {in_label(_plain(answer))}.** {says}", icon=":material/check:")
    else:
        st.warning(f"**Not “{in_label(_plain(answer))}”.** {says}", icon=":material/lightbulb:")


def progress(place: Place) -> str:
    """How many closing questions are answered rightly; empty where none is answered."""
    given, questions = place.closing, len(place.lesson.closing)
    if not given:
        return ""
    right, at_once = (sum(answer == 0 for answer in answers.values()) for answers in (given, place.first))
    later = "" if right == at_once else f", {at_once} at the first try"
    return f"{right} of {questions} right{later}."
