"""Bias correction: closed forms, the mean errors that are left, and where it does not apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import DataSet
from qexplorer.core.errors import Cancelled, RecipeError
from qexplorer.core.formats import get_format, on_a_grid
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import index_of
from qexplorer.load.datasets.sampling import calibration_sample
from qexplorer.observe.collecting.store import statistics_for
from qexplorer.quantize.emit.part import emit_up_to
from qexplorer.quantize.layerwise.bias_places import bias_places
from qexplorer.quantize.plan_types import QuantizedModel
from qexplorer.quantize.quantize import quantize_model
from tests.quantize.given_data import data_of, given, means_of, quantized
from tests.quantize.graphs import Builder
from tests.quantize.support import case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _linear(weight: Any, bias: Any) -> tuple[Any, DataSet]:
    """``y = x W + b`` as a Gemm called dense, and 96 samples whose means are not zero."""
    b = Builder(3)
    constants = [b.constant(np.asarray(weight, np.float32))]
    constants += [] if bias is None else [b.constant(np.asarray(bias, np.float32))]
    b.output(b.node("Gemm", b.input("x", ("n", len(weight))), *constants, name="dense"), 2)
    samples = b.random.normal(1.0, 1.0, (96, len(weight))).astype(np.float32)
    return model_of(b.model(), "linear"), given({"x": samples})


QUARTERS = np.array([[127.0, 3.25], [2.25, 5.25], [1.25, -0.75]])
"""With the scale 1 that 127 makes, every other weight rounds down by a quarter, to integers."""

DOWN = np.array([[0.0, -0.25], [-0.25, -0.25], [-0.25, -0.25]])


@pytest.mark.parametrize("bias", [[0.5, -2.0], None, 0.25], ids=["bias", "none", "scalar"])
def test_the_closed_form_of_one_linear_layer(bias: Any) -> None:
    """Weights alone are rounded: the corrected bias is ``b - eps^T E[x]``, also where there was no bias."""
    model, data = _linear(QUARTERS, bias)
    found = quantized(model, "w8-tensor-bias_correction", data)
    assert found.plan.tensors["c0"].grid.scale == 1.0
    (changed,) = found.plan.changed
    x = np.asarray(data.calibration.inputs["x"], np.float64)
    wanted = (0.0 if bias is None else np.asarray(bias)) - x.mean(0) @ DOWN
    assert (changed.layer, changed.position) == ("dense", 2)
    np.testing.assert_allclose(changed.values, wanted, rtol=1e-5)
    feeds = {"x": data.calibration.inputs["x"]}
    error = run(onnx.load(found.path), feeds)[0] - run(model.proto(), feeds)[0]
    plain = run(onnx.load(quantized(model, "w8-tensor", data).path), feeds)[0] - run(model.proto(), feeds)[0]
    assert np.abs(plain.mean(0)).min() > 0.4
    assert np.abs(error.mean(0, dtype=np.float64)).max() < 1e-4


def test_the_plan_says_how_large_the_error_was() -> None:
    """The largest mean error of a channel and the number of samples stand in the layer's reason."""
    model, data = _linear(QUARTERS, [0.5, -2.0])
    reason = quantized(model, "w8-tensor-bias_correction", data).plan.layer("dense").reason
    largest = np.abs(np.asarray(data.calibration.inputs["x"], np.float64).mean(0) @ DOWN).max()
    assert reason.endswith(f"bias corrected: mean error of its outputs on 96 samples was up to {largest:.3g}")


def test_fewer_samples_can_be_asked_for() -> None:
    """The option ``samples`` cuts the calibration samples, and the result is that of those which are drawn."""
    model, data = _linear(QUARTERS, [0.5, -2.0])
    yaml = "weights: {format: int8, granularity: tensor}\nalgorithms: [{bias_correction: {samples: 20}}]\n"
    found = quantized(model, yaml, data)
    drawn = calibration_sample(data, 20)
    assert (drawn.used, drawn.available > 20) == (20, True)
    first = np.asarray(drawn.split.inputs["x"], np.float64).mean(0)
    np.testing.assert_allclose(found.plan.changed[0].values, np.array([0.5, -2.0]) - first @ DOWN, rtol=1e-5)
    assert "on 20 samples" in found.plan.layer("dense").reason


GRAPHS = ["attention", "block", "branches", "cnn", "concat", "depthwise", "fixed", "loop", "mlp", "residual", "shared"]
GRAPHS += ["transposed", "two"]
RECIPES = ["w4a8-tensor", "w4a8", "w4a16", "w4a8-dynamic", "w4", "w4-b8", "w3a6"]


