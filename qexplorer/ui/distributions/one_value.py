"""One value of a weight on its way to a code and back, where each channel or block has a scale of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.ui.session import remembered

if TYPE_CHECKING:
    from qexplorer.core.grid import Grid
    from qexplorer.observe.stats import TensorStats

__all__ = ["ONE_VALUE", "draw_one_value", "value_choices"]

ONE_VALUE = "One value"
"""The choice of "Look closer" that draws this."""

_MOST = 3.4e38  # of float32


def value_choices(tensor: str) -> tuple[str, str]:
    """Under which names the position, and the value in its place, are kept."""
    return f"tensor_place:{tensor}", f"tensor_instead:{tensor}"


def draw_one_value(stats: TensorStats, grid: Grid) -> None:
    """Which value, another one in its place, and the steps; for one scale a sentence where the editor has them."""
    st.subheader("One value, step by step", anchor=False)
    if grid.axis is None or stats.array is None:
        st.caption("One scale serves the whole tensor: click a bar of the picture, or type a value under it.")
        return
    from qexplorer.observe.editing.value_steps import follow_value

    array, (place_name, instead_name) = stats.array, value_choices(stats.name)
    left, middle, _ = st.columns(3)
    with left:
        about = "Of a value, counted along the last axis first"
        own = remembered(place_name, None)
        place = st.number_input("Position", 0, array.size - 1, None, placeholder="largest magnitude", help=about, **own)
    with middle:
        about = "A value of your own, under the scale of that position"
        own = remembered(instead_name, None)
        typed = st.number_input(
            "Value instead", -_MOST, _MOST, None, format="%g", placeholder="its own", help=about, **own
        )
    found = follow_value(array, grid, int(np.abs(array).argmax()) if place is None else int(place), typed)
    where = ", ".join(map(str, found.index))
    whose = "The value" if typed is None else "Your value, as if it stood"
    st.caption(f"{whose} at [{where}] of an array of shape {' by '.join(map(str, array.shape))}.")
    rows = [{"step": what, "numbers": how} for what, how in found.steps]
    st.dataframe(in_table(rows), hide_index=True, placeholder="", height="content")
