"""Types and shapes of tensors behind operators that ONNX's own inference does not know: asked of ONNX Runtime.

Its contrib operators (domain ``com.microsoft``: QuickGelu, FusedMatMul, SkipLayerNormalization and others) have
schemas with inference in the library itself. A session that lists a tensor among its outputs tells the type and shape
that were found for it, without running anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import onnx

__all__ = ["runtime_types", "untyped"]


def untyped(graph: onnx.GraphProto) -> list[str]:
    """Outputs of the graph's nodes of which no element type or no shape is known."""
    values = {value.name: value.type for value in (*graph.value_info, *graph.output, *graph.input)}
    made = (name for node in graph.node for name in node.output if name)
    return [name for name in made if name not in values or _unknown(values[name])]


def _unknown(kind: onnx.TypeProto) -> bool:
    if kind.WhichOneof("value") not in (None, "tensor_type"):
        return False
    return not kind.tensor_type.elem_type or not kind.tensor_type.HasField("shape")


def runtime_types(proto: onnx.ModelProto, names: Sequence[str]) -> list[onnx.ValueInfoProto]:
    """What ONNX Runtime says of the tensors ``names`` of the main graph; nothing where it cannot load the graph.

    Args:
        proto: a model, also one whose weights stand among its inputs.
        names: outputs of its nodes.
    """
    import onnxruntime as ort

    asked = onnx.ModelProto()
    asked.CopyFrom(proto)
    del asked.graph.output[:]
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(asked.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # an operator that it does not know either; what stays unknown is said where it matters
        return []
    return list(_values(session.get_outputs()))


def _values(ports: Iterable[object]) -> Iterable[onnx.ValueInfoProto]:
    for port in ports:
        item = _ITEMS.get(getattr(port, "type", "").removeprefix("tensor(").removesuffix(")"))
        if item is not None:
            shape = [d if isinstance(d, int) and d >= 0 else _free(d) for d in getattr(port, "shape", ())]
            yield onnx.helper.make_tensor_value_info(getattr(port, "name", ""), item, shape)


def _free(dim: object) -> str | None:
    return dim if isinstance(dim, str) and dim and not dim.startswith("unk__") else None


_ITEMS = {
    name: onnx.TensorProto.DataType.Value(member)
    for name, member in (
        *(("float", "FLOAT"), ("double", "DOUBLE"), ("float16", "FLOAT16"), ("bfloat16", "BFLOAT16")),
        *((f"{sign}int{bits}", f"{sign.upper()}INT{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)),
        ("bool", "BOOL"),
    )
}
"""ONNX Runtime's names of element types."""