def _left(found: QuantizedModel, data: DataSet) -> dict[str, tuple[float, float]]:
    """For each corrected layer with its own bias: the largest mean error that is left, and half of its bias's step."""
    view, left = index_of(found.model), {}
    changed = {(each.layer, each.position) for each in found.plan.changed}
    for place in bias_places(found.plan, view)[0]:
        if place.holder != place.layer or (place.layer, place.position) not in changed:
            continue
        proto = emit_up_to(found.model, found.recipe, found.plan, place.output)
        name = proto.graph.output[0].name
        inputs = {key: np.asarray(values) for key, values in data.calibration.inputs.items()}
        error = means_of(proto, name, place.axis, inputs)
        error = error - means_of(found.model.proto(), place.output, place.axis, inputs)
        key = found.plan.constants[place.layer].get(place.position)
        step = 0.0 if key is None else float(found.plan.tensors[key].grid.scale.max())
        left[place.layer] = float(np.abs(error).max()), step / 2
    return left


@pytest.mark.parametrize("graph", [name for name in GRAPHS if name not in ("branches", "fixed")])
@pytest.mark.parametrize("recipe", RECIPES)
def test_no_mean_error_is_left_at_any_layer(graph: str, recipe: str) -> None:
    """In the corrected network the mean output of every corrected layer is that of the float network, up to the
    rounding of an int32 bias: so later layers were measured behind corrected ones."""
    one = case(graph)
    data = data_of(one)
    found = quantized(one.model, f"{recipe}-bias_correction", data)
    left = _left(found, data)
    assert left or graph in ("attention", "unmoved")
    for layer, (error, half_step) in left.items():
        assert error <= half_step + 2e-5, layer


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_layer_with_a_quantized_weight_is_corrected_or_says_why(graph: str, recipe: str) -> None:
    """Layers with codes for weights have one clause, others none; the file opens and its answers are finite."""
    one = case(graph)
    found = quantized(one.model, f"{recipe}-bias_correction", data_of(one))
    for layer in found.plan.layers:
        said = layer.reason.count("bias corrected: mean error") + layer.reason.count("bias not corrected: ")
        weighted = layer.op in ("Conv", "ConvTranspose", "Gemm", "MatMul") and layer.treatment != "float"
        assert said == weighted, layer
    assert all(np.isfinite(answer).all() for answer in run(onnx.load(found.path), one.feeds))


@pytest.mark.parametrize("activations", ["", "activations: {format: uint8}\n", "activations: {mode: dynamic}\n"])
@pytest.mark.parametrize("format", [name for name in on_a_grid("weight") if not get_format(name).is_uniform])
def test_formats_that_are_looked_up_are_corrected_like_others(format: str, activations: str) -> None:
    """Weights on tables and small floats: no mean error is left."""
    one = case("cnn")
    data = data_of(one)
    yaml = f"weights: {{format: {format}, granularity: tensor}}\n{activations}algorithms: [bias_correction]\n"
    left = _left(quantized(one.model, yaml, data), data)
    assert len(left) == 3
    assert all(error <= half_step + 2e-5 for error, half_step in left.values())


def test_layers_that_share_a_bias_get_one_each() -> None:
    """Two layers with one bias constant read two corrected ones, in int32 on their own grids."""
    one = case("shared")
    found = quantized(one.model, "w4a8-tensor-bias_correction", data_of(one))
    names = {each.layer: each.name for each in found.plan.changed}
    assert len(set(names.values())) == 2
    assert {found.plan.constants[layer][2] for layer in names} == set(names.values())
    assert all(found.plan.tensors[name].carrier == "int32" for name in names.values())
    assert "c1" not in found.plan.tensors, "the old bias is read by nobody"


def test_a_product_takes_the_constant_of_the_addition_behind_it() -> None:
    """MatMul and Add: the Add's constant is changed, and both the plan of the product and the file say so."""
    one = case("attention")
    found = quantized(one.model, "w4-tensor-bias_correction", data_of(one))
    added = next(each for each in found.plan.changed if each.layer.startswith("add"))
    assert any(f"it is taken off the constant of '{added.layer}'" in layer.reason for layer in found.plan.layers)
    stored = {item.name: onnx.numpy_helper.to_array(item) for item in onnx.load(found.path).graph.initializer}
    assert np.array_equal(stored[added.name], added.values)


def test_a_product_without_an_addition_gets_one_unless_it_runs_in_integers() -> None:
    """Weight-only and dynamic products get an Add; a static one says what it would cost."""
    one = case("attention")
    adds = {}
    for recipe in ("w4", "w4-bias_correction", "w8a8-dynamic", "w8a8-dynamic-bias_correction", "w8a8-bias_correction"):
        found = quantized(one.model, recipe, data_of(one))
        adds[recipe] = sum(node.op_type == "Add" for node in onnx.load(found.path).graph.node)
        static = any("add nothing before they round" in layer.reason for layer in found.plan.layers)
        assert static == (recipe == "w8a8-bias_correction")
    without = sum(each.position == 2 for each in quantized(one.model, "w4-bias_correction", data_of(one)).plan.changed)
    assert without > 1
    assert adds["w4-bias_correction"] == adds["w4"] + without
    assert adds["w8a8-dynamic-bias_correction"] == adds["w8a8-dynamic"] + without


