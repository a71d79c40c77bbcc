"""What models, data and quantized models say of themselves in a notebook: facts in front, then a row for each part."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Layer, Model
from qexplorer.core.recipe import Recipe
from qexplorer.quantize.plan_types import LayerPlan, Plan, QuantizedModel
from qexplorer.report.notebook import data_html, model_html, quantized_html, recipe_html

LAYERS = (
    Layer("conv1", "Conv", ("x",), ("y",), "w", (8, 3, 5, 5), 0, 600, 9000, True, None),
    Layer("shape", "Reshape", ("y",), ("z",), None, (), None, 0, 0, False, "moves data", computes=False),
    Layer("softmax", "Softmax", ("z",), ("p",), None, (), None, 0, None, False, "has no kernel for <codes>"),
)
MODEL = Model("net", Path("net.onnx"), "a", "b", 21, (), (), LAYERS, 12_345, 9_876_543, 5000, 4000)


def _titled(text: str) -> str:
    """What stands in front of the table."""
    return html.unescape(re.sub(r"<[^>]+>", "", text.split("<table")[0]))


def _rows(text: str) -> list[list[str]]:
    """The cells of the rows, the header first."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def test_a_model_says_what_it_costs_and_which_layers_can_be_quantized() -> None:
    """Layers that only move data are neither counted nor shown; a reason stands where one cannot be."""
    text = model_html(replace(MODEL, notes=("an axis was freed",)))
    costs = "12.3 k parameters, 9.88 M multiply-accumulates a sample, 5.00 kB, opset 21"
    assert _titled(text) == f"net · {costs}, 1 of 2 layers can be quantized"
    assert _rows(text) == [
        ["layer", "operator", "weight", "parameters", "can be quantized"],
        ["conv1", "Conv", "8 x 3 x 5 x 5", "600", "yes"],
        ["softmax", "Softmax", "", "0", "has no kernel for <codes>"],
    ]
    assert "an axis was freed" in text.split("</table>")[1]
    assert "multiply" not in model_html(replace(MODEL, macs=None))
    assert _titled(model_html(replace(MODEL, untrained=True))).endswith(", untrained: size and latency only")


def test_data_say_what_both_parts_hold() -> None:
    """Shapes without the axis of samples, an input's name where it has one, and whether there are labels."""
    images, lengths = np.zeros((4, 1, 8, 8), np.float32), np.zeros((4, 2), np.int64)
    calibration = Split({"image": images, "n": lengths}, None)
    evaluation = Split({"": images[:3]}, np.zeros(3, np.int64))
    data = DataSet("digits", calibration, evaluation, held_out=False, classes=("odd", "even"), digest="d", shared=1)
    text = data_html(data)
    assert _titled(text).startswith(f"digits · 2 classes, {data.parts_text}")
    assert _rows(text)[1:] == [
        ["calibration", "4", "image 1 x 8 x 8 float32; n 2 int64", "no"],
        ["evaluation", "3", "1 x 8 x 8 float32", "yes"],
    ]
    assert "classes" not in _titled(data_html(replace(data, classes=())))


def test_a_recipe_is_its_own_text() -> None:
    """Which can be read back."""
    recipe = Recipe.parse("name: a <b>\nweights: {format: int4}\n")
    text = recipe_html(recipe)
    told = text.split("<pre>")[1].split("</pre>")[0]
    assert Recipe.parse(html.unescape(told)) == recipe
    assert "<b>\n" not in told
    assert f"digest {recipe.digest}" in text


def test_a_quantized_model_says_what_became_of_each_layer(tmp_path: Path) -> None:
    """The weights as a share of float's, what ranges are from, and why for each layer that computes."""
    plan = Plan(
        (
            LayerPlan("conv1", "Conv", "weight-only", "int4 per channel", None, "by the recipe", 600, 350),
            LayerPlan("shape", "Reshape", "passthrough", None, None, "moves data", 0, 0, computes=False),
            LayerPlan("softmax", "Softmax", "float", None, None, "has no kernel", 0, 0),
            LayerPlan("gemm", "Gemm", "integer", "int8", "uint8", "by the recipe", 0, 0),
        ),
        {},
        notes=("a layer stayed in float",),
    )
    file = tmp_path / "q.onnx"
    file.write_bytes(b"0")
    made = QuantizedModel(MODEL, Recipe.parse("w4"), plan, file, "abc", 1000, {})
    text = quantized_html(made)
    assert _titled(text) == "net, w4 · 1.00 kB of weights, 0.25 of float, digest abc"
    assert _rows(text)[1:] == [
        ["conv1", "Conv", "weight-only", "int4 per channel", "", "by the recipe"],
        ["softmax", "Softmax", "float", "", "", "has no kernel"],
        ["gemm", "Gemm", "integer", "int8", "uint8", "by the recipe"],
    ]
    assert "a layer stayed in float" in text.split("</table>")[1]
    calibrated = _titled(quantized_html(replace(made, calibration="64 of 100 samples")))
    assert calibrated.endswith("of float, ranges from 64 of 100 samples, digest abc")
