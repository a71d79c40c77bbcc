"""Which codes can come, and what decides whether sums of two products saturate: worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.measure.arithmetic import saturation, saturation_child
from qexplorer.measure.arithmetic.code_range import code_range
from qexplorer.measure.arithmetic.integer_layers import integer_layers
from qexplorer.measure.arithmetic.pair_sums import move_of, why_exact
from qexplorer.measure.arithmetic.saturation import kept_saturation, saturates_here
from qexplorer.measure.arithmetic.saturation_types import ExactSwitch
from tests.measure.integer_graphs import conv_graph
from tests.measure.timing.made_up_machine import Clock, Steady

UINT8 = (0, 255)


def graph(*middle: onnx.NodeProto, bounds: tuple[float, ...] = (), scale: float = 0.1, zero: int = 10) -> GraphIndex:
    """``x`` on a grid of 0.1 around 10, then these nodes from ``a`` to ``b``, then on a grid of its own."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        *middle,
        helper.make_node("QuantizeLinear", ["b", "t", "y"], ["codes"]),
    ]
    constants: dict[str, Any] = {"s": np.float32(0.1), "z": np.uint8(10), "t": np.float32(scale), "y": np.uint8(zero)}
    constants |= {f"bound{i}": np.float32(value) for i, value in enumerate(bounds)}
    kept = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])] for name in ("x", "codes")]
    return GraphIndex(helper.make_model(helper.make_graph(nodes, "g", *ends, kept)))


CLIP = helper.make_node("Clip", ["a", "bound0", "bound1"], ["b"])


@pytest.mark.parametrize(
    ("bounds", "scale", "zero", "expected"),
    [
        ((0.0, 6.0), 0.1, 10, (10, 70)),
        ((-0.5, 0.26), 0.1, 10, (5, 13)),  # to the nearest code
        ((-9.0, 99.0), 0.1, 10, (0, 255)),  # no more than the type has
        ((0.0, 6.0), 0.05, 100, (100, 220)),
    ],
)
def test_a_bound_in_front_of_a_rounding_leaves_fewer_codes(
    bounds: tuple[float, float], scale: float, zero: int, expected: tuple[int, int]
) -> None:
    """Both ends, rounded to the grid behind them."""
    assert code_range("codes", graph(CLIP, bounds=bounds, scale=scale, zero=zero), UINT8) == expected


def test_moving_data_keeps_the_bounds_on_the_same_grid_alone() -> None:
    """Through a pooling the codes are those before it; on another grid, behind other operators, or where one end is
    open, any may come."""
    bounded = [
        CLIP,
        helper.make_node("QuantizeLinear", ["b", "s", "z"], ["bq"]),
        helper.make_node("DequantizeLinear", ["bq", "s", "z"], ["c"]),
        helper.make_node("MaxPool", ["c"], ["d"], kernel_shape=[1]),
    ]
    for names, expected in ((("s", "z"), (10, 70)), (("t", "y"), UINT8)):
        index = graph(*bounded, helper.make_node("QuantizeLinear", ["d", *names], ["pooled"]), bounds=(0.0, 6.0))
        assert code_range("pooled", index, UINT8) == expected
    relu = helper.make_node("Relu", ["a"], ["b"])
    half_open = helper.make_node("Clip", ["a", "bound0"], ["b"])
    for node in (relu, half_open):
        assert code_range("codes", graph(node, bounds=(0.0, 6.0)), UINT8) == UINT8
    assert code_range("x", graph(relu), UINT8) == UINT8
    assert code_range("q", graph(relu), UINT8) == UINT8


@pytest.mark.parametrize(
    ("op", "settings", "kept"),
    [
        ("Flatten", {}, True),
        ("Transpose", {}, True),
        ("Squeeze", {}, True),
        ("Identity", {}, True),
        ("AveragePool", {"kernel_shape": [1]}, False),
        ("Sigmoid", {}, False),
    ],
)
def test_what_moves_values_alone_keeps_their_bounds(op: str, settings: dict[str, Any], *, kept: bool) -> None:
    """What computes other values may make any of them; so may the same grid with another zero point."""
    nodes = [
        CLIP,
        helper.make_node("QuantizeLinear", ["b", "s", "z"], ["bq"]),
        helper.make_node("DequantizeLinear", ["bq", "s", "z"], ["c"]),
        helper.make_node(op, ["c"], ["d"], **settings),
        helper.make_node("QuantizeLinear", ["d", "s", "z"], ["moved"]),
        helper.make_node("QuantizeLinear", ["d", "s", "y"], ["other"]),
    ]
    index = graph(*nodes, bounds=(0.0, 6.0))
    assert code_range("moved", index, UINT8) == ((10, 70) if kept else UINT8)
    assert code_range("other", index, UINT8) == UINT8


