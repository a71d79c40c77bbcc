"""What a plan decides and how it says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.errors import DataError, RecipeError
from qexplorer.core.grid import Granularity
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.observe.stats import Statistics
from qexplorer.quantize.constants import bias_vector
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from tests.quantize.graphs import ZOO, Builder
from tests.quantize.support import Case, case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _plan(one: Case, recipe: str) -> Plan:
    return make_plan(one.model, Recipe.parse(recipe), one.statistics)


def _rules(*rules: str) -> str:
    lines = "".join(f"  - {rule}\n" for rule in rules)
    return f"name: r\nweights: {{}}\nactivations: {{}}\nlayers:\n{lines}"


@pytest.mark.parametrize("graph", ZOO)
@pytest.mark.parametrize("recipe", ["float", "w8a8", "w8a8-dynamic", "w4-b8", "fp16"])
def test_every_layer_of_the_model_is_in_the_plan_with_a_reason(recipe: str, graph: str) -> None:
    """The plan lists the model's layers in their order, and none without a treatment and a reason."""
    one = case(graph)
    plan = _plan(one, recipe)
    assert [p.name for p in plan.layers] == [layer.name for layer in one.model.layers]
    assert all(p.reason and p.treatment for p in plan.layers)


def test_a_float_layer_names_the_rule_that_keeps_it() -> None:
    """Why is this layer float? Because of the rule, which is quoted."""
    layer = _plan(case("cnn"), _rules('{match: "class*", float: true}')).layer("classifier")
    assert layer.treatment == "float"
    assert layer.reason == "kept in float by the rule 'class*'"
    assert layer.weights is None
    assert layer.weight_bytes == 5 * 8 * 4


def test_the_last_matching_rule_wins() -> None:
    """A later rule takes a layer back from float."""
    rules = _rules('{match: "op:Gemm", float: true}', "{match: classifier, weights: {format: int4}}")
    layer = _plan(case("cnn"), rules).layer("classifier")
    assert layer.treatment == "quantized"
    assert layer.weights == "int4 per channel, carried by int8"
    assert "classifier" in layer.reason


def test_a_recurrent_layer_says_that_it_cannot_be_quantized() -> None:
    """LSTM and If stay in float in every recipe, with their own reason, and their neighbours are quantized."""
    plan = _plan(case("branches"), "w8a8")
    assert plan.layer("memory").treatment == plan.layer("choice").treatment == "float"
    assert "LSTM" in plan.layer("memory").reason
    assert plan.layer("dense").treatment == plan.layer("head").treatment == "quantized"


@pytest.mark.parametrize(("name", "said"), [("mxfp4-tensor", 1), ("mxfp4", 0), ("nvfp4-b32", 0), ("nf4-tensor", 0)])
def test_a_block_format_without_blocks_is_noted(name: str, said: int) -> None:
    """What its specification shares among 32 values is one for a tensor here, and the plan says that it is not it."""
    notes = _plan(case("cnn"), name).notes
    assert (
        sum("mxfp4 is defined with a scale for each 32 values, and a scale for each tensor" in n for n in notes) == said
    )


def test_a_rule_that_matches_nothing_is_noted() -> None:
    """A misspelt rule does not pass in silence."""
    assert "rule 'nowhere*' matches no layer" in _plan(case("cnn"), _rules("{match: nowhere*, float: true}")).notes


def test_missing_statistics_are_named_and_keep_the_neighbours_in_float() -> None:
    """Layers around a tensor that was not observed stay in float and say which tensor it is."""
    one = case("cnn")
    known = {k: v for k, v in one.statistics.items() if k != "maxpool2_out" and k != "relu_first_out"}
    poor = Statistics(known, one.statistics.samples, one.model.sha256, "")
    plan = make_plan(one.model, Recipe.parse("w8a8"), poor)
    assert plan.layer("classifier").treatment == "quantized"
    first = one.model.layers[0]
    assert plan.layer(first.name).treatment == "float"
    assert plan.layer(first.name).reason == "no statistics were collected for 'relu_first_out'"
    run(emit(one.model, Recipe.parse("w8a8"), plan), one.feeds)


