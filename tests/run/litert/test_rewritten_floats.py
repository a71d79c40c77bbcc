"""Bounds, softmax and half precision as LiteRT computes them, with the answers of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.run.litert.rewritten_cases import Case


@pytest.mark.parametrize(
    ("bounds", "zero", "kept"),
    [
        ((-2.0, 2.0), np.uint8(128), {"low": -2.0, "high": 2.0}),
        ((-3.0, 1.0), np.uint8(128), {"high": 1.0}),
        ((0.0, 6.0), np.uint8(0), {}),
        ((0.0, 5.0), np.uint8(0), {"high": 5.0}),
        ((0.5, None), np.int8(-128), {"low": 0.5}),
        ((None, 2.54), np.int8(0), {}),
        ((None, 2.53), np.int8(0), {"high": 2.53}),
        ((-700.0, 655.34), np.int16(0), {}),
        ((-655.0, 655.3), np.int16(0), {"low": -655.0, "high": 655.3}),
    ],
)
def test_a_bound_stays_where_the_grid_in_front_reaches_beyond(
    bounds: tuple[float | None, float | None], zero: Any, kept: dict[str, float]
) -> None:
    """The grid's step is 0.02: of 8 bits around 0 it reaches from -2.56 to 2.54, of 16 to 655."""
    case = Case()
    limits = ["" if each is None else case.constant(np.float32(each)) for each in bounds]
    case.node("Clip", case.rounded("x", 0.02, zero), *limits)
    node = case.found()[1].model.graph.node[-1]
    found = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    assert (node.op_type, found) == ("Bound", pytest.approx(kept))


def test_a_clip_with_computed_bounds_stays() -> None:
    """Its bounds are numbers of the sample."""
    case = Case()
    case.node("Clip", "x", case.node("ReduceMin", "x", keepdims=0))
    assert case.found()[0] == ["ReduceMin", "Clip"]


@pytest.mark.parametrize(
    ("step", "zero", "ops"),
    [
        (1 / 256, np.uint8(0), ["Grid", "Softmax", "Grid"]),
        (1 / 256, np.int8(-128), ["Grid", "Softmax", "Grid"]),
        (1.0005 / 256, np.uint8(0), ["Grid", "Softmax", "Grid"]),
        (1.01 / 256, np.uint8(0), ["Grid", "FloatSoftmax", "Grid"]),
        (1 / 256, np.uint8(1), ["Grid", "FloatSoftmax", "Grid"]),
        (1 / 256, np.int16(0), ["Grid", "FloatSoftmax", "Grid"]),
        (None, None, ["Grid", "Softmax"]),
    ],
)
def test_a_softmax_is_on_codes_on_its_one_grid(step: float | None, zero: Any, ops: list[str]) -> None:
    """From 0 to 1 in steps of 1/256, to a thousandth; on any other it computes in float, which is said."""
    case = Case()
    made = case.node("Softmax", case.rounded("x", 0.02, np.uint8(120)), axis=-1)
    if step is not None:
        case.rounded(made, step, zero)
    found, done = case.found()
    assert found == ops
    said = f"'{made}' is computed in float: LiteRT's Softmax on codes cannot do its grid"
    assert (said in done.differences) == ("FloatSoftmax" in ops)


def test_halves_become_singles() -> None:
    """Constants and casts of half precision are float32, and it is said."""
    case = Case()
    half = case.node("Cast", "x", to=TensorProto.FLOAT16)
    product = case.node("Mul", half, case.constant(np.float16(0.5)))
    case.node("Cast", product, to=TensorProto.FLOAT)
    found, done = case.found(exact=False)
    assert found == ["Cast", "Mul", "Cast"]
    assert {each.data_type for each in done.model.graph.initializer} == {TensorProto.FLOAT}
    assert "half-precision layers are computed in float32" in done.differences[0]
