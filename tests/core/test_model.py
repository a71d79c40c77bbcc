"""What a model says of itself is checked once, where it is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qexplorer.core.model import Layer, Model, TensorInfo


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_that_nothing_has_is_refused(length: int) -> None:
    """So nobody behind loading has to ask again."""
    with pytest.raises(ValueError, match="'x' has the shape"):
        TensorInfo("x", "float32", (length, 4))


@pytest.mark.parametrize(
    ("shape", "alone", "batch"),
    [
        ((1, "n", None), False, 1),
        ((8, 4), False, 8),
        (("n", 4), False, None),
        ((None,), False, None),
        ((), False, None),
    ],
)
def test_a_batch_is_fixed_where_the_first_length_is_a_number(
    shape: tuple[int | str | None, ...], alone: bool, batch: int | None
) -> None:
    """An input without an axis for the batch takes one sample at a time, whatever its first length is."""
    assert TensorInfo("x", "float32", shape, alone=alone).fixed_batch == batch
    assert TensorInfo("x", "float32", shape, alone=True).fixed_batch == 1


def _layer(name: str, computes: bool, quantizable: bool) -> Layer:
    return Layer(name, "Conv", ("x",), (name,), None, (), None, 0, 0, quantizable, None, computes)


def test_a_model_has_the_batch_that_one_input_insists_on_and_its_layers_by_what_they_do() -> None:
    """A free input leaves it to the others; layers that only move data are not counted, and are found by name."""
    layers = (_layer("a", True, True), _layer("move", False, False), _layer("soft", True, False))
    free, four = TensorInfo("x", "float32", ("n", 2)), TensorInfo("y", "float32", (4, 2))
    model = Model("m", Path("m.onnx"), "", "", 21, (free, four), (free,), layers, 0, None, 0, 0)
    assert (model.fixed_batch, replace(model, inputs=(free,)).fixed_batch) == (4, None)
    assert [layer.name for layer in model.computing_layers] == ["a", "soft"]
    assert [layer.name for layer in model.quantizable_layers] == ["a"]
    assert model.layer("move") is layers[1]