def test_statistics_of_another_model_are_refused() -> None:
    """Ranges of one model are not taken for another's."""
    with pytest.raises(DataError, match="another model"):
        make_plan(case("cnn").model, Recipe.parse("w8a8"), case("mlp").statistics)


@pytest.mark.parametrize("graph", ["attention", "block", "cnn", "unmoved"])
def test_without_statistics_the_plan_tells_the_same_treatments_and_cannot_be_emitted(graph: str) -> None:
    """A preview needs no data; emission says that calibration data is needed."""
    one, recipe = case(graph), Recipe.parse("w8a8")
    preview, plan = make_plan(one.model, recipe, None), make_plan(one.model, recipe, one.statistics)
    assert [p.treatment for p in preview.layers] == [p.treatment for p in plan.layers]
    assert [p.weights for p in preview.layers] == [p.weights for p in plan.layers]
    assert not preview.calibrated
    with pytest.raises(RecipeError, match="give calibration data"):
        emit(one.model, recipe, preview)


@pytest.mark.parametrize("recipe", ["w8a8-dynamic", "w8", "w4-b8", "bf16", "float"])
def test_recipes_without_static_activations_need_no_statistics(recipe: str) -> None:
    """Dynamic, weight-only and half precision are emitted without any data."""
    one = case("block")
    plan = make_plan(one.model, Recipe.parse(recipe), None)
    assert plan.calibrated
    run(emit(one.model, Recipe.parse(recipe), plan), one.feeds)


def test_relu_and_clip_leave_no_grid_in_front_of_them() -> None:
    """The only grid of convolution and Relu is the Relu's output, with the lowest code at zero."""
    one = case("cnn")
    plan = _plan(one, "w8a8")
    first = one.model.layers[0]
    assert first.outputs[0] not in plan.tensors
    grid = plan.tensors["relu_first_out"].grid
    assert int(grid.zero_point) == grid.qmin == 0
    assert "absorbed" in plan.layer("relu_first").reason


def test_a_symmetric_signed_grid_behind_a_relu_uses_no_negative_code() -> None:
    """Signed codes are bounded at the zero point, so that the Relu is kept."""
    grid = _plan(case("cnn"), "w8a8-sym").tensors["relu_first_out"].grid
    assert (grid.qmin, grid.qmax, int(grid.zero_point)) == (0, 127, 0)


def test_layers_that_move_codes_share_one_grid() -> None:
    """Input and output of MaxPool have the same scale and zero point."""
    plan = _plan(case("cnn"), "w8a8")
    before, after = plan.tensors["relu_first_out"].grid, plan.tensors["maxpool2_out"].grid
    assert before.scale == after.scale
    assert before.zero_point == after.zero_point
    assert plan.layer("maxpool2").treatment == "passthrough"


def test_a_shared_weight_is_quantized_once_and_counted_once() -> None:
    """Two Gemm layers and their weight in common: one entry, bytes at the first."""
    plan = _plan(case("shared"), "w8a8-tensor")
    assert plan.constants["once"][1] == plan.constants["twice"][1] == plan.constants["thrice"][1]
    assert plan.layer("once").weight_bytes == 8 * 8 + 4 + 1
    assert plan.layer("twice").weight_bytes == plan.layer("thrice").weight_bytes == 0


def test_a_shared_weight_on_two_grids_has_two_copies() -> None:
    """A rule for one of the readers gives it a copy of its own, called ``#2``."""
    plan = _plan(case("shared"), _rules("{match: twice, weights: {format: int4}}"))
    first, second = plan.constants["once"][1], plan.constants["twice"][1]
    assert second == f"{first}#2"
    assert plan.tensors[second].grid.format.name == "int4"
    assert plan.tensors[first].grid.format.name == "int8"


def test_the_bias_grid_is_the_product_of_the_scales() -> None:
    """int32 biases sit on ``scale_x * scale_w`` with zero point 0, one per channel."""
    one = case("cnn")
    plan = _plan(one, "w8a8")
    keys = plan.constants["classifier"]
    weight, bias = plan.tensors[keys[1]].grid, plan.tensors[keys[2]]
    x = plan.tensors[one.model.layer("classifier").inputs[0]].grid
    assert bias.kind == "bias"
    np.testing.assert_array_equal(bias.grid.scale, x.scale * weight.scale)
    assert not bias.grid.zero_point.any()


