"""Page Train, top to bottom: what is trained, its options, start, what it does while it learns, and what it won."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kinds.train import FORETELL, TRAIN, ForetellOrder, TrainOrder, TrainResult, diary_now
from qexplorer.jobs.manager import JobState, JobStatus
from qexplorer.jobs.training import look_at, stop
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.report.training_charts.words import forecast_text
from qexplorer.ui.empty_page import draw_no_model, lacks_data
from qexplorer.ui.job_memory import job_for, latest_job, start_job
from qexplorer.ui.job_section import JobSection, StartButton, draw_job
from qexplorer.ui.session import (
    as_plain,
    current_model,
    current_recipe,
    data_reference,
    model_reference,
    show_error,
    state,
)
from qexplorer.ui.train.cautions import cautions, nothing_to_learn, refusal
from qexplorer.ui.train.controls import draw_options, recipe_to_train
from qexplorer.ui.train.curves import chosen_layer, draw_diary, draw_so_far
from qexplorer.ui.train.result import draw_result

__all__ = ["draw_train_page"]

_INTRO = (
    "Rounding costs accuracy; training wins it back: weights and scales learn on the calibration samples with the "
    "rounding in the way, the float model as their teacher."
)


def draw_train_page() -> None:
    """Draws the page."""
    st.title("Train")
    if state().model is None:
        draw_no_model("With one, a recipe that loses too much can be trained until it does not.")
        return
    try:
        model, recipe = current_model(), recipe_to_train(current_recipe())
    except QExplorerError as error:
        st.markdown(_INTRO)
        show_error(error)
        _link()
        return
    if model is None:
        return
    running = _running_job()
    if running is not None:  # by whatever recipe it was ordered
        order = TRAIN.order_of(running)
        shown = recipe if order is None else order.recipe
        _draw_what(model, shown)
        draw_options(shown, off=True)
        draw_job(running, place="page_train", partial=_partial(order), beside=_beside(order))
        return
    st.markdown(_INTRO)
    _draw_what(model, recipe)
    lacks = refusal(model, recipe) or lacks_data("training learns from its samples")
    if lacks is not None:
        st.info(as_plain(lacks), icon=":material/info:")
        return
    draw_options(recipe, off=False)
    why = nothing_to_learn(model, recipe)
    if why is not None:
        st.warning(as_plain(why), icon=":material/block:")
    for sentence in () if why else cautions(model):
        st.caption(f":material/info: {as_plain(sentence)}")
    _draw_ready(model, recipe, why)


def _draw_what(model: Model, recipe: Recipe) -> None:
    """Which recipe, and where it can be changed."""
    with st.container(horizontal=True, vertical_alignment="center", key="train_what"):
        told = f"**{as_plain(recipe.name)}** on {as_plain(model.name)}"
        st.markdown(told, width="content")
        _link()


def _link() -> None:
    st.page_link("pages/quantize.py", label="Change the recipe", icon=":material/tune:")


def _running_job() -> JobState | None:
    """This session's training, if it is about the model and data that are chosen now."""
    job = latest_job(TRAIN)
    if job is None or not job.is_running:
        return None
    order, model = TRAIN.order_of(job), model_reference()
    same = order is not None and model is not None and order.model == model and order.data == data_reference()
    return job if same else None


def _draw_ready(model: Model, recipe: Recipe, why: str | None) -> None:
    """Start, what it will take, what is there already, and what it won; ``why`` nothing can be started."""
    source, data = model_reference(), data_reference()
    if source is None or data is None:
        return
    order = TrainOrder(model=source, data=data, recipe=recipe)
    diary = diary_now(order)
    made = _result(order, diary)
    left = diary is not None and 0 < diary.trained < diary.of and not (diary.ended and diary.stopped)
    label = f"Go on after epoch {diary.trained}" if left and diary is not None else "Train"
    over = why is not None or (made is not None and not left)
    button = StartButton(label, ":material/play_arrow:", primary=made is None, off=over)
    section = JobSection(TRAIN, order, button)
    with st.container(horizontal=True, vertical_alignment="center", key="train_go"):
        section.draw_button()
        _draw_forecast(order, off=over)
        if left and made is None and diary is not None:
            _draw_keep(order, diary)
    job = section.job()
    if job is not None and job.status is not JobStatus.DONE:
        draw_job(job, place="page_train")
    if left and made is None and diary is not None:
        kept = f"Epochs 1 to {diary.trained} of {diary.of} of an earlier run are kept, also after a crash."
        st.caption(f":material/restart_alt: {kept}")
    if made is not None:
        draw_result(model, made, diary)
    if diary is not None:
        if made is None:
            draw_so_far(diary)
        shown = diary if made is None or not made.until else diary.cut(made.until)
        draw_diary(shown, running=False, cost=made is None)
    elif made is None:
        st.caption("Curves, scales and weights are drawn here as they learn.")


def _result(order: TrainOrder, diary: Diary | None) -> TrainResult | None:
    """What came of this order, or of keeping the best state of what it had come to."""
    orders = [order] if diary is None else [order.model_copy(update={"until": diary.trained}), order]
    for each in orders:
        job = job_for(TRAIN, each)
        found = None if job is None else TRAIN.result_of(job)
        if found is not None:
            return found
    return None


def _draw_forecast(order: TrainOrder, *, off: bool) -> None:
    """A button that measures a few steps, and what that told."""
    asked = ForetellOrder(model=order.model, data=order.data, recipe=order.recipe)
    button = StartButton(
        "Estimate", ":material/timer:", help="Makes a few steps and tells time and memory of all of them", off=off
    )
    section = JobSection(FORETELL, asked, button)
    found = section.result()
    if found is not None:
        st.caption(f":material/timer: {as_plain(forecast_text(found))}")
        return
    section.draw()


def _draw_keep(order: TrainOrder, diary: Diary) -> None:
    """The best state of a training that was cancelled or killed, without training on."""
    label = f"Keep the best of {diary.trained} epoch{'' if diary.trained == 1 else 's'}"
    if st.button(label, icon=":material/save:", key="train_keep"):
        start_job(TRAIN, order.model_copy(update={"until": diary.trained}))
        st.rerun()


def _partial(order: TrainOrder | None) -> Callable[[JobState], None]:
    def draw(job: JobState) -> None:
        diary = None if order is None else diary_now(order)
        if diary is None or order is None or order.until:
            st.caption("The first curves come with the first steps, after the ranges were observed.")
            return
        draw_so_far(diary)
        layer = chosen_layer(diary)
        if layer is not None:
            look_at(job.id, diary.layers.index(layer))
        draw_diary(diary, running=True, cost=True)

    return draw


def _beside(order: TrainOrder | None) -> Callable[[JobState], None]:
    def draw(job: JobState) -> None:
        diary = None if order is None else diary_now(order)
        early = diary is None or diary.trained < 1
        shared = len(job.owners) > 1
        why = "After the first whole epoch" if early else "The state of the best epoch so far becomes the result"
        if shared:
            why = "Another session waits for all epochs of the same training"
        label = "Stop and keep the best"
        if st.button(label, icon=":material/save:", key=f"stop_{job.id}", disabled=early or shared, help=why):
            stop(job.id)

    return draw
