"""The controls of a lesson in the address of page Learn, and where a person is in it, kept with the session.

A link holds nothing of a session, so that whoever opens it has one of their own. Answers are kept with the session
alone: they stand in no link.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.learn.controls import LessonControl, Settings, Switch, starts
from qexplorer.learn.lesson import LESSONS, LessonPlan
from qexplorer.observe.editing.synthetic import DISTRIBUTIONS
from qexplorer.ui.session import current_model, show_error
from qexplorer.ui.view.choices import choice, chosen
from qexplorer.ui.view.link import HIDE, Linked, OpenedLink, hidden, link_to, query_of, write_link
from qexplorer.ui.view.model_link import DIGEST, MODEL, open_model, shared_model

__all__ = [
    "ASK",
    "DISTRIBUTION",
    "GROUP",
    "LESSON",
    "OWN",
    "PASSED",
    "RESERVED",
    "Place",
    "choice_name",
    "chosen_lesson",
    "left_at",
    "note",
    "place_of",
    "prepared_link",
]

LESSON, ASK, DISTRIBUTION, GROUP = "lesson", "ask", "values", "group"
PASSED = -1
"""The answer of who passed over the question."""
OWN = "model:"
"""What stands in front of a tensor of the model, where a distribution's name could stand."""
_GIVEN, _ASKED_AT, _DUE, _CLOSING, _FIRST = (
    "answer:given",
    "answer:at",
    "answer:due",
    "answer:closing",
    "answer:first",
)
"""What is kept of answers; no control has a colon in its name."""
RESERVED = frozenset({LESSON, HIDE, ASK, DISTRIBUTION, GROUP, MODEL, DIGEST, "s", "embed", "embed_options"})
"""Names in the address that no control of a lesson may have."""

_ASK = Switch(ASK, "Ask first", True)


def choice_name(lesson: LessonPlan, name: str) -> str:
    """The name by which a value of a lesson is remembered."""
    return f"learn:{lesson.name}:{name}"


class Place:
    """Where a person is in a lesson; what is set here is kept with the session."""

    def __init__(self, lesson: LessonPlan) -> None:
        self.lesson = lesson

    @property
    def settings(self) -> dict[str, Any]:
        """Value of each control; the start of one whose kept value it cannot have any more."""
        return {control.name: _value(control, self._kept(control.name, control.start)) for control in self._controls}

    @property
    def asked_at(self) -> dict[str, Any]:
        """Value of each control when the question was answered; the start of one that was kept for none."""
        kept = self._kept(_ASKED_AT, {})
        kept = kept if isinstance(kept, dict) else {}
        return {control.name: _value(control, kept.get(control.name, control.start)) for control in self._controls}

    @property
    def _controls(self) -> tuple[LessonControl, ...]:
        return self.lesson.controls

    def change(self, values: Settings) -> None:
        """Sets some of the controls."""
        for name, value in values.items():
            chosen(choice_name(self.lesson, name), value)

    @property
    def hidden(self) -> frozenset[str]:
        """Controls that are not drawn, and ``values`` where the choice of the tensor is not."""
        return hidden(self.lesson.name)

    @property
    def ask(self) -> bool:
        """Whether the question stands before the answer."""
        return bool(self._kept(ASK, True))

    @property
    def values(self) -> str | None:
        """Name of the synthetic distribution, or of the model's tensor behind ``model:``; None without subject."""
        return None if self.lesson.subject is None else str(self._kept(DISTRIBUTION, self.lesson.distribution))

    @property
    def answer(self) -> int | None:
        """The answer that was given; None before, ``PASSED`` where the question was passed over."""
        found = self._kept(_GIVEN, None)
        return found if found in range(PASSED, len(self.lesson.prediction.choices)) else None

    @property
    def closing(self) -> dict[int, int]:
        """Answers to the closing questions that stand, by position."""
        return self._answers(_CLOSING)

    @property
    def first(self) -> dict[int, int]:
        """The first answer to each closing question."""
        return self._answers(_FIRST)

    def take(self, name: str, value: Any) -> None:
        """Keeps anything else of the lesson."""
        chosen(choice_name(self.lesson, name), value)

    def take_answer(self, answer: int) -> None:
        """Keeps the answer to the question, and at which values it was asked."""
        self.take(_ASKED_AT, self.settings)
        self.take(_GIVEN, answer)
        self.take(_DUE, value=True)

    def move_on(self) -> None:
        """Sets the controls, once, to where the answer is seen."""
        if self._kept(_DUE, False):
            self.change(self.lesson.prediction.then)
            self.take(_DUE, value=False)

    def take_closing(self, number: int, answer: int) -> None:
        """Keeps an answer to a closing question."""
        for name in (_CLOSING, _FIRST):
            given = self._answers(name)
            if name == _CLOSING or number not in given:
                self.take(name, {str(n): a for n, a in (given | {number: answer}).items()})

    def begin_again(self) -> None:
        """Forgets all answers and sets the controls to their start."""
        self.change(starts(self.lesson.controls))
        for name, nothing in ((_GIVEN, None), (_ASKED_AT, {}), (_DUE, False), (_CLOSING, {}), (_FIRST, {})):
            self.take(name, nothing)

    def _kept(self, name: str, default: Any) -> Any:
        return choice(choice_name(self.lesson, name), default)

    def _answers(self, name: str) -> dict[int, int]:
        given = self._kept(name, {})
        given = given if isinstance(given, dict) else {}
        asked = enumerate(self.lesson.closing)  # what an earlier version of the lesson asked is forgotten
        return {n: given[str(n)] for n, question in asked if given.get(str(n)) in range(len(question.answers))}


