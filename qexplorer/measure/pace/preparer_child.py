"""What the preparer's child does: it prepares files before they are judged, and the graphs that looks inside will run.

A backend that converts files converts two for a look: the one in question, and the same with its codes handed out
(``fidelity/code_readout.py``). The second does not depend on what the first answers, so that a processor with nothing
to do can begin with it. Whether a look will be needed is only known afterwards; the same graph on another backend says
so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qexplorer.measure.fidelity.code_readout import told_file
from qexplorer.measure.fidelity.rounding_points import points_of
from qexplorer.measure.fidelity.single_points import told_by_itself
from qexplorer.measure.pace.waiting import announce
from qexplorer.measure.scratch import scratch
from qexplorer.process.child import Emit
from qexplorer.run.preparing import prepare_here, tell_preparing
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["prepare_file", "prepare_look"]


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
    usable(order["backend"]).load(Path(order["path"]), _options(order))


def prepare_look(arguments: dict[str, Any], emit: object = None) -> None:  # noqa: ARG001  (the signature of a task's work)
    """Loads the graph that tells all codes of a file, so that what the backend prepares is kept.

    Args:
        arguments: ``order``: ``backend``, ``path`` of a QDQ graph, ``threads``.
        emit: not used: nobody waits for this yet.

    Raises:
        BackendError: the backend cannot load it; whoever looks inside learns it again.
    """
    import onnx

    order = arguments["order"]
    backend, model = usable(order["backend"]), onnx.load(order["path"])
    points = points_of(model.graph)
    if told_by_itself(backend, points):
        return
    prepare_here()
    tell_preparing(None)
    with scratch() as folder:  # this child is ended with whoever looks
        backend.load(told_file(model, points, folder), _options(order))


def _options(order: dict[str, Any]) -> SessionOptions:
    return SessionOptions(Mode.NATIVE, int(order["threads"]))
