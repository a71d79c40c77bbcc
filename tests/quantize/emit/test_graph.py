"""Every recipe on every graph of the zoo: a valid file that runs, and the arithmetic that the plan promises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.core.dataset import Split
from qexplorer.core.grid import fake_quantize
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import ZOO, Builder
from tests.quantize.support import Case, case, integer_kernels, kernels, model_of, run

RECIPES = (
    "float",
    "fp16",
    "bf16",
    "w8a8",
    "w8a8-tensor",
    "w8a8-asym",
    "w8a8-sym",
    "w8a8-dynamic",
    "w8a8-dynamic-asym",
    "w4a8",
    "w4a8-b8",
    "w4a8-dynamic-b8",
    "w3a5",
    "w8a16",
    "w16a16",
    "w8",
    "w4-b8",
    "w4-asym",
    "w2",
    "w16",
)

LAYERWISE = Recipe.parse("""
name: by layer
weights: {format: int8}
activations: {format: uint8}
layers:
  - {match: "op:Conv", weights: {format: int4}, activations: {format: uint6}}
  - {match: "op:MatMul", activations: {mode: dynamic}}
  - {match: "op:GlobalAveragePool", float: true}
  - {match: "head", weights: {granularity: block, block: 8}}
""")


def _emitted(one: Case, recipe: Recipe) -> onnx.ModelProto:
    return emit(one.model, recipe, make_plan(one.model, recipe, one.statistics))


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


@pytest.mark.parametrize("graph", ZOO)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_gives_a_valid_file_that_runs_and_keeps_its_shapes(name: str, graph: str) -> None:
    """The checker accepts the file with shape inference, its outputs are finite and have the float model's shapes."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse(name))
    onnx.checker.check_model(proto, full_check=True)
    for got, want in zip(run(proto, one.feeds), run(one.model.proto(), one.feeds), strict=True):
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        assert np.isfinite(got).all()


@pytest.mark.parametrize("graph", ZOO)
def test_a_recipe_with_a_rule_per_operator_runs(graph: str) -> None:
    """Static, dynamic, blocked and float layers work side by side in one graph."""
    one = case(graph)
    proto = _emitted(one, LAYERWISE)
    onnx.checker.check_model(proto, full_check=True)
    assert all(np.isfinite(value).all() for value in run(proto, one.feeds))


@pytest.mark.parametrize("graph", ZOO)
def test_16_bit_quantization_is_close_to_float(graph: str) -> None:
    """With 16 bits everywhere no output is off by more than 1 % of its range: scales and axes are where they belong."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse("w16a16"))
    for got, want in zip(run(proto, one.feeds), run(one.model.proto(), one.feeds), strict=True):
        assert np.abs(got - want).max() <= 0.01 * np.abs(want).max()


@pytest.mark.parametrize("graph", ZOO)
@pytest.mark.parametrize("name", ["w8a8", "w8a8-dynamic", "w8a8-asym", "w8", "fp16", "bf16"])
def test_8_bit_quantization_is_close_to_float(name: str, graph: str) -> None:
    """With 8 bits the mean error stays below 3 % of the output's range."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse(name))
    for got, want in zip(run(proto, one.feeds), run(one.model.proto(), one.feeds), strict=True):
        assert np.abs(got - want).mean() <= 0.03 * np.abs(want).max()


@pytest.mark.parametrize("graph", sorted(ZOO.keys() - {"attention"}))
@pytest.mark.parametrize("name", ["w8a8", "w8a8-sym", "w8a8-asym", "w4a8", "w3a5"])
def test_integer_execution_is_within_one_step_of_simulation(name: str, graph: str) -> None:
    """Every output that is on a grid differs by at most one step between integer kernels and float between Q/DQ."""
    one = case(graph)
    recipe = Recipe.parse(name)
    plan = make_plan(one.model, recipe, one.statistics)
    proto = emit(one.model, recipe, plan)
    outputs = zip(one.model.outputs, run(proto, one.feeds), run(proto, one.feeds, simulated=True), strict=True)
    for info, integer, simulated in outputs:
        step = float(plan.tensors[info.name].grid.scale) if info.name in plan.tensors else 1e-5
        assert np.abs(integer - simulated).max() <= step * 1.01


