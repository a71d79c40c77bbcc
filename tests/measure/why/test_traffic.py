"""What layers read and write, and which layer something in a quantized graph is for: counted by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.measure.why.explain import known_why, why_from
from qexplorer.measure.why.explanation import Part
from qexplorer.measure.why.facts import Traffic, facts_of
from qexplorer.measure.why.layers import Owners, parts_of
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Executed, KernelKind
from tests.measure.why_models import FUSED, found_of, kernel, make_net, order_of

INT, FLOAT, MOVES = KernelKind.INTEGER, KernelKind.FLOAT, KernelKind.MOVES
IN_FLOAT = "name: mine\nweights: {format: int8}\nactivations: {format: uint8}\nlayers: [{match: linear, float: true}]\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The network with something of everything."""
    return make_net(tmp_path_factory.mktemp("net"))


VALUES, WEIGHTS = 2 * (32 + 4), 4 * 32
"""Numbers that the linear layer reads and writes for two samples, and its weights."""


@pytest.mark.parametrize(
    ("recipe", "kind", "bytes_"),
    [
        ("w8a8", INT, VALUES + WEIGHTS),
        ("w4a8", INT, VALUES + WEIGHTS),
        ("w16a8", FLOAT, 4 * VALUES + 2 * WEIGHTS),
        ("w8", FLOAT, 4 * VALUES + WEIGHTS),
        ("w4", FLOAT, 4 * VALUES + WEIGHTS // 2),
        ("nf4-b32", FLOAT, 4 * VALUES + 4 * WEIGHTS),
        ("fp16", FLOAT, 2 * VALUES + 2 * WEIGHTS),
        (IN_FLOAT, FLOAT, 4 * VALUES + 4 * WEIGHTS),
    ],
)
def test_bytes_are_those_that_kernels_read(model: Model, recipe: str, kind: KernelKind, bytes_: int) -> None:
    """Codes of one byte, floats of four or two; packed weights where only weights are quantized, whole bytes in integer
    kernels, floats where levels are looked up."""
    traffic = Traffic(model, facts_of(model, Recipe.parse(recipe)), 2)
    assert traffic.quantized_bytes(["linear"], kind) == bytes_
    assert traffic.float_bytes(["linear"]) == 4 * (VALUES + WEIGHTS)


def test_what_stays_inside_is_not_counted(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a convolution and its sum: two inputs, one output; a ReLU's result that others read goes out. Of a batch that
    the file insists on, shapes hold it already."""
    traffic = Traffic(model, facts_of(model, Recipe.parse("w8a8")), 1)
    plane = 16 * 144
    assert traffic.float_bytes(["conv2", "sum"]) == 4 * (3 * plane + 16 * 16)
    assert traffic.float_bytes(["conv1", "relu1"]) == 4 * (8 * 144 + plane + 16 * 8 * 9)
    assert traffic.float_bytes(["conv1"]) == traffic.float_bytes(["conv1", "relu1"])
    monkeypatch.setattr(Model, "fixed_batch", 4)
    fixed = Traffic(model, facts_of(model, Recipe.parse("w8a8")), 4)
    assert fixed.float_bytes(["linear"]) == 4 * (VALUES // 2 + WEIGHTS)


def test_a_convolution_over_one_channel_is_depthwise_only_in_groups(tmp_path: Path) -> None:
    """The first layer of grey pictures sees one channel and is none."""
    facts = facts_of(make_net(tmp_path, channels=1), Recipe.parse("w8a8"))
    assert [name for name, fact in facts.items() if fact.depthwise] == ["deep"]


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("conv1", "conv1"),
        ("conv1#12", "conv1"),
        ("r1/codes/QuantizeLinear", "relu1"),
        ("w3/dequantized/DequantizeLinear", "conv3"),
        ("x/codes", "conv1"),
        ("s/codes", "sum"),
        ("Transpose_token_1", None),
        ("", None),
    ],
)
def test_names_of_a_quantized_graph_lead_to_layers(model: Model, name: str, layer: str | None) -> None:
    """By the layer, what it makes, then what it reads; numbers behind # are copies."""
    assert Owners(model).layer(name) == layer


def test_moving_data_as_the_model_says_is_no_layout_change() -> None:
    """A Transpose of the model is its own work, one that a runtime adds is not; neither computes."""
    owners: Any = SimpleNamespace(ops={"t": "Transpose"}, layers=lambda kernel: kernel.layers)
    kernels = [Executed("t", "Transpose", MOVES, 2.0, ("t",)), Executed("token", "Transpose", MOVES, 3.0, ())]
    parts = parts_of(kernels, owners, 6.0)
    assert parts is not None
    assert (parts.ms[Part.OTHER], parts.ms[Part.LAYOUT], parts.ms[Part.OUTSIDE]) == (2.0, 3.0, 1.0)
    assert parts.least_kernel_ms == 0.02, "where every kernel is a long one"
    short = parts_of([*kernels, Executed("f", "Add", FLOAT, 0.004, ())], owners, None)
    assert short is not None
    assert (short.least_kernel_ms, short.kernels, short.ms[Part.OUTSIDE]) == (0.004, 3, 0.0)
    assert short.starting_ms == pytest.approx(0.012)
    assert parts_of([Executed("t", "Transpose", MOVES, None, ())], owners, 6.0) is None


def test_a_row_has_the_name_of_the_layer_with_the_most_work(model: Model) -> None:
    """A ReLU that is fused with the convolution behind it is a part of that one."""
    kernels = [kernel("conv1", INT, 0.5, "conv1"), kernel("relu1", INT, 0.25, "relu1", "deep", "relu2")]
    kernels += [kernel(layers[0], INT, 0.25, *layers) for layers in FUSED[2:]]
    floats = [each | {"kind": FLOAT.value} for each in kernels]
    rows = why_from(order_of(model, "w8a8"), OnnxRuntimeCpu(), found_of(kernels, floats=floats)).layers
    assert [(row.name, row.op) for row in rows[:3]] == [("conv1", "Conv"), ("deep", "Conv"), ("conv2", "Conv")]
    assert rows[1].layers == ("relu1", "deep", "relu2")


def test_nothing_is_expected_of_layers_that_neither_multiply_nor_are_quantized(model: Model) -> None:
    """Of a weight-only recipe the pooling is no row; of a static one it is, and the Softplus, in float, is not."""
    heavy = ["conv1", "deep", "conv2", "conv3", "linear"]
    assert [row.name for row in known_why(order_of(model, "w8")).layers] == heavy
    names = {row.name for row in known_why(order_of(model, "w8a8")).layers}
    assert {*heavy, "pool"} <= names
    assert "soft" not in names
