"""Tables of embeddings: stored as codes, looked up without being decoded, and once where they are tied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.dataset import Split
from qexplorer.core.grid import fake_quantize
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.quantize import quantize_model
from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.registry import BACKENDS, reference, usable
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of, run

IDS = np.random.default_rng(0).integers(0, 40, size=(16, 6))


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are written to one workspace."""


def _language(tied: bool) -> tuple[Model, dict[str, np.ndarray]]:
    """An embedding, a layer, and a last layer of which the weight is the embedding turned over, or its own."""
    b = Builder(7)
    b.inputs.append(helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 6]))
    table = b.normal(40, 16, name="table")
    h = b.node("Relu", b.node("MatMul", b.node("Gather", table, "ids", name="look"), b.normal(16, 16), name="inner"))
    last = b.node("Transpose", table, perm=[1, 0]) if tied else b.normal(16, 40, name="own")
    b.output(b.node("MatMul", h, last, name="last"), 3)
    return model_of(b.model(), "language"), {"ids": IDS}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    "recipe",
    [
        "w8a8",
        "w8a8-tensor",
        "w8a8-asym",
        "w8a8-dynamic",
        "w8",
        "w8-asym",
        "w4-b8",
        "w4-asym",
        "w4-tensor",
        "w4a8",
        "w6",
        "w16",
    ],
)
def test_rows_are_those_of_the_table_on_its_grid(recipe: str, tied: bool) -> None:
    """What is looked up is the dequantized table's row, in every granularity, and the answers stay near."""
    model, feeds = _language(tied)
    asked = Recipe.parse(recipe)
    statistics = collect(model, Split(feeds), threads=1) if asked.needs_statistics else None
    made = quantize_model(model, asked, statistics)
    plan = made.plan.tensors[made.plan.constants["look"][0]]
    table = onnx.numpy_helper.to_array({i.name: i for i in model.proto().graph.initializer}["table"])
    proto = onnx.load(made.path)
    proto.graph.output.append(helper.make_tensor_value_info("look_out", TensorProto.FLOAT, None))
    np.testing.assert_allclose(run(proto, feeds)[1], fake_quantize(table, plan.grid)[IDS], rtol=1e-5, atol=1e-7)
    assert made.plan.layer("look").treatment == "weight-only"


_IN_BYTES, _PACKED = ["w8a8", "w8a8-dynamic", "w8", "w4a8"], ["w4", "w4-b8", "w4-asym", "w3"]


@pytest.mark.parametrize("recipe", [*_IN_BYTES, *_PACKED])
def test_a_tied_weight_is_stored_and_counted_once(recipe: str) -> None:
    """The file has one array of 40 x 16 codes, packed where no integer kernel wants bytes; parameters count it once."""
    model, feeds = _language(tied=True)
    asked = Recipe.parse(recipe)
    made = quantize_model(model, asked, collect(model, Split(feeds), threads=1) if asked.needs_statistics else None)
    large = [item for item in onnx.load(made.path).graph.initializer if np.prod(item.dims) == 640]
    stored = TensorProto.INT8 if recipe in _IN_BYTES else TensorProto.INT4
    assert [(tuple(item.dims), item.data_type) for item in large] == [((16, 40), stored)]
    assert sum(layer.parameters for layer in model.layers) == 40 * 16 + 16 * 16
    assert made.plan.layer("look").weight_bytes > 0
    assert made.plan.layer("last").weight_bytes == 0
    other, _ = _language(tied=False)
    assert sum(layer.parameters for layer in other.layers) == 2 * 40 * 16 + 16 * 16


