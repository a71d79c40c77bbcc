"""Reads, from the graph that OpenVINO really runs, what each kernel computes on and which layers are in it.

OpenVINO's runtime model has one operation for each kernel, with facts as text: ``layerType`` (what it does),
``runtimePrecision`` (the type it computes on), ``originalLayersNames`` (operations of the model that were fused into
it, which the ONNX frontend names after nodes, or after the tensor that a node gives), ``execOrder``.
Source: OpenVINO 2026.4, ``exec_model_info`` and a look at the graphs of this program's sample models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qexplorer.core.results import Kernels
from qexplorer.graph.index import GraphIndex, label_of
from qexplorer.run.protocol import KernelKind

if TYPE_CHECKING:
    import onnx

__all__ = ["Names", "RuntimeKernel", "kernels_of", "names_of", "read_kernels"]

_NOTHING, _CONVERTS, _MOVES, _ELEMENTWISE, _CODES, _WHOLE, _PAIRS, _PRODUCTS, _OTHER_QUANTIZED = (
    frozenset(words.split())
    for words in (
        "Input Output Const Constant Parameter Result",
        "Reorder Convert FakeQuantize",
        """
        Reshape Flatten Squeeze Unsqueeze Transpose Permute Concatenation Concat Split StridedSlice Slice Gather
        GatherElements GatherND GatherTree ScatterUpdate ScatterElementsUpdate ScatterNDUpdate Broadcast Tile Pad Roll
        ShapeOf DepthToSpace SpaceToDepth SpaceToBatch BatchToSpace ReverseSequence MemoryInput MemoryOutput
        ShuffleChannels NonZero Unique Range Bucketize
        """,
        "Eltwise Subgraph Math Power ScaleShift",
        "i8 u8 i4 u4 i2 u2",
        "i16 u16 i32 u32 i64 u64 boolean bin",
        "QuantizeLinear DequantizeLinear DynamicQuantizeLinear",
        "Conv ConvTranspose Gemm MatMul",
        "QLinearConv QLinearMatMul ConvInteger MatMulInteger",
    )
)
_FRONTEND = ("/DequantizationMultiply", "/DequantizationSubtract", "/WithoutBiases")
"""What OpenVINO puts behind a node's name when it takes the node apart."""


@dataclass(frozen=True, slots=True)
class RuntimeKernel:
    """One operation of the runtime model that does something.

    Attributes:
        name: what OpenVINO calls it.
        op: its type, with the weights' type where only the weights are integers.
        kind: what it works on.
        layers: nodes of the given graph that it computes, Q/DQ nodes left out.
        order: place in the order of execution.
    """

    name: str
    op: str
    kind: KernelKind
    layers: tuple[str, ...]
    order: int


@dataclass(frozen=True, slots=True)
class Names:
    """Nodes of the given graph.

    Attributes:
        nodes: a node's name, or the name of a tensor that it gives -> its name and operator type. A node's own name
            goes first, as OpenVINO knows an operation by the tensor it gives only at the end of the graph.
        before: a node's name -> names of the nodes that give what it reads, Q/DQ nodes left out.
        quantized: whether the graph has quantizers at all.
    """

    nodes: Mapping[str, tuple[str, str]]
    before: Mapping[str, tuple[str, ...]]
    quantized: bool


