"""What the preparer's child does: it prepares files before they are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qexplorer.measure.pace.waiting import announce
from qexplorer.process.child import Emit
from qexplorer.run.preparing import prepare_here
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["prepare_file"]


def prepare_file(arguments: dict[str, Any], emit: Emit) -> None:
    """Loads a file, so that what the backend prepares is kept.

    Args:
        arguments: ``order``: ``backend``, ``path`` of an ONNX file, ``threads``.
        emit: takes ``prepares`` events (see ``pace.waiting``).

    Raises:
        BackendError: the backend cannot load it.
    """
    order = arguments["order"]
    prepare_here()
    announce(emit)
    usable(order["backend"]).load(Path(order["path"]), SessionOptions(Mode.NATIVE, int(order["threads"])))