def test_a_bias_that_int32_cannot_hold_widens_the_weight_scale() -> None:
    """A channel of tiny weights beside a large bias gets a coarser weight, not a wrapped bias."""
    b = Builder()
    x = b.input("x", ("n", 8))
    weight = b.random.normal(size=(4, 8)).astype(np.float32)
    weight[1] *= 1e-12
    bias = b.constant(np.array([1, 50, -1, 0], np.float32))
    b.output(b.node("Gemm", x, b.constant(weight), bias, transB=1, name="dense"), 2)
    model = model_of(b.model(), "tiny")
    feeds = {"x": b.random.normal(size=(64, 8)).astype(np.float32)}
    plan = make_plan(model, Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1))
    assert "widened" in plan.layer("dense").reason
    got, want = run(emit(model, Recipe.parse("w8a8"), plan), feeds)[0], run(model.proto(), feeds)[0]
    assert np.abs(got - want).max() < 0.5


@pytest.mark.parametrize(("shape", "fits"), [((4,), True), ((1, 4), True), ((), True), ((1,), True), ((4, 1), False)])
def test_biases_of_any_shape_become_vectors_or_stay_float(shape: tuple[int, ...], fits: bool) -> None:
    """Whatever broadcasts along the channels is a vector; what differs from row to row is not."""
    vector = bias_vector(np.ones(shape, np.float32), 4)
    assert (vector is not None) == fits
    assert vector is None or vector.shape == (4,)


def test_blocks_longer_than_the_input_axis_become_channels() -> None:
    """Depthwise weights have one value per input channel: the plan says that they get a scale per channel."""
    one = case("depthwise")
    plan = _plan(one, "w4-b32")
    first = one.model.layers[0]
    assert plan.tensors[plan.constants[first.name][1]].grid.granularity is Granularity.CHANNEL
    assert "only 1 values run along its input axis" in plan.layer(first.name).reason


def test_16_bit_activations_are_called_simulated() -> None:
    """No integer kernel is promised where there is none."""
    assert "simulated" in _plan(case("cnn"), "w8a16").layer("classifier").reason
    assert "simulated" not in _plan(case("cnn"), "w8a8").layer("classifier").reason


def test_a_softmax_at_the_end_stays_in_float() -> None:
    """Probabilities rounded to 256 steps would tie."""
    layer = _plan(case("mlp"), "w8a8").layers[-1]
    assert (layer.op, layer.treatment) == ("Softmax", "float")


def test_a_reader_decides_the_format_of_what_float_layers_make() -> None:
    """The graph's input takes the wishes of its first reader; a rule on a later reader goes before them."""
    one = case("concat")
    second = next(layer for layer in one.model.layers if layer.op == "Conv" and layer.inputs[0] == "x")
    rules = _rules(f"{{match: {second.name}, activations: {{format: int8, symmetric: true}}}}")
    assert _plan(one, rules).tensors["x"].grid.format.name == "int8"
    assert _plan(one, "w8a8").tensors["x"].grid.format.name == "uint8"


def test_a_float_format_for_weights_alone_is_refused() -> None:
    """A rule that asks for fp16 weights between uint8 activations is an error that names the layer."""
    with pytest.raises(RecipeError, match="classifier"):
        _plan(case("cnn"), _rules("{match: classifier, weights: {format: fp16}}"))


def test_a_rule_can_put_one_layer_into_half_precision() -> None:
    """Integers and float16 live in one graph."""
    rules = _rules("{match: classifier, weights: {format: fp16}, activations: {format: fp16}}")
    one = case("cnn")
    plan = _plan(one, rules)
    assert plan.layer("classifier").treatment == "half"
    got = run(emit(one.model, Recipe.parse(rules), plan), one.feeds)[0]
    want = run(one.model.proto(), one.feeds)[0]
    assert np.abs(got - want).max() < 0.05 * np.abs(want).max()


def test_dynamic_activations_in_another_format_are_refused() -> None:
    """DynamicQuantizeLinear makes uint8 only, also where a rule asks for it."""
    with pytest.raises(RecipeError, match="dynamic activations are uint8"):
        _plan(case("cnn"), _rules("{match: classifier, activations: {mode: dynamic, format: int8}}"))


