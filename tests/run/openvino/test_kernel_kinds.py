"""What a kernel of OpenVINO's runtime model works on, told by its facts: a graph made up by hand, no package needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.run.openvino.kernels import Names, RuntimeKernel, kernels_of, read_kernels
from qexplorer.run.protocol import KernelKind

INT, FLOAT, MOVES, CONVERTS = KernelKind.INTEGER, KernelKind.FLOAT, KernelKind.MOVES, KernelKind.CONVERTS
NODES = {
    "conv": ("conv", "Conv"),
    "relu": ("relu", "Relu"),
    "add": ("add", "Add"),
    "product": ("product", "MatMul"),
    "q": ("q", "QuantizeLinear"),
    "d": ("d", "DequantizeLinear"),
}
QUANTIZED = Names(NODES, {"conv": (), "relu": ("conv",), "add": ("relu",)}, quantized=True)


@dataclass
class Op:
    """An operation of the runtime model: its type, the nodes in it, what it computes on, what it reads."""

    layer: str
    computes: str = ""
    precision: str = ""
    gives: str = ""
    reads: Sequence[tuple[Op, str, Sequence[int]]] = ()
    order: int = 0
    name: str = "kernel"
    more: dict[str, str] = field(default_factory=dict)

    def get_rt_info(self) -> dict[str, str]:
        """Facts as text."""
        facts = {"layerType": self.layer, "originalLayersNames": self.computes, "runtimePrecision": self.precision}
        return facts | {"outputPrecisions": self.gives, "execOrder": str(self.order)} | self.more

    def get_friendly_name(self) -> str:
        """Its name."""
        return self.name

    def get_type_name(self) -> str:
        """Never asked for where there is a fact."""
        return "Unknown"

    def get_input_size(self) -> int:
        """What it reads."""
        return len(self.reads)

    def input_value(self, index: int) -> Any:
        """Where that comes from."""
        return SimpleNamespace(get_node=lambda: self.reads[index][0])

    def input_values(self) -> list[Any]:
        """All of it."""
        return [self.input_value(index) for index in range(len(self.reads))]

    def get_input_element_type(self, index: int) -> Any:
        """Its type."""
        return SimpleNamespace(get_type_name=lambda: self.reads[index][1])

    def get_input_partial_shape(self, index: int) -> list[Any]:
        """Its sizes."""
        return [SimpleNamespace(is_static=True, get_length=lambda n=n: n) for n in self.reads[index][2]]


DATA, STORED = Op("Input", name="x"), Op("Const", name="w")
TURNED = Op("Transpose", name="turned", reads=[(STORED, "i4", (8, 4))])
FED = Op("Transpose", name="fed", reads=[(DATA, "i8", (8, 4))])


def reads(data: str, *others: tuple[Op, str, Sequence[int]]) -> list[tuple[Op, str, Sequence[int]]]:
    """A tensor of the sample, and others."""
    return [(DATA, data, (1, 8)), *others]


def kernels(*ops: Op, names: Names = QUANTIZED) -> tuple[RuntimeKernel, ...]:
    """Those of a runtime model."""
    return read_kernels(SimpleNamespace(get_ordered_ops=lambda: [DATA, STORED, *ops]), names)


@pytest.mark.parametrize(
    ("op", "kind", "label"),
    [
        (Op("Convolution", "conv", "u8", reads=reads("u8", (STORED, "i8", (8, 4, 3, 3)))), INT, "Convolution"),
        (Op("Convolution", "conv", "f32", reads=reads("f32", (STORED, "f32", (8, 4, 3, 3)))), FLOAT, "Convolution"),
        (
            Op("FullyConnected", "product", "f32", reads=reads("f32", (STORED, "i4", (8, 4)))),
            FLOAT,
            "FullyConnected (int4 weights)",
        ),
        (
            Op("FullyConnected", "product", "f32", reads=reads("f32", (STORED, "u8", (8, 4)))),
            FLOAT,
            "FullyConnected (uint8 weights)",
        ),
        (
            Op("FullyConnected", "product", "f32", reads=reads("f32", (TURNED, "i4", (8, 4)))),
            FLOAT,
            "FullyConnected (int4 weights)",
        ),
        (Op("MatMul", "product", "f32", reads=reads("f32", (FED, "i8", (8, 4)))), FLOAT, "MatMul"),
        (Op("MatMul", "product", "i8", reads=reads("i8", (FED, "i8", (8, 4)))), INT, "MatMul"),
        (Op("Pooling", "relu", "u8", reads=reads("u8")), INT, "Pooling"),
        (Op("Pooling", "relu", "f32", reads=reads("f32")), FLOAT, "Pooling"),
        (Op("Reorder", "", "u8", reads=reads("u8")), CONVERTS, "Reorder"),
        (Op("FakeQuantize", "q", "f32", reads=reads("f32")), CONVERTS, "FakeQuantize"),
        (Op("Eltwise", "d", "f32", reads=reads("f32")), CONVERTS, "Eltwise"),
        (Op("Eltwise", "", "f32", reads=reads("f32")), CONVERTS, "Eltwise"),
        (Op("Eltwise", "add", "u8", "u8", reads("u8")), INT, "Eltwise"),
        (Op("Eltwise", "add", "u8", "u8,f32", reads("u8")), FLOAT, "Eltwise"),
        (Op("Eltwise", "add", "f32", "u8", reads("u8")), FLOAT, "Eltwise"),
        (Op("Subgraph", "q,product", "f32", "f32", reads("f32", (STORED, "i8", (8, 4)))), INT, "Subgraph"),
        (Op("Subgraph", "q,product", "f32", "f32", reads("f32", (STORED, "f32", (8, 4)))), FLOAT, "Subgraph"),
        (Op("Subgraph", "product", "f32", "f32", reads("f32", (STORED, "i8", (8, 4)))), FLOAT, "Subgraph"),
        (
            Op(
                "Subgraph",
                "q,product",
                "f32",
                "f32",
                reads("f32", (STORED, "i8", (8, 4)), (STORED, "f32", (1, 4)), (DATA, "f32", (8, 4))),
            ),
            INT,
            "Subgraph",
        ),
        (Op("Reshape", "relu", "u8", reads=reads("u8")), MOVES, "Reshape"),
        (Op("Eltwise", "add", "i64", "i64", reads("i64")), MOVES, "Eltwise"),
        (Op("Softmax", "relu", "f32"), FLOAT, "Softmax"),
    ],
)
def test_a_kernel_works_on_what_its_facts_say(op: Op, kind: KernelKind, label: str) -> None:
    """Most by their first input; elementwise ones by what they run on and give; a chain of layers by its matrices,
    single rows left out; what computes no layer of a quantized graph only converts."""
    (found,) = kernels(op)
    assert (found.kind, found.op) == (kind, label)
    counted = kernels_of((found, found))
    place = {INT: counted.integer, FLOAT: counted.float}.get(kind, counted.other)
    assert place == {label: 2}


def test_in_a_float_graph_an_elementwise_kernel_computes() -> None:
    """There are no pairs that it could come from."""
    plain = Names({"add": ("add", "Add")}, {}, quantized=False)
    (found,) = kernels(Op("Eltwise", "", "f32", reads=reads("f32")), names=plain)
    assert found.kind is FLOAT


def test_kernels_come_in_the_order_of_execution_with_every_layer_once() -> None:
    """What depends on constants alone, or only hands data in and out, is none; a layer that no kernel names is in the
    one that needs it; names lose what the frontend puts behind them; pairs are no layers."""
    folded = Op("Transpose", name="folded", reads=[(STORED, "i8", (8, 4))])
    scaled = Op("Convert", name="scaled", reads=[(folded, "i8", (8, 4))])
    last = Op("Eltwise", "add,d", "u8", "u8", reads("u8"), order=7, name="last")
    first = Op("Pooling", "product/WithoutBiases,unknown", "u8", reads=reads("u8"), order=3, name="first")
    found = kernels(last, folded, scaled, Op("Output", name="y", reads=reads("f32")), first)
    assert [(kernel.name, kernel.order, kernel.layers) for kernel in found] == [
        ("first", 3, ("product",)),
        ("last", 7, ("conv", "relu", "add")),
    ]
