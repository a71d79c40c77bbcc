"""Which ONNX type holds the codes of weights, and what cannot be held."""

from __future__ import annotations

import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.recipe import WeightSpec
from qexplorer.graph.index import index_of
from qexplorer.quantize.carriers import weight_carrier
from qexplorer.quantize.emit.half import HalfEmitter
from qexplorer.quantize.emit.writer import GraphWriter
from tests.quantize.support import case


@pytest.mark.parametrize(
    ("format", "integer", "linear", "carrier"),
    [
        ("int4", True, False, "int8"),
        ("int4", False, False, "int4"),
        ("int3", False, True, "int4"),
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
