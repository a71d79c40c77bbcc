"""The question before the answer, and the three at the end."""

from __future__ import annotations

import streamlit as st

from qexplorer.learn.controls import starts
from qexplorer.learn.group import Group
from qexplorer.learn.lesson import LessonPlan, as_offered
from qexplorer.observe.stats import TensorStats
from qexplorer.ui.learn.address import Place
from qexplorer.ui.learn.classroom import draw_waiting, is_held_back, send

__all__ = ["draw_closing", "draw_prediction", "is_waiting"]

_PASSED = -1


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
                    st.button(
                        asked.choices[at], key=f"learn_choice_{at}", on_click=_answer, args=(lesson, place, at, group)
                    )
                if group is None:
                    st.button(
                        "Pass", key="learn_pass", type="tertiary", on_click=_answer, args=(lesson, place, _PASSED)
                    )
    elif group is not None and is_held_back(lesson, place, group):
        draw_waiting(lesson, group)
    else:
        _move_on(lesson, place)
        before = lesson.show(_asked_at(lesson, place), tensor).numbers
        after = lesson.show({**_asked_at(lesson, place), **asked.then}, tensor).numbers
        right = asked.right(before, after)
        _verdict(asked.choices, place.answer, right, asked.because.format(**after), asked.asks)


def _asked_at(lesson: LessonPlan, place: Place) -> dict[str, object]:
    """The values at which the question was asked: what an address hides or sets stays, the rest is at its start."""
    return {**starts(lesson.controls), **st.session_state.get(_asked_key(lesson), place.settings)}


def _asked_key(lesson: LessonPlan) -> str:
    return f"learn_asked:{lesson.name}"


def _answer(lesson: LessonPlan, place: Place, at: int, group: Group | None = None) -> None:
    if group is not None:
        send(lesson, group, at)
    st.session_state[_asked_key(lesson)] = dict(place.settings)
    place.answer = at
    st.session_state[_due_key(lesson)] = True
    if group is None:
        _move_on(lesson, place)


def _due_key(lesson: LessonPlan) -> str:
    return f"learn_due:{lesson.name}"


def _move_on(lesson: LessonPlan, place: Place) -> None:
    """Sets the controls to where the answer is seen, once; in a class not before it is revealed."""
    if st.session_state.pop(_due_key(lesson), False):
        place.settings.update(lesson.prediction.then)


def _verdict(choices: tuple[str, ...], given: int, right: int, because: str, asked: str = "") -> None:
    question, answer = f"{asked} " if asked else "", _plain(choices[right])
    if given == right:
        st.success(f"{question}**Right: {answer}.** {because}", icon=":material/check:")
    elif given == _PASSED:
        st.info(f"{question}**{answer[:1].upper()}{answer[1:]}.** {because}", icon=":material/lightbulb:")
    else:
        st.warning(
            f"{question}Not “{_plain(choices[given])}”, but **{answer}.** {because}", icon=":material/lightbulb:"
        )


def _plain(choice: str) -> str:
    """A choice without the full stop of one that ends a sentence."""
    return choice.removesuffix(".")


def draw_closing(lesson: LessonPlan, place: Place) -> None:
    """The three questions at the end, each with its answer as soon as one is given."""
    st.header("Three questions")
    for number, question in enumerate(lesson.closing):
        order = as_offered(lesson.name, number + 1, question.choices)
        chosen = st.radio(
            question.asks,
            order,
            index=order.index(place.closing[number]) if number in place.closing else None,
            format_func=question.choices.__getitem__,
            key=f"learn_closing:{lesson.name}:{number}",
        )
        if chosen is not None:
            place.closing[number] = chosen
            _verdict(question.choices, chosen, question.right, question.because)
    right = sum(place.closing.get(n) == q.right for n, q in enumerate(lesson.closing))
    if len(place.closing) == len(lesson.closing):
        st.markdown(f"**{right} of {len(lesson.closing)} right.**")
