"""The loaded model in a link: a sample by its name, another also by a digest by which it is found here again."""

from __future__ import annotations

import re

import streamlit as st

from qexplorer.core.foreign.media import in_label
from qexplorer.core.model import Model
from qexplorer.ui.session import choose_model, current_model, state
from qexplorer.ui.sidebar import samples
from qexplorer.ui.view.link import OpenedLink

__all__ = ["DIGEST", "MODEL", "OWN_MODEL", "open_model", "shared_model"]

MODEL, DIGEST = "model", "digest"
OWN_MODEL = "The link carries the SHA-256 of your model's file, not the file: who opens it has to load the same first."
_FORM = re.compile(r"[0-9a-f]{64}")


def shared_model(model: Model) -> dict[str, str]:
    """The model as a link names it: a sample by its name, another also by the digest of its file.

    The digest of a file whose weights lie beside it says nothing of them, so that nothing is found by it: such a model
    has that of the file with its weights taken in.
    """
    from qexplorer.load.store import find

    name = state().model
    if name in samples():
        return {MODEL: str(name)}
    whole = find(model.source_sha256, None) is not None
    return {MODEL: model.name, DIGEST: model.source_sha256 if whole else model.sha256}


def open_model(link: OpenedLink) -> None:
    """Chooses what a link names, and starts the page anew: a sample, or a model that was loaded on this machine."""
    name, known, digest = link.asked.get(MODEL), samples(), link.asked.get(DIGEST)
    if digest is not None:
        _open_kept(link, digest)
        return
    if name is None or name == state().model:
        return
    if name not in known:
        link.refuse(MODEL, f"allowed: {', '.join(known)}")
        return
    choose_model(name, known[name].data)
    st.rerun()


def _open_kept(link: OpenedLink, digest: str) -> None:
    """Chooses the model with this digest; where it is not here, what to load is said."""
    from qexplorer.load.store import find

    now, name = current_model(), in_label(link.asked.get(MODEL, "")[:60])
    if now is not None and digest in (now.source_sha256, now.sha256):
        return
    found = find(digest, None) if _FORM.fullmatch(digest) else None
    if found is None:
        what = f"the file of {name or 'the model'} with this SHA-256"
        link.refuse(DIGEST, f"load {what} on page Model, then open the link again", letters=64)
        return
    choose_model(str(found.path), None, name=found.name)
    st.rerun()
