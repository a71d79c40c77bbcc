"""What a search found: the front with a slider, the format of each layer, what was measured, and the ways on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.report.mix_charts.front import front_spec
from qexplorer.report.mix_charts.layers import layers_spec, pairs_spec
from qexplorer.report.mix_charts.mix_words import (
    chosen_sentence,
    clock_sentences,
    cost_text,
    hidden_sentence,
    mix_cells,
    mix_header,
    prediction_sentence,
)
from qexplorer.search.allocation.exact import solve
from qexplorer.search.costs.cost_kinds import COSTS, WEIGHT_BYTES
from qexplorer.search.mixing.candidates import front_of, left_for, point_of
from qexplorer.search.mixing.mix_types import MixPoint, MixReport
from qexplorer.search.mixing.recipes import recipe_in
from qexplorer.search.mixing.tables import problem_of
from qexplorer.search.training_apart import trained_as
from qexplorer.ui.charts import draw_whole_table
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.recipe_ways import draw_recipe_ways
from qexplorer.ui.rounding.drawing import draw_picture
from qexplorer.ui.session import as_plain, remembered, show_error

__all__ = ["draw_found"]

_TOOK_S, _AT_ONCE_S = "mix_solve_s", 0.1  # what the last exact solution took; above, the hull is drawn first
_ROUNDED = 0.05  # percent: the slider has one decimal


def draw_found(
    model: Model,
    report: MixReport,
    asked: Recipe,
    *,
    live: bool = False,
    again: Callable[[], None] | None = None,
) -> None:
    """Everything that is known.

    Args:
        model: that was searched.
        report: what was found so far.
        asked: by which what is taken trains.
        live: while the search goes on: nothing can be chosen yet.
        again: searches again, with latencies that are measured then.
    """
    if live and not report.verified:
        st.markdown("No mix has been measured yet.")
    else:
        st.markdown(as_plain(chosen_sentence(report)))
    if hidden := hidden_sentence(report):
        st.markdown(as_plain(hidden))
    if live:
        draw_picture(front_spec(report), key="mix_front_live", settings=f"{model.name}, {report.data}")
        return
    if report.best is not None:
        draw_recipe_ways(trained_as(Recipe.parse(report.best.recipe), asked), "mix")
    _explore(model, report, asked)
    st.header("What was measured")
    draw_whole_table([dict(zip(mix_header(report), row, strict=True)) for row in mix_cells(report)])
    if prediction := prediction_sentence(report):
        st.caption(prediction)
    for sentence in clock_sentences(report):
        st.caption(as_plain(sentence))
    if report.clock is not None and again is not None:
        why = "Latencies of layers are kept by machine, backend version and kernels. This searches with new ones."
        st.button("Measure again", key="mix_again", icon=":material/timer:", help=why, on_click=again)
    if report.pairs:
        draw_picture(pairs_spec(report), key="mix_pairs", settings=f"{model.name}, {report.data}")
        st.caption(
            "What two layers lose together beyond what each loses alone: orange, their errors add up to more; blue, "
            "they cancel. Measured, and part of what is solved; where the samples do not tell it from none, it is none."
        )


@st.fragment
def _explore(model: Model, report: MixReport, asked_for: Recipe) -> None:
    """The front under a slider: solved at once where that was quick, else the hull first and the exact solution then.

    A chart that stays where it is has its marks moved, one in an emptied place is made anew, for which a browser needs
    twice as long: so only the front, and only where the hull is drawn first, stands in such a place.
    """
    slow = st.session_state.get(_TOOK_S, 0.0) > _AT_ONCE_S
    axis = _axis(report)
    front = report.front if axis == report.axis else front_of(report, axis)
    low, high = (round(100 * f(report.share(p, axis) for p in front), 1) for f in (min, max))
    picture, layers = st.columns([3, 2], gap="medium")
    settings = f"{model.name}, {report.data}"
    with picture:
        chosen = report.best.point if report.best else front[0]
        start = min(max(round(100 * report.share(chosen, axis), 1), low), high)
        asked = start
        if high > low:
            whole = "int8's weights" if axis == WEIGHT_BYTES else f"int8's {COSTS[axis].title}"
            key = f"mix_what_if_{axis}"
            asked = st.slider(
                f"What if the budget were (% of {whole})", low, high, step=0.1, value=start, format="%.1f", key=key
            )
        place = st.empty() if slow else st.container()
        words = st.container()

    def draw_front(point: MixPoint, how: str) -> None:
        with place.container():
            spec = front_spec(report, point, budget=asked, axis=axis, front=front)
            draw_picture(spec, key=f"mix_front_{how}", settings=settings)

    if slow:
        draw_front(_on_hull(report, front, axis, asked), "hull")
    begin = time.perf_counter()
    point = _solved(report, axis, asked, front)
    st.session_state[_TOOK_S] = time.perf_counter() - begin
    if point is None:
        return
    draw_front(point, "exact")
    with layers:
        draw_picture(layers_spec(report, point), key="mix_layers", settings=settings)
    kept = " and the other budgets" if set(report.budgets) - {axis} else ""
    with words:
        st.markdown(
            f"Solved exactly at {asked:.1f} %{kept}: **{cost_text(axis, point.costs[axis])}** "
            f"({100 * report.share(point, axis):.1f} %), a predicted loss of {point.predicted_loss:.3g}. Predicted, "
            "not measured."
        )
        if report.best is None or point.choice != report.best.point.choice:
            made = trained_as(recipe_in(report, point.choice), asked_for)
            st.button("Take this one as the recipe", key="mix_take_other", on_click=set_recipe, args=(made,))


def _axis(report: MixReport) -> str:
    """The cost that the front is drawn over."""
    kinds = [kind for kind in COSTS if kind in report.whole]
    kept = remembered("mix_axis", report.axis, kinds)
    return str(
        st.segmented_control(
            "Front over", kinds, format_func=lambda kind: COSTS[kind].title.capitalize(), required=True, **kept
        )
    )


def _on_hull(report: MixReport, front: Sequence[MixPoint], axis: str, percent: float) -> MixPoint:
    """The best point of the hull within a budget."""
    within = [point for point in front if 100 * report.share(point, axis) <= percent + _ROUNDED]
    return min(within or front[:1], key=lambda point: point.predicted_loss)


def _solved(report: MixReport, axis: str, percent: float, front: Sequence[MixPoint]) -> MixPoint | None:
    least = min(point.costs[axis] for point in front)  # the slider's ends are rounded
    limit = max((percent + _ROUNDED) / 100 * report.whole[axis], least)
    problem = problem_of(report.groups, report.pairs, report.edges)
    others = {kind: share for kind, share in report.budgets.items() if kind != axis}
    try:
        limits = left_for(report, others) | {axis: limit - report.other[axis]}
        return point_of(report, solve(problem, limits, seconds=2.0))
    except QExplorerError as error:
        show_error(error)
        return None
