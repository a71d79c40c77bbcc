"""Which operators can be quantized, and how: a table of data that the layer map and the quantizer are built on.

``integer`` says whether ONNX Runtime 1.31 CPU has a kernel that works on codes. It was found by building one-node
graphs with QuantizeLinear/DequantizeLinear around the node and reading the optimized graph, for uint8 and int8; run
``tests/load/test_operators.py`` again after a version bump. Operators without an entry stay in float.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MOVES", "QUANTIZABLE", "OperatorKind", "OperatorRule"]

_MOVES_NAMES = """
    Reshape Transpose Flatten Squeeze Unsqueeze Slice Split Gather GatherElements GatherND Expand Tile Pad Identity
    Dropout Compress DepthToSpace SpaceToDepth Cast CastLike Shape Size Constant ConstantOfShape Range
    QuantizeLinear DequantizeLinear
"""
MOVES = frozenset(_MOVES_NAMES.split())
"""Operators that move data about, convert it or tell its shape, and compute nothing of it."""


@dataclass(frozen=True, slots=True)
class OperatorRule:
    """How one operator of the default domain is quantized.

    Attributes:
        op: operator type.
        kind: what it does with grids.
        activation_inputs: positions of float inputs that carry data; None: all of them.
        weight_input: position of the weight, which counts as one only where it is constant.
        bias_input: position of the bias.
        integer: whether ONNX Runtime CPU has an integer kernel for it; otherwise it is simulated (Q/DQ around float).
    """

    op: str
    kind: OperatorKind
    activation_inputs: tuple[int, ...] | None = (0,)
    weight_input: int | None = None
    bias_input: int | None = None
    integer: bool = True


class OperatorKind(StrEnum):
    """What a quantized operator does with grids.

    WEIGHTED     multiplies an activation with a weight; int32 bias; its output gets a grid of its own.
    ARITHMETIC   reads and writes activations, each on a grid of its own.
    PASSTHROUGH  moves codes without changing them: output and data input share one grid (scale and zero point).
    ABSORBED     Relu and Clip: no grid between producer and them; their output's grid does the clipping.
    """

    WEIGHTED = "weighted"
    ARITHMETIC = "arithmetic"
    PASSTHROUGH = "passthrough"
    ABSORBED = "absorbed"


def _weighted(op: str, bias: int | None, *, integer: bool = True) -> OperatorRule:
    return OperatorRule(op, OperatorKind.WEIGHTED, (0,), 1, bias, integer=integer)


def _arithmetic(op: str, inputs: tuple[int, ...] | None = (0,), *, integer: bool = True) -> OperatorRule:
    return OperatorRule(op, OperatorKind.ARITHMETIC, inputs, integer=integer)


def _passthrough(op: str, *, integer: bool = True) -> OperatorRule:
    return OperatorRule(op, OperatorKind.PASSTHROUGH, integer=integer)


_RULES = (
    _weighted("Conv", 2),
    _weighted("ConvTranspose", 2, integer=False),  # no integer kernel in ONNX Runtime: float between Q/DQ
    _weighted("Gemm", 2),  # integer only with alpha = beta = 1 (loading folds them into constant weights)
    _weighted("MatMul", None),  # two activations are arithmetic on both; a constant first input has no integer kernel
    _arithmetic("Add", (0, 1)),  # a constant operand is put on a grid as well
    _arithmetic("Mul", (0, 1)),  # a constant operand is put on a grid as well
    _arithmetic("Sub", (0, 1), integer=False),
    _arithmetic("Div", (0, 1), integer=False),
    _arithmetic("AveragePool"),
    _arithmetic("GlobalAveragePool"),
    _arithmetic("Concat", None),  # inputs may keep grids of their own: QLinearConcat rescales
    _arithmetic("Sigmoid"),
    _arithmetic("LeakyRelu"),
    _arithmetic("Softmax"),  # output range is [0, 1] whatever was observed
    _arithmetic("Tanh", integer=False),
    _arithmetic("HardSigmoid", integer=False),
    _arithmetic("HardSwish", integer=False),
    _arithmetic("PRelu", integer=False),
    _arithmetic("Elu", integer=False),
    _arithmetic("Gelu", integer=False),
    _arithmetic("ReduceMean", integer=False),  # loading turns means over all spatial axes into GlobalAveragePool
    OperatorRule("Relu", OperatorKind.ABSORBED),  # absorbed where the grid's zero point is its lowest code
    # absorbed where min and max are constant and the grid's whole range lies within them; else float
    OperatorRule("Clip", OperatorKind.ABSORBED),
    _passthrough("MaxPool"),
    _passthrough("Reshape"),
    _passthrough("Transpose"),
    _passthrough("Flatten"),
    _passthrough("Squeeze"),
    _passthrough("Unsqueeze"),
    _passthrough("Slice"),
    _passthrough("Gather"),
    _passthrough("Expand"),
    _passthrough("Tile"),
    _passthrough("Split"),  # every output shares the input's grid
    _passthrough("DepthToSpace"),
    _passthrough("ReduceMax"),
    _passthrough("Resize"),  # only mode=nearest moves codes; other modes stay in float
)

QUANTIZABLE: dict[str, OperatorRule] = {rule.op: rule for rule in _RULES}
