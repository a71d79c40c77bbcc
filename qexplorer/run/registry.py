"""All backends, found by reading this folder; to add one, see ``protocol.py``."""

from __future__ import annotations

from qexplorer.core.errors import BackendError
from qexplorer.core.registry import Registry
from qexplorer.run.protocol import Backend

__all__ = ["BACKENDS", "backend_label", "exact_integers", "reference", "usable"]

BACKENDS: Registry[Backend] = Registry("backend", home="qexplorer.run", order=lambda backend: backend.facts.rank)


def reference() -> Backend:
    """The backend whose simulation every backend's answers are compared with; what is used where none is named."""
    return next(backend for backend in BACKENDS if backend.facts.reference)


def exact_integers() -> Backend | None:
    """The first backend on this machine whose native answers are exact integer arithmetic; None if there is none."""
    return next((b for b in BACKENDS if b.facts.exact and b.availability().available), None)


def backend_label(name: str) -> str:
    """What people call the backend ``name``; the name itself of one that a record of old names."""
    return BACKENDS.get(name).label if name in BACKENDS else name


def usable(name: str) -> Backend:
    """The backend called ``name``; raises UnknownName, or BackendError with the reason if it cannot be used here."""
    backend = BACKENDS.get(name)
    state = backend.availability()
    if not state.available:
        what = state.reason or f"{backend.label} is not available here"
        raise BackendError(what, where=name, do=f"enable it with: {state.enable}" if state.enable else None)
    return backend
