"""What a training won, and what to do with it: compare, download."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from qexplorer.core.files import file_name
from qexplorer.core.model import Model
from qexplorer.jobs.kinds.train import TrainResult
from qexplorer.quantize.quantize import kept_quantized
from qexplorer.quantize.training.diaries.diary import Diary
from qexplorer.report.training_charts.words import choice_text, cost_text, integer_text, won
from qexplorer.ui.own_recipes import add_to_comparison, is_compared
from qexplorer.ui.session import as_plain
from qexplorer.ui.train.curves import draw_trouble

__all__ = ["draw_result"]


def draw_result(model: Model, made: TrainResult, diary: Diary | None) -> None:
    """The gain in one line, then the buttons."""
    if diary is not None:
        shown = diary.cut(made.until) if made.until else diary
        text = won(shown)
        st.markdown(f"#### {as_plain(text[:1].upper() + text[1:])}")
        stopped = f"; stopped after epoch {made.until} of {diary.of}" if made.until else ""
        if not stopped and diary.stopped is not None:
            stopped = f"; it ended after epoch {diary.trained} of {diary.of}, as {diary.stopped}"
        best = "the untrained state" if shown.best == 0 else f"the state after epoch {shown.best}"
        cost = cost_text(replace(diary, ended=True))
        how = f"By the recipe {made.recipe.name} anybody gets this file; {cost}."
        st.caption(as_plain(f"Kept: {best}{stopped}. {choice_text(shown)} {how}"))
        said = integer_text(shown, made.integer)
        if said is not None:
            st.caption(as_plain(said))
        draw_trouble(shown)
    added = is_compared(made.recipe)
    with st.container(horizontal=True, vertical_alignment="center", key="train_next"):
        label = "In the comparison" if added else "Add to comparison"
        icon = ":material/check:" if added else ":material/playlist_add:"
        asked = (made.recipe,)
        st.button(
            label, type="primary", icon=icon, disabled=added, on_click=add_to_comparison, args=asked, key="train_add"
        )
        path = kept_quantized(made.digest)
        if path is not None:
            name = file_name(model.name, made.recipe.name, ".onnx")
            st.download_button("Download ONNX", path.read_bytes, name, icon=":material/download:", key="train_onnx")
        st.page_link("pages/compare.py", label="Next: compare", icon=":material/arrow_forward:")
