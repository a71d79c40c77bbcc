"""What streams on page Live: recipe and backend of either side, and the pace; changes reach a running stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from qexplorer.core.foreign.media import in_label
from qexplorer.core.short_names import examples
from qexplorer.jobs import manager
from qexplorer.jobs.kinds.live import LIVE, LiveOrder
from qexplorer.jobs.live import Side, beat, steer
from qexplorer.measure.live.windows import SIDES
from qexplorer.ui.job_memory import latest_job, start_job
from qexplorer.ui.own_recipes import labels_of
from qexplorer.ui.session import data_reference, model_reference, remembered, session_id, state

__all__ = ["Chosen", "draw_choice", "order_now", "start", "steer_now"]

_RATES: dict[str, float | None] = {"as fast as it goes": None, "10 a second": 10.0, "30 a second": 30.0}
_STARTS = {"a": "float", "b": "w8a8"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """One side: the recipe's text and name, the backend and its label."""

    recipe: str
    name: str
    backend: str
    label: str


def draw_choice() -> dict[str, Chosen]:
    """The controls; what is chosen, by place."""
    from qexplorer.run.registry import BACKENDS

    labels = {b.name: b.label for b in BACKENDS if b.availability().available}
    now = state()
    own = [text for text in (*now.compare, now.recipe) if text not in examples()]
    recipes = list(dict.fromkeys([*examples(), *own]))
    names = labels_of(recipes)
    found: dict[str, Chosen] = {}
    for place, column in zip(SIDES, st.columns(2, gap="medium"), strict=True):
        with column, st.container(horizontal=True, key=f"live_choice_{place}"):
            recipe = st.selectbox(
                "Left" if place == "a" else "Right",
                recipes,
                format_func=lambda text: in_label(names[text]),
                **remembered(f"live_recipe_{place}", _STARTS[place], recipes),
            )
            backend = st.selectbox(
                "on", list(labels), format_func=labels.__getitem__, **_backend_choice(place, list(labels))
            )
        name = names[recipe]
        found[place] = Chosen(recipe, name, backend, f"{name}, {labels[backend]}")
    st.segmented_control(
        "Pace",
        list(_RATES),
        help="At a fixed pace a faster variant does not run more often; it rests more, and draws less.",
        required=True,
        **remembered("live_rate", next(iter(_RATES)), list(_RATES)),
    )
    return found


def _backend_choice(place: str, known: list[str]) -> dict[str, Any]:
    default = state().backend if state().backend in known else known[0]
    return remembered(f"live_backend_{place}", default, known)


def _rate() -> float | None:
    return _RATES[state().choices.get("live_rate") or next(iter(_RATES))]


def _sides(chosen: dict[str, Chosen]) -> dict[str, Side]:
    return {place: Side(recipe=each.recipe, backend=each.backend) for place, each in chosen.items()}


def order_now(chosen: dict[str, Chosen]) -> LiveOrder | None:
    """What is to stream; None without a model or data."""
    model, data = model_reference(), data_reference()
    if model is None or data is None:
        return None
    return LiveOrder(model=model, data=data, sides=_sides(chosen), rate=_rate(), session=session_id())


def start(order: LiveOrder) -> None:
    """Starts the stream; one that this session left running elsewhere is ended first."""
    before = latest_job(LIVE)
    if before is not None:
        manager.forget(before.id)
    beat(start_job(LIVE, order))


def steer_now(job_id: str, chosen: dict[str, Chosen]) -> None:
    """Tells a running stream what is chosen now."""
    steer(job_id, _sides(chosen), _rate())
