"""The int32 sums of any layer, looked at: what the PyTorch integer backend adds up, before it is rescaled."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.foreign.media import in_table
from qexplorer.jobs.kinds.sums import SUMS
from qexplorer.measure.arithmetic.accumulators import SAMPLES, Sums, kept_accumulators
from qexplorer.report.tensor_charts.accumulators import sums_rows, sums_spec
from qexplorer.ui.charts import draw_chart
from qexplorer.ui.compare.arithmetic import ArithmeticSubject, draw_section
from qexplorer.ui.job_section import StartButton
from qexplorer.ui.session import remembered

__all__ = ["draw_sums"]

_HELP = f"Runs up to {SAMPLES} samples in true integer arithmetic with PyTorch; usually 5 to 20 seconds."


def draw_sums(subject: ArithmeticSubject, subtitle: str, key: str) -> None:
    """The lower part of the section Saturation."""
    st.subheader("Every int32 sum")
    st.markdown(
        "Codes multiplied and added up in int32 with PyTorch, equal to the reference in every sum: look at them here, "
        "layer by layer, before they are rescaled to 8 bits."
    )
    found = kept_accumulators(subject.digest, subject.data_digest)
    if found is not None:
        _sums(found, subtitle, key)
    again = found is not None
    label = "Look at the int32 sums again" if again else "Look at the int32 sums"
    draw_section(SUMS, StartButton(label, ":material/functions:", help=_HELP, primary=not again), subject)


def _sums(found: Sums, subtitle: str, key: str) -> None:
    layers = {layer.layer: layer for layer in found.layers}
    names = list(layers)
    name = st.selectbox("Layer", names, **remembered("sums_layer", names[0], names))
    draw_chart(sums_spec(layers[name], found.n, subtitle), key=f"sums_{key}")
    st.dataframe(in_table(sums_rows(found)), hide_index=True, placeholder="", key=f"sums_rows_{key}")
