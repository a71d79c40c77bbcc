"""An exception that nobody foresaw, as one sentence for a person: the kind of fault, and where its details are."""

from __future__ import annotations

import errno

from qexplorer.core.disk.room import disk_error
from qexplorer.core.errors import ChildMemory, QExplorerError

__all__ = ["NO_MEMORY", "foreseen", "unforeseen"]

NO_MEMORY = (
    *("bad_alloc", "cannot allocate memory", "can't allocate memory", "failed to alloc", "out of memory"),
    *("failed to map segment", "can't start new thread"),
)
"""What libraries say, in small letters, when the system gives them no more memory."""

_OF_THE_SYSTEM = {
    errno.EFBIG: ("a file would have become larger than it may", "give a smaller model or fewer samples"),
    errno.EMFILE: ("too many files are open", "close other programs, then start it again"),
}


def unforeseen(error: BaseException, details: str | None = None) -> QExplorerError:
    """The error to show for ``error``.

    Args:
        error: what was raised, by this program or a library.
        details: where its traceback is kept, in words; None: nowhere.
    """
    if isinstance(error, MemoryError) or _says_no_memory(error):
        return _no_memory(None)
    if isinstance(error, OSError) and (told := disk_error(error)) is not None:
        return told
    if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
        what, do = _OF_THE_SYSTEM[error.errno]
        return QExplorerError(what, do=do)
    if isinstance(error, RecursionError):
        return QExplorerError("it is nested more deeply than can be followed", do="simplify the model first")
    where = _library_of(error)
    fault = "a fault of this program" if where is None else f"a fault of {where}, or of what it was given"
    kept = "" if details is None else f"; its details are in {details}"
    return QExplorerError(f"{fault} that nobody foresaw ({type(error).__name__}){kept}")


def foreseen(error: QExplorerError) -> QExplorerError:
    """``error``, or what it comes to where a backend only hands on that the system gave it no more memory."""
    return _no_memory(error.where) if _says_no_memory(error) else error


def _says_no_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return any(words in text for words in NO_MEMORY)


def _no_memory(where: str | None) -> ChildMemory:
    do = "give a smaller model or fewer samples, or raise the limit (QEXPLORER_LIMITS, QEXPLORER_MEMORY_GB)"
    return ChildMemory("the work needs more memory than it may use", where=where, do=do)


def _library_of(error: BaseException) -> str | None:
    """Top package of the code that raised; None for this program and the standard library."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        found = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    top = found.partition(".")[0]
    return top if top in _LIBRARIES else None


_LIBRARIES = frozenset(
    (
        *("numpy", "onnx", "onnxruntime", "onnx_ir", "onnxscript", "torch", "openvino", "numba", "scipy", "pandas"),
        *("PIL", "ai_edge_litert", "litert_torch", "tensorrt", "google"),
    )
)
