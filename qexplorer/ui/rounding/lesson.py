"""Which layer is looked into, at how many bits; the pass over its inputs is a job, done once for each layer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.lesson import LESSON, LessonOrder
from qexplorer.measure.lessons.lesson import WIDTHS, Lesson, read_lesson
from qexplorer.measure.lessons.making import lesson_path, teachable
from qexplorer.ui.empty_page import lacks_data
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import as_plain, data_reference, fitted_data, model_reference, remembered

__all__ = ["Controls", "bits_control", "choose_layer", "lesson_caption", "lesson_on", "row_control"]

_LAYER = "tensor_lesson_layer"
_FIRST_BITS = 3


def choose_layer(model: Model) -> str | None:
    """Draws the choice of the layer; None where there is none."""
    layers = _teachable(model.sha256, model)
    if not layers:
        st.info("No layer of this model is a product with a constant weight, so there is nothing to show.")
        return None
    first = layers[min(1, len(layers) - 1)]
    return str(st.selectbox("Layer", layers, format_func=in_label, **remembered(_LAYER, first, layers)))


def lesson_on(model: Model, recipe: Recipe, layer: str) -> tuple[Lesson, str] | None:
    """The lesson of a layer and its digest; None where nothing is known of it, and the job is offered."""
    lacks = lacks_data("the layer's inputs are observed on samples")
    found = None if lacks else _kept(model, recipe, layer)
    if found is None:
        _offer(recipe, layer, lacks)
    return found


@dataclass(frozen=True, slots=True)
class Controls:
    """Places for the controls of a view, on the line of those that all have: two narrow ones and a wide one."""

    first: DeltaGenerator
    second: DeltaGenerator
    wide: DeltaGenerator


@st.cache_resource(max_entries=8, show_spinner=False)
def _teachable(sha256: str, _model: Model) -> list[str]:  # noqa: ARG001 - the digest is the key
    return teachable(_model)


def _kept(model: Model, recipe: Recipe, layer: str) -> tuple[Lesson, str] | None:
    data = fitted_data()
    assert data is not None, "without data this is not asked"
    path = lesson_path(model, data, recipe, layer)
    lesson = _read(str(path), path.stat().st_mtime_ns) if path.exists() else None
    return None if lesson is None else (lesson, path.stem)


@st.cache_resource(max_entries=16, show_spinner=False)
def _read(path: str, stamp: int) -> Lesson | None:  # noqa: ARG001 - the stamp is part of the key
    return read_lesson(Path(path))


def _offer(recipe: Recipe, layer: str, lacks: str | None) -> None:
    model, data = model_reference(), None if lacks else data_reference()
    known = model is not None and data is not None
    order = LessonOrder(model=model, data=data, recipe=recipe, layer=layer) if known else None
    button = StartButton(
        "Look into this layer",
        ":material/visibility:",
        help="Observes what the layer is fed, and lets AdaRound learn its rounding at each width",
        lacks=lacks,
        primary=True,
    )

    def intro() -> None:
        st.markdown(
            f"One pass over calibration samples finds out what **{as_plain(layer)}** is fed; then its weights can be "
            "rounded one by one, each way, at once. Usually seconds."
        )

    JobSection(LESSON, order, button, intro=intro).draw()


def bits_control(view: str) -> int:
    """Draws the width of the grid: few bits where rounding is looked at, 8 where ranges are."""
    name, first = ("lesson_bits_scaled", WIDTHS[-1]) if view == "scaled" else ("lesson_bits", _FIRST_BITS)
    return int(st.select_slider("Bits", WIDTHS, **remembered(name, first, WIDTHS)))


def row_control(lesson: Lesson) -> int:
    """Draws the choice of an output channel; returns its row in the lesson."""
    channels = [int(channel) for channel in lesson.channels]
    kept = remembered("tensor_lesson_channel", channels[0], channels)
    return channels.index(int(st.selectbox("Output channel", channels, **kept)))


def lesson_caption(lesson: Lesson, *, grid: bool = True) -> str:
    """What the pictures are of, and on what samples; ``grid``: whether they are on the recipe's own."""
    rows, columns = lesson.values.shape
    text = f"{f'Grid {lesson.words}; inputs' if grid else 'Inputs'} of {lesson.samples} calibration samples."
    if columns < lesson.whole[1]:
        text += f" Of {lesson.whole[1]} inputs the {columns} largest, as if all other weights stayed in float."
    if rows < lesson.whole[0]:
        text += f" The first {rows} of {lesson.whole[0]} output channels."
    return as_plain(text)
