"""Page Model, top to bottom: what is loaded, its data, its layers; or, with nothing loaded, where to start."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui.empty_page import draw_first_sample
from qexplorer.ui.model.data_panel import draw_data
from qexplorer.ui.model.gallery import draw_gallery, draw_own_file
from qexplorer.ui.model.summary import draw_layers, draw_summary
from qexplorer.ui.model.weights_panel import draw_weights
from qexplorer.ui.session import choose_model, current_model, show_error, state

__all__ = ["draw_model_page"]


def draw_model_page() -> None:
    """Draws the page."""
    if state().model is None:
        _start()
        return
    try:
        model = current_model()
    except QExplorerError as error:
        show_error(error)
        if st.button("Choose another model", type="primary"):
            choose_model(None, None)
            st.rerun()
        return
    if model is None:
        return
    draw_summary(model)
    draw_data(model)
    draw_layers(model)
    with st.container(key="next_step"):
        st.page_link("pages/distributions.py", label="Next: look at the distributions", icon=":material/arrow_forward:")
    with st.expander("Choose another model", icon=":material/swap_horiz:"):
        draw_gallery()
        draw_own_file()
    draw_weights()


def _start() -> None:
    """The empty page: one button, the samples, the person's own file."""
    st.title("What does quantization do to a model?")
    st.markdown(
        "Load one, look at its weights and activations under an integer grid, quantize it, run it on this machine's "
        "integer kernels, and compare accuracy, size, latency and energy with float."
    )
    draw_first_sample()
    st.header("Samples")
    draw_gallery()
    st.header("Your own model")
    draw_own_file()
    draw_weights()
