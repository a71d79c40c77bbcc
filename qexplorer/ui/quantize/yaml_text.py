"""The recipe as YAML, both ways: read it, change it, take it away, bring one."""

from __future__ import annotations

import streamlit as st

from qexplorer.core.errors import RecipeError
from qexplorer.core.files import file_name
from qexplorer.ui.own_recipes import set_recipe
from qexplorer.ui.quantize.controls import draw_refused_change, refuse
from qexplorer.ui.quantize.recipe_changes import read_recipe
from qexplorer.ui.session import current_recipe

__all__ = ["draw_yaml"]

_PLACE = "yaml"
MOST_BYTES = 64 * 1024
_TEXT, _SHOWN, _FILE = "quantize_yaml", "quantize_yaml_shown", "quantize_yaml_file"


def draw_yaml() -> None:
    """The text, a button that applies it, download and upload."""
    recipe = current_recipe()
    if st.session_state.get(_SHOWN) != recipe.to_yaml() or _TEXT not in st.session_state:
        st.session_state[_TEXT] = st.session_state[_SHOWN] = recipe.to_yaml()
    st.text_area("Recipe", key=_TEXT, height=300, label_visibility="collapsed")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Apply", key="quantize_apply", icon=":material/check:", on_click=_apply)
        name = file_name(recipe.name, ".yaml")
        st.download_button("Download YAML", recipe.to_yaml(), name, "application/yaml", icon=":material/download:")
    draw_refused_change(_PLACE)
    st.file_uploader("Bring a recipe", type=["yaml", "yml"], key=_FILE, on_change=_brought, max_upload_size=1)


def _apply() -> None:
    _take(st.session_state[_TEXT])


def _brought() -> None:
    file = st.session_state[_FILE]
    if file is None:
        return
    data = file.getvalue()
    if len(data) > MOST_BYTES:
        refuse(RecipeError("too large to be a recipe", where=file.name, allowed="64 kB"), _PLACE)
        return
    try:
        _take(data.decode("utf-8"))
    except UnicodeDecodeError:
        refuse(RecipeError("not text in UTF-8", where=file.name, do="save it as UTF-8"), _PLACE)


def _take(text: str) -> None:
    """Makes the text the recipe; the text stays in the box when it is refused."""
    try:
        set_recipe(read_recipe(text))
    except RecipeError as error:
        refuse(error, _PLACE)