@pytest.mark.parametrize("graph", sorted(ZOO))
@pytest.mark.parametrize("name", ["w8a8-dynamic", "w4a8-dynamic-b8", "w8", "w4-b8"])
def test_recipes_without_grids_on_outputs_run_as_they_are_simulated(name: str, graph: str) -> None:
    """Integer sums are exact, so that dynamic and weight-only graphs differ from their simulation by float rounding."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse(name))
    for integer, simulated in zip(run(proto, one.feeds), run(proto, one.feeds, simulated=True), strict=True):
        np.testing.assert_allclose(integer, simulated, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ("block", {"QLinearConv": 6, "QLinearAdd": 2, "QLinearGlobalAveragePool": 1, "QGemm": 1}),
        ("cnn", {"QLinearConv": 2, "QLinearGlobalAveragePool": 1, "QGemm": 1}),
        ("concat", {"QLinearConv": 3, "QLinearConcat": 1, "QLinearAveragePool": 1}),
        ("mlp", {"QGemm": 4}),
        ("shared", {"QGemm": 2, "QLinearMatMul": 1}),
    ],
)
@pytest.mark.parametrize("name", ["w8a8", "w8a8-asym", "w4a8", "w3a5"])
def test_static_recipes_run_in_integer_kernels(name: str, graph: str, expected: dict[str, int], tmp_path: Path) -> None:
    """Narrow weights and bounded codes reach the same fused kernels as plain INT8, and no float convolution is left."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse(name))
    assert integer_kernels(proto, one.feeds, tmp_path) == expected
    assert not {"Conv", "Gemm", "MatMul"} & kernels(proto, one.feeds, tmp_path).keys()


@pytest.mark.parametrize(
    ("graph", "kernel", "number"), [("cnn", "ConvInteger", 2), ("mlp", "DynamicQuantizeMatMul", 4)]
)
def test_dynamic_recipes_run_in_integer_kernels(graph: str, kernel: str, number: int, tmp_path: Path) -> None:
    """Convolutions become ConvInteger and dense layers the fused dynamic MatMul, biases and all."""
    one = case(graph)
    found = kernels(_emitted(one, Recipe.parse("w8a8-dynamic")), one.feeds, tmp_path)
    assert found[kernel] == number
    assert not {"Conv", "Gemm", "MatMul"} & found.keys()


