"""ONNX Runtime's own quantizer as the oracle: the same scales must give the same kernels and the same answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.core.grid import Granularity
from qexplorer.core.model import Model
from qexplorer.core.recipe import Recipe
from qexplorer.load.datasets.fit import fit_to_model
from qexplorer.load.datasets.load import load_data
from qexplorer.load.model import load_model
from qexplorer.observe.collecting.collect import collect
from qexplorer.quantize.emit.graph import emit
from qexplorer.quantize.plan import make_plan
from qexplorer.quantize.plan_types import Plan
from tests.quantize.support import case, kernels, run

W8A8 = Recipe.parse("w8a8")


def _oracle(model: Model, feeds: dict[str, np.ndarray], folder: Path) -> onnx.ModelProto:
    """The QDQ graph that ONNX Runtime's quantizer makes from the same float graph."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [feeds]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    path = folder / "oracle.onnx"
    quantize_static(
        str(model.path),
        str(path),
        Reader(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return onnx.load(path)


def _scales(proto: onnx.ModelProto) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scale and zero point of every tensor that the oracle put on a grid, by its name in the float graph."""
    constants = {i.name: numpy_helper.to_array(i) for i in proto.graph.initializer}
    found = {}
    for node in proto.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            name = node.input[0].removesuffix("_quantized")
            if node.op_type == "QuantizeLinear" or node.input[0] in constants:
                name = name.removesuffix("_QuantizeLinear_Input")
                found[name] = (constants[node.input[1]], constants[node.input[2]])
    return found


def _with_scales(plan: Plan, scales: dict[str, tuple[np.ndarray, np.ndarray]]) -> Plan:
    """``plan`` on the oracle's grids."""
    tensors = {}
    for key, tensor in plan.tensors.items():
        scale, zero = scales[tensor.name]
        shape = () if tensor.grid.granularity is Granularity.TENSOR else scale.shape
        grid = replace(tensor.grid, scale=scale.reshape(shape), zero_point=zero.astype(np.int32).reshape(shape))
        tensors[key] = replace(tensor, grid=grid)
    return replace(plan, tensors=tensors)


@pytest.mark.parametrize("name", ["block", "cnn", "concat", "depthwise", "shapes"])
def test_same_scales_give_the_same_kernels_and_the_same_answers_as_onnx_runtimes_quantizer(
    name: str, tmp_path: Path
) -> None:
    """On the oracle's grids our graph runs the same operators, as often, and every output bit is the same."""
    one = case(name)
    oracle = _oracle(one.model, one.feeds, tmp_path)
    plan = _with_scales(make_plan(one.model, W8A8, one.statistics), _scales(oracle))
    ours = emit(one.model, W8A8, plan)
    assert kernels(ours, one.feeds, tmp_path) == kernels(oracle, one.feeds, tmp_path)
    for mine, theirs in zip(run(ours, one.feeds), run(oracle, one.feeds), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ["block", "cnn", "concat", "two"])
def test_our_weight_scales_are_onnx_runtimes(name: str, tmp_path: Path) -> None:
    """Min-max weights per channel get the same scales, to a float32 rounding, as from ONNX Runtime's quantizer."""
    one = case(name)
    scales = _scales(_oracle(one.model, one.feeds, tmp_path))
    plan = make_plan(one.model, W8A8, one.statistics)
    for tensor in plan.tensors.values():
        if tensor.kind == "weight":
            np.testing.assert_allclose(tensor.grid.scale, scales[tensor.name][0], rtol=2e-7)


@pytest.mark.parametrize("name", ["digits_cnn", "tumour_mlp", "glyphs_mobilenet"])
def test_samples_on_the_oracles_grids_are_the_oracles_graphs(name: str, tmp_path: Path) -> None:
    """A trained sample on ONNX Runtime's scales: the same kernels, as often, and every output bit the same."""
    model = load_model(name)
    data = fit_to_model(load_data(name), model)
    feeds = {key: np.asarray(value)[:128] for key, value in data.calibration.inputs.items()}
    oracle = _oracle(model, feeds, tmp_path)
    statistics = collect(model, data.calibration.head(128), threads=1)
    ours = emit(model, W8A8, _with_scales(make_plan(model, W8A8, statistics), _scales(oracle)))
    assert kernels(ours, feeds, tmp_path) == kernels(oracle, feeds, tmp_path)
    for mine, theirs in zip(run(ours, feeds), run(oracle, feeds), strict=True):
        np.testing.assert_array_equal(mine, theirs)
