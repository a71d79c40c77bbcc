"""What is compared: recipes, backends, how long it may take; and the one button that starts it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from qexplorer.core.errors import InputError, QExplorerError, RecipeError
from qexplorer.core.foreign.media import in_code, in_label
from qexplorer.core.recipe_words.names import distinct
from qexplorer.core.short_names import examples
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.measure.effort import Effort, effort_of
from qexplorer.measure.pace.forecast import expected_seconds
from qexplorer.process.places.waiting import duration
from qexplorer.ui.empty_page import lacks_data
from qexplorer.ui.job_memory import latest_job, start_job
from qexplorer.ui.job_section import StartButton, draw_start
from qexplorer.ui.own_recipes import bound_to_fail, compared, labels_of, texts_once
from qexplorer.ui.quantize.recipe_changes import read_recipe, text_of
from qexplorer.ui.session import (
    as_plain,
    current_data,
    current_model,
    current_recipe,
    data_reference,
    keep,
    model_reference,
    remembered,
    show_error,
    state,
    untraced,
)

__all__ = ["draw_picks", "open_kept", "opened", "order_now", "start"]

SHOWN = "comparison"  # in the session's choices: [id of the kept comparison that was opened, the model it was then]
_PICKED, _ERROR = "compare_picked", "compare_error"
_EFFORTS = {str(each): each.capitalize() for each in Effort}


def draw_picks() -> None:
    """Recipes, effort and the button in one row; backends and samples folded away."""
    error = st.session_state.pop(_ERROR, None)
    if error is not None:
        show_error(error)
    now = state()
    st.session_state[_PICKED] = now.compare
    options = _options(now.compare)
    labels = labels_of(options)
    st.multiselect(
        "Recipes beside float",
        options,
        key=_PICKED,
        format_func=lambda text: in_label(labels.get(text, str(text))),
        accept_new_options=True,
        on_change=_picked,
        placeholder="Pick recipes, or type one such as w6a8",
        help="Short names decode: w4a8 is 4-bit weights and 8-bit activations. Your own come from page Quantize.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare_go"):
        efforts = list(_EFFORTS)
        st.segmented_control(
            "Effort",
            efforts,
            format_func=_EFFORTS.__getitem__,
            help="How long timing may take on each backend: quick for trying things, standard for deciding, report for "
            "numbers that others will read. Longer means narrower intervals; accuracy is the same.",
            required=True,
            **remembered("effort", "quick", efforts),
        )
        lacks = _lacks()
        button = StartButton("Compare", ":material/play_arrow:", lacks=lacks, primary=True, off=_is_running())
        pressed = draw_start(COMPARE.name, button)
    if lacks:
        st.caption(lacks)
    else:
        _estimate()
    _advanced()
    for text in _refused():
        st.caption(f":material/warning: {as_plain(text)}")
    for text in _in_float():
        st.caption(f":material/info: {as_plain(text)}")
    if pressed:
        start(order_now())
        st.rerun()


def _current() -> list[str]:
    """The recipe being edited, if it is one."""
    try:
        recipe = current_recipe()
    except QExplorerError:
        return []
    return [] if recipe.is_float else [text_of(recipe)]


def _options(picked: list[str]) -> list[str]:
    """What is picked, then what can be: nothing that asks for the same as one that is picked."""
    known = {recipe.digest for recipe in compared()}
    others = [name for name in (*examples(), *_current()) if name != "float"]
    return [*picked, *dict.fromkeys(name for name in others if read_recipe(name).digest not in known)]


def _picked() -> None:
    """Takes what can be read and done; what cannot is refused with the sentence that says why."""
    now, model = state(), current_model()
    taken: list[str] = []
    for text in st.session_state[_PICKED]:
        try:
            recipe = read_recipe(text)
        except RecipeError as error:
            st.session_state[_ERROR] = untraced(error)
            continue
        refused = None if text in now.compare else bound_to_fail(recipe, model)
        if refused is None:
            taken.append(text)
        else:
            st.session_state[_ERROR] = refused
    now.compare = texts_once(taken)
    keep(now)


def _is_running() -> bool:
    job = latest_job(COMPARE)
    return job is not None and job.is_running


def _lacks() -> str | None:
    """What is missing before there can be a comparison."""
    if not state().compare:
        return "Pick at least one recipe to compare float with."
    return lacks_data("answers are compared on it")


def _refused() -> list[str]:
    """What cannot be done with this model, though it was picked; said before anybody waits."""
    model = current_model()
    found = [bound_to_fail(recipe, model) for recipe in compared()]
    return [f"{error.sentence}. It will fail." for error in found if error is not None]


def _estimate() -> None:
    """About how long it will take, said before anybody waits."""
    try:
        model, data = current_model(), current_data()
        recipes = compared()
    except QExplorerError:
        return
    if model is None or data is None:
        return
    choices = state().choices
    seconds = expected_seconds(
        model,
        recipes,
        _backends(),
        effort_of(choices.get("effort") or "quick"),
        calibration=data.calibration.n,
        evaluation=data.evaluation.n,
        samples=choices.get("compare_samples") or None,
    )
    st.caption(f":material/schedule: About {duration(seconds)} in all; the numbers of the first backend come first.")


def _in_float() -> list[str]:
    """What will compute in float, said before anybody waits: one sentence for each backend and reason."""
    from qexplorer.run.capability import not_integer
    from qexplorer.run.registry import BACKENDS

    found: dict[tuple[str, str], list[str]] = {}
    for name in _backends():
        for recipe in compared():
            backend = BACKENDS.get(name)
            why = not_integer(backend.capabilities, recipe)
            if why is not None:
                found.setdefault((backend.label, why), []).append(recipe.name)
    return [f"{', '.join(names)} will run in float on {label}: {why}." for (label, why), names in found.items()]


def _advanced() -> None:
    from qexplorer.run.registry import BACKENDS

    known = [(backend, backend.availability()) for backend in BACKENDS]
    labels = {backend.name: backend.label for backend, here in known if here.available}
    chosen = _backends()
    samples = remembered("compare_samples", 0)
    count = st.session_state[samples["key"]]
    summary = f"{', '.join(labels.get(n, n) for n in chosen)}; {f'{count} samples' if count else 'all samples'}"
    with st.expander(f"Backends and samples ({summary})", icon=":material/tune:", key="compare_advanced"):
        st.pills(
            "Backends",
            list(labels),
            selection_mode="multi",
            format_func=labels.__getitem__,
            **_picked_backends(list(labels)),
        )
        for backend, here in known:
            if not here.available:
                how = f" To enable it: {in_code(here.enable)}." if here.enable else ""
                st.caption(f":material/block: {as_plain(f'{backend.label}: {here.reason}.')}{how}")
        st.number_input("Samples judged at most (0: all)", 0, 1_000_000, step=100, **samples)


def _picked_backends(known: list[str]) -> dict[str, Any]:
    wanted = remembered("compare_backends", [state().backend])
    key = wanted["key"]
    st.session_state[key] = [n for n in st.session_state[key] if n in known]
    return wanted


def _backends() -> list[str]:
    key = remembered("compare_backends", [state().backend])["key"]
    return list(st.session_state[key]) or [state().backend]


def order_now() -> CompareOrder:
    """What is picked now; recipes that share a name and differ get names of their own.

    Raises:
        InputError: no model or no data is chosen, or what is chosen cannot be read.
    """
    now = state()
    model, data = model_reference(), data_reference()
    if model is None or data is None:
        raise InputError("a comparison needs a model and data", do="choose them in the sidebar")
    return CompareOrder(
        model=model,
        data=data,
        recipes=tuple(distinct([read_recipe(text) for text in now.compare])),
        backends=tuple(_backends()),
        effort=now.choices.get("effort") or "quick",
        samples=now.choices.get("compare_samples") or None,
    )


def start(order: CompareOrder) -> None:
    """Starts the job (or joins the one that does the same already) and shows it."""
    start_job(COMPARE, order)
    now = state()
    now.choices.pop(SHOWN, None)
    keep(now)


def opened() -> str | None:
    """Id of the kept comparison that was opened, until another model is chosen or a new one is started."""
    kept = state().choices.get(SHOWN)
    return kept[0] if kept and kept[1] == state().model else None


def open_kept(comparison_id: str | None) -> None:
    """Shows a kept comparison; None goes back to what the last job made."""
    now = state()
    if comparison_id is None:
        now.choices.pop(SHOWN, None)
    else:
        now.choices[SHOWN] = [comparison_id, now.model]
    keep(now)
