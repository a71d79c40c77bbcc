"""The quantized graph up to one tensor: what it needs and no more, and the tensor as the whole graph has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.recipe import Recipe
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.emit.part import emit_up_to
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import Case, case, model_of, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _part(one: Case, recipe: str, tensor: str) -> onnx.ModelProto:
    asked = Recipe.parse(recipe)
    return emit_up_to(one.model, asked, make_plan(one.model, asked, one.statistics), tensor)


@pytest.mark.parametrize("recipe", ["w8a8", "w4", "w8a8-dynamic", "float"])
def test_the_last_layer_gives_what_the_whole_file_gives(recipe: str) -> None:
    """Up to the output the part is the file, and nothing is left that it does not read."""
    one, asked = case("cnn"), Recipe.parse(recipe)
    (output,) = one.model.outputs
    part = _part(one, recipe, output.name)
    whole = emit(one.model, asked, make_plan(one.model, asked, one.statistics))
    feeds = {name: values[:4] for name, values in one.feeds.items()}
    found, wanted = run(part, feeds, simulated=True)[0], run(whole, feeds, simulated=True)[0]
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max())
    assert len(part.graph.output) == 1


@pytest.mark.parametrize("recipe", ["w8a8", "w8", "w8a8-dynamic"])
def test_a_layer_in_the_middle_needs_what_is_in_front_of_it(recipe: str) -> None:
    """Inputs stay, later layers and their constants go, and every constant that is left is read."""
    one = case("cnn")
    first = next(layer for layer in one.model.layers if layer.op == "Conv")
    part = _part(one, recipe, first.outputs[0])
    assert [value.name for value in part.graph.input] == [value.name for value in one.model.inputs]
    assert not {"classifier", "relu6"} & {node.name for node in part.graph.node}
    read = {name for node in part.graph.node for name in node.input}
    assert {item.name for item in part.graph.initializer} <= read
    made = {name for node in part.graph.node for name in node.output}
    assert {value.name for value in part.graph.output} <= made
    (found,) = run(part, one.feeds, simulated=True)
    proto = one.model.proto()
    proto.graph.output.append(onnx.ValueInfoProto(name=first.outputs[0]))
    wanted = run(proto, one.feeds)[-1]
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


def test_integer_kernels_do_not_share_their_weights() -> None:
    """ONNX Runtime fails where two products read one constant: each has its own, of the same numbers."""
    b = Builder(1)
    weight = b.normal(8, 8)
    h = b.node("MatMul", b.input("x", ("n", 8)), weight, name="once")
    h = b.node("MatMul", b.node("Tanh", h), weight, name="twice")
    b.output(b.node("MatMul", b.node("Tanh", h), weight, name="thrice"), 2)
    model = model_of(b.model(), "tied")
    feeds = {"x": b.random.normal(size=(16, 8)).astype(np.float32)}
    asked, statistics = Recipe.parse("w8a8-dynamic"), collect(model, Split(feeds), threads=1)
    part = emit_up_to(model, asked, make_plan(model, asked, statistics), model.outputs[0].name)
    products = [node for node in part.graph.node if node.op_type == "MatMulInteger"]
    assert len(products) == 3
    held = {item.name: item for item in part.graph.initializer}
    for position in (1, 3):
        names = [node.input[position] for node in products]
        assert len(set(names)) == 3
        assert len({held[name].raw_data for name in names}) == 1
    wanted = run(model.proto(), feeds)[0]
    assert np.abs(run(part, feeds)[0] - wanted).max() < 0.05 * np.abs(wanted).max()