@pytest.mark.parametrize("name", ["w4-b16", "w4", "w4-asym", "w3-b16", "w2-b16", "w2"])
@pytest.mark.parametrize(("graph", "number"), [("mlp", 4), ("attention", 5)])
def test_narrow_weights_of_linear_layers_run_packed(graph: str, number: int, name: str, tmp_path: Path) -> None:
    """Gemm and MatMul with 2 to 4 bit weights become MatMulNBits on int4, and answer as the simulation does."""
    one = case(graph)
    proto = _emitted(one, Recipe.parse(name))
    found = kernels(proto, one.feeds, tmp_path)
    assert found["MatMulNBits"] == number
    assert not {"Gemm", "FusedGemm", "DequantizeLinear"} & found.keys()
    native, simulated = run(proto, one.feeds), run(proto, one.feeds, simulated=True)
    for a, b in zip(native, simulated, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("graph", ["attention", "cnn", "depthwise", "mlp", "shared", "transposed"])
@pytest.mark.parametrize("name", ["w8a8", "w4a8", "w4-b8", "w4-asym", "w3", "w16", "w8a8-tensor"])
def test_stored_weights_are_the_reference_fake_quantization(name: str, graph: str) -> None:
    """What a runtime reads from the file is, bit for bit, core.grid's rounding of the float weight."""
    one = case(graph)
    recipe = Recipe.parse(name)
    plan = make_plan(one.model, recipe, one.statistics)
    proto = emit(one.model, recipe, plan)
    floats = {i.name: numpy_helper.to_array(i) for i in one.model.proto().graph.initializer}
    wanted = {k: t for k, t in plan.tensors.items() if t.kind == "weight"}
    read = _dequantized(proto, wanted)
    assert read
    for (key, turned), value in read.items():
        rounded = fake_quantize(floats[wanted[key].name], wanted[key].grid)
        np.testing.assert_array_equal(value, rounded.T if turned else rounded)


def _dequantized(proto: onnx.ModelProto, wanted: Collection[str]) -> dict[tuple[str, bool], np.ndarray]:
    """What ONNX Runtime makes of stored codes, by key of the plan and whether they are stored transposed."""
    kinds = ("dequantized", "transposed")
    ends = {n.output[0]: n.output[0].rpartition("/") for n in proto.graph.node}
    read = {o: (key, kind == kinds[1]) for o, (key, _, kind) in ends.items() if kind in kinds and key in wanted}
    nodes = [n for n in proto.graph.node if n.output[0] in read]
    names = {i for n in nodes for i in n.input}
    constants = [i for i in proto.graph.initializer if i.name in names]
    outputs = [onnx.helper.make_tensor_value_info(n.output[0], onnx.TensorProto.FLOAT, None) for n in nodes]
    graph = onnx.helper.make_graph(nodes, "weights", [], outputs, constants)
    part = onnx.helper.make_model(graph, opset_imports=proto.opset_import, ir_version=10)
    return dict(zip((read[n.output[0]] for n in nodes), run(part, {}), strict=True))


def test_float_layers_read_the_original_where_a_float_layer_made_it() -> None:
    """Beside a quantized reader, Tanh kept in float gets the graph's input itself and gives the float answer."""
    one = case("two")
    recipe = Recipe.parse("name: r\nweights: {}\nactivations: {}\nlayers: [{match: side, float: true}]\n")
    got, want = run(_emitted(one, recipe), one.feeds), run(one.model.proto(), one.feeds)
    np.testing.assert_array_equal(got[2], want[2])
    assert (got[0] != want[0]).any()


def test_a_rule_shows_in_the_graph() -> None:
    """Asking for 4-bit activations at one layer clips exactly that layer's output and inputs to 16 codes."""
    one = case("cnn")
    recipe = Recipe.parse(
        "name: r\nweights: {}\nactivations: {}\nlayers: [{match: classifier, activations: {format: uint4}}]\n"
    )
    plan = make_plan(one.model, recipe, one.statistics)
    widths = {n: t.grid.qmax for n, t in plan.tensors.items() if t.kind == "activation"}
    layer = one.model.layer("classifier")
    assert widths[layer.outputs[0]] == widths[layer.inputs[0]] == 15
    assert widths["x"] == widths["relu6_out"] == 255
    out = run(emit(one.model, recipe, plan), one.feeds)[0]
    assert len(np.unique(out)) <= 16


def test_an_unquantized_recipe_changes_no_answer() -> None:
    """The recipe ``float`` gives the same nodes and the same bits."""
    one = case("residual")
    proto = _emitted(one, Recipe.parse("float"))
    assert [n.op_type for n in proto.graph.node] == [n.op_type for n in one.model.proto().graph.node]
    for got, want in zip(run(proto, one.feeds), run(one.model.proto(), one.feeds), strict=True):
        np.testing.assert_array_equal(got, want)


def test_bfloat16_weights_are_rounded_half_to_even() -> None:
    """A weight-only look at bf16: what the layer reads is the weight with the lower 16 bits rounded away."""
    import ml_dtypes

    one = case("two")
    proto = _emitted(one, Recipe.parse("bf16"))
    stored = [i for i in proto.graph.initializer if i.data_type == onnx.TensorProto.BFLOAT16]
    floats = {i.name: numpy_helper.to_array(i) for i in one.model.proto().graph.initializer}
    assert len(stored) == 3
    for item in stored:
        values = floats[item.name.removesuffix("/bf16")].astype(ml_dtypes.bfloat16)
        assert item.raw_data == values.tobytes()


@pytest.mark.parametrize(
    ("recipe", "packed"),
    [
        ("w4", True),
        ("w3-b8", True),
        ("weights: {format: uint4, symmetric: false}", True),
        ("w8", False),
        ("nf4", False),
        ("fp8", False),
    ],
)
def test_only_packed_integers_are_laid_out_for_the_kernel_that_reads_them(recipe: str, packed: bool) -> None:
    """Behind a Gemm of 4-bit codes the bias is an addition, and no weight is turned over; others stay as they were."""
    one, asked = case("mlp"), Recipe.parse(recipe)
    nodes = emit(one.model, asked, make_plan(one.model, asked, None)).graph.node
    gemms = [node for node in nodes if node.op_type == "Gemm"]
    turned = [any(item.name == "transB" and item.i for item in node.attribute) for node in gemms]
    assert [len(node.input) for node in gemms] == ([2, 2, 2, 2] if packed else [3, 3, 3, 2])
    assert turned == ([False] * 4 if packed else [False, True, False, False])
    assert sum(node.op_type == "Add" for node in nodes) == (3 if packed else 0)


def test_a_file_tells_the_recipe_that_it_was_made_by_and_no_other() -> None:
    """Of a model that came with a recipe in its metadata the old one is gone, and other entries stay."""
    one = case("two")
    proto = one.model.proto()
    proto.metadata_props.add(key="qexplorer.recipe", value="old")
    proto.metadata_props.add(key="names", value="a, b")
    path = one.model.path.with_name("told.onnx")
    path.write_bytes(proto.SerializeToString())
    model, asked = replace(one.model, path=path), Recipe.parse("w8")
    found = [(entry.key, entry.value) for entry in emit(model, asked, make_plan(model, asked, None)).metadata_props]
    assert sorted(found) == [("names", "a, b"), ("qexplorer.recipe", asked.to_yaml())]


def test_bounds_that_a_grid_has_already_cost_no_node() -> None:
    """A Relu behind moved codes clips where its input has codes below zero, and not where there are none."""
    for bounded, clips in ((True, 0), (False, 1)):
        b = Builder(3)
        h = b.node("Gemm", b.input("x", ("n", 6)), b.normal(6, 6), name="first")
        h = b.node("Relu", h) if bounded else h
        h = b.node(
            "Clip", b.node("Flatten", h), b.constant(np.float32(0)), b.constant(np.float32(np.inf)), name="bound"
        )
        b.output(b.node("Gemm", h, b.normal(6, 3)), 2)
        model, asked = model_of(b.model(), "bounded"), Recipe.parse("w8a8")
        feeds = {"x": b.random.normal(size=(64, 6)).astype(np.float32)}
        proto = emit(model, asked, make_plan(model, asked, collect(model, Split(feeds), threads=1)))
        assert sum(node.op_type == "Clip" for node in proto.graph.node) == clips


def test_what_is_padded_has_a_zero_point_of_its_own() -> None:
    """OpenVINO moves a Pad in front of a DequantizeLinear and pads its zero point, whoever else reads that constant."""
    b = Builder(9)
    h = b.node("Relu", b.conv(b.input("x", ("n", 3, 8, 8)), 3, 4))
    h = b.node("Relu", b.conv(b.node("Pad", h, b.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), name="pad"), 4, 4))
    b.output(b.conv(h, 4, 2), 4)
    model, split = model_of(b.model(), "padded"), Split({"x": b.random.normal(size=(8, 3, 8, 8)).astype(np.float32)})
    recipe = Recipe.parse("w8a8")
    proto = emit(model, recipe, make_plan(model, recipe, collect(model, split, threads=1)))
    pad = next(node for node in proto.graph.node if node.op_type == "Pad")
    (maker,) = (node for node in proto.graph.node if pad.input[0] in node.output)
    assert maker.op_type == "DequantizeLinear"
    reads = [name for node in proto.graph.node for name in node.input]
    assert reads.count(maker.input[2]) == 1
    others = {node.input[2] for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    assert len(others) < sum(node.op_type == "QuantizeLinear" for node in proto.graph.node)
