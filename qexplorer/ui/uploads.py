"""Taking an uploaded file once: a widget hands the same file over again in every run of its page."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any

import streamlit as st

from qexplorer.core.errors import QExplorerError
from qexplorer.ui.session import as_plain, show_error

__all__ = ["belonging", "packed", "take", "take_upload"]


def take(work: Callable[[], None], wait: str) -> QExplorerError | None:
    """Does ``work`` under a spinner that says what it waits for; returns why it could not be done, if so."""
    try:
        with st.spinner(wait, show_time=True):
            work()
    except QExplorerError as error:
        return error
    return None


def take_upload(kind: str, given: Any, work: Callable[[str, bytes], None], wait: str) -> bool:
    """Hands what was newly uploaded to ``work`` as name and bytes; True if it was taken now.

    Several files that belong together (images and their labels) go as one archive; one that is whole by itself goes
    alone, whatever was dropped before it. What was refused keeps its sentence
    on the page as long as it lies in the widget, and is not tried again.
    """
    files = given if isinstance(given, list) else [given]
    if not files or files[0] is None:
        return False
    key, ids = f"upload_{kind}_seen", [file.file_id for file in files]
    seen, error = st.session_state.get(key, (None, None))
    fresh = seen != ids
    if fresh:
        chosen = belonging([file.name for file in files], [file.file_id not in (seen or ()) for file in files])
        name, data = packed([(files[i].name, files[i].getvalue()) for i in chosen])
        error = take(lambda: work(name, data), wait.format(name=as_plain(name)))
        st.session_state[key] = (ids, error)
    if error is not None:
        show_error(error)
    return fresh and error is None


def belonging(names: Sequence[str], new: Sequence[bool]) -> list[int]:
    """Which of the files in a widget are meant: the parts (.npy, IDX) together, or the latest file that is whole.

    Args:
        names: of the files, in the order in which they came.
        new: whether each came just now; after one was taken out, none did.

    Returns:
        Places in ``names``.
    """
    from qexplorer.load.readers.idx import is_idx

    parts = [i for i, name in enumerate(names) if name.lower().endswith(".npy") or is_idx(Path(name))]
    latest = [i for i, fresh in enumerate(new) if fresh] or list(range(len(names)))
    whole = [i for i in latest if i not in parts]
    return whole[-1:] or parts


def packed(files: Sequence[tuple[str, bytes]]) -> tuple[str, bytes]:
    """One file as it is; several, and a lone .npy, as an archive called after the first of them in alphabetical order.

    The archive has one fixed date, so that the same files are the same bytes.
    """
    ordered = sorted(files)
    first = PurePath(ordered[0][0].replace("\\", "/")).name
    if len(ordered) == 1 and not first.endswith(".npy"):
        return ordered[0]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in ordered:
            archive.writestr(zipfile.ZipInfo(PurePath(name.replace("\\", "/")).name), data)
    return f"{first.split('.')[0]}.zip", stream.getvalue()
