"""Where models come from: cards of the samples, an upload, a path on the server's disk."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.report.metric_words import clause_of, stated
from qexplorer.report.words import count_text
from qexplorer.ui.serving.people import is_shared
from qexplorer.ui.session import as_plain, choose_model, show_error, state
from qexplorer.ui.sidebar import samples
from qexplorer.ui.uploads import take, take_upload

if TYPE_CHECKING:
    from qexplorer.load.samples.shelf import Sample

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
        st.markdown(sample.description.removesuffix(" Untrained: size and latency only."))  # the facts below say it
        st.caption(_facts(sample))
        label = "Chosen" if chosen else f"Use {sample.name}"
        if st.button(label, key=f"use_{sample.name}", disabled=chosen, width="stretch"):
            choose_model(sample.name, sample.data)
            st.rerun()


def _facts(sample: Sample) -> str:
    size = f"{count_text(sample.parameters)} parameters"
    measured = sample.float_metric
    if measured is None:
        return f"{size} · **untrained: size and latency only** · {sample.licence}"
    said = clause_of(stated(measured.metric, measured.value, measured.n))
    return f"{size} · {said}, held out · {sample.licence}, data {sample.data_licence}"


def draw_own_file() -> None:
    """An upload and a path; a file that cannot be used leaves everything as it was and gets one sentence."""
    left, right = st.columns(2)
    with left:
        file = st.file_uploader("Upload an ONNX file", type=["onnx"], key="upload_model")
        if take_upload("model", file, _from_upload, _WAIT):
            st.rerun()
    if is_shared():  # nobody looks at files of the host
        return
    with right, st.form("path_model", border=False):
        path = st.text_input("Or a path on this machine", placeholder="/home/me/models/net.onnx")
        if st.form_submit_button("Load it") and path.strip():
            source = path.strip()
            error = take(lambda: _from_path(source), _WAIT.format(name=as_plain(PurePath(source).name)))
            if error is None:
                st.rerun()
            show_error(error)


def _from_upload(name: str, path: Path) -> None:
    from qexplorer.load.model import load_upload

    model = load_upload(name, path)
    choose_model(str(model.path), None, name=model.name)


def _from_path(source: str) -> None:
    from qexplorer.load.model import load_model

    model = load_model(source)
    choose_model(str(model.path), None, name=model.name)
