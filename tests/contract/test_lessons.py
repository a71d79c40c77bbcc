"""What every lesson must keep, so that a new one is one file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from qexplorer.learn.controls import Bits, Choice, Entries, LessonControl, Slider, starts
from qexplorer.learn.lesson import LESSONS, ChartPicture, LessonPlan, Numbers, Picture, Shown, as_offered
from qexplorer.learn.notebook import exercise_notebook
from qexplorer.observe.editing.synthetic import DISTRIBUTIONS, synthetic
from qexplorer.observe.stats import TensorStats
from qexplorer.ui.learn.address import RESERVED

EACH = pytest.mark.parametrize("lesson", list(LESSONS), ids=lambda lesson: lesson.name)


def _tensors(lesson: LessonPlan) -> list[TensorStats | None]:
    """None where the lesson can do without, first; each distribution where it can use one."""
    without: list[TensorStats | None] = [None] if lesson.subject is None or lesson.alone else []
    return [*without, *([] if lesson.subject is None else [synthetic(name) for name in DISTRIBUTIONS])]


def _ends(control: LessonControl) -> list[Any]:
    """Values at the ends of a control."""
    if isinstance(control, Slider):
        return [control.low, control.high]
    if isinstance(control, Choice):
        return [name for name, _ in control.options]
    if isinstance(control, Bits):
        return [0, (1 << control.count) - 1]
    if isinstance(control, Entries):
        return [tuple(tuple(end for _ in row) for row in control.start) for end in (control.low, control.high)]
    return [False, True]


def _views(lesson: LessonPlan) -> Iterator[Shown]:
    """The lesson at its start, with each control at each of its ends, and at the answer, on every distribution."""
    at = starts(lesson.controls)
    for tensor in _tensors(lesson):
        yield lesson.show(at, tensor)
        yield lesson.show({**at, **lesson.prediction.then}, tensor)
    for control in lesson.controls:
        for value in _ends(control):
            tensor = _tensors(lesson)[-1 if control.name in lesson.beside else 0]
            yield lesson.show({**at, control.name: value}, tensor)


def _completes(asks: str, choices: tuple[str, ...]) -> bool:
    """Whether it is a question, or a beginning that each choice ends."""
    return asks.endswith("?") or all(choice.endswith(".") for choice in choices)


def _axes(layer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The positional axes that a layer draws."""
    for name in ("x", "y"):
        found = layer.get("encoding", {}).get(name, {})
        if "type" in found and found.get("axis", {}) is not None:
            yield name, found


@EACH
def test_whatever_is_set_there_is_a_picture_and_a_sentence_of_finite_numbers(lesson: LessonPlan) -> None:
    """No setting makes a lesson fail, and no number of it is NaN or infinite."""
    for shown in _views(lesson):
        assert 1 <= len(shown.pictures) <= 3
        assert shown.sentence.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|None|-0\b(?!\.)", shown.sentence)
        assert all(math.isfinite(value) for value in shown.numbers.values())
        assert not re.search(r"\d%", shown.sentence), "a number and its % stand apart"
        assert not re.search(r"[*=] -0(?![.\d])", " ".join(shown.arithmetic)), "a zero without sign"


@EACH
def test_charts_have_titles_axes_and_units(lesson: LessonPlan) -> None:
    """Each chart says what it shows and how to read it; every axis that is drawn has a title, or names of its own."""
    for picture in lesson.show(starts(lesson.controls), _tensors(lesson)[0]).pictures:
        if isinstance(picture, ChartPicture):
            json.dumps(picture.spec)
            assert 5 < len(picture.spec["title"]["text"]) <= 44, "a phone has room for no more"
            assert re.fullmatch(r"[A-Z].{20,150}[.]", picture.reads)
            axes = [axis for layer in picture.spec.get("layer", [picture.spec]) for axis in _axes(layer)]
            assert {name for name, _ in axes} >= {"x"}
            for name in {name for name, _ in axes}:  # layers on one axis share its title
                told = [
                    a["type"] == "nominal" or a.get("axis", {}).get("title") or a.get("title")
                    for n, a in axes
                    if n == name
                ]
                assert any(told), name


