"""What a plan says of a layer: formats, packed bytes, and how it will run."""

from __future__ import annotations

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.quantize.plan import Plan, make_plan
from tests.quantize.support import case

pytestmark = pytest.mark.usefixtures("shared_workspace")

SIGNED = "weights: {format: int8}\nactivations: {format: int8}"
TURNED = "weights: {format: uint8, symmetric: false}\nactivations: {format: uint8, symmetric: true}"
MIXED = "weights: {format: int8}\nactivations: {format: uint8}\nlayers: [{match: conv3, activations: {format: int8}}]"
RUNS = "computes in float on weights that are dequantized as it runs"
FEW = "one scale per channel: only 3 values run along its input axis"


def _plan(recipe: str) -> Plan:
    asked, given = Recipe.parse(recipe), case("cnn")
    return make_plan(given.model, asked, given.statistics if asked.needs_statistics else None)


@pytest.mark.parametrize(
    ("recipe", "weights", "activations", "size", "remark"),
    [
        ("w8a8", "int8 per channel", "uint8", 216 + 8 * 4 + 8, ""),
        ("w4a8", "int4 per channel, carried by int8", "uint8", 108 + 8 * 4 + 4, ""),
        ("w2a8-tensor", "int2 one scale, carried by int8", "uint8", 54 + 4 + 1, ""),
        (TURNED, "uint8 per channel, asymmetric", "uint8 symmetric", 256, ""),
        ("w8a8-dynamic", "int8 per channel", "uint8, ranges as they come", 256, ""),
        ("w16a8", "int16 per channel", "uint8", 480, "simulated: ONNX Runtime has no integer kernels for 16 bits"),
        ("w8a16", "int8 per channel", "uint16", 256, "simulated: ONNX Runtime has no integer kernels for 16 bits"),
        (SIGNED, "int8 per channel", "int8", 256, "signed activations: ONNX Runtime on x86 uses integers only where"),
        ("w4a4", "int4 per channel, carried by int8", "uint4", 144, "uint4 is carried by 8 bits, and its codes are"),
        ("w8", "int8 per channel", None, 256, RUNS),
        ("w4-b32", "int4 per channel", None, 108 + 8 * 4, f"{FEW}; {RUNS}"),
        ("nf4", "nf4 per channel", None, 140, "simulated: its nf4 weight is looked up in a table and decoded to float"),
        ("fp8", "fp8_e4m3 per channel", None, 248, "simulated: its fp8_e4m3 weight is decoded to float, no integer"),
        ("fp16", "fp16", "fp16", 432, "ONNX Runtime has few float16 kernels for CPUs and computes in float32 where"),
        ("bf16", "bf16", "bf16", 432, "simulated: values are rounded to bfloat16 and computed in float32"),
    ],
)
def test_a_layer_is_told_by_formats_bytes_and_how_it_runs(
    recipe: str, weights: str, activations: str | None, size: int, remark: str
) -> None:
    """The first convolution has 8 x 3 x 3 x 3 values: their codes, packed, a scale of 4 bytes and a zero point each."""
    layer = _plan(recipe).layer("conv0")
    assert (layer.weights, layer.activations, layer.weight_bytes) == (weights, activations, size)
    assert layer.parameters == 216
    first, _, more = layer.reason.partition("; ")
    assert first.endswith("as the recipe asks for every layer")
    assert more.startswith(remark)
    assert bool(more) == bool(remark)


def test_layers_without_a_weight_of_their_own_are_told_by_what_they_do_to_codes() -> None:
    """A Relu in a range is absorbed, a pool moves codes, and a mean computes; a recipe of weights leaves them."""
    plan = _plan("w8a8")
    assert plan.layer("relu_first").reason.endswith("; absorbed: its bounds are bounds of the codes")
    assert plan.layer("maxpool2").reason.endswith("; moves codes without changing them")
    assert plan.layer("globalaveragepool5").reason == "as the recipe asks for every layer"
    assert [plan.layer(name).weight_bytes for name in ("relu_first", "maxpool2", "globalaveragepool5")] == [0, 0, 0]
    alone = _plan("w8").layer("relu_first")
    assert (alone.treatment, alone.activations) == ("float", None)


def test_a_layer_between_two_formats_reads_one_and_writes_the_other() -> None:
    """Integer kernels read and write one type, so it is simulated, and it is said for whom a tensor is as it is."""
    layer = _plan(MIXED).layer("globalaveragepool5")
    assert layer.activations == "int8 in, uint8 out"
    assert "; 'relu6_out' is int8 as asked for 'conv3'; simulated: integer kernels read and write" in layer.reason


def test_blocks_and_weights_in_float_have_no_integer_kernel() -> None:
    """Between static activations both are simulated, each for its own reason."""
    given = case("mlp")
    blocks = make_plan(given.model, Recipe.parse("w8a8-b8"), given.statistics).layers[0]
    assert (blocks.weights, blocks.op) == ("int8 in blocks of 8", "Gemm")
    assert blocks.reason.endswith("; simulated: integer kernels have no scale per block")
    alone = make_plan(given.model, Recipe.parse("activations: {format: uint8}"), given.statistics).layers[0]
    assert (alone.weights, alone.activations, alone.weight_bytes) == (None, "uint8", 4 * 20 * 16)
    assert alone.reason.endswith("; simulated: its weight stays in float")
