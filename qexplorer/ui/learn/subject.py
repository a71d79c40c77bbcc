"""Which values a lesson is about: a textbook distribution, or a tensor of the loaded model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.errors import InputError, QExplorerError
from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Model
from qexplorer.learn.lesson import LessonPlan
from qexplorer.observe.editing.synthetic import DISTRIBUTIONS, synthetic
from qexplorer.ui.distributions.tensor import observed, tensor_label, weight_stats_of
from qexplorer.ui.learn.address import DISTRIBUTION, OWN, Place, choice_name
from qexplorer.ui.session import current_model, remembered, show_error

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["draw_subject", "tensor_of"]


def tensor_of(lesson: LessonPlan, place: Place) -> TensorStats | None:
    """The tensor of the place, None for numbers that are set; where an address names one that there is not, that with
    which the lesson begins."""
    if lesson.subject is None or not place.values:
        return None
    try:
        return _found(place.values)
    except QExplorerError as error:
        show_error(error)
        place.take(DISTRIBUTION, lesson.distribution)
        return synthetic(lesson.distribution) if lesson.distribution else None


def _found(values: str) -> TensorStats:
    if not values.startswith(OWN):
        return synthetic(values)
    name, model = values.removeprefix(OWN), current_model()
    if model is None:
        raise InputError(
            "this link is about a tensor of a model, and no model is loaded", do="choose one on page Model"
        )
    if name in _weights(model):
        return weight_stats_of(model, name)
    statistics = observed(model)
    if statistics is not None and name in {stats.name for stats in statistics.of_kind("activation")}:
        return statistics[name]
    raise InputError(
        f"the loaded model has no tensor '{name}' that was observed", do="observe it on page Distributions"
    )


def _weights(model: Model) -> list[str]:
    from qexplorer.observe.weights import weighted_layers

    return list(weighted_layers(model))


def draw_subject(lesson: LessonPlan, place: Place) -> None:
    """The choice: numbers that are set, distributions, the model's weights and what was observed of its activations."""
    if lesson.subject is None or DISTRIBUTION in place.hidden:
        return
    titles = {} if lesson.distribution else {"": "Set below" if lesson.alone else "The lesson's own"}
    titles |= {name: each.title for name, each in DISTRIBUTIONS.items()} | _of_model(lesson)
    if place.values not in titles:
        titles[str(place.values)] = str(place.values).removeprefix(OWN)
    st.selectbox(
        "Values",
        list(titles),
        format_func=lambda name: in_label(titles[name]),
        width="stretch",
        help="\n".join(f"- **{each.title}**: {each.text}" for each in DISTRIBUTIONS.values()),
        **remembered(choice_name(lesson, DISTRIBUTION), lesson.distribution),
    )


def _of_model(lesson: LessonPlan) -> dict[str, str]:
    try:
        model = current_model()
        if model is None:
            return {}
        names = _weights(model) if lesson.subject != "activation" else []
        statistics = observed(model) if lesson.subject != "weight" else None
    except QExplorerError:  # the page says elsewhere what is wrong with the model or its data
        return {}
    if statistics is not None:
        names += [stats.name for stats in statistics.of_kind("activation")]
    return {OWN + name: f"{model.name}: {tensor_label(model, name)}" for name in names}
