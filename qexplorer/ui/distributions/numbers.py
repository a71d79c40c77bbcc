"""The numbers of page Distributions: the tensor's statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.core.words.numbers import percent_text

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats

__all__ = ["draw_statistics"]


def draw_statistics(stats: TensorStats) -> None:
    """Range, moments, zeros and outliers of the tensor, as a row that can be copied."""
    from qexplorer.observe.collecting.channels import OUTLIER

    h = stats.histogram
    row = {
        "values": f"{h.count:,}",
        "smallest": f"{h.minimum:.5g}",
        "largest": f"{h.maximum:.5g}",
        "mean": f"{h.mean:.4g}",
        "std": f"{h.std:.4g}",
        "kurtosis": "none: constant" if math.isnan(h.kurtosis) else f"{h.kurtosis:.3g}",
        "zeros": f"{percent_text(h.zeros / h.count, 2)}",
        f"beyond {OUTLIER:g} std": f"{h.outliers(OUTLIER):,}",
        "NaN or infinite": f"{h.nonfinite:,}",
    }
    st.dataframe(in_table([row]), hide_index=True, placeholder="")
    st.caption("Kurtosis: 3 for a normal distribution, more for heavy tails, which make a wide range and coarse steps.")
