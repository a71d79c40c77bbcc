"""The part that opens a stranger's weights: read, put into the architecture, exported and checked against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qexplorer.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from qexplorer.process.child import Emit

__all__ = ["export_weights"]

_TOLERANCE = 1e-3
"""Largest difference between the file and the module, as a share of the largest answer; 1e-5 is usual."""


def export_weights(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Makes an ONNX file of weights and a named architecture.

    Args:
        arguments: ``path`` (a private copy of the weights), ``out`` (where the ONNX file goes), ``architecture``,
            ``config`` (text of a ``config.json``, or None), ``where`` (what to call the weights in messages).
        emit: takes ``progress`` events with a step.

    Returns:
        ``{"difference": largest difference between module and file, as a share of the largest answer}``.

    Raises:
        ModelError, UnknownName: one sentence about the first thing that is wrong.
    """
    import torch

    from qexplorer.load.torch_export import export
    from qexplorer.load.weights.fill import fill
    from qexplorer.load.weights.networks import build_network
    from qexplorer.load.weights.reading import read_weights

    where, name = arguments["where"], arguments["architecture"]
    emit({"event": "progress", "step": "reading the weights"})
    weights = read_weights(Path(arguments["path"]), where)
    emit({"event": "progress", "step": f"building {name}"})
    torch.manual_seed(0)
    network = build_network(name, {k: tuple(v.shape) for k, v in weights.items()}, arguments.get("config"), where)
    fill(network.inner, weights, name, where)
    del weights
    emit({"event": "progress", "step": "exporting it as ONNX"})
    network.module.eval()
    out = export(network.module, network.example, Path(arguments["out"]))
    return {"difference": _checked(network.module, network.example, out, where)}


def _checked(module: nn.Module, example: Tensor, path: Path, where: str) -> float:
    """How far the file's answer to random samples is from the module's; raises ModelError if it is another."""
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shape = (2, *example.shape[1:])
    drawn = torch.randn(shape) if example.is_floating_point() else torch.randint(0, 100, shape)
    with torch.no_grad():
        expected = module(drawn).numpy()
    (given,) = session.run(None, {session.get_inputs()[0].name: drawn.numpy()})
    difference = float(np.abs(given - expected).max() / max(float(np.abs(expected).max()), 1e-30))
    if not difference <= _TOLERANCE:  # NaN is none
        what = f"the exported file answers otherwise than the module, by {100 * difference:.2g} % of its largest answer"
        raise ModelError(what, where=where, do="export the module yourself, and load the file")
    return difference
