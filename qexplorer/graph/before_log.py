"""Products of a signal whose power goes into a logarithm: spectra in decibels, as models of sound compute them.

A logarithm takes quiet values as seriously as loud ones. On a grid of 256 even steps everything 48 dB below the loudest
is lost, and what rounding puts in its place is as large behind the logarithm as the signal is; where a spectrogram is
then spread over the range between its minimum and its maximum, all of it moves. No range and no calibrator mends that,
16 bits do in part. So these products stay in float: in basic_pitch, whose constant-Q transform is such a part, they are
8 % of the multiplications, and the answers go from 6 to 10 dB to 21 to 27 dB (benchmarks/results/public_models.md).

What counts is found backwards from each Log, by way of squares and magnitudes of values and of all that is linear in
them; any other operator ends the way, so that no network in front of a spectrum is taken along.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from qexplorer.graph.index import GraphIndex, label_of

__all__ = ["before_log"]

_MOVES = (
    *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split", "Gather"),
    *("Pad", "Concat", "Identity", "Cast"),
)
_PRODUCTS = ("Conv", "MatMul", "Gemm")
_SUMS = ("Add", "Sub", "Neg", "ReduceSum", "ReduceMean", "AveragePool", "GlobalAveragePool", *_PRODUCTS)
_OF_POWERS = ("Max", "Clip", "Sqrt")
_WAY = frozenset((*_MOVES, *_SUMS, *_OF_POWERS))
_SQUARES = ("Abs", "ReduceL1", "ReduceL2", "ReduceSumSquare")


def before_log(view: GraphIndex) -> dict[str, str]:
    """Label of each product whose power a logarithm is taken of -> label of the logarithm."""
    found: dict[str, str] = {}
    for node in view.order:
        if node.op_type != "Log" or node.domain:
            continue
        products = {squared: [each for each in way if each.op_type in _PRODUCTS] for squared, way in _way(node, view)}
        if products[True]:
            found |= {label_of(each): label_of(node) for each in (*products[True], *products[False])}
    return found


def _way(log: onnx.NodeProto, view: GraphIndex) -> Iterator[tuple[bool, list[onnx.NodeProto]]]:
    """What ``log`` follows from, as far as the way goes: in front of some square, and behind all."""
    ways: dict[bool, dict[str, onnx.NodeProto]] = {True: {}, False: {}}
    left = [(name, False) for name in log.input]
    while left:
        name, squared = left.pop()
        maker = view.maker(name)
        if maker is None or maker.domain or label_of(maker) in ways[squared]:
            continue
        square = _squares(maker, view)
        if square or _goes_on(maker, view):
            ways[squared][label_of(maker)] = maker
            left += [(each, squared or square) for each in maker.input]
    return ((squared, list(way.values())) for squared, way in ways.items())


def _goes_on(node: onnx.NodeProto, view: GraphIndex) -> bool:
    if node.op_type in ("Mul", "Div"):
        return any(view.value(name) is not None for name in node.input)
    return node.op_type in _WAY


def _squares(node: onnx.NodeProto, view: GraphIndex) -> bool:
    """Whether it makes a power or a magnitude of what it reads."""
    if node.op_type == "Mul":
        return bool(node.input[0] == node.input[1])
    if node.op_type == "Pow":
        exponent = view.value(node.input[1])
        return exponent is not None and bool((exponent == 2).all())
    return node.op_type in _SQUARES
