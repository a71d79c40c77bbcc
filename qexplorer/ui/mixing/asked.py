"""The controls of page Mixed precision: choices for a layer, what is the best, and what counts as a cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.plugins import METRICS
from qexplorer.core.recipe import Recipe
from qexplorer.core.tasks.choose import task_of
from qexplorer.report.metric_words import delta_unit, stated
from qexplorer.run.registry import backend_label
from qexplorer.search.costs.cost_kinds import COSTS, WEIGHT_BYTES
from qexplorer.search.mixing.choices import most_of_int8
from qexplorer.ui.session import current_model, fitted_data, remembered, state

__all__ = ["AskedMix", "draw_asked"]

_FORMATS = ("int8", "int4", "int3", "int2")
_PAIRS = ("w8a16", "w4a16")
_FLOATS = ("fp16", "float")
_MODES = {"budget": "least loss", "drop": "within a drop", "float": "as float"}
_MODE_HELP = (
    "**Least loss**: under budgets. **Within a drop**: the least cost whose metric gets worse by no more. **As "
    "float**: the least cost that a paired test on samples kept apart does not tell from float."
)


@dataclass(frozen=True, slots=True)
class AskedMix:
    """What is asked, but for the recipe.

    Attributes:
        choices: for a layer.
        budgets: as fractions of int8's.
        most_drop: None unless that is the mode.
        as_float: whether that is the mode.
        axis: the cost that the front is over.
        backend: where it is timed; None: nowhere.
        hardware_aware: whether only choices with integer kernels there are taken.
        lacks: what is missing before a search can start, a sentence.
    """

    choices: tuple[str, ...]
    budgets: dict[str, float] = field(default_factory=dict)
    most_drop: float | None = None
    as_float: bool = False
    axis: str = WEIGHT_BYTES
    backend: str | None = None
    hardware_aware: bool = False
    lacks: str | None = None


def draw_asked(base: Recipe) -> AskedMix:
    """Draws the controls."""
    offered = (*_FORMATS, *(_PAIRS if base.activations is not None else ()), *_FLOATS)
    with st.container(key="mix_asked"):
        left, right = st.columns([3, 2], vertical_alignment="bottom", gap="medium")
    with left:
        kept = remembered("mix_choices", ["int8", "int4"])
        st.session_state[kept["key"]] = [name for name in st.session_state[kept["key"]] if name in offered]
        words = "int4 changes the format of weights alone, w8a16 weights and activations, float keeps a layer as it is"
        choices = st.pills("Choices for a layer", offered, selection_mode="multi", help=words, wrap=True, **kept) or []
    with right:
        modes = list(_MODES)
        mode = st.segmented_control(
            "The best mix is",
            modes,
            format_func=_MODES.__getitem__,
            required=True,
            help=_MODE_HELP,
            **remembered("mix_mode", "budget", modes),
        )
    chosen = tuple(name for name in offered if name in choices)
    found = _costs(str(mode), most_of_int8(base, chosen))
    timed = any(COSTS[name].timed for name in (*found.budgets, found.axis))
    backend, aware = _where(timed)
    lacks = None
    if len(chosen) < 2:
        lacks = "Choose two choices or more."
    elif not set(chosen) - set(_FLOATS):
        lacks = "One of the choices must be a format with a grid, such as int8."
    elif mode == "budget" and not found.budgets:
        lacks = "Choose at least one cost that has a budget."
    return AskedMix(chosen, found.budgets, found.most_drop, mode == "float", found.axis, backend, aware, lacks)


def _costs(mode: str, most: Mapping[str, float]) -> AskedMix:
    """Budgets, which end where choices do (``most``, fractions of int8's), or the cost that is made least."""
    kinds = list(COSTS)
    left, right = st.columns([3, 2], gap="medium")
    if mode == "budget":
        with left:
            kept = remembered("mix_budgets", [WEIGHT_BYTES])
            limited = st.pills("Budgets", kinds, selection_mode="multi", format_func=_title, wrap=True, **kept) or []
        budgets = {}
        with right:
            for name in (kind for kind in kinds if kind in limited):
                budgets[name] = _budget(name, most.get(name))
        return AskedMix((), budgets, axis=next(iter(budgets), WEIGHT_BYTES))
    with left:
        least = st.segmented_control(
            "with the least", kinds, format_func=_title, required=True, **remembered("mix_least", WEIGHT_BYTES, kinds)
        )
    with right:
        drop = _drop() if mode == "drop" else None
    return AskedMix((), most_drop=drop, axis=str(least))


def _title(kind: str) -> str:
    return COSTS[kind].title.capitalize()


def _budget(kind: str, most: float | None) -> float:
    """A fraction of int8's; a budget beyond all choices would be none."""
    title = "Weights, % of int8's bytes" if kind == WEIGHT_BYTES else f"{_title(kind)}, % of int8's"
    low, high, step, usual = (10, 400, 1, 60) if kind == WEIGHT_BYTES else (5, 800, 5, 120)
    if most is not None:
        high = max(math.ceil(100 * most / step) * step, 100)
    kept = remembered("mix_share" if kind == WEIGHT_BYTES else f"mix_share_{kind}", min(usual, high))
    st.session_state[kept["key"]] = min(max(st.session_state[kept["key"]], low), high)
    return float(st.slider(title, low, high, step=step, **kept)) / 100


def _where(timed: bool) -> tuple[str | None, bool]:
    """Where it is timed, and whether that decides on choices."""
    backend = state().backend
    label = backend_label(backend)
    with st.container(horizontal=True, key="mix_where"):
        why = "Off: any mix, for research. On: only choices that this backend declares integer kernels for, and float"
        aware = st.toggle(f"Only what {label} runs as integers", help=why, **remembered("mix_hardware", False))
        if timed or aware:  # what is chosen for a backend is timed there
            clocked = True
            st.caption(f"Latency is measured on {label}, the backend in the sidebar.")
        else:
            why = "Measures latency and energy of each choice for each layer, and times the mixes that are measured"
            clocked = st.toggle(f"Time mixes on {label}", help=why, **remembered("mix_timed", False))
    return (backend if clocked else None), bool(aware)


def _drop() -> float:
    unit = _unit()
    kept = remembered(f"mix_drop{unit}", 1.0)
    worse = float(st.number_input(f"Metric may get worse by{unit}", 0.0, 50.0, step=0.1, format="%.2f", **kept))
    return worse / 100 if unit else worse


def _unit() -> str:
    """How a drop of the task's metric is told: in points for shares, in its own scale else."""
    model, data = current_model(), None
    try:
        data = fitted_data()
    except QExplorerError:
        return ""
    if model is None or data is None:
        return ""
    metric = METRICS.get(task_of(data).primary(model.outputs))
    return " (points)" if delta_unit(stated(metric.name, 0.0, 1)) == "points" else ""
