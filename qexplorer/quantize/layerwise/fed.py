"""The one walk over what layers are fed: calibration samples stream past, and each layer's inputs become one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qexplorer.core.dataset import Split
from qexplorer.core.grid import Float32
from qexplorer.core.model import Model
from qexplorer.quantize.layerwise.matrices import LayerMatrix
from qexplorer.quantize.layerwise.streams import folded

if TYPE_CHECKING:
    import onnx

__all__ = ["of_inputs"]

_Part = TypeVar("_Part")


def of_inputs(
    proto: onnx.ModelProto,
    model: Model,
    split: Split,
    layers: Mapping[str, tuple[str, LayerMatrix]],
    part: Callable[[LayerMatrix, Float32, int], _Part],
    join: Callable[[_Part, _Part], _Part],
    progress: Callable[[float], None],
) -> dict[str, _Part]:
    """Runs ``proto`` on all samples.

    Args:
        proto: a graph with the inputs of ``model`` in which the layers' inputs are.
        model: says how samples are fed.
        split: the samples.
        layers: by name, the tensor that the layer reads and how it becomes a matrix.
        part: what one batch gives for a layer, from its input and the number of the batch's first sample; called in
            threads.
        join: two such parts as one; batches are joined in the order of the samples.
        progress: told the share that is done after each batch.

    Returns:
        By layer; empty where there is no sample.

    Raises:
        BackendError: ONNX Runtime cannot run the graph.
    """
    if not split.n or not layers:
        return {}
    tensors, matrices = [tensor for tensor, _ in layers.values()], [matrix for _, matrix in layers.values()]

    def parts(found: Sequence[NDArray[Any]], first: int) -> list[_Part]:
        return [part(m, np.asarray(x, np.float32), first) for m, x in zip(matrices, found, strict=True)]

    def joined(total: list[_Part] | None, found: list[_Part]) -> list[_Part]:
        return found if total is None else [join(a, b) for a, b in zip(total, found, strict=True)]

    total: list[_Part] | None = folded(proto, model, split, tensors, parts, joined, progress)
    return dict(zip(layers, total or [], strict=True))
