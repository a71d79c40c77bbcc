"""A training drawn: its curves, what moves inside, and the layer that somebody looks at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from qexplorer.core.foreign.media import in_chart
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.report.training_charts.curves import loss_spec, metric_spec
from qexplorer.report.training_charts.inside import gradient_spec, scale_spec, weight_spec
from qexplorer.report.training_charts.words import choice_text, cost_text, so_far, trouble
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import as_plain, remembered

__all__ = ["chosen_layer", "draw_diary", "draw_so_far"]

Draw = Callable[[dict[str, Any], str], None]


def draw_so_far(diary: Diary) -> None:
    """One sentence on where it is, and what goes wrong if something does."""
    st.markdown(as_plain(f"{so_far(diary)}."))
    draw_trouble(diary)


def draw_trouble(diary: Diary) -> None:
    """What goes wrong, with a way out."""
    sentence = trouble(diary)
    if sentence is not None:
        st.warning(as_plain(sentence), icon=":material/trending_up:")


def draw_diary(diary: Diary, *, running: bool, cost: bool) -> None:
    """The curves in two columns, then what moves inside.

    Args:
        diary: of the training.
        running: whether it goes on: the charts then move and cannot be saved yet.
        cost: whether what it costs, and by what the best epoch is chosen, stands under the curves.
    """
    draw: Draw = _moving if running else _still
    metric = metric_spec(diary)
    with st.container(key="train_curves"):
        left, right = st.columns(2, gap="large")
        with left:
            draw(loss_spec(diary), "train_loss")
        with right:
            if metric is None:
                st.caption("The task has no metric of its own here, so that the loss judges.")
            else:
                draw(metric, "train_metric")
        if cost:
            went_on = f"It went on after epoch {diary.went_on} of an earlier run. " if diary.went_on else ""
            st.caption(as_plain(f"{went_on}{cost_text(diary)}. {choice_text(diary)}"))
        layer = _draw_layer_choice(diary)
        left, right = st.columns(2, gap="large")
        look = diary.looks.get(layer or "")
        with left:
            if layer is not None and look is not None:
                draw(weight_spec(layer, look), "train_weights")
            elif layer is not None:
                st.caption("Its weights are drawn with the next entry.")
        with right:
            draw(scale_spec(diary, _scales_of(diary, layer)), "train_scales")
        draw(gradient_spec(diary), "train_gradients")


def chosen_layer(diary: Diary) -> str | None:
    """The layer whose weights are looked at; None where none can be."""
    if not diary.layers:
        return None
    kept = st.session_state.get("keep:train_layer")
    return str(kept) if kept in diary.layers else diary.layers[0]


def _draw_layer_choice(diary: Diary) -> str | None:
    if not diary.layers:
        return None
    options = list(diary.layers)
    chosen: str = st.selectbox(
        "Layer to look at",
        options,
        **remembered("train_layer", options[0], options),
        help="Its weights on their grid, and its scales in front of the others.",
        width=320,
    )
    return chosen


def _scales_of(diary: Diary, layer: str | None) -> tuple[str, ...]:
    """Tensors whose scales belong to a layer: by their names, which begin with the layer's."""
    known = {name for each in diary.moments for name in each.scales}
    return tuple(sorted(name for name in known if layer is not None and name.startswith(f"{layer}.")))


def _moving(spec: dict[str, Any], key: str) -> None:
    st.vega_lite_chart(in_chart(spec), width="stretch", key=f"{key}_live")


def _still(spec: dict[str, Any], key: str) -> None:
    draw_chart(spec, key=key)
