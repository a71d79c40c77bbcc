"""The jobs of page Better rounding, in real children."""

from __future__ import annotations

import qexplorer as qx
from qexplorer.jobs.kinds.effects import EFFECTS, EffectsOrder
from qexplorer.jobs.kinds.lesson import LESSON, LessonOrder
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.measure.effects.effects import kept_effects
from qexplorer.measure.lessons.lesson import read_lesson
from qexplorer.measure.lessons.making import lesson_path, teachable
from tests.jobs.orders import DATA, MODEL, finished


def test_effects_are_kept_under_the_file_and_are_those_of_the_api() -> None:
    """The job leaves the report that ``qx.explain_algorithms`` returns, but for the time that work took."""
    job = finished(EFFECTS, EffectsOrder(model=MODEL, data=DATA, recipe="w3-hqq"))
    result = EFFECTS.result_of(job)
    assert result is not None, job.error
    model = qx.load("tumour_mlp")
    kept = kept_effects(result.digest, fit_to_model(qx.data("tumour"), model).digest)
    assert kept == qx.explain_algorithms("tumour_mlp", "w3-hqq")


def test_a_lesson_is_kept_for_the_page() -> None:
    """The job says how many weights can be looked at, and they lie where the page looks for them."""
    model = qx.load("tumour_mlp")
    layer = teachable(model)[0]
    job = finished(LESSON, LessonOrder(model=MODEL, data=DATA, recipe="w4a8", layer=layer))
    result = LESSON.result_of(job)
    assert result is not None, job.error
    data = fit_to_model(qx.data("tumour"), model)
    lesson = read_lesson(lesson_path(model, data, qx.Recipe.parse("w4a8"), layer))
    assert lesson is not None
    assert lesson.values.size == result.weights