def test_half_precision_and_float_are_left_alone() -> None:
    """Nothing is measured or changed where no weight becomes codes, and the halves say so."""
    one = case("cnn")
    yaml = "weights: {format: fp16, granularity: tensor}\nactivations: {format: fp16}\nalgorithms: [bias_correction]\n"
    found = quantized(one.model, yaml, data_of(one))
    assert not found.plan.changed
    assert "only weights that become codes are corrected" in found.plan.layer("classifier").reason


def test_a_bias_that_would_not_fit_into_int32_stays_as_it_is() -> None:
    """Scales were widened so that the bias just fits; what rounding to zero takes from outputs is not added to it."""
    model, data = _linear(np.full((64, 1), 2e-3), [3.0e5])
    found = quantized(model, "w8a8-tensor-bias_correction", data)
    assert "bias not corrected: the corrected bias does not fit into int32" in found.plan.layer("dense").reason
    assert not found.plan.changed


def test_the_file_does_not_depend_on_the_number_of_processors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One worker and five give the same bytes."""
    one, files = case("block"), []
    for workers in (1, 5):
        monkeypatch.setattr("qexplorer.quantize.layerwise.streams.cores", lambda n=workers: n)
        monkeypatch.setenv("QEXPLORER_WORKSPACE", str(tmp_path / str(workers)))
        files.append(quantized(one.model, "w4a8-bias_correction", data_of(one)).onnx)
    assert files[0] == files[1]


def test_a_graph_with_its_batch_written_into_a_reshape_is_measured_sample_by_sample() -> None:
    """Batches that cannot be run are tried again one by one."""
    b = Builder(1)
    x = b.input("x", ("n", 2, 4))
    h = b.node("Reshape", x, b.constant(np.array([1, 8], np.int64)))
    b.output(b.node("Gemm", h, b.normal(8, 3), b.normal(3), name="dense"), 2)
    model = model_of(b.model(), "written")
    data = given({"x": b.random.normal(1, 1, (20, 2, 4)).astype(np.float32)})
    found = quantized(model, "w3-tensor-bias_correction", data)
    assert "on 20 samples" in found.plan.layer("dense").reason


def test_progress_names_the_layers_and_can_stop_the_work() -> None:
    """Steps count up to the number of layers, shares never fall, and an exception of the callback goes through."""
    one, told = case("cnn"), list[tuple[str, float]]()
    recipe, data = Recipe.parse("w2a8-bias_correction"), data_of(one)
    statistics = statistics_for(one.model, data)

    def stop(step: str, share: float) -> None:
        told.append((step, share))
        if len(told) == 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        quantize_model(one.model, recipe, statistics, data, progress=stop)
    told.clear()
    quantize_model(one.model, recipe, statistics, data, progress=lambda *each: told.append(each))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert told[-1] == ("correcting biases, layer 3 of 3", 1.0)
    told.clear()
    quantize_model(one.model, recipe, statistics, data, progress=lambda *each: told.append(each))
    assert not told, "what was found is kept beside the file"


def test_without_data_it_is_a_sentence() -> None:
    """A weights-only recipe with the algorithm needs data, statistics it does not."""
    with pytest.raises(RecipeError, match="needs calibration samples for 'bias_correction'; give calibration data"):
        quantize_model(case("cnn").model, Recipe.parse("w4-bias_correction"), None)


@pytest.mark.parametrize("bias", [[0.5, -2.0], None, 0.25], ids=["bias", "none", "scalar"])
def test_the_analytic_way_is_exact_where_only_weights_are_rounded(bias: Any) -> None:
    """Of one linear layer it gives what the empirical way does, ``b - eps^T E[x]``, and says how it was found."""
    model, data = _linear(QUARTERS, bias)
    yaml = "weights: {format: int8, granularity: tensor}\nalgorithms: [{bias_correction: {way: analytic}}]\n"
    found = quantized(model, yaml, data)
    x = np.asarray(data.calibration.inputs["x"], np.float64)
    wanted = (0.0 if bias is None else np.asarray(bias)) - x.mean(0) @ DOWN
    np.testing.assert_allclose(found.plan.changed[0].values, wanted, rtol=1e-5)
    assert "by the observed mean of its input was up to" in found.plan.layer("dense").reason


@pytest.mark.parametrize("graph", ["cnn", "depthwise", "mlp", "block", "attention", "transposed", "shared"])
@pytest.mark.parametrize("recipe", ["w4a8-tensor", "w3"])
def test_the_analytic_way_corrects_or_says_why(graph: str, recipe: str) -> None:
    """Every layer with codes for weights has one clause; biases come nearer to what the empirical way finds."""
    one = case(graph)
    yaml = Recipe.parse(f"{recipe}-bias_correction").to_yaml()
    found = quantized(one.model, yaml.replace("- bias_correction", "- bias_correction: {way: analytic}"), data_of(one))
    for layer in found.plan.layers:
        said = layer.reason.count("bias corrected: mean error") + layer.reason.count("bias not corrected: ")
        weighted = layer.op in ("Conv", "ConvTranspose", "Gemm", "MatMul") and layer.treatment != "float"
        assert said == weighted, layer
    assert all(np.isfinite(answer).all() for answer in run(onnx.load(found.path), one.feeds))