@pytest.mark.parametrize(
    ("recipe", "opset", "needed", "what"),
    [
        ("w4", 17, 21, "the type int4"),
        ("w4", 21, None, ""),
        ("w3", 17, 21, "the type int4"),
        ("w4a8", 13, None, ""),
        ("w8a16", 20, 21, "the type uint16"),
        ("w8-b8", 20, 21, "a scale per block"),
        ("w8a8", 13, None, ""),
        ("w8a8", 12, 13, "quantization"),
        ("fp8", 18, 19, "the type float8e4m3fn"),
        ("fp8", 19, None, ""),
        ("bf16", 12, 13, "bf16"),
        ("fp16", 11, None, ""),
    ],
)
def test_what_needs_a_newer_operator_set_says_so(recipe: str, opset: int, needed: int | None, what: str) -> None:
    """Blocks and types of 4 and 16 bits came with opset 21, 8-bit floats with 19, scales along an axis with 13."""
    old = replace(case("mlp").model, opset=opset)
    if needed is None:
        make_plan(old, Recipe.parse(recipe), None)
        return
    with pytest.raises(
        RecipeError, match=f"{what}.* needs operator set {needed}, and the model is at {opset}"
    ) as raised:
        make_plan(old, Recipe.parse(recipe), None)
    assert raised.value.allowed == ("8-bit formats per tensor or channel, fp16" if opset >= 13 else "fp16")


@pytest.mark.parametrize(
    ("layers", "notes"),
    [
        ("[{match: '*', float: true}]", ["nothing is quantized: every layer stays in float"]),
        ("[{match: 'op:LSTM', float: true}]", ["rule 'op:LSTM' matches no layer"]),
        ("[{match: 'op:Gemm', activations: {symmetric: true}}]", ["dynamic activations are asymmetric"]),
        ("[{match: 'op:Conv', activations: {symmetric: true}}]", ["dynamic activations are asymmetric"]),
        ("[{match: 'op:Relu', activations: {symmetric: true}}]", []),
        ("[{match: 'op:Gemm', float: true}]", []),
    ],
)
def test_notes_are_about_the_whole(layers: str, notes: list[str]) -> None:
    """A rule that matches nothing, nothing quantized at all, ranges that cannot be symmetric; and nothing else."""
    recipe = f"weights: {{}}\nactivations: {{mode: dynamic}}\nlayers: {layers}"
    found = make_plan(case("cnn").model, Recipe.parse(recipe), None).notes
    assert len(found) == len(notes)
    assert all(note.startswith(start) for note, start in zip(found, notes, strict=True))


def test_a_plan_as_json_holds_layers_and_notes() -> None:
    """What is shown and exported is plain data."""
    value = _plan(case("cnn"), "w8a8").to_json()
    assert value["layers"][0]["treatment"] == "quantized"
    assert value["notes"] == []


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("w8", "computes in float"), ("w16a8-dynamic", "simulated"), ("w8a8-dynamic-asym", "simulated")],
)
def test_layers_that_compute_in_float_on_integers_say_so(recipe: str, words: str) -> None:
    """Weight-only layers and dynamic ones without an integer kernel do not look like integer layers."""
    one = case("block")
    assert words in _plan(one, recipe).layer(one.model.layers[2].name).reason
    assert words not in _plan(one, "w8a8-dynamic").layer(one.model.layers[2].name).reason


@pytest.mark.parametrize("recipe", ["w8a8", "w8a8-dynamic", "w8", "fp16", "bf16"])
def test_a_model_that_stayed_at_opset_13_is_quantized_in_opset_13(recipe: str) -> None:
    """Nothing newer than the model's own operator set is written where the recipe does not need it."""
    one = case("mlp")
    old = one.model.proto()
    old.opset_import[0].version, old.ir_version = 13, 8
    path = one.model.path.with_name("old.onnx")
    path.write_bytes(old.SerializeToString())
    model = replace(one.model, path=path, opset=13)
    proto = emit(model, Recipe.parse(recipe), make_plan(model, Recipe.parse(recipe), one.statistics))
    onnx.checker.check_model(proto, full_check=True)
    assert proto.opset_import[0].version == 13
    np.testing.assert_allclose(run(proto, one.feeds)[0], run(one.model.proto(), one.feeds)[0], atol=0.05)
