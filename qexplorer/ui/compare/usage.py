"""Hardware use on page Compare: what processors, memory and GPUs did while the runs were timed."""

from __future__ import annotations

import streamlit as st

from qexplorer.measure.comparison import Comparison
from qexplorer.report.comparison_charts.usage import usage_infos, usage_spec
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.session import as_plain

__all__ = ["draw_usage"]


def draw_usage(comparison: Comparison) -> None:
    """Strips over time for each backend, and what they come to in words."""
    infos = usage_infos(comparison)
    if not infos:
        st.caption("Nobody looked at the hardware during this comparison: it is of an earlier version, or nothing ran.")
        return
    for place, info in enumerate(infos):
        draw_chart(usage_spec(info), key=f"usage_{comparison.id}_{place}")
        more = f" Of {info.left_out} more processors, which were less busy, none is drawn." if info.left_out else ""
        st.caption(as_plain(f"{'; '.join(strip.said for strip in info.strips)}. {info.n} looks, 4 a second.{more}"))
    if not any(strip.name.startswith("GPU") for info in infos for strip in info.strips):
        st.caption("No NVIDIA GPU was seen, so there are no strips of one.")
    st.caption(
        "Processors count whatever ran on them, also other programs. Memory is that of the process that timed all runs "
        "of a backend, which are loaded at once. With one thread, one processor is the one that was timed on."
    )
