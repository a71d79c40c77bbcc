"""What is said of a recipe on a backend before anybody waits."""

from __future__ import annotations

import pytest

from qexplorer.core.recipe import Recipe
from qexplorer.run.capability import not_integer
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu

ABLE = OnnxRuntimeCpu.capabilities


@pytest.mark.parametrize("name", ["float", "w8a8", "w8a8-sym", "w4a8", "w8a8-dynamic", "w8a8-tensor"])
def test_nothing_is_said_of_recipes_that_can_run_in_integers(name: str) -> None:
    """Eight-bit activations on codes that ONNX Runtime multiplies, and float itself, need no warning."""
    assert not_integer(ABLE, Recipe.parse(name)) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("w8", "only weights"),
        ("w4-b32", "only weights"),
        ("w8a16", "uint16 activations"),
        ("w16a8", "int16 weights"),
        ("w4a8-b32", "each block"),
        ("fp16", "fp16 is a float format"),
        ("bf16", "bf16 is a float format"),
        ("nf4", "nf4 is a table"),
        ("name: f8\nweights: {format: fp8_e4m3}\n", "fp8_e4m3 is decoded to float"),
        ("name: w8f8\nweights: {format: int8}\nactivations: {format: fp8_e4m3}\n", "fp8_e4m3 is decoded to float"),
    ],
)
def test_why_a_recipe_runs_in_float(name: str, said: str) -> None:
    """What the backend has no integer kernels for is named."""
    assert said in (not_integer(ABLE, Recipe.parse(name)) or "")
