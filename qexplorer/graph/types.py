"""Element types and ranks of tensors: as a graph declares them, and as ONNX's inference adds to that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

__all__ = ["declared_types", "inferred_types"]

TypesAndRanks = tuple[dict[str, int], dict[str, int]]


def declared_types(graph: onnx.GraphProto) -> TypesAndRanks:
    """Element type (a ``TensorProto`` number) and number of dimensions of every tensor that ``graph`` declares."""
    types: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        tensor = value.type.tensor_type
        if value.type.HasField("tensor_type"):
            types[value.name] = tensor.elem_type
            if tensor.HasField("shape"):
                ranks[value.name] = len(tensor.shape.dim)
    for item in graph.initializer:
        types[item.name], ranks[item.name] = item.data_type, len(item.dims)
    return types, ranks


def inferred_types(model: onnx.ModelProto) -> TypesAndRanks:
    """The same with what inference finds; what the graph declares goes first."""
    import onnx

    types, ranks = declared_types(model.graph)
    more_types, more_ranks = declared_types(onnx.shape_inference.infer_shapes(model).graph)
    return more_types | types, more_ranks | ranks
