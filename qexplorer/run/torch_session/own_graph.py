"""What sessions have in common whose graph is run by what is written here, not by a runtime that reads ONNX files."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["OwnGraph"]


class OwnGraph:
    """Base of such sessions.

    Args:
        names: names of the outputs, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    @property
    def output_names(self) -> Sequence[str]:
        """Names of the outputs, in order."""
        return self._names

    @property
    def notes(self) -> tuple[str, ...]:
        """None: what runs the graph is written here."""
        return ()
