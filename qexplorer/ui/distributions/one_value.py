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

__all__ = ["ONE_VALUE", "draw_one_value"]

ONE_VALUE = "One value"
"""The choice of "Look closer" that draws this."""

_MOST = 3.4e38  # of float32


def draw_one_value(stats: TensorStats, grid: Grid) -> None:
    """Which value, another one in its place, and the steps; for one scale a sentence where the editor has them."""
    st.subheader("One value, step by step", anchor=False)
    if grid.axis is None or stats.array is None:
        st.caption("One scale serves the whole tensor: click a bar of the picture, or type a value under it.")
        return
    from qexplorer.observe.editing.value_steps import follow_value

    array = stats.array
    left, middle, _ = st.columns(3)
    with left:
        largest = int(np.abs(array).argmax())
        name, place_help = (
            f"tensor_place:{stats.name}",
            "Counted along the last axis first; at first the largest magnitude",
        )
        place = st.number_input("Position", 0, array.size - 1, help=place_help, **remembered(name, largest))
    with middle:
        instead_help = "A value of your own, under the scale of that position"
        name = f"tensor_instead:{stats.name}"
        typed = st.number_input("Value instead", -_MOST, _MOST, value=None, format="%g", help=instead_help,
                                placeholder="its own", **remembered(name, None))  # fmt: skip
    found = follow_value(array, grid, int(place), None if typed is None else float(typed))
    where = ", ".join(map(str, found.index))
    whose = "The value" if typed is None else "Your value, as if it stood"
    st.caption(f"{whose} at [{where}] of an array of shape {' by '.join(map(str, array.shape))}.")
    rows = [{"step": what, "numbers": how} for what, how in found.steps]
    st.dataframe(in_table(rows), hide_index=True, placeholder="", height="content")
