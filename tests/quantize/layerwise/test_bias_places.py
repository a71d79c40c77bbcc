"""Where the bias of each layer with a quantized weight is, or could be put, and why others have none to correct."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.layerwise.bias_places import BiasPlace, bias_places
from qexplorer.quantize.plan import make_plan
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of

Layer = Callable[[Builder], str]


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Models are kept in one workspace."""


def _places(layer: Layer, recipe: str) -> tuple[list[BiasPlace], dict[str, str]]:
    b = Builder(4)
    made = layer(b)
    b.output(b.node("Tanh", made), len(b.inputs[0].type.tensor_type.shape.dim))
    model = model_of(b.model(), "layer")
    samples = {each.name: b.random.normal(size=(8, *each.shape[1:])).astype(np.float32) for each in model.inputs}
    asked = Recipe.parse(recipe)
    plan = make_plan(model, asked, collect(model, Split(samples), threads=1))
    return bias_places(plan, GraphIndex(model.proto()))


def _conv(b: Builder, *, bias: bool = True, op: str = "Conv", group: int = 1) -> str:
    shape = (6, 4 // group, 1, 1) if op == "Conv" else (4, 6 // group, 1, 1)
    constants = [b.normal(6)] if bias else []
    return str(b.node(op, b.input("x", ("n", 4, 5, 5)), b.normal(*shape), *constants, group=group, name="layer"))


def _gemm(b: Builder) -> str:
    return str(b.node("Gemm", b.input("x", ("n", 4)), b.normal(4, 6), b.normal(6), name="layer"))


def _product(b: Builder, *shape: int, added: bool = True, turned: bool = False, read: bool = False) -> str:
    h = b.node("MatMul", b.input("x", ("n", 3, 4)), b.normal(4, 6), name="layer")
    if read:
        b.output(b.node("Sigmoid", h), 3)
    if not added:
        return str(h)
    constant = b.normal(*shape)
    return str(b.node("Add", *((constant, h) if turned else (h, constant)), name="behind"))


PLACES: dict[str, tuple[Layer, str, tuple[str, int, int, int, float] | str]] = {
    "conv": (_conv, "w8a8", ("layer", 2, 1, 6, 1.0)),
    "conv without": (lambda b: _conv(b, bias=False), "w8a8", ("layer", 2, 1, 6, 1.0)),
    "conv in groups": (lambda b: _conv(b, group=2), "w8a8", ("layer", 2, 1, 6, 1.0)),
    "turned": (lambda b: _conv(b, op="ConvTranspose"), "w8a8", ("layer", 2, 1, 6, 1.0)),
    "turned in groups": (lambda b: _conv(b, op="ConvTranspose", group=2), "w8a8", ("layer", 2, 1, 6, 1.0)),
    "gemm": (_gemm, "w8", ("layer", 2, -1, 6, 1.0)),
    "half": (_gemm, "fp16", "only weights that become codes are corrected"),
    "added": (lambda b: _product(b, 6), "w8", ("behind", 1, -1, 6, 1.0)),
    "added in front": (lambda b: _product(b, 6, turned=True), "w8", ("behind", 0, -1, 6, 1.0)),
    "added as a row": (lambda b: _product(b, 1, 1, 6), "w8a8", ("behind", 1, -1, 6, 1.0)),
    "nothing added": (lambda b: _product(b, added=False), "w8", ("layer", 2, -1, 6, 1.0)),
    "nothing added, integers": (
        lambda b: _product(b, added=False), "w8a8",
        "it has no bias, and integer kernels of products add nothing before they round",
    ),
    "read elsewhere": (lambda b: _product(b, 6, read=True), "w8", ("layer", 2, -1, 6, 1.0)),
}  # fmt: skip
"""Layer and recipe -> holder, position, axis, channels and factor of its bias, or why it has none to correct."""


@pytest.mark.parametrize("case", PLACES)
def test_a_bias_has_a_place_or_a_reason(case: str) -> None:
    """The layer's own, the constant that is added behind a product, or one that it does not have yet."""
    layer, recipe, wanted = PLACES[case]
    places, reasons = _places(layer, recipe)
    if isinstance(wanted, str):
        assert (places, reasons) == ([], {"layer": wanted})
        return
    (found,) = places
    assert (found.holder, found.position, found.axis, found.channels, found.factor) == wanted
    assert (found.layer, found.output, reasons) == ("layer", "layer_out", {})


def test_layers_in_float_are_neither_corrected_nor_explained() -> None:
    """Nothing of them was rounded."""
    assert _places(_gemm, "float") == ([], {})
