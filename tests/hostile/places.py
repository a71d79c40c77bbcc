"""Every place in which ONNX lets a tensor stand: a model for each, with a tensor there that is kept in another file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.load.model_graphs import F32, model

__all__ = ["external_tensor", "models_with_external_data"]

_HOLDERS = ("node", "body", "body in a list", "function", "function's default")


def external_tensor(location: str) -> onnx.TensorProto:
    """Four floats that lie in the file ``location``."""
    outside = TensorProto(name="o", data_type=F32, dims=[4], data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value=location)
    return outside


def models_with_external_data(location: str) -> dict[str, onnx.ModelProto]:
    """Models by the place of their one tensor that lies in ``location``."""
    outside = external_tensor(location)
    inside = numpy_helper.from_array(np.array([2]), "i")
    sparse = onnx.SparseTensorProto(values=outside, indices=inside, dims=[4])
    holders: dict[str, Callable[[onnx.ModelProto], object]] = {
        "initializer": lambda m: m.graph.initializer.append(outside),
        "sparse initializer": lambda m: m.graph.sparse_initializer.append(sparse),
    }
    values = {"t": outside, "tensors": [outside], "sparse_tensor": sparse, "sparse_tensors": [sparse]}
    for field, held in values.items():
        for where in _HOLDERS:
            holders[f"{field} of a {where}"] = lambda m, where=where, field=field, held=held: getattr(
                _attribute_of(m, where), field
            ).MergeFrom(held)
    found = {}
    for name, hold in holders.items():
        found[name] = model([helper.make_node("Relu", ["x"], ["y"])], {"x": ["n", 4]}, ["y"])
        hold(found[name])
    return found


def _attribute_of(proto: onnx.ModelProto, where: str) -> onnx.AttributeProto:
    """A fresh attribute of a node, of one in a graph inside, of one in a function, or a function's default."""
    if where.startswith("function"):
        function = proto.functions.add(name="F", domain="mine")
        return (
            function.attribute_proto if where.endswith("default") else function.node.add(op_type="A").attribute
        ).add()
    attribute = proto.graph.node.add(op_type="A").attribute.add()
    if where == "node":
        return attribute
    graph = attribute.g if where == "body" else attribute.graphs.add()
    return graph.node.add(op_type="A").attribute.add()
