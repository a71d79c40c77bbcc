"""A lesson's exercise as a notebook with blanks and checks; it needs NumPy alone. (Jupyter notebook format 4.5)"""

from __future__ import annotations

import json
from textwrap import indent
from typing import Any

from qexplorer.learn.lesson import LessonPlan

__all__ = ["exercise_notebook"]

_HOW = "Fill in each `...` and run the cell; the cell below it says whether that is right, or what is not."
_BEGINS = """import contextlib

import numpy as np


@contextlib.contextmanager
def checked():
    try:
        yield
    except AssertionError as wrong:
        raise AssertionError(f"not yet: {wrong}") from None
    except Exception as error:
        raise AssertionError(f"not yet: fill in each ... above, and run it ({error})") from None
    print("right")"""


def exercise_notebook(lesson: LessonPlan, *, solved: bool = False) -> str:
    """The notebook as JSON.

    Args:
        lesson: whose exercise.
        solved: with the blanks filled in.
    """
    cells = [
        _words(f"# {lesson.title}\n\n{lesson.idea}\n\n{lesson.exercise.begins} {_HOW}"),
        _code(_BEGINS),
    ]
    for number, step in enumerate(lesson.exercise.steps, 1):
        cells += [_words(f"## {number}. {step.text}"), _code(step.solution if solved else step.code)]
        cells.append(_code(f"with checked():\n{indent(step.check, '    ')}"))
    cells.append(_words("\n".join(["Sources:", *(f"- {source}" for source in lesson.sources)])))
    for number, cell in enumerate(cells):
        cell["id"] = f"{lesson.name.replace('_', '-')}-{number}"[-64:]
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _words(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
