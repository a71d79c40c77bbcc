"""Arithmetic, comparisons and functions that work value by value."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from qexplorer.torchgraph.node import Node
from qexplorer.torchgraph.registry import operator

__all__ = ["ONE", "TWO"]

ONE: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "BitwiseNot": torch.bitwise_not,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
}
"""Operators of one input and no attributes."""

TWO: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": torch.add,
    "And": torch.logical_and,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Mul": torch.mul,
    "Or": torch.logical_or,
    "Sub": torch.sub,
    "Xor": torch.logical_xor,
}
"""Operators of two inputs that broadcast, without attributes since version 7."""

_SINCE = {
    **dict.fromkeys(("Abs", "Exp", "Log", "Neg", "Not", "Reciprocal", "Sqrt", "Tanh", "Add", "Mul", "Sub"), 1),
    **dict.fromkeys(("Acosh", "Asinh", "Atanh", "Cosh", "Erf", "IsNaN", "Sign", "Sinh"), 9),
    **dict.fromkeys(("GreaterOrEqual", "LessOrEqual"), 12),
    **dict.fromkeys(("BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor"), 18),
}
"""First version of those that did not come with version 7 (comparisons and logic took other forms before it)."""
_WIDER = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}
"""torch has few kernels for wide unsigned integers: they compute in what holds them (modulo 2**64 for uint64)."""


def computable(x: Tensor) -> Tensor:
    """``x`` in a dtype that torch can compute with."""
    return x.to(_WIDER[x.dtype]) if x.dtype in _WIDER else x


def _one(name: str, call: Callable[[Tensor], Tensor]) -> None:
    @operator(name, since=_SINCE.get(name, 7))
    def kernel(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
        return call(computable(x)).to(x.dtype) if x.dtype in _WIDER else call(x)


def _two(name: str, call: Callable[[Tensor, Tensor], Tensor]) -> None:
    @operator(name, since=_SINCE.get(name, 7))
    def kernel(node: Node, a: Tensor, b: Tensor) -> Tensor:
        if node.opset < 7 and node.whole("broadcast", 0):
            b = _aligned(node, a, b)
        found = call(computable(a), computable(b))
        return found.to(a.dtype) if a.dtype in _WIDER and found.dtype is not torch.bool else found


def _aligned(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Versions before 7 broadcast ``b`` from the dimension ``axis`` on."""
    axis = node.whole("axis", a.dim() - b.dim())
    return b.reshape(*b.shape, *(1,) * (a.dim() - axis - b.dim()))


for _name, _call in ONE.items():
    _one(_name, _call)
for _name, _pair in TWO.items():
    _two(_name, _pair)


@operator("Div", since=1)
def div(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Quotient; integers are cut towards zero."""
    if node.opset < 7 and node.whole("broadcast", 0):
        b = _aligned(node, a, b)
    if a.is_floating_point():
        return a / b
    return torch.div(computable(a), computable(b), rounding_mode="trunc").to(a.dtype)


@operator("Mod", since=10)
def mod(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Remainder with the divisor's sign, or the dividend's with ``fmod``."""
    call = torch.fmod if node.whole("fmod", 0) else torch.remainder
    return call(computable(a), computable(b)).to(a.dtype)


@operator("Pow", since=1)
def pow_(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Power in the type of the base."""
    if node.opset < 7 and node.whole("broadcast", 0):
        b = _aligned(node, a, b)
    if a.dtype != b.dtype:
        b = b.to(torch.promote_types(a.dtype, b.dtype) if b.is_floating_point() else a.dtype)
    return torch.pow(a, b).to(a.dtype)


@operator("Round", since=11)
def round_(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Nearest whole number, half to even; the gradient is zero, as the function's is."""
    return torch.round(x)


@operator("Floor", since=1)
def floor(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Largest whole number that is not larger."""
    return torch.floor(x)


@operator("Ceil", since=1)
def ceil(node: Node, x: Tensor) -> Tensor:  # noqa: ARG001
    """Smallest whole number that is not smaller."""
    return torch.ceil(x)


@operator("Max", since=1)
def max_(node: Node, *inputs: Tensor) -> Tensor:  # noqa: ARG001
    """Largest of several tensors, value by value."""
    return functools.reduce(torch.maximum, map(computable, inputs)).to(inputs[0].dtype)


@operator("Min", since=1)
def min_(node: Node, *inputs: Tensor) -> Tensor:  # noqa: ARG001
    """Smallest of several tensors, value by value."""
    return functools.reduce(torch.minimum, map(computable, inputs)).to(inputs[0].dtype)


@operator("Sum", since=1)
def sum_(node: Node, *inputs: Tensor) -> Tensor:  # noqa: ARG001
    """Sum of several tensors, value by value."""
    return functools.reduce(torch.add, inputs)


@operator("Mean", since=1)
def mean(node: Node, *inputs: Tensor) -> Tensor:  # noqa: ARG001
    """Mean of several tensors, value by value."""
    return functools.reduce(torch.add, inputs) / len(inputs)


@operator("Where", since=9)
def where(node: Node, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:  # noqa: ARG001
    """``x`` where the condition holds, else ``y``."""
    return torch.where(condition, x, y)


@operator("Clip", since=1)
def clip_attributes(node: Node, x: Tensor) -> Tensor:
    """Values held between the attributes ``min`` and ``max``."""
    low = node.number("min", 0.0) if node.has("min") else None
    high = node.number("max", 0.0) if node.has("max") else None
    return x if low is None and high is None else torch.clamp(x, low, high)


@operator("Clip", since=11)
def clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:  # noqa: ARG001
    """Values held between two inputs; where they are the wrong way round, the upper one wins.

    With a gradient, in the processor's memory, one kernel does it (8 times as fast as Max and Min with theirs); it has
    the gradient 0 at the bounds themselves, as torch's Relu has.
    """
    if low is not None and high is not None and _in_one(x):
        ends = float(low), float(high)
        if ends[0] < ends[1]:
            return torch.nn.functional.hardtanh(x, *ends)
    found = x if low is None else torch.maximum(x, low.reshape(()))
    return found if high is None else torch.minimum(found, high.reshape(()))


def _in_one(x: Tensor) -> bool:
    """Whether bounds can be read as numbers without waiting for a device, and a gradient is asked for."""
    plain = x.device.type == "cpu" and x.is_floating_point() and not torch.compiler.is_compiling()
    return plain and x.requires_grad and torch.is_grad_enabled()


@operator("IsInf", since=10)
def is_inf(node: Node, x: Tensor) -> Tensor:
    """Whether a value is infinite, on the sides that are asked for."""
    found = torch.isinf(x)
    if not node.whole("detect_negative", 1):
        found = found & (x > 0)
    if not node.whole("detect_positive", 1):
        found = found & (x < 0)
    return found


@operator("BitShift", since=11)
def bit_shift(node: Node, x: Tensor, by: Tensor) -> Tensor:
    """Bits moved left or right."""
    left = node.text("direction", "LEFT") == "LEFT"
    call = torch.bitwise_left_shift if left else torch.bitwise_right_shift
    return call(computable(x), computable(by)).to(x.dtype)
