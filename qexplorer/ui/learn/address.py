"""What the address of page Learn says: lesson, values of its controls, which of them are hidden; and the link back.

A link holds nothing of a session, so that whoever opens it has one of their own. A value that a control cannot have is
told in one sentence, and the control keeps its last good one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.learn.controls import starts
from qexplorer.learn.lesson import LESSONS, LessonPlan

__all__ = [
    "ASK",
    "DISTRIBUTION",
    "GROUP",
    "HIDE",
    "LESSON",
    "RESERVED",
    "Place",
    "chosen_lesson",
    "left_at",
    "link_to",
    "note",
    "place_of",
    "widget_key",
]

LESSON, HIDE, ASK, DISTRIBUTION, GROUP = "lesson", "hide", "ask", "values", "group"
RESERVED = frozenset({LESSON, HIDE, ASK, DISTRIBUTION, GROUP, "s", "embed", "embed_options"})
"""Names in the address that no control of a lesson may have."""

_PLACES, _SEEN = "learn_places", "learn_seen"


@dataclass
class Place:
    """Where somebody is in a lesson.

    Attributes:
        settings: value of each control.
        hidden: controls that are not drawn, and ``values`` where the choice of the tensor is not.
        ask: whether the question stands before the answer.
        values: name of the synthetic distribution, or of the model's tensor behind ``model:``; None without subject.
        problems: what the address said and no control can have, one sentence each.
        answer: the answer that was given; None before, -1 where the question was passed over.
        closing: answers to the closing questions, by position.
    """

    settings: dict[str, Any]
    hidden: frozenset[str] = frozenset()
    ask: bool = True
    values: str | None = None
    problems: list[str] = field(default_factory=list)
    answer: int | None = None
    closing: dict[int, int] = field(default_factory=dict)


def chosen_lesson() -> tuple[LessonPlan | None, str | None]:
    """The lesson of the address; with a sentence where it names one that there is not."""
    asked = st.query_params.get(LESSON)
    if asked is None:
        return None, None
    try:
        return LESSONS.get(asked), None
    except QExplorerError as error:
        return None, error.sentence


def place_of(lesson: LessonPlan) -> Place:
    """Where this session is in the lesson: as it was left, or as an address says that came from elsewhere."""
    places: dict[str, Place] = st.session_state.setdefault(_PLACES, {})
    place = places.setdefault(lesson.name, Place(starts(lesson.controls), values=_first(lesson)))
    asked = {key: value for key, value in st.query_params.items() if key in _own(lesson)}
    if asked != st.session_state.get(_SEEN):
        st.session_state[_SEEN] = asked
        _take(lesson, place, asked)
    return place


def left_at(lesson: LessonPlan) -> dict[str, str]:
    """The address of a lesson as this session left it."""
    place: Place | None = st.session_state.get(_PLACES, {}).get(lesson.name)
    return {LESSON: lesson.name} if place is None else _query(lesson, place, place.hidden, ask=place.ask)


def _first(lesson: LessonPlan) -> str | None:
    return lesson.distribution if lesson.subject is not None else None


def _own(lesson: LessonPlan) -> set[str]:
    return {LESSON, HIDE, ASK, DISTRIBUTION, *(control.name for control in lesson.controls)}


def _take(lesson: LessonPlan, place: Place, asked: dict[str, str]) -> None:
    """Takes over what an address says; what it leaves out is as at the start, as links do that."""
    place.problems = []
    for control in lesson.controls:
        if (text := asked.get(control.name)) is None:
            place.settings[control.name] = control.start
        else:
            try:
                place.settings[control.name] = control.read(text)
                st.session_state.pop(widget_key(lesson, control.name), None)
            except QExplorerError as error:
                place.problems.append(error.sentence)
    names = {control.name for control in lesson.controls} | {DISTRIBUTION}
    place.hidden = frozenset(asked.get(HIDE, "").split(",")) & names
    place.ask = asked.get(ASK) != "off"
    if lesson.subject is not None:
        place.values = asked.get(DISTRIBUTION, lesson.distribution)
    if place.ask and place.answer is None:  # the question speaks of what is on screen
        first = starts(lesson.controls)
        place.settings.update({name: first[name] for name in lesson.prediction.then})


def widget_key(lesson: LessonPlan, name: str) -> str:
    """Key of a control's widget in the session."""
    return f"learn:{lesson.name}:{name}"


def _query(lesson: LessonPlan, place: Place, hidden: Iterable[str], *, ask: bool) -> dict[str, str]:
    query = {LESSON: lesson.name}
    for control in lesson.controls:
        if (value := place.settings[control.name]) != control.start:
            query[control.name] = control.write(value)
    if place.values is not None and place.values != _first(lesson):
        query[DISTRIBUTION] = place.values
    if shown := ",".join(sorted(hidden)):
        query[HIDE] = shown
    if not ask:
        query[ASK] = "off"
    return query


def note(lesson: LessonPlan, place: Place) -> None:
    """Writes where one is into the address, as far as it differs from the lesson's start."""
    query = _query(lesson, place, place.hidden, ask=place.ask)
    st.session_state[_SEEN] = query
    now = {key: value for key, value in st.query_params.items() if key in _own(lesson)}
    if now != query:
        others = {key: value for key, value in st.query_params.items() if key not in _own(lesson)}
        st.query_params.from_dict(others | query)  # at once, so that the browser's back is one step


def link_to(
    lesson: LessonPlan, place: Place, *, hidden: Iterable[str], ask: bool, embed: bool, group: str | None = None
) -> str:
    """The address of a prepared view, from this server's root: ``/learn?...``."""
    query = _query(lesson, place, hidden, ask=ask)
    if group is not None:
        query[GROUP] = group
    if embed:
        query["embed"] = "true"
    return f"/learn?{urlencode(query)}"