@EACH
def test_the_answer_is_one_of_the_choices_on_all_values(lesson: LessonPlan) -> None:
    """The right answer follows from the numbers, and the reason can be told with them."""
    asked = lesson.prediction
    assert 2 <= len(asked.choices) <= 4
    assert _completes(asked.asks, asked.choices)
    assert set(asked.then) <= {control.name for control in lesson.controls}
    at = starts(lesson.controls)
    for tensor in _tensors(lesson):
        before, after = (lesson.show(values, tensor).numbers for values in (at, {**at, **asked.then}))
        assert asked.right(before, after) in range(len(asked.choices))
        assert asked.reason(after).endswith(".")
        assert not re.search(r"\d%", asked.reason(after))


def _numbers_in(picture: Picture) -> set[float]:
    """What can be read from a chart: its data, and how long its stacked bars are as a whole; to six digits."""
    if not isinstance(picture, ChartPicture):
        return set()
    found: list[float] = []
    for rows in picture.spec["datasets"].values():
        whole: dict[str, float] = {}
        for row in rows:
            found += [value for value in row.values() if isinstance(value, float)]
            if "kind" in row and "name" in row:
                whole[row["name"]] = whole.get(row["name"], 0.0) + row["value"]
        found += whole.values()
    return {float(f"{value:.6g}") for value in found if not value.is_integer()}


