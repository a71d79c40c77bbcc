"""Prepares the graph that a look inside will run, while the answers that call for the look are still being found.

A backend that converts files converts two for a look: the one in question, and the same with its codes handed out
(``code_readout.py``). The second does not depend on what the first answers, so that a processor with nothing to do can
begin with it. Whether a look will be needed is only known afterwards; the same graph on another backend tells.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qexplorer.measure.fidelity.code_readout import told_file
from qexplorer.measure.fidelity.rounding_points import points_of
from qexplorer.measure.fidelity.single_points import told_by_itself
from qexplorer.run.protocol import Backend, Mode, SessionOptions
from qexplorer.run.registry import usable

__all__ = ["can_prepare", "prepare"]


def can_prepare(backend: Backend) -> bool:
    """Whether loading a file is what takes long there, and is not done twice."""
    prepares = backend.capabilities.prepares
    return prepares is not None and not prepares.each_shape


def prepare(arguments: dict[str, Any], emit: object = None) -> None:  # noqa: ARG001  (the signature of a child's work)
    """Loads the graph that tells all of its codes, so that what the backend prepares is kept.

    Args:
        arguments: ``backend``, ``path`` of a QDQ graph, ``threads``.
        emit: not used.

    Raises:
        BackendError: the backend cannot load it; whoever looks inside learns it again.
    """
    import onnx

    backend, model = usable(arguments["backend"]), onnx.load(arguments["path"])
    points = points_of(model.graph)
    if told_by_itself(backend, points):
        return
    with tempfile.TemporaryDirectory(prefix="qexplorer-") as folder:
        backend.load(told_file(model, points, Path(folder)), SessionOptions(Mode.NATIVE, int(arguments["threads"])))
