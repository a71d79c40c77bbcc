"""What the arithmetic and the memory traffic of one inference would cost in silicon, by published tables: an estimate.

It knows nothing of this machine: it says where energy goes in a chip and how that changes with the type of the
operands, which no meter of a whole processor can show. Multiply-accumulates are counted by the types of their
operands, every weight is read once from DRAM (batch 1), every activation is written and read once in a 1 MB SRAM.
What it leaves out: control, instruction fetch, caches, elementwise operators. On a general processor these are most of
the energy, so the model's ratio between two types is an upper bound of what a processor gains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from qexplorer.core.model import Model, read_proto
from qexplorer.graph.index import GraphIndex
from qexplorer.load.macs import shapes_for_one_sample

if TYPE_CHECKING:
    import onnx

__all__ = ["OPERAND_TYPES", "PROCESSES", "ModelEnergy", "Process", "Silicon", "model_energy", "operand_types"]


class Process(StrEnum):
    """A manufacturing process that operations were measured or simulated in."""

    NM45 = "45 nm"
    NM7 = "7 nm"


@dataclass(frozen=True, slots=True)
class Silicon:
    """Energy of one operation in picojoules.

    Attributes:
        multiply: by operand type.
        add: by the type that sums are kept in.
        sram_64_bits: reading or writing 64 bits of a 1 MB SRAM.
        dram_64_bits: reading 64 bits of DRAM.
        source: where the numbers are from.
    """

    multiply: Mapping[str, float]
    add: Mapping[str, float]
    sram_64_bits: float
    dram_64_bits: float
    source: str


PROCESSES: dict[Process, Silicon] = {
    Process.NM45: Silicon(
        multiply={"int8": 0.2, "int32": 3.1, "fp16": 1.1, "fp32": 3.7},
        add={"int8": 0.03, "int32": 0.1, "fp16": 0.4, "fp32": 0.9},
        sram_64_bits=100.0,
        dram_64_bits=1300.0,
        source="Horowitz, Computing's energy problem, ISSCC 2014, figure 1.1.9 (45 nm, 0.9 V; DRAM 1.3 to 2.6 nJ)",
    ),
    Process.NM7: Silicon(
        multiply={"int8": 0.07, "int32": 1.48, "bf16": 0.21, "fp16": 0.34, "fp32": 1.31},
        add={"int8": 0.007, "int32": 0.03, "bf16": 0.11, "fp16": 0.16, "fp32": 0.38},
        sram_64_bits=14.0,
        dram_64_bits=1300.0,
        source="Jouppi et al., Ten lessons from three generations shaped Google's TPUv4i, ISCA 2021, table 2 (7 nm)",
    ),
}

OPERAND_TYPES: dict[str, tuple[str, str, str]] = {
    "int8": ("int8", "int32", "int8 x int8, summed in int32"),
    "int16": ("int32", "int32", "16-bit integers; no table lists them, counted as int32: an upper bound"),
    "fp16": ("fp16", "fp16", "half precision"),
    "bf16": ("bf16", "fp32", "bfloat16, summed in fp32"),
    "fp32": ("fp32", "fp32", "single precision; weight-only models compute in it"),
}
"""Operand type -> (type of the multiply, type of the sum, what it stands for). Up to 8 bits count as int8."""


@dataclass(frozen=True, slots=True)
class ModelEnergy:
    """Energy of one inference of one sample, millijoules, all of it estimated.

    Attributes:
        arithmetic_mj: multiplies and adds of convolutions and matrix products.
        weights_mj: reading every weight once from DRAM.
        activations_mj: writing and reading every activation once in SRAM.
        macs: multiply-accumulates by operand type.
        activation_bytes: bytes of all layers' outputs.
        process: whose table was used.
        lacking: layers whose shapes are unknown and that are therefore not counted.
    """

    arithmetic_mj: float
    weights_mj: float
    activations_mj: float
    macs: dict[str, int]
    activation_bytes: int
    process: Process
    lacking: tuple[str, ...] = field(default=())

    @property
    def total_mj(self) -> float:
        """All three parts."""
        return self.arithmetic_mj + self.weights_mj + self.activations_mj


def model_energy(model: Model, path: Path, weight_bytes: int, process: Process = Process.NM7) -> ModelEnergy:
    """What one inference of the graph at ``path`` would cost in the silicon of ``process``.

    Args:
        model: the float model, whose layers say how many multiply-accumulates there are.
        path: the graph that runs: the float model's own, or one quantized from it.
        weight_bytes: its weights, packed.
        process: whose table to use. The 45 nm table has no bfloat16; it counts as fp16 there.
    """
    table, proto = PROCESSES[process], read_proto(str(path))
    types = operand_types(model, proto)
    macs: dict[str, int] = {}
    for layer in model.layers:
        if layer.macs:
            kind = types.get(layer.name, "fp32")
            macs[kind] = macs.get(kind, 0) + layer.macs
    picojoules = sum(count * _mac(table, kind) for kind, count in macs.items())
    traffic = _activation_bytes(model, types)
    return ModelEnergy(
        arithmetic_mj=picojoules * 1e-9,
        weights_mj=weight_bytes / 8 * table.dram_64_bits * 1e-9,
        activations_mj=2 * traffic / 8 * table.sram_64_bits * 1e-9,
        macs=macs,
        activation_bytes=traffic,
        process=process,
        lacking=tuple(layer.name for layer in model.layers if layer.macs is None),
    )


def operand_types(model: Model, proto: onnx.ModelProto) -> dict[str, str]:
    """The type (a key of :data:`OPERAND_TYPES`) that each layer's products would have, by the layer's name.

    Read from the graph: codes on both sides are integers, whatever a backend makes of them; integer weights with
    float activations compute in fp32.
    """
    index = GraphIndex(proto)
    stored = {name: item.data_type for name, item in index.initializers.items()}
    types: dict[str, str] = {}
    for layer in model.layers:
        node = index.nodes.get(layer.name)
        dynamic = index.maker(f"{layer.name}/sums")
        if dynamic is not None and dynamic.op_type in ("ConvInteger", "MatMulInteger"):
            types[layer.name] = "int8"
        elif node is not None:
            types[layer.name] = _type_of(node, index, stored)
    return types


def _type_of(node: onnx.NodeProto, index: GraphIndex, stored: Mapping[str, int]) -> str:
    import onnx

    wide = {onnx.TensorProto.INT16, onnx.TensorProto.UINT16, onnx.TensorProto.INT32}
    floats = {number for name, number in onnx.TensorProto.DataType.items() if name.startswith("FLOAT8")}
    codes: list[int | None] = []
    for name in node.input[:2]:
        maker = index.maker(name)
        if maker is not None and maker.op_type == "DequantizeLinear":
            zero = maker.input[2] if len(maker.input) > 2 else maker.input[0]
            kind = stored.get(zero, onnx.TensorProto.UINT8)
            codes.append(None if kind in floats else kind)  # 8-bit floats are multiplied as float32
        elif maker is not None and maker.op_type == "Cast" and stored.get(maker.input[0]) == onnx.TensorProto.BFLOAT16:
            return "bf16"
        else:
            codes.append(None)
            if stored.get(name) == onnx.TensorProto.FLOAT16:
                return "fp16"
    if not codes or None in codes:
        return "fp32"
    return "int16" if wide & set(codes) else "int8"


def _mac(table: Silicon, kind: str) -> float:
    """Picojoules of one multiply-accumulate."""
    multiply, add, _ = OPERAND_TYPES[kind]
    if multiply not in table.multiply:
        multiply = "fp16"
    return table.multiply[multiply] + table.add[add]


_BYTES = {"int8": 1, "int16": 2, "fp16": 2, "bf16": 2, "fp32": 4}


def _activation_bytes(model: Model, types: Mapping[str, str]) -> int:
    """Bytes of what every layer makes for one sample, in the width that it is made in; unknown shapes count nothing."""
    shapes = shapes_for_one_sample(read_proto(str(model.path)))
    total = 0
    for layer in model.layers:
        for name in layer.outputs:
            shape = shapes.get(name, (None,))
            if all(isinstance(size, int) for size in shape):
                total += math.prod(int(size or 0) for size in shape) * _BYTES[types.get(layer.name, "fp32")]
    return total
