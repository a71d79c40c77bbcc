"""Which ONNX type holds the codes of weights, and what cannot be held."""

from __future__ import annotations

import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Granularity
from qexplorer.core.recipe import ActivationSpec, WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.quantize.carriers import activation_carrier, carrier_opset, weight_carrier
from qexplorer.quantize.emit.half import HalfEmitter
from qexplorer.quantize.emit.writer import GraphWriter
from tests.quantize.support import case


@pytest.mark.parametrize(
    ("format", "integer", "linear", "carrier"),
    [
        ("int4", True, False, "int8"),
        ("int4", False, False, "int4"),
        ("int3", False, True, "int4"),
        ("int2", False, True, "int4"),
        ("uint2", False, True, "uint4"),
        ("int2", False, False, "int8"),
        ("int6", True, True, "int8"),
        ("uint5", True, False, "uint8"),
        ("int16", True, True, "int16"),
        ("nf4", True, False, "uint4"),
        ("nf4", False, True, "uint4"),
        ("fp8_e4m3", True, True, "float8e4m3fn"),
    ],
)
def test_only_codes_that_integer_kernels_read_are_widened(
    format: str, integer: bool, linear: bool, carrier: str
) -> None:
    """Narrow integers in front of kernels of 8 bits; a table's places and 8-bit floats stay as narrow as they are."""
    assert weight_carrier(WeightSpec(format=format), integer=integer, linear=linear) == carrier


@pytest.mark.parametrize(("bits", "carrier"), [(4, "int4"), (6, "int8")])
def test_blocks_stay_narrow_because_no_integer_kernel_has_them(bits: int, carrier: str) -> None:
    """A scale per block means that the layer computes in float, so that nothing is gained by a wider type."""
    spec = WeightSpec(format=f"int{bits}", granularity=Granularity.BLOCK)
    assert weight_carrier(spec, integer=True) == carrier


@pytest.mark.parametrize(
    ("format", "carrier", "opset"),
    [
        ("int8", "int8", 13),
        ("uint5", "uint8", 13),
        ("int9", "int16", 21),
        ("uint16", "uint16", 21),
        ("fp8_e5m2", "float32", 19),
        ("pot", "float32", 13),
    ],
)
def test_what_carries_activations_and_from_which_operator_set_on(format: str, carrier: str, opset: int) -> None:
    """QuantizeLinear knows 8 bits from opset 13, 8-bit floats from 19 and 16 bits from 21 on."""
    assert activation_carrier(ActivationSpec(format=format)) == carrier
    assert carrier_opset(carrier, get_format(format).storage) == opset


def test_what_is_cast_has_no_codes_to_carry() -> None:
    """Half precision is refused, and whoever asks for it learns why."""
    with pytest.raises(ValueError, match="fp16 has no codes"):
        weight_carrier(WeightSpec(format="fp16"), integer=False)


@pytest.mark.parametrize("format", ["int8", "nf4", "fp8_e4m3"])
def test_a_layer_is_cast_to_no_format_with_codes(format: str) -> None:
    """Nothing passes for bfloat16 that is none."""
    view = index_of(case("cnn").model)
    node = next(iter(view.nodes.values()))
    with pytest.raises(ValueError, match=f"cannot be cast to {format}"):
        HalfEmitter(GraphWriter(set()), view).emit(node, get_format(format))
