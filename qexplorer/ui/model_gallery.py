"""Where models come from: cards of the samples, an upload, a path on the server's disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.report.words import count_text
from qexplorer.ui.session import choose_model, show_error, state
from qexplorer.ui.sidebar import samples

if TYPE_CHECKING:
    from qexplorer.core.model import Model
    from qexplorer.load.samples import Sample

__all__ = ["draw_gallery", "draw_own_file"]

_COLUMNS = 3
_WAIT = "Checking {name} in a process of its own: format, every tensor, shapes. Usually 2 to 10 seconds."


def draw_gallery() -> None:
    """One card for each sample model."""
    found = list(samples().values())
    for start in range(0, len(found), _COLUMNS):
        for column, sample in zip(st.columns(_COLUMNS), found[start : start + _COLUMNS], strict=False):
            with column:
                _card(sample)


def _card(sample: Sample) -> None:
    chosen = state().model == sample.name
    with st.container(border=True, key=f"card_{sample.name}", height="stretch"):
        st.subheader(sample.title, anchor=False)
        st.caption(f"`{sample.name}`")
        st.markdown(sample.description)
        st.caption(_facts(sample))
        label = "Chosen" if chosen else f"Use {sample.name}"
        if st.button(label, key=f"use_{sample.name}", disabled=chosen, width="stretch"):
            choose_model(sample.name, sample.data)
            st.rerun()


def _facts(sample: Sample) -> str:
    size = f"{count_text(sample.parameters)} parameters"
    if sample.float_accuracy is None:
        return f"{size} · **untrained: size and latency only** · {sample.licence}"
    accuracy = f"{100 * sample.float_accuracy:.1f} % right of {sample.n_evaluation:,} held-out samples"
    return f"{size} · {accuracy} · {sample.licence}, data {sample.data_licence}"


def draw_own_file() -> None:
    """An upload and a path; a file that cannot be used leaves everything as it was and gets one sentence."""
    left, right = st.columns(2)
    with left:
        file = st.file_uploader("Upload an ONNX file", type=["onnx"], key="upload_model")
        if file is not None and st.session_state.get("uploaded_model") != file.file_id:
            data, name = file.getvalue(), file.name
            if _take(name, lambda: _from_bytes(name, data)):
                st.session_state["uploaded_model"] = file.file_id
                st.rerun()
    with right, st.form("path_model", border=False):
        path = st.text_input("Or a path on this machine", placeholder="/home/me/models/net.onnx")
        if st.form_submit_button("Load it") and path.strip():
            source = path.strip()
            if _take(Path(source).name, lambda: _from_path(source)):
                st.rerun()


def _from_bytes(name: str, data: bytes) -> Model:
    from qexplorer.load.model import load_bytes

    return load_bytes(name, data)


def _from_path(source: str) -> Model:
    from qexplorer.load.model import load_model

    return load_model(Path(source).expanduser())


def _take(name: str, load: Callable[[], Model]) -> bool:
    """Loads and chooses a model; False, with the reason on the page, if it cannot be used."""
    try:
        with st.spinner(_WAIT.format(name=name), show_time=True):
            model = load()
    except QExplorerError as error:
        show_error(error)
        return False
    choose_model(str(model.path), None, name=model.name)
    return True
