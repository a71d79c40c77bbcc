"""The sidebar, the same on every page: model, data, recipe, backend, and the running job with its cancel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.foreign.media import in_label
from qexplorer.core.recipe import Recipe
from qexplorer.core.short_names import examples
from qexplorer.jobs.kind import JOB_KINDS
from qexplorer.jobs.manager import JobState
from qexplorer.jobs.orders import ModelOrder
from qexplorer.ui.job_memory import running_jobs
from qexplorer.ui.job_section import draw_job_in_sidebar
from qexplorer.ui.serving.sign_in import draw_person
from qexplorer.ui.session import State, as_plain, choose_data, choose_model, keep, kept_data_name, state

if TYPE_CHECKING:
    from qexplorer.load.samples.shelf import Sample

__all__ = ["data_label", "draw_sidebar", "model_label", "recipe_label", "samples"]


def samples() -> dict[str, Sample]:
    """The sample models by name."""
    from qexplorer.load.samples.shelf import list_samples

    return {sample.name: sample for sample in list_samples()}


def model_label(source: str | None) -> str:
    """A model as people call it: the sample's name, or the name of the file that it came as."""
    if source is None:
        return "none"
    return source if source in samples() else str(state().choices.get("model_name") or Path(source).stem[:12])


def data_label(source: str | None) -> str:
    """A data set as people call it: its name, or the name of the file that it came as."""
    if source is None:
        return "none"
    return kept_data_name(source) or Path(source).stem


def recipe_label(text: str) -> str:
    """A recipe's short name, or the name in its YAML."""
    try:
        return Recipe.parse(text).name
    except QExplorerError:
        return "not a recipe"


def draw_sidebar() -> None:
    """Draws what is chosen, lets it be changed, and shows the job at work."""
    now = state()
    with st.sidebar:
        _model(now)
        if now.model is not None:
            _data(now)
            _recipe(now)
            _backend(now)
        draw_person()
        for job in running_jobs():  # how one ended stands on the page that started it
            _say_whose(now, job)
            draw_job_in_sidebar(job)


def _say_whose(now: State, job: JobState) -> None:
    """Names the model of a job that is about another one than the chosen."""
    order = JOB_KINDS.get(job.kind).order_of(job) if job.kind in JOB_KINDS else None
    if not isinstance(order, ModelOrder):
        return
    name = order.model.sample or order.model.name
    if name is not None and name != model_label(now.model):
        st.caption(as_plain(f"Of {name}, which was chosen when it began; choose it again to see what comes of it."))


def _model(now: State) -> None:
    known = list(samples())
    own = [now.model] if now.model is not None and now.model not in known else []
    labels = {source: model_label(source) for source in own} | {name: name for name in known}
    _pick("Model", "side_model", list(labels), now.model, _model_chosen, labels.__getitem__, "Choose a sample")


def _data(now: State) -> None:
    _pick("Data", "side_data", _data_options(now), now.data, _data_chosen, data_label, None)


def _data_options(now: State) -> list[str | None]:
    sample = samples().get(now.model or "")
    options: list[str | None] = [sample.data] if sample else []
    if now.data is not None and now.data not in options:
        options.append(now.data)
    return [*options, None]


def _recipe(now: State) -> None:
    options = [*examples()] if now.recipe in examples() else [now.recipe, *examples()]
    _pick("Recipe", "side_recipe", options, now.recipe, _recipe_chosen, recipe_label, None)


def _backend(now: State) -> None:
    from qexplorer.run.registry import BACKENDS

    usable = [b.name for b in BACKENDS if b.availability().available]
    label = {b.name: b.label for b in BACKENDS}
    _pick("Backend", "side_backend", usable, now.backend, _backend_chosen, lambda n: label.get(n, n), None)


def _pick(
    label: str, key: str, options: list[Any], value: Any, chosen: Any, shown: Any, placeholder: str | None
) -> None:
    """A selectbox that always shows what the session says, wherever it was changed."""
    known = value in options
    st.session_state[key] = value if known else None
    index = 0 if known else None  # without an index a person could clear the box
    st.selectbox(
        label,
        options,
        index=index,
        key=key,
        on_change=chosen,
        format_func=lambda option: in_label(shown(option)),
        placeholder=placeholder,
    )


def _model_chosen() -> None:
    name = st.session_state["side_model"]
    sample = samples().get(name)
    if sample is not None:
        choose_model(name, sample.data)


def _data_chosen() -> None:
    now, chosen = state(), st.session_state["side_data"]
    if chosen in _data_options(now):  # a page may send anything
        choose_data(chosen)
        keep(now)


def _recipe_chosen() -> None:
    now = state()
    chosen = st.session_state["side_recipe"]
    now.recipe = chosen if chosen in examples() else now.recipe
    keep(now)


def _backend_chosen() -> None:
    now = state()
    now.backend = st.session_state["side_backend"] or now.backend
    keep(now)
