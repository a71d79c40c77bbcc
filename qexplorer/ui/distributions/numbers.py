"""The numbers of page Distributions: the error in two parts, and the tensor's statistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.core.words.numbers import percent_text
from qexplorer.report.tensor_charts.error_split import error_split_html, error_split_info, sqnr_text
from qexplorer.ui.distributions.controls import Settings
from qexplorer.ui.distributions.drawn_grid import Drawn
from qexplorer.ui.session import as_plain

if TYPE_CHECKING:
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["draw_error", "draw_statistics"]


def draw_error(view: GridView, shown: Drawn, settings: Settings) -> None:
    """Rounding and clipping error of what is drawn, as a bar of two colours and a sentence."""
    from qexplorer.observe.advice import clip_advice
    from qexplorer.observe.error import error_from_histogram

    error = view.error
    if shown.channel is not None and shown.grid is not None:
        error = error_from_histogram(shown.histogram, shown.grid)
    advice = None if shown.grid is None else clip_advice(shown.histogram, shown.grid, symmetric=settings.symmetric)
    channels = view.channels if shown.channel is None else None
    lost = (0, 0) if channels is None else (channels.lost, len(channels.sqnr_db))
    parts = (error.rounding_mse, error.clipping_mse, error.sqnr_db, error.clipped_fraction)
    info = error_split_info(*parts, advice, lost)
    st.html(error_split_html(info))
    whole = "" if shown.channel is None else f"Channel {shown.channel}. "
    st.markdown(as_plain(whole + info.verdict))
    if shown.channel is not None:
        st.caption(
            f"The whole tensor, {settings.granularity} by {settings.granularity}: {sqnr_text(view.error.sqnr_db)}."
        )


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
