"""Backends that this version knows by name but does not run: a table of data.

Each gets a file of its own when it comes; until then it is listed as unavailable with the honest reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import Availability, Capabilities, Session, SessionOptions

__all__ = ["LATER", "LaterBackend"]


@dataclass(frozen=True, slots=True)
class LaterBackend:
    """A backend that a later version brings: always unavailable."""

    name: str
    label: str
    device: str

    @property
    def capabilities(self) -> Capabilities:
        """Nothing: it does not run here."""
        return Capabilities(self.device, frozenset(), frozenset(), simulates=False)

    def availability(self) -> Availability:
        """Unavailable, and there is nothing to install that would change it."""
        return Availability(False, f"this version of qexplorer does not run {self.label} yet")

    def import_runtime(self) -> None:
        """Nothing to import."""

    def load(self, path: Path, options: SessionOptions) -> Session:  # noqa: ARG002  (the Protocol's signature)
        """Raises BackendError."""
        raise BackendError(f"this version of qexplorer does not run {self.label} yet", do="choose onnxruntime")


LATER: tuple[LaterBackend, ...] = (
    LaterBackend("openvino", "OpenVINO", "cpu"),
    LaterBackend("litert", "LiteRT", "cpu"),
)