def names_of(path: Path) -> Names:
    """The nodes of the ONNX file at ``path``; its weights are not read."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    index = GraphIndex(graph)
    nodes = {tensor: _label_and_op(index.order[place]) for tensor, place in index.made_at.items()}
    made_by = {tensor: name for tensor, (name, op) in nodes.items() if op not in _PAIRS}
    before = {
        label_of(node): tuple(made_by[tensor] for tensor in node.input if tensor in made_by) for node in index.order
    }
    nodes |= {node.name: _label_and_op(node) for node in index.order if node.name}
    return Names(nodes, before, any(op in _PAIRS | _OTHER_QUANTIZED for _, op in nodes.values()))


def _label_and_op(node: onnx.NodeProto) -> tuple[str, str]:
    return label_of(node), str(node.op_type)


def read_kernels(runtime: Any, names: Names) -> tuple[RuntimeKernel, ...]:
    """Kernels of OpenVINO's runtime model (an ``openvino.Model``), in the order of execution.

    What depends on constants alone is left out: it runs once, before the first call.
    """
    constant: set[str] = set()
    found = []
    for op in runtime.get_ordered_ops():
        sources = [value.get_node().get_friendly_name() for value in op.input_values()]
        if _text(op.get_rt_info()["layerType"]) == "Const" or (sources and constant.issuperset(sources)):
            constant.add(op.get_friendly_name())
        elif (kernel := _kernel(op, names)) is not None:
            found.append(kernel)
    return _with_lost(sorted(found, key=lambda kernel: kernel.order), names)


def _with_lost(found: list[RuntimeKernel], names: Names) -> tuple[RuntimeKernel, ...]:
    """The same with the nodes that no kernel names: each was fused into the kernel that needs what it gives."""
    named = {layer for kernel in found for layer in kernel.layers}
    whole = []
    for kernel in found:
        layers, waiting = list(kernel.layers), list(kernel.layers)
        while waiting:
            lost = [name for name in names.before.get(waiting.pop(), ()) if name not in named]
            named.update(lost)
            layers = [*lost, *layers]
            waiting += lost
        whole.append(replace(kernel, layers=tuple(layers)))
    return tuple(whole)


def kernels_of(found: tuple[RuntimeKernel, ...]) -> Kernels:
    """Counts of ``found`` by what they compute on."""
    counts: dict[str, Counter[str]] = {"integer": Counter(), "float": Counter(), "other": Counter()}
    for kernel in found:
        place = kernel.kind.value if kernel.kind in (KernelKind.INTEGER, KernelKind.FLOAT) else "other"
        counts[place][kernel.op] += 1
    return Kernels(**{kind: dict(sorted(some.items())) for kind, some in counts.items()})


def _kernel(op: Any, names: Names) -> RuntimeKernel | None:
    facts = {key: _text(value) for key, value in op.get_rt_info().items()}
    what = facts.get("layerType", op.get_type_name())
    if what in _NOTHING:
        return None
    computed = dict(_computed(facts.get("originalLayersNames", ""), names))
    layers = tuple(name for name, kind in computed.items() if kind not in _PAIRS)
    kind = _kind(what, op, facts, computed, names)
    label = what
    if kind is KernelKind.FLOAT and what not in _ELEMENTWISE and (weights := _weights(op)):
        label = f"{what} ({weights} weights)"
    order = facts.get("execOrder", "")
    return RuntimeKernel(op.get_friendly_name(), label, kind, layers, int(order) if order.isdigit() else 0)


def _kind(what: str, op: Any, facts: Mapping[str, str], computed: Mapping[str, str], names: Names) -> KernelKind:
    """What a kernel of type ``what`` works on.

    1. An elementwise kernel that computes no node of a quantized graph is a pair that was taken apart: it subtracts a
       zero point or multiplies by a scale. Any other one carries codes if it runs on them and gives them.
    2. A ``Subgraph`` compiled from a chain of layers may begin and end in float; its products inside are of integers
       if every constant matrix is, and there are quantizers between them.
    3. Anything else works on what its first input holds.
    """
    if what in _CONVERTS or (what in _ELEMENTWISE and names.quantized and set(computed.values()) <= _PAIRS):
        return KernelKind.CONVERTS
    precision = facts.get("runtimePrecision", "")
    if what in _MOVES or precision in _WHOLE:
        return KernelKind.MOVES
    if what in _ELEMENTWISE and _PRODUCTS & set(computed.values()):
        integer = "QuantizeLinear" in computed.values() and _matrices(op) <= _CODES
    elif what in _ELEMENTWISE:
        integer = precision in _CODES and set(facts.get("outputPrecisions", "").split(",")) <= _CODES
    else:
        integer = op.get_input_size() > 0 and _type_of(op, 0) in _CODES
    return KernelKind.INTEGER if integer else KernelKind.FLOAT


def _matrices(op: Any) -> set[str]:
    """Types of the constants with two axes or more that ``op`` reads, single rows (scales, biases) left out."""
    found = set()
    for index in range(op.get_input_size()):
        shape = [dim for dim in op.get_input_partial_shape(index) if not (dim.is_static and dim.get_length() == 1)]
        if len(shape) >= 2 and _is_constant(op, index):
            found.add(_type_of(op, index))
    return found


def _computed(original: str, names: Names) -> Iterator[tuple[str, str]]:
    """Name and operator type of every node of the graph that stands in ``originalLayersNames``."""
    for part in original.split(","):
        name = part
        while name not in names.nodes and name.endswith(_FRONTEND):
            name = name.rsplit("/", 1)[0]
        if name in names.nodes:
            yield names.nodes[name]


def _weights(op: Any) -> str | None:
    """Type of a kernel's weights where it unpacks integers itself, such as ``int4``."""
    if op.get_input_size() < 2 or not _is_constant(op, 1) or (short := _type_of(op, 1)) not in _CODES:
        return None
    return f"{'u' if short.startswith('u') else ''}int{short[1:]}"


def _is_constant(op: Any, index: int, depth: int = 4) -> bool:
    """Whether an input is a constant, or made of constants by up to ``depth`` operations: a transposed weight is."""
    node = op.input_value(index).get_node()
    if _text(node.get_rt_info()["layerType"]) == "Const":
        return True
    sources = range(node.get_input_size())
    return depth > 0 and len(sources) > 0 and all(_is_constant(node, source, depth - 1) for source in sources)


def _type_of(op: Any, index: int) -> str:
    return str(op.get_input_element_type(index).get_type_name())


def _text(value: Any) -> str:
    return str(value.astype(str)) if hasattr(value, "astype") else str(value)
