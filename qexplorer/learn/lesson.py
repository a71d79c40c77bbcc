"""What a lesson is.

How to add one: write ``qexplorer/learn/lessons/<name>.py`` whose last line is ``ENTRIES = (...)``. Nothing else is
touched: the page, its links, the exercise notebook and the tests of all lessons ask the lesson. It knows nothing of
Streamlit: it is given the values of its controls and, where it is about a tensor, the tensor, and gives back pictures,
the numbers in them and the sentence that says what was just seen. ``tests/contract/test_lessons.py`` runs every lesson.

What is seen goes in one order: the pictures at the controls' start but for late ones, the question, the answer (after
which the controls stand at ``Prediction.then``, so that the pictures show what was asked), then free play, then three
closing questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from qexplorer.core.registry import Registry
from qexplorer.learn.controls import LessonControl, Settings
from qexplorer.observe.stats import TensorStats

__all__ = [
    "LESSONS",
    "BoxPicture",
    "ChartPicture",
    "Closing",
    "Exercise",
    "ExerciseStep",
    "GridPicture",
    "LessonPlan",
    "Numbers",
    "Picture",
    "Prediction",
    "Shown",
    "as_offered",
]

Numbers = Mapping[str, float]
"""What a picture shows, by name: what sentences, predictions and tests are made from."""


@dataclass(frozen=True, slots=True)
class ChartPicture:
    """A chart.

    Attributes:
        spec: a Vega-Lite specification without outer width (``report.chart_frame``).
        reads: how to read it: what its marks stand for, for those who see it and those who hear it.
        late: whether the answer to the question can be read from it, so that it is drawn only after that.
    """

    spec: Mapping[str, Any]
    reads: str
    late: bool = False


@dataclass(frozen=True, slots=True)
class BoxPicture:
    """Boxes in rows, such as the bits of a byte or the entries of a matrix.

    Attributes:
        title: what they are.
        rows: each a caption and its boxes; a box is its text and the kind that gives it its colour.
    """

    title: str
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, slots=True, eq=False)
class GridPicture:
    """Values under a grid whose clip lines are dragged, with the curve of error over the range.

    Attributes:
        title: what the values are.
        stats: of the values.
        format: name of a number format with a scale.
        symmetric: zero point in the middle.
        clip: range of the grid.
    """

    title: str
    stats: TensorStats
    format: str
    symmetric: bool
    clip: tuple[float, float]


Picture = ChartPicture | BoxPicture | GridPicture


@dataclass(frozen=True, slots=True)
class Shown:
    """What one sees at some setting.

    Attributes:
        pictures: one or two; two stand side by side where there is room.
        sentence: what was just seen, from the numbers on screen; Markdown of this program's own words.
        numbers: the numbers behind it.
        arithmetic: lines of a calculation, step by step; empty for none.
    """

    pictures: tuple[Picture, ...]
    sentence: str
    numbers: Numbers
    arithmetic: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is asked before the answer is seen.

    Attributes:
        asks: the question.
        choices: what one may answer, two to four.
        then: values of controls at which the answer is seen; while it is asked these stand at their start, whatever a
            link says, so that the question fits what is on screen; the others stay.
        right: position of the right answer, from the numbers before and after.
        because: why, one or two sentences; ``{name}`` stands for a number after the change, with a format behind a
            colon if wanted. A function of those numbers where the reason depends on them.
    """

    asks: str
    choices: tuple[str, ...]
    then: Settings
    right: Callable[[Numbers, Numbers], int]
    because: str | Callable[[Numbers], str]

    def reason(self, after: Numbers) -> str:
        """Why, with the numbers after the change."""
        return (self.because if isinstance(self.because, str) else self.because(after)).format(**after)


@dataclass(frozen=True, slots=True)
class Closing:
    """One of the three questions at the end.

    Attributes:
        asks: the question, or a beginning that each answer ends.
        answers: what may be answered, the right one first, each with the sentence for whoever gives it: why it is
            right, or what is wrong with it.
    """

    asks: str
    answers: tuple[tuple[str, str], ...]

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be answered, the right one first."""
        return tuple(answer for answer, _ in self.answers)


@dataclass(frozen=True, slots=True)
class ExerciseStep:
    """One step of an exercise notebook.

    Attributes:
        text: what to do; Markdown.
        code: NumPy code in which ``...`` is the blank.
        solution: the same code without blanks.
        check: lines that raise AssertionError, with one sentence, where the blank was filled in wrongly.
    """

    text: str
    code: str
    solution: str
    check: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """A notebook that needs NumPy alone: what stands before the steps, and the steps."""

    begins: str
    steps: tuple[ExerciseStep, ...] = field(default=())


Subject = Literal["weight", "activation", "any"] | None
"""The kind of tensor that a lesson can use instead of a synthetic one; None for lessons that can use none."""


@dataclass(frozen=True, slots=True)
class LessonPlan:
    """One lesson.

    Attributes:
        name: what links call it, such as ``granularity``.
        title: what a person reads.
        place: lessons stand in this order.
        idea: the one idea, in one or two sentences; Markdown of this program's own words.
        subject: the kind of tensor that it is about, synthetic or the model's; None: it needs none.
        controls: what can be changed, in order.
        show: what is seen, from a valid value for each control and the tensor that was chosen (None without subject).
        prediction: what is asked before the answer is seen.
        closing: three questions at the end.
        sources: where the definitions are from: an operator and its version, or a paper and its equation.
        exercise: the notebook with blanks.
        words: terms that the lesson or its questions need, each with one sentence.
        distribution: name of the synthetic distribution that it begins with; empty where it begins with numbers of its
            own (``alone``); unused without subject.
        alone: controls for numbers that a tensor brings, too: drawn, and used, without one.
        beside: controls that say what is taken from a tensor: drawn, and used, with one.
        dragged: where a picture is a :class:`GridPicture`, what its clip lines mean: settings that change when they
            are let go at a range, from the settings before, the tensor and the range.
        pages: pages of the app where one goes on, each its file's stem and what to do there.
    """

    name: str
    title: str
    place: int
    idea: str
    subject: Subject
    controls: tuple[LessonControl, ...]
    show: Callable[[Settings, TensorStats | None], Shown]
    prediction: Prediction
    closing: tuple[Closing, Closing, Closing]
    sources: tuple[str, ...]
    exercise: Exercise
    words: tuple[tuple[str, str], ...]
    distribution: str = "normal"
    dragged: Callable[[Settings, TensorStats, tuple[float, float]], Settings] | None = None
    alone: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    pages: tuple[tuple[str, str], ...] = ()

    def unused(self, *, tensor: bool) -> tuple[str, ...]:
        """Controls without effect where there is a tensor, or none."""
        return self.alone if tensor else self.beside


def as_offered(lesson: str, question: int, choices: tuple[str, ...]) -> tuple[int, ...]:
    """In which order choices are offered: mixed, so that the right one has no place of its own; for all the same.

    Args:
        lesson: its name.
        question: 0 for the prediction, 1 to 3 for the closing questions.
        choices: of the question.

    Returns:
        positions in ``choices``.
    """

    def drawn(at: int) -> bytes:
        return hashlib.sha256(f"{choices[at]} {lesson} {question}".encode()).digest()

    return tuple(sorted(range(len(choices)), key=drawn))


LESSONS: Registry[LessonPlan] = Registry("lesson", "qexplorer.learn.lessons", order=lambda lesson: lesson.place)
