"""Faults of single kernels, as edits of a QDQ graph: what a backend would run that gets one thing wrong.

Each takes a graph and the place of a layer, changes that layer alone, and says whether it could: a graph without a
residual has none to drop. Constants that layers share are copied first, so that no other layer changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper

from benchmarks.graph_edit import Edit

__all__ = ["FAULTS", "TAIL", "Fault"]

Fault = Callable[[Edit], bool]


def _scaled(edit: Edit) -> bool:
    def change(scales: Any) -> Any:
        scales[scales.size // 2] *= 1.25
        return scales

    edit.change(edit.weight, 1, change)
    return True


def _rolled_scales(edit: Edit) -> bool:
    edit.change(edit.weight, 1, lambda scales: np.roll(scales, 1))
    return True


def _weight_zero(edit: Edit) -> bool:
    def change(zeros: Any) -> Any:
        zeros[zeros.size // 2] += 1
        return zeros

    edit.change(edit.weight, 2, change)
    return True


def _input_zero(edit: Edit) -> bool:
    edit.change(edit.own_input(), 2, lambda zero: zero + 1)
    return True


def _output_zero(edit: Edit) -> bool:
    edit.change(edit.quantizer(), 2, lambda zero: zero + 1)
    return True


def _input_scale(edit: Edit) -> bool:
    edit.change(edit.own_input(), 1, lambda scale: scale * 1.05)
    return True


def _no_bias(edit: Edit) -> bool:
    if edit.bias is None:
        return False
    edit.change(edit.bias, 0, np.zeros_like)
    return True


def _one_bias(edit: Edit) -> bool:
    if edit.bias is None:
        return False

    def change(codes: Any) -> Any:
        place = int(np.argmax(np.abs(codes.astype(np.int64))))
        codes[place] = -codes[place]
        return codes

    edit.change(edit.bias, 0, change)
    return True


def _rolled_bias(edit: Edit) -> bool:
    if edit.bias is None:
        return False
    edit.change(edit.bias, 0, lambda codes: np.roll(codes, 1))
    return True


def _saturated(edit: Edit) -> bool:
    source = edit.maker(edit.node.input[0])
    assert source is not None
    steps = edit.value(source.input[1]) * edit.value(edit.weight.input[1]).reshape(-1, 1, 1)
    edit.behind("Min", np.asarray(steps * 2**13, np.float32))
    return True


def _swapped_kernel(edit: Edit) -> bool:
    edit.change(edit.weight, 0, lambda codes: np.swapaxes(codes, -1, -2))
    return True


def _flipped_kernel(edit: Edit) -> bool:
    edit.change(edit.weight, 0, lambda codes: codes[..., ::-1, ::-1])
    return True


def _moved_pads(edit: Edit) -> bool:
    for attribute in edit.node.attribute:
        if attribute.name == "pads" and any(attribute.ints):
            pads = list(attribute.ints)
            half = len(pads) // 2
            moved = [0] * half + [a + b for a, b in zip(pads[:half], pads[half:], strict=True)]
            del attribute.ints[:]
            attribute.ints.extend(moved)
            return True
    return False


def _wrong_pad_value(edit: Edit) -> bool:
    """Pads with the largest code instead of the zero point."""
    source = edit.maker(edit.node.input[0])
    attribute = next((a for a in edit.node.attribute if a.name == "pads" and any(a.ints)), None)
    if source is None or attribute is None:
        return False
    pads, scale, zero = list(attribute.ints), edit.value(source.input[1]), edit.value(source.input[2])
    del attribute.ints[:]
    attribute.ints.extend([0] * len(pads))
    half = len(pads) // 2
    value = np.float32(scale * (np.iinfo(zero.dtype).max - int(zero)))
    node = helper.make_node("Pad", [edit.node.input[0], "?", "?"], ["fault/padded"], "fault/pad")
    edit.insert(edit.node, node)
    pad = edit.called("fault/pad")
    edit.put(pad, 1, np.array([0, 0, *pads[:half], 0, 0, *pads[half:]], np.int64))
    edit.put(pad, 2, value)
    edit.node.input[0] = "fault/padded"
    return True


def _clipped(edit: Edit) -> bool:
    quantizer = edit.quantizer()
    scale, zero = edit.value(quantizer.input[1]), edit.value(quantizer.input[2])
    edit.behind("Min", np.float32(scale * (np.iinfo(zero.dtype).max - int(zero)) * 0.5))
    return True


def _one_weight(edit: Edit) -> bool:
    def change(codes: Any) -> Any:
        flat = codes.reshape(-1)
        flat[flat.size // 2] ^= 0x40
        return codes

    edit.change(edit.weight, 0, change)
    return True


def _lost_tail(edit: Edit) -> bool:
    """The last input channel is left out, as by a loop that ends too early."""

    def change(codes: Any) -> Any:
        codes[:, -1] = 0
        return codes

    edit.change(edit.weight, 0, change)
    return True


def _shifted(edit: Edit, by: float) -> bool:
    edit.behind("Add", np.float32(by * edit.value(edit.quantizer().input[1])))
    return True


def _coarse(edit: Edit) -> bool:
    """The lowest bit of the result is lost."""
    quantizer = edit.quantizer()
    scale, zero = edit.value(quantizer.input[1]), edit.value(quantizer.input[2])
    grid = [quantizer.input[0], "?", "?"]
    nodes = [
        helper.make_node("QuantizeLinear", grid, ["fault/codes"], "fault/q"),
        helper.make_node("DequantizeLinear", ["fault/codes", "?", "?"], ["fault/coarse"], "fault/dq"),
    ]
    last = quantizer.name
    edit.insert(quantizer, *nodes)
    for name in ("fault/q", "fault/dq"):
        node = edit.called(name)
        edit.put(node, 1, np.asarray(scale * 2, np.float32))
        edit.put(node, 2, np.asarray(int(zero) // 2, zero.dtype))
    edit.called(last).input[0] = "fault/coarse"
    return True


def _no_residual(edit: Edit) -> bool:
    """The last sum of two activations adds nothing to the first."""
    constants = {item.name for item in edit.graph.initializer}
    sums = [n for n in edit.graph.node if n.op_type == "Add" and not constants & set(n.input)]
    sums = [
        n for n in sums if all((m := edit.maker(i)) is not None and m.op_type == "DequantizeLinear" for i in n.input)
    ]
    if not sums:
        return False
    edit.put(sums[-1], 1, np.float32(0))
    return True


def _swapped_residual(edit: Edit) -> bool:
    """One operand of the last sum is read with the scale of the other."""
    constants = {item.name for item in edit.graph.initializer}
    for node in reversed(edit.graph.node):
        if node.op_type != "Add" or constants & set(node.input):
            continue
        first, second = (edit.maker(name) for name in node.input)
        if first is None or second is None or {first.op_type, second.op_type} != {"DequantizeLinear"}:
            continue
        copy = onnx.NodeProto()
        copy.CopyFrom(second)
        copy.name = copy.output[0] = "fault/operand"
        copy.input[1] = first.input[1]
        name = node.name
        edit.insert(node, copy)
        edit.called(name).input[1] = "fault/operand"
        return True
    return False


def _wrong_count(edit: Edit) -> bool:
    """The last mean divides by one too many."""
    for node in reversed(edit.graph.node):
        if node.op_type in ("GlobalAveragePool", "AveragePool", "ReduceMean"):
            out = node.output[0]
            node.output[0] = "fault/mean"
            extra = helper.make_node("Mul", ["fault/mean", "?"], [out], "fault/count")
            place = list(edit.graph.node).index(node)
            edit.graph.node.insert(place + 1, extra)
            edit.put(edit.graph.node[place + 1], 1, np.float32(16 / 17))
            return True
    return False


def _last_sample(edit: Edit) -> bool:
    """The last sample of a batch gets the answers of the first."""
    quantizer = edit.quantizer()
    names = [f"fault/{part}" for part in ("rest", "first", "both")]
    nodes = [
        helper.make_node("Slice", [quantizer.input[0], "?", "?", "?"], [names[0]], names[0]),
        helper.make_node("Slice", [quantizer.input[0], "?", "?", "?"], [names[1]], names[1]),
        helper.make_node("Concat", names[:2], [names[2]], names[2], axis=0),
    ]
    last = quantizer.name
    edit.insert(quantizer, *nodes)
    for name, ends in ((names[0], (0, -1)), (names[1], (0, 1))):
        node = edit.called(name)
        for place, value in ((1, ends[0]), (2, ends[1]), (3, 0)):
            edit.put(node, place, np.array([value], np.int64))
    edit.called(last).input[0] = names[2]
    return True


TAIL = "behind the last layer: "
"""Begins the names of faults in what is computed in float behind the last rounding."""


def _behind(edit: Edit, op: str, *, constant: bool = False) -> onnx.NodeProto | None:
    """The last node of this type behind which nothing is rounded any more; ``constant``: one that reads a constant."""
    constants = {item.name for item in edit.graph.initializer}
    rounded: set[str] = set()  # tensors that go into a rounding, by whatever way
    found = None
    for node in reversed(edit.graph.node):
        if node.op_type == "QuantizeLinear" or rounded & set(node.output):
            rounded |= set(node.input)
        elif found is None and node.op_type == op and (not constant or constants & set(node.input)):
            found = node
    return found


def _linear_exp(edit: Edit) -> bool:
    node = _behind(edit, "Exp")
    if node is None:
        return False
    node.CopyFrom(helper.make_node("Add", [node.input[0], "?"], list(node.output), node.name))
    edit.put(node, 1, np.float32(1))
    return True


def _other_axis(edit: Edit) -> bool:
    node = _behind(edit, "Softmax")
    for attribute in () if node is None else node.attribute:
        if attribute.name == "axis":
            attribute.i = 1
    return node is not None


def _swapped_parts(edit: Edit) -> bool:
    node = _behind(edit, "Concat")
    if node is None:
        return False
    node.input[0], node.input[1] = node.input[1], node.input[0]
    return True


def _no_offset(edit: Edit) -> bool:
    node = _behind(edit, "Add", constant=True)
    if node is not None:
        edit.change(node, _constant_of(edit, node), np.zeros_like)
    return node is not None


def _rough_factor(edit: Edit) -> bool:
    node = _behind(edit, "Mul", constant=True)
    if node is None:
        return False
    edit.change(node, _constant_of(edit, node), lambda value: value.astype(np.float16).astype(np.float32))
    return True


def _constant_of(edit: Edit, node: onnx.NodeProto) -> int:
    constants = {item.name for item in edit.graph.initializer}
    return next(place for place, name in enumerate(node.input) if name in constants)


FAULTS: dict[str, Fault] = {
    "one channel's scale 25 % too large": _scaled,
    "scales of the channel before": _rolled_scales,
    "zero point of one channel's weights off by one": _weight_zero,
    "zero point of the input off by one": _input_zero,
    "zero point of the output off by one": _output_zero,
    "scale of the input 5 % too large": _input_scale,
    "bias dropped": _no_bias,
    "bias of one channel with the wrong sign": _one_bias,
    "bias of the channel before": _rolled_bias,
    "sums saturate at 2^13": _saturated,
    "axes of the kernel swapped": _swapped_kernel,
    "kernel flipped": _flipped_kernel,
    "padding all on one side": _moved_pads,
    "padding with the largest code": _wrong_pad_value,
    "upper bound at half the grid": _clipped,
    "one bit of one weight flipped": _one_weight,
    "last input channel left out": _lost_tail,
    "rounding down": lambda edit: _shifted(edit, -0.5),
    "rounding up": lambda edit: _shifted(edit, 0.5),
    "lowest bit of the result lost": _coarse,
    "residual dropped": _no_residual,
    "residual with the other operand's scale": _swapped_residual,
    "mean divided by one too many": _wrong_count,
    "last sample of a batch answers as the first": _last_sample,
    f"{TAIL}Exp as 1 + x": _linear_exp,
    f"{TAIL}Softmax over the other axis": _other_axis,
    f"{TAIL}parts joined in the other order": _swapped_parts,
    f"{TAIL}anchors not added": _no_offset,
    f"{TAIL}a factor rounded to float16": _rough_factor,
}
"""What goes wrong, in words, and how."""
