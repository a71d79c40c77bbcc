"""Normalizations without constants of their own: their factors and shifts go into the products that read them.

LiteRT's conversion does that by itself, and so changes what a scale of the weights has to hold: channels that a
normalization makes large and that met small weights meet weights like all others then. A reference that gets a
converted file is compared on a graph to which the same was done.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from qexplorer.graph.index import GraphIndex

__all__ = ["folded"]


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes the same, up to rounding.

    LayerNormalizations that only products with a constant matrix and a bias read have factors of 1 and no shifts in
    it; others are left as they are.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    view = GraphIndex(model)
    stored = {item.name: item for item in found.graph.initializer}

    def put(name: str, values: NDArray[np.floating]) -> None:
        stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))

    for norm in (node for node in model.graph.node if node.op_type == "LayerNormalization"):
        products = view.readers(norm.output[0])
        biases = [_bias(product, view) for product in products]
        if None in biases:
            continue
        factor, shift = (view.array(name).astype(np.float64) for name in norm.input[1:3])
        for product, bias in zip(products, biases, strict=True):
            assert bias is not None
            matrix = view.array(product.input[1])
            put(product.input[1], factor[:, None] * matrix)
            put(bias, view.array(bias) + shift @ matrix)
        put(norm.input[1], np.ones_like(factor))
        put(norm.input[2], np.zeros_like(shift))
    return found


def _bias(product: onnx.NodeProto, view: GraphIndex) -> str | None:
    """The constant that is added to a product with a constant matrix; None if it is something else."""
    readers = view.readers(product.output[0])
    if product.op_type != "MatMul" or not view.is_constant(product.input[1]) or len(readers) != 1:
        return None
    return next((name for name in readers[0].input if readers[0].op_type == "Add" and view.is_constant(name)), None)