def test_bounds_that_are_not_known_bound_nothing() -> None:
    """Either end, or the scale behind it, may come as the graph runs; scales by channel have no one code for an end; a
    grid without a zero point begins at 0."""
    for ends in (["bound0", "x"], ["x", "bound0"]):
        index = graph(helper.make_node("Clip", ["a", *ends], ["b"]), bounds=(0.0,))
        assert code_range("codes", index, UINT8) == UINT8
    nodes = [CLIP, *(helper.make_node("QuantizeLinear", ["b", s], [f"by {s}"]) for s in ("s", "x", "several"))]
    index = graph(*nodes, bounds=(-1.0, 6.0))
    index.initializers["several"] = numpy_helper.from_array(np.float32([0.1, 0.2]), "several")
    found = [code_range(f"by {s}", index, UINT8) for s in ("s", "x", "several")]
    assert found == [(0, 60), UINT8, UINT8]


def test_padding_is_a_code_that_can_come() -> None:
    """A convolution pads with the zero point, also where every value lies above it."""
    model = conv_graph(np.ones((1, 1, 1, 1), np.int8), zero=3)
    clip = helper.make_node("Clip", ["x", "least", "most"], ["bounded"])
    model.graph.node.insert(0, clip)
    model.graph.node[1].input[0] = "bounded"
    ends = {"least": np.float32(0.5), "most": np.float32(1.0)}
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in ends.items())
    (layer,), _ = integer_layers(model)
    assert (layer.low, layer.high, layer.zero) == (3, 23, 3)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code_type": "uint16"}, "uint16 activations"),
        ({"code_type": "int16"}, "int16 activations"),
        ({"weight_type": "uint8"}, "uint8 weights"),
        ({"code_type": "int8"}, None),
    ],
)
def test_which_kernels_add_in_16_bits(changes: dict[str, str], why: str | None) -> None:
    """Those of 8-bit activations and int8 weights; signed codes are moved up by 128 first."""
    (layer,), _ = integer_layers(conv_graph(np.ones((2, 2, 1, 1), np.int8)))
    other = replace(layer, **changes)  # type: ignore[arg-type]
    assert (why_exact(other) or "").startswith(why or "")
    assert (why_exact(other) is None) == (why is None)
    assert move_of(other) == (128 if other.code_type == "int8" else 0)


@pytest.mark.parametrize("feature", ["avx_vnni", "avx512_vnni", "amx_int8"])
def test_each_of_three_features_makes_sums_exact(feature: str) -> None:
    """One is enough; where the system tells none, nothing is claimed."""
    assert saturates_here(("avx2", feature)) is False


def test_a_system_that_tells_no_features_claims_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that sums saturate nor that they do not."""
    monkeypatch.setattr(saturation, "cpu_features", lambda: None)
    assert saturates_here() is None


def test_what_the_switch_costs_is_the_ratio_of_the_same_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact over usual, of medians of seven rounds, with its interval; a report is kept for this processor alone."""
    rounds = {"usual_ms": [2.0] * 7, "exact_ms": [3.0] * 7, "same": True}
    monkeypatch.setattr(saturation, "run_in_child", lambda *_, **__: rounds)
    subject: Any = SimpleNamespace(batches=(1, 8), allowed=lambda limits: limits)
    work: Any = saturation._SaturationWork(None, None, subject, lambda *_: None, None)  # type: ignore[arg-type]
    found = work.switch(SimpleNamespace(path="m.onnx"), {})
    assert found == ExactSwitch(2.0, 3.0, 1.5, (1.5, 1.5), 7, 1, True)
    paths = set()
    for features in (("avx2",), ("avx2", "avx_vnni"), None):
        monkeypatch.setattr(saturation, "cpu_features", lambda features=features: features)
        paths |= {saturation._path("d", "e", n) for n in (None, 20)}
    assert len(paths) == 6
    assert kept_saturation("d", "e", 20) is None


@pytest.mark.parametrize(("call_s", "count"), [(0.002, 30), (0.1, 3), (1e-6, 1000)])
def test_a_round_of_the_switch_is_the_median_of_its_calls(
    call_s: float, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In milliseconds; as many calls as fit into six hundredths of a second, 3 at least and 1,000 at most."""
    clock = Clock()
    monkeypatch.setattr(saturation_child, "time", clock)
    call = Steady(clock, call_s).call({})
    assert abs(saturation_child._count(call) - count) <= 1
    assert saturation_child._median_ms(call, 5) == pytest.approx(1e3 * call_s)


def test_seven_bits_are_the_remedy_of_eight_alone() -> None:
    """Names that begin otherwise say what was changed."""
    mine = Recipe.parse("name: odd\nweights: {format: uint8, symmetric: false}\nactivations: {format: uint8}\n")
    assert saturation.reduced_recipe(mine) is None
