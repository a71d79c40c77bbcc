"""The part of loading that touches a stranger's file; runs in a child process with limits (or here, for samples)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.errors import ModelError
from qexplorer.core.files import write_atomically
from qexplorer.core.model import Model, TensorInfo
from qexplorer.core.workspace import sha256_bytes
from qexplorer.graph.walk import all_nodes
from qexplorer.process.child import in_child
from qexplorer.process.lazily import load_lazily

if TYPE_CHECKING:
    import onnx

    from qexplorer.process.child import Emit

__all__ = ["load_file"]


def load_file(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Checks and normalizes one file.

    Args:
        arguments: ``path`` (a private copy), ``out`` (where to write the normalized file), ``name``, ``where`` (what to
            call the model in messages), ``folder`` (where external weights may lie, or None).
        emit: takes ``progress`` events with a step.

    Returns:
        ``{"model": Model.to_json(), "external": digests of files of external weights}``; ``path`` is ``out``.

    Raises:
        ModelError: one sentence about the first thing that is wrong.
    """
    if in_child():
        load_lazily("sympy")  # for arithmetic on symbolic lengths, which nothing here asks onnx_ir for
        load_lazily("onnx_ir._symbolic_shapes")
    from qexplorer.load.class_names import names_in_metadata
    from qexplorer.load.normal.normalize import normalized
    from qexplorer.load.outputs import with_class_names
    from qexplorer.load.safety.check import checked_proto, custom_domains
    from qexplorer.load.safety.finite import check_finite

    where, folder = arguments["where"], arguments.get("folder")
    emit({"event": "progress", "step": "checking the file"})
    data = Path(arguments["path"]).read_bytes()
    source = sha256_bytes(data)
    proto, external, notes = checked_proto(data, Path(folder) if folder else None, where)
    classes = names_in_metadata({prop.key: prop.value for prop in proto.metadata_props})
    del proto.metadata_props[:]
    given = len(data)
    del data
    emit({"event": "progress", "step": "converting and simplifying"})
    if _has_broken_names(proto):
        raise _broken_name(where)
    try:
        proto, more = normalized(proto, where)
    except UnicodeDecodeError:
        raise _broken_name(where) from None
    notes += more
    check_finite(proto, where, computed=True)
    unknown = custom_domains(proto)
    if unknown:
        notes.append(f"it has operators of its own ({', '.join(unknown)}), which backends may not be able to run")
    emit({"event": "progress", "step": "mapping the layers"})
    model = describe(proto, Path(arguments["out"]), arguments["name"], source, tuple(notes))
    given += sum((Path(folder) / name).stat().st_size for name in external) if folder else 0
    model = with_class_names(replace(model, given_bytes=given), classes)
    return {"model": model.to_json(), "external": external}


def describe(proto: onnx.ModelProto, out: Path, name: str, source_sha256: str, notes: tuple[str, ...]) -> Model:
    """Writes the normalized model to ``out`` and says everything about it."""
    from qexplorer.graph.walk import all_tensors, default_opset
    from qexplorer.load.layers import layer_map
    from qexplorer.load.outputs import makers_of, names_a_class
    from qexplorer.load.parameters import counts, readers_of
    from qexplorer.load.safety.bombs import ITEM_BITS

    data = proto.SerializeToString()
    write_atomically(out, data)
    layers = layer_map(proto)
    makers = makers_of(layers)
    readers = readers_of(proto.graph)
    tensors = [
        (_count(tensor.dims), ITEM_BITS.get(tensor.data_type, 8), counts(tensor, name, readers))
        for name, tensor in all_tensors(proto)
    ]
    costs = [layer.macs for layer in layers if layer.op in ("Conv", "ConvTranspose", "Gemm", "MatMul")]
    known = [cost for cost in costs if cost is not None]
    return Model(
        name=name,
        path=out,
        sha256=sha256_bytes(data),
        source_sha256=source_sha256,
        opset=default_opset(proto),
        inputs=_inputs(proto),
        outputs=tuple(replace(_info(value), classes=names_a_class(value, makers)) for value in proto.graph.output),
        layers=layers,
        parameters=sum(count for count, _, is_parameter in tensors if is_parameter),
        macs=sum(known) if len(known) == len(costs) else None,
        file_bytes=len(data),
        weight_bytes=sum(-(-count * bits // 8) for count, bits, _ in tensors),
        notes=notes,
    )


def _count(dims: Any) -> int:
    total = 1
    for d in dims:
        total *= d
    return total


def _inputs(proto: onnx.ModelProto) -> tuple[TensorInfo, ...]:
    from qexplorer.load.batch_axes import declared_shape, stand_alone

    alone = stand_alone([declared_shape(value) for value in proto.graph.input])
    return tuple(replace(_info(v), alone=a) for v, a in zip(proto.graph.input, alone, strict=True))


def _info(value: onnx.ValueInfoProto) -> TensorInfo:
    import onnx

    kind = value.type.tensor_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name if kind.elem_type else "unknown"
    # an output that inference finds empty has no length that anybody could count on
    dims = tuple(
        (d.dim_value if d.dim_value > 0 else None) if d.HasField("dim_value") else _named(d.dim_param)
        for d in kind.shape.dim
    )
    return TensorInfo(value.name, dtype, dims)


def _named(dim: str) -> str | None:
    """The name of a free dimension; None where it has none, or one that shape inference made up."""
    return None if not dim or dim.startswith("unk__") else dim


def _has_broken_names(proto: onnx.ModelProto) -> bool:
    """Whether an operator or a tensor has a name that is no UTF-8, for which protobuf gives bytes."""
    texts = (text for node in all_nodes(proto) for text in (node.op_type, node.domain, *node.input, *node.output))
    return any(isinstance(text, bytes) for text in texts)


def _broken_name(where: str) -> ModelError:
    return ModelError("a name in it is not text: the file is damaged", where=where, do="get it again")