def _value(control: LessonControl, kept: Any) -> Any:
    """What was kept, as the control has it: a session's file knows no tuples; the start where it cannot have it."""
    try:
        return control.read(control.write(kept))
    except (ValueError, TypeError):
        return control.start


def _text(control: LessonControl, kept: Any) -> str:
    return control.write(_value(control, kept))


def chosen_lesson() -> LessonPlan | None:
    """The lesson of the address; one sentence on the page where it names one that there is not."""
    asked = st.query_params.get(LESSON)
    if not asked:
        return None
    try:
        return LESSONS.get(asked)
    except QExplorerError as error:
        show_error(error)
        return None


def _values(text: str) -> str:
    if not text.startswith(OWN) and text not in DISTRIBUTIONS:
        raise ValueError(f"allowed: {', '.join(DISTRIBUTIONS)}, or '{OWN}' and a tensor")
    return text


def _fields(lesson: LessonPlan) -> list[Linked]:
    """The controls, which values it is about, and whether the question is asked."""
    found = [Linked(c.name, choice_name(lesson, c.name), c.read, c.start, partial(_text, c)) for c in lesson.controls]
    if lesson.subject is not None:
        found.append(Linked(DISTRIBUTION, choice_name(lesson, DISTRIBUTION), _values, lesson.distribution))
    return [*found, Linked(ASK, choice_name(lesson, ASK), _ASK.read, True, _ASK.write)]


def _group() -> dict[str, str]:
    return {GROUP: st.query_params[GROUP]} if GROUP in st.query_params else {}


def _named(lesson: LessonPlan) -> dict[str, str]:
    """The lesson and, where it is about a tensor of the model, the model."""
    model = current_model() if (Place(lesson).values or "").startswith(OWN) else None
    return {LESSON: lesson.name, **({} if model is None else shared_model(model))}


def place_of(lesson: LessonPlan) -> tuple[Place, OpenedLink]:
    """Where this session is in the lesson: as it was left, or as an address says that came from elsewhere."""
    names = [control.name for control in lesson.controls] + [DISTRIBUTION] * (lesson.subject is not None)
    link, place = OpenedLink(names, view=lesson.name, whole=True), Place(lesson)
    if link.asked.get(DISTRIBUTION, "").startswith(OWN):
        open_model(link)
    link.take(_fields(lesson))
    if link.asked and place.ask and place.answer is None:  # the question speaks of what is on screen
        first = starts(lesson.controls)
        place.change({name: first[name] for name in lesson.prediction.then})
    return place, link


def left_at(lesson: LessonPlan) -> dict[str, str]:
    """The address of a lesson as this session left it."""
    return query_of(_fields(lesson), _named(lesson) | _group(), hidden(lesson.name))


def note(lesson: LessonPlan) -> None:
    """Writes where one is into the address, as far as it differs from the lesson's start."""
    write_link(_fields(lesson), _named(lesson) | _group(), view=lesson.name)


def prepared_link(lesson: LessonPlan, *, hide: Iterable[str], ask: bool, embed: bool, group: str | None = None) -> str:
    """The link that brings the lesson as it stands now, for others."""
    query = query_of(_fields(lesson), _named(lesson), hide)
    query.pop(ASK, None)
    more = {} if ask else {ASK: _ASK.write(False)}
    if group is not None:
        more[GROUP] = group
    if embed:
        more["embed"] = "true"
    return link_to(query | more)