@pytest.mark.parametrize(
    ("table", "bits"),
    [("format: int8", (8, 4)), ("format: int4, calibrator: mse", (4, 4)), ("format: int4", (4, None))],
)
def test_two_grids_of_a_tied_weight_are_two_weights(table: str, bits: tuple[int, int | None]) -> None:
    """Codes that a rule makes differ are stored twice: both are counted, each at the width of its format."""
    model, feeds = _language(tied=True)
    asked = Recipe.parse(
        f"name: r\nweights: {{format: int4}}\nactivations: {{}}\nlayers:\n  - {{match: look, weights: {{{table}}}}}\n"
    )
    made = quantize_model(model, asked, collect(model, Split(feeds), threads=1))
    size = made.size
    wide = [i for i in onnx.load(made.path).graph.initializer if np.prod(i.dims) >= 256]
    assert len(wide) == (2 if bits[1] is None else 3), "inner, and one or two of 40 x 16"
    packed = 256 // 2 + sum(640 * b // 8 for b in bits if b)
    assert size.weight_bytes == size.stored_bytes - sum(int(np.prod(i.dims)) for i in wide) + packed
    assert size.carried == "int4 codes in int8"
    assert (made.plan.layer("last").weight_bytes > 0) == (bits[1] is not None)


def test_a_tied_weight_keeps_its_integer_kernel() -> None:
    """Sharing costs no kernel: both products run on codes."""
    model, feeds = _language(tied=True)
    made = quantize_model(model, Recipe.parse("w8a8"), collect(model, Split(feeds), threads=1))
    session = usable("onnxruntime").load(made.path, SessionOptions(mode=Mode.NATIVE, threads=1))
    assert session.kernels().integer == {"QLinearMatMul": 2}


@pytest.mark.parametrize("tied", [True, False])
def test_packed_rows_cost_no_kernel_and_no_conversion_in_a_call(tied: bool) -> None:
    """The last product reads 4 bits as they are; bytes for the look-up are made of them once, as the file is loaded."""
    model, _ = _language(tied)
    made = quantize_model(model, Recipe.parse("w4-b16"), None)
    kernels = usable("onnxruntime").load(made.path, SessionOptions(mode=Mode.NATIVE, threads=1)).kernels()
    found = kernels.integer | kernels.float | kernels.other
    moves = {"Gather": 2, "Transpose": 1} if tied else {"Gather": 2}
    inner = {"DequantizeLinear": 1, "MatMul": 1, "Relu": 1}
    assert found == {"MatMulNBits (int4 weights)": 1, "Cast": 1, "Mul": 1} | moves | inner
    assert made.size.carried is None


@pytest.mark.parametrize("recipe", ["w4", "w4-b8", "w4-asym"])
@pytest.mark.parametrize("name", ["onnxruntime", "torch", "openvino", "litert"])
def test_backends_look_packed_rows_up(name: str, recipe: str) -> None:
    """Wherever it runs, a table in 4 bits gives the rows that it gives in the simulation."""
    state = BACKENDS.get(name).availability()
    if not state.available:
        pytest.skip(state.reason or name)
    model, feeds = _language(tied=True)
    made = quantize_model(model, Recipe.parse(recipe), None)
    (wanted,) = reference().load(made.path, SessionOptions(Mode.SIMULATED)).run(feeds)
    (found,) = usable(name).load(made.path, SessionOptions()).run(feeds)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_places_that_floats_decide_take_no_codes() -> None:
    """A look-up by computed places, as trees have, keeps its table in float."""
    b = Builder(8)
    x = b.input("x", ("n", 4))
    place = b.node("Cast", b.node("Greater", x, b.constant(np.float32(0))), to=TensorProto.INT64)
    b.output(b.node("Gather", b.normal(2, 8), place, name="leaf"), 3)
    layer = quantize_model(model_of(b.model(), "tree"), Recipe.parse("w8"), None).plan.layer("leaf")
    assert layer.treatment == "float"


def test_a_rule_keeps_a_table_in_float() -> None:
    """Rules know the look-up like any other layer, and formats that are no integers say that rows are not looked up."""
    model, _ = _language(tied=False)
    rule = Recipe.parse("name: r\nweights: {}\nlayers:\n  - {match: look, float: true}\n")
    assert quantize_model(model, rule, None).plan.layer("look").reason == "kept in float by the rule 'look'"
    assert "not looked up" in quantize_model(model, Recipe.parse("nf4"), None).plan.layer("look").reason
