"""Names of the classes for data of one's own: typed or from a file, one a line, in the model's order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.ui.session import fitted_data, keep, show_error, state
from qexplorer.ui.uploads import take_upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qexplorer.core.dataset import DataSet

__all__ = ["draw_class_names", "use_class_names"]

_MOST_BYTES = 2**20
_LABEL = "One name a line, in the model's order"
_HELP = (
    "Class 0 first. Labels that are names get the numbers that they have here; labels that are numbers are shown by "
    "these names. A list in JSON is read, too."
)


def draw_class_names(model: Model, data: DataSet) -> None:
    """The list in use, and a way to give another; nothing for data whose labels name no class."""
    from qexplorer.core.tasks.choose import task_of

    if data.evaluation.labels is None or not task_of(data).classes(model.outputs):
        return
    given, said = state().classes, _where_from(model, data)
    with st.expander(f"Names of the classes: {said}", icon=":material/label:", key="class_names"):
        with st.form("class_names_form", border=False):
            text = st.text_area(_LABEL, "\n".join(data.classes or model.classes), height=160, help=_HELP)
            if st.form_submit_button("Use these names"):
                _take(model, text)
        file = st.file_uploader("Or a file with them (.txt, .json)", key="upload_class_names")
        if take_upload("class_names", file, lambda _, path: _read(model, path), "Reading {name}."):
            st.rerun()
        if given and st.button("Forget this list", icon=":material/undo:"):
            _keep(())
            st.rerun()


def use_class_names(model: Model, text: str) -> None:
    """Makes the names in ``text`` those of the session's data.

    Raises:
        DataError: no list of names, of another length than the model has classes, or without one that the data has;
            then nothing is changed.
    """
    from qexplorer.load.class_names import names_in_text
    from qexplorer.load.datasets.classes import check_listed

    names, before = names_in_text(text), tuple(state().classes)
    if not names:
        what = "this is no list of class names"
        raise DataError(what, allowed="two names or more that differ, one a line", do="list every class once")
    check_listed(names, model)
    _keep(names)
    try:
        fitted_data()
    except DataError:
        _keep(before)
        raise


def _where_from(model: Model, data: DataSet) -> str:
    if state().classes:
        return f"{len(state().classes):,} given here"
    if model.classes:
        return f"{len(model.classes):,} that the model has"
    return f"{len(data.classes):,} that the data has" if data.classes else "not known"


def _take(model: Model, text: str) -> None:
    try:
        use_class_names(model, text)
    except DataError as error:
        show_error(error)
        return
    st.rerun()


def _read(model: Model, path: Path) -> None:
    if path.stat().st_size > _MOST_BYTES:
        raise DataError(f"the list is larger than {_MOST_BYTES // 2**20} MB", do="keep one short name a line")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError("the list is no text in UTF-8", do="save it as UTF-8, one name a line") from None
    use_class_names(model, text)


def _keep(names: Sequence[str]) -> None:
    now = state()
    now.classes = list(names)
    keep(now)
