"""Weights without a model: the architecture is chosen first, then the file is uploaded or named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

import streamlit as st

from qexplorer.core.files import given_path
from qexplorer.ui.serving.people import is_shared
from qexplorer.ui.session import as_plain, choose_model, show_error
from qexplorer.ui.uploads import StoredUpload, take, take_files

__all__ = ["draw_weights", "meant"]

_SETTINGS = ".json"

_WAIT = "Reading {name} and exporting {architecture}, in a process of its own. Usually 10 to 30 seconds."


def draw_weights() -> None:
    """An architecture, then an upload or a path; what cannot be used leaves everything as it was, with one sentence."""
    from qexplorer.load.weights.kinds import ENDINGS

    with st.expander("Weights without a model: .safetensors, or a PyTorch state_dict", icon=":material/deployed_code:"):
        chosen = _architecture()
        left, right = st.columns(2)
        wait = "" if chosen is None else _WAIT.replace("{architecture}", as_plain(chosen))
        with left:
            kind = f"weights_{chosen}"
            types = [ending[1:] for ending in ENDINGS] + [
                "pt2",
                "json",
            ]  # pt2: refused with what to do, not by the browser
            files = st.file_uploader(
                "Upload the weights",
                types,
                key=f"upload_{kind}",
                disabled=chosen is None,
                accept_multiple_files=True,
                help="Those of transformers with their config.json: both at once, or one after the other.",
            )
            if take_files(
                kind, files, lambda found: _load_all(found, str(chosen)), wait, choose=meant, waits=_waits(chosen)
            ):
                st.rerun()
            if files and not meant([file.name for file in files], [True] * len(files)):
                st.caption("These are settings; now the weights that they belong to.")
        if is_shared():  # nobody looks at files of the host
            return
        with right, st.form("path_weights", border=False):
            typed = st.text_input("Or their path on this machine", placeholder="/home/me/weights/net.safetensors")
            if st.form_submit_button("Load them", disabled=chosen is None) and typed.strip():
                path = given_path(typed.strip())
                error = take(lambda: _load(path, path.name, str(chosen)), wait.format(name=as_plain(path.name)))
                if error is None:
                    st.rerun()
                show_error(error)


def _architecture() -> str | None:
    """One of the list, or a typed name of timm or transformers."""
    from qexplorer.load.weights.networks import LIBRARIES, own_names

    names = ", ".join(f"{library}:NAME" for library in LIBRARIES)
    return st.selectbox(
        "Architecture that the weights are of",
        own_names(),
        index=None,
        placeholder="Choose or type one",
        accept_new_options=True,
        key="architecture",
        help=f"Or {names}, where that package is installed. The exported file is checked against the module.",
    )


def meant(names: Sequence[str], new: Sequence[bool]) -> list[int]:
    """Which files of the widget are meant: the latest weights, and the latest settings if there are any.

    Args:
        names: of the files, in the order in which they came.
        new: whether each came just now; the files are the same either way.

    Returns:
        Places in ``names``, the weights first; nothing without weights.
    """
    del new
    settings = [i for i, name in enumerate(names) if name.lower().endswith(_SETTINGS)]
    weights = [i for i in range(len(names)) if i not in settings]
    return [*weights[-1:], *settings[-1:]] if weights else []


def _waits(architecture: str | None) -> Callable[[str], bool]:
    """Refused weights stay where settings that explain them may follow."""
    return lambda _name: str(architecture).startswith("transformers:")


def _load_all(files: Sequence[StoredUpload], architecture: str) -> None:
    config = files[1].path if len(files) > 1 else None
    _load(files[0].path, files[0].name, architecture, config)


def _load(path: Path, name: str, architecture: str, config: Path | None = None) -> None:
    from qexplorer.load.weights.load import load_weights

    stem = PurePath(name.replace("\\", "/")).stem or "weights"
    model = load_weights(path, architecture, name=stem, shown=PurePath(name).name, config=config)
    choose_model(str(model.path), None, name=model.name)
