"""Taking an uploaded file once: a widget hands the same file over again in every run of its page.

Streamlit keeps an upload in memory for as long as its session lives. Here it goes to a file at once, and its bytes are
let go: by the server's store, by the widget's value, and by what says why a file was refused.
"""

from __future__ import annotations

import ctypes
import shutil
import sys
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.disk.limit import make_room
from qexplorer.core.disk.owners import own_prefix, remove
from qexplorer.core.errors import QExplorerError
from qexplorer.core.workspace import workspace
from qexplorer.ui.session import as_plain, show_error, untraced

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

__all__ = ["StoredUpload", "belonging", "packed", "take", "take_files", "take_upload"]

Work = Callable[[str, Path], None]
Choose = Callable[[Sequence[str], Sequence[bool]], list[int]]
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of malloc.h


class StoredUpload:
    """An uploaded file on disk, gone with whoever has this value (a session, at its end).

    Attributes:
        name: what the file is called where it came from.
        path: where its bytes are; in a folder of its own.
        refused: why it was refused; its bytes are gone then.
    """

    def __init__(self, name: str) -> None:
        folder = Path(tempfile.mkdtemp(prefix=own_prefix("upload"), dir=workspace("incoming")))
        self.name, self.path = name, folder / "file"
        self.refused: QExplorerError | None = None
        self._gone = weakref.finalize(self, remove, folder)

    def refuse(self, why: QExplorerError) -> None:
        """Removes the bytes and keeps the reason."""
        self.refused = why
        self._gone()


def take(work: Callable[[], None], wait: str) -> QExplorerError | None:
    """Does ``work`` under a spinner that says what it waits for; returns why it could not be done, if so."""
    try:
        with st.spinner(wait, show_time=True):
            work()
    except QExplorerError as error:
        return untraced(error)
    return None


def take_upload(kind: str, given: Any, work: Work, wait: str) -> bool:
    """Hands what was newly uploaded to ``work`` as its name and a file; True if it was taken now.

    The widget's key must be ``upload_`` and ``kind``: what it returns is a copy of the value that the session keeps.
    Several files that belong together (images and their labels) go as one archive; one that is whole by itself goes
    alone, whatever was dropped before it. What was refused keeps its sentence on the page as long as it lies in the
    widget, and is not tried again.
    """

    def as_one(chosen: Sequence[StoredUpload]) -> None:
        pack = StoredUpload("pack")
        work(*packed([(file.name, file.path) for file in chosen], pack.path))

    return take_files(kind, given, as_one, wait)


def take_files(
    kind: str,
    given: Any,
    work: Callable[[Sequence[StoredUpload]], None],
    wait: str,
    *,
    choose: Choose | None = None,
    waits: Callable[[str], bool] | None = None,
) -> bool:
    """As :func:`take_upload`, with the files that belong together handed over as they are.

    Args:
        kind: as there.
        given: what the widget returned.
        work: is done on the chosen files.
        wait: what is said meanwhile.
        choose: which files of the widget are meant; :func:`belonging` by default. None of them: nothing is done yet.
        waits: whether a file of this name is kept though it was refused, as another that belongs to it may come.
    """
    choose, waits = choose or belonging, waits or _is_part
    files = [file for file in (given if isinstance(given, list) else [given]) if file is not None]
    key, ids = f"upload_{kind}_seen", [file.file_id for file in files]
    stored = _stored(f"upload_{kind}", files)
    if not files:
        return False
    seen, error = st.session_state.get(key, (None, None))
    fresh = seen != ids
    if fresh:
        chosen = [stored[i] for i in choose([f.name for f in files], [i not in (seen or ()) for i in ids])]
        error = next((file.refused for file in chosen if file.refused is not None), None)
        if error is None and chosen:
            error = _taken(chosen, work, wait, waits)
        st.session_state[key] = (ids, error)
        fresh = bool(chosen)
    if error is not None:
        show_error(error)
    return fresh and error is None


def _taken(
    chosen: Sequence[StoredUpload],
    work: Callable[[Sequence[StoredUpload]], None],
    wait: str,
    waits: Callable[[str], bool],
) -> QExplorerError | None:
    """Hands the files that belong together to ``work``; one that is refused leaves the disk, unless what it is a part
    of may still come."""
    error = take(lambda: work(chosen), wait.format(name=as_plain(chosen[0].name)))
    if error is not None and not waits(chosen[0].name):
        chosen[0].refuse(error)
    return error


def _stored(key: str, files: Sequence[UploadedFile]) -> list[StoredUpload]:
    """The files of a widget on disk, in its order; those that are new are let go by memory, those that left it by
    the disk."""
    known: dict[str, StoredUpload] = st.session_state.setdefault(f"{key}_files", {})
    for gone in known.keys() - {file.file_id for file in files}:
        del known[gone]
    for file in files:
        if file.file_id not in known:
            known[file.file_id] = _put(file)
    value = st.session_state.get(key)
    for file in value if isinstance(value, list) else [] if value is None else [value]:
        file.seek(0)
        file.truncate()
    return [known[file.file_id] for file in files]


def _put(file: UploadedFile) -> StoredUpload:
    """Copies an upload to disk in pieces, then empties it here and in the server's store."""
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.uploaded_file_manager import UploadedFileRec

    _let_large_blocks_go()
    found = StoredUpload(file.name)
    try:
        make_room(file.size)
        with found.path.open("xb") as target:
            shutil.copyfileobj(file, target, 2**20)
    except QExplorerError as error:
        found.refuse(untraced(error))
    file.seek(0)
    file.truncate()
    context = get_script_run_ctx()
    manager: Any = None if context is None else context.uploaded_file_mgr
    if context is not None and hasattr(manager, "add_file"):  # the store in memory, which is the only one so far
        manager.add_file(context.session_id, UploadedFileRec(file.file_id, file.name, file.type, b""))
    return found


@cache
def _let_large_blocks_go() -> None:
    """Has the C library take every large block from the system and give it back when it is freed: glibc keeps up to
    60 MB for each thread otherwise. Does nothing where there is no such call."""
    setting = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if setting is not None:
        setting(_MMAP_THRESHOLD, 2**20)


def belonging(names: Sequence[str], new: Sequence[bool]) -> list[int]:
    """Which of the files in a widget are meant: the parts (.npy, IDX) together, or the latest file that is whole.

    Args:
        names: of the files, in the order in which they came.
        new: whether each came just now; after one was taken out, none did.

    Returns:
        Places in ``names``.
    """
    parts = [i for i, name in enumerate(names) if _is_part(name)]
    latest = [i for i, fresh in enumerate(new) if fresh] or list(range(len(names)))
    whole = [i for i in latest if i not in parts]
    return whole[-1:] or parts


def _is_part(name: str) -> bool:
    from qexplorer.load.readers.idx import is_idx

    return name.lower().endswith(".npy") or is_idx(Path(name))


def packed(files: Sequence[tuple[str, Path]], target: Path) -> tuple[str, Path]:
    """One file as it is; several, and a lone .npy, as an archive called after the first of them in alphabetical order.

    The archive, written to ``target``, has one fixed date, so that the same files are the same bytes.
    """
    ordered = sorted(files)
    first = PurePath(ordered[0][0].replace("\\", "/")).name
    if len(ordered) == 1 and not first.endswith(".npy"):
        return ordered[0]
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in ordered:
            entry = zipfile.ZipInfo(PurePath(name.replace("\\", "/")).name)
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as inside:
                shutil.copyfileobj(source, inside, 2**20)
    return f"{first.split('.')[0]}.zip", target