class _Read(dict[str, float]):
    """Numbers that know which of them were asked for."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__(numbers)
        self.asked: set[float] = set()

    def __getitem__(self, name: str) -> float:
        self.asked.add(value := super().__getitem__(name))
        return value


def _foretold(lesson: LessonPlan, tensor: TensorStats | None) -> set[float]:
    """Numbers that the answer is read from, and those that are new on the way to it, each control moved alone too."""
    at, then = starts(lesson.controls), lesson.prediction.then
    before = lesson.show(at, tensor).numbers
    asked = _Read(lesson.show({**at, **then}, tensor).numbers)
    lesson.prediction.right(before, asked)
    ways = [then, *({name: value} for name, value in then.items())]
    new = {value for way in ways for value in lesson.show({**at, **way}, tensor).numbers.values()} - {*before.values()}
    return {float(f"{value:.6g}") for value in new | asked.asked if not value.is_integer()}


@EACH
def test_nothing_on_screen_tells_the_answer_before_it_is_given(lesson: LessonPlan) -> None:
    """No picture but the late ones holds a number that makes the answer, each late one does, and no text says it."""
    tensor = synthetic(lesson.distribution) if lesson.subject and lesson.distribution else None
    foretold, asked, at = _foretold(lesson, tensor), lesson.prediction, starts(lesson.controls)
    shown = lesson.show(at, tensor)
    for picture in shown.pictures:
        late = isinstance(picture, ChartPicture) and picture.late
        assert bool(_numbers_in(picture) & foretold) == late, picture
    answer = asked.choices[asked.right(shown.numbers, lesson.show({**at, **asked.then}, tensor).numbers)]
    reads = [picture.reads for picture in shown.pictures if isinstance(picture, ChartPicture)]
    texts = [lesson.idea, *reads, *(f"{word} {says}" for word, says in lesson.words)]
    assert len(answer) < 6 or not [text for text in texts if answer in text]


@EACH
def test_three_questions_end_it(lesson: LessonPlan) -> None:
    """Each with its answers, and a sentence of its own for each of them, right or wrong."""
    assert len(lesson.closing) == 3
    for question in lesson.closing:
        assert _completes(question.asks, question.choices)
        assert 3 <= len(question.choices) <= 4, "of two answers one is known as soon as the other is not it"
        assert len(set(question.choices)) == len(question.choices)
        says = [sentence for _, sentence in question.answers]
        assert len(set(says)) == len(says)
        assert all(re.fullmatch(r"[A-Z0-9(s-].{15,}[.]", sentence) for sentence in says), says


@EACH
def test_a_right_answer_is_not_the_longest_by_far(lesson: LessonPlan) -> None:
    """Nobody should find it by looking for the answer with most words in it."""
    for question in lesson.closing:
        right, *others = map(len, question.choices)
        assert right <= 1.55 * max(others), question.choices


@EACH
def test_a_link_holds_every_value(lesson: LessonPlan) -> None:
    """What a control writes it reads again, names are not taken, and rubbish is refused in one sentence."""
    names = [control.name for control in lesson.controls]
    assert len(set(names)) == len(names)
    assert not RESERVED & set(names)
    for control in lesson.controls:
        for value in [control.start, *_ends(control)]:
            assert control.read(control.write(value)) == value
        for rubbish in ("", "<img src=x onerror=alert(1)>", "nan", "-1e999", "9" * 500, "1,2"):
            with pytest.raises(ValueError, match="allowed: ") as refused:
                control.read(rubbish)
            assert len(str(refused.value)) < 300


def _run(notebook: str) -> None:
    """Runs the code cells of a notebook as a person would, one after the other."""
    space: dict[str, Any] = {}
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "code":
            exec(compile(cell["source"], "cell", "exec"), space)  # noqa: S102 - a notebook of this program


@EACH
def test_the_exercise_is_right_with_its_solution_and_wrong_with_its_blanks(lesson: LessonPlan) -> None:
    """Each step has a blank; the solutions pass all checks, and an unfilled blank does not."""
    assert lesson.exercise.steps
    assert all("..." in step.code and "..." not in step.solution for step in lesson.exercise.steps)
    _run(exercise_notebook(lesson, solved=True))
    with pytest.raises(AssertionError, match=r"^not yet: .{10,}"):
        _run(exercise_notebook(lesson))
    for unsolved in range(len(lesson.exercise.steps)):
        space: dict[str, Any] = {"np": np}
        for step in lesson.exercise.steps[:unsolved]:
            exec(step.solution, space)  # noqa: S102 - the same
        step = lesson.exercise.steps[unsolved]
        with pytest.raises(Exception):  # noqa: B017, PT011 - a blank may fail in many ways, but never pass
            exec(f"{step.code}\n{step.check}", space)  # noqa: S102


@EACH
def test_its_words_are_short_and_its_sources_named(lesson: LessonPlan) -> None:
    """One idea in at most three sentences, a title that fits a list, and where the definitions are from."""
    assert len(lesson.title) <= 40
    assert len(re.findall(r"[.!?](?:\s|$)", lesson.idea)) <= 3
    assert lesson.sources


@EACH
def test_terms_are_told_in_one_sentence_each(lesson: LessonPlan) -> None:
    """What a newcomer cannot know stands in the lesson, short enough to be read."""
    assert 2 <= len(lesson.words) <= 4
    for word, says in lesson.words:
        assert len(word) <= 32
        assert says.endswith(".")
        assert len(says) <= 200
        assert len(re.findall(r"[.!?](?:\s|$)", says)) == 1
    told = {word for word, _ in lesson.words}
    shown = [each.sentence for each in _views(lesson)]
    assert {unit for unit in ("dB", "% of the signal") if any(unit in sentence for sentence in shown)} <= told


def test_the_right_answer_has_no_place_of_its_own() -> None:
    """The order follows from lesson and question alone, and right answers stand at each place about as often."""
    places = [0, 0, 0]
    for lesson in LESSONS:
        for number, question in enumerate(lesson.closing, 1):
            order = as_offered(lesson.name, number, question.choices)
            assert sorted(order) == list(range(len(question.choices)))
            assert order == as_offered(lesson.name, number, question.choices)
            places[order.index(0)] += 1
    assert min(places) >= sum(places) / 5, places


def test_places_and_names_differ() -> None:
    """Lessons stand in one order."""
    assert len({lesson.place for lesson in LESSONS}) == len(LESSONS)
