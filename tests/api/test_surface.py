"""The public surface, as another program calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import qexplorer as qx
from qexplorer.core.errors import DataError, InputError, RecipeError, UnknownName
from qexplorer.report.table import COLUMNS


@pytest.fixture(scope="module")
def model() -> Any:
    """The sample model of handwritten digits."""
    return qx.load("digits_cnn")


@pytest.fixture(scope="module")
def table(model: Any) -> Any:
    """One comparison that the tests of this file read."""
    return qx.compare(model, ["w8a8", "w4a8"], qx.data("digits"), backends=["onnxruntime"])


def test_load_takes_a_sample_a_path_and_a_module(model: Any, tmp_path: Path) -> None:
    """All three give a model; the same bytes give the same digest."""
    import torch

    copy = tmp_path / "copy.onnx"
    copy.write_bytes(model.path.read_bytes())
    assert qx.load(copy).sha256 == qx.load(str(copy)).sha256 == model.sha256
    module = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    exported = qx.load(module.eval(), torch.zeros(2, 6))
    assert exported.parameters == sum(p.numel() for p in module.parameters())
    assert exported.fixed_batch is None


def test_quantize_gives_a_model_a_plan_and_a_file(model: Any, tmp_path: Path) -> None:
    """The bytes are a QDQ graph, ``save`` writes the very same, and the plan knows every layer."""
    quantized = qx.quantize(model, qx.Recipe.parse("w8a8"), qx.data("digits"))
    proto = onnx.load_from_string(quantized.onnx)
    assert sum(node.op_type == "QuantizeLinear" for node in proto.graph.node) > 0
    assert quantized.save(tmp_path / "q.onnx").read_bytes() == quantized.onnx
    assert [layer.name for layer in quantized.plan.layers] == [layer.name for layer in model.layers]


def test_names_stand_for_values(model: Any) -> None:
    """Names and values may be mixed, and a sample model brings its own data."""
    by_values = qx.quantize(model, qx.Recipe.parse("w8a8"), qx.data("digits"))
    by_names = qx.quantize("digits_cnn", "w8a8", "digits")
    by_default = qx.quantize("digits_cnn", "w8a8")
    assert by_values.digest == by_names.digest == by_default.digest


def test_measure_gives_one_run(model: Any) -> None:
    """Its accuracy is counted over the whole evaluation part, and it carries its n."""
    data = qx.data("digits")
    run = qx.measure(qx.quantize(model, "w8"), data, backend="onnxruntime")
    assert (run.recipe, run.backend, run.status) == ("w8", "onnxruntime", "ok")
    assert run.accuracy is not None
    assert run.accuracy.n == data.evaluation.n


def test_static_int8_of_the_sample_loses_half_a_point_at_most(table: Any) -> None:
    """Per channel, on the held-out samples."""
    assert table.runs[1].accuracy.delta >= -0.005


def test_compare_puts_float_first(table: Any) -> None:
    """One run for the float model and one for each recipe, in the order they were given."""
    assert [run.recipe for run in table.runs] == ["float", "w8a8", "w4a8"]


def test_the_frame_is_tidy(table: Any) -> None:
    """One row per run, one column per quantity, and the numbers are those of the runs."""
    frame = table.to_frame()
    assert tuple(frame.columns)[: len(COLUMNS)] == COLUMNS
    assert {"top5_accuracy", "balanced_accuracy_delta_low"} <= set(frame.columns[len(COLUMNS) :])
    assert list(frame["recipe"]) == ["float", "w8a8", "w4a8"]
    assert list(frame["weight_bytes"]) == [run.size.weight_bytes for run in table.runs]
    assert list(frame["accuracy"]) == [run.accuracy.value for run in table.runs]
    assert frame["delta"].isna().tolist() == [True, False, False]


def test_the_json_is_what_the_terminal_prints(table: Any) -> None:
    """Plain data that survives JSON, float first, and no path of this machine in it."""
    value = table.to_json()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert {"model", "machine", "runs"} <= set(value)
    assert value["model"]["sha256"] == table.comparison.model["sha256"]
    assert str(Path(table.comparison.model["path"]).parent) not in json.dumps(value)


def test_the_chart_holds_every_run(table: Any) -> None:
    """Accuracy against size names float and both recipes."""
    text = json.dumps(table.chart().to_dict())
    for run in table.runs:
        assert run.recipe in text
    assert "vega" in json.dumps(table.chart("latency_ms").to_dict())


def test_values_show_themselves(model: Any, table: Any) -> None:
    """Model, data, quantized model, run and comparison are tables in a notebook, free of colours of their own."""
    quantized = qx.quantize(model, "w8")
    for value in (model, qx.data("digits"), quantized, table.runs[0], table):
        html = value._repr_html_()
        assert html.count("<table") == html.count("</table>") == 1
        assert "#" not in html.replace("&#", "")
    assert "digits_cnn" in model._repr_html_()
    assert "int8" in quantized._repr_html_()


def test_a_data_set_says_what_it_is_and_not_its_arrays() -> None:
    """In a prompt it is one line with both parts and the shape of a sample."""
    told = repr(qx.data("digits"))
    assert "\n" not in told
    assert all(part in told for part in ("'digits'", "512 samples calibrate, 597 judge", "(1, 32, 32)"))


def test_arrays_can_be_compared_without_labels(model: Any, tmp_path: Path) -> None:
    """Without labels, agreement with the float model stands in for accuracy."""
    x = qx.data("digits").evaluation.head(60)
    path = tmp_path / "plain.npz"
    np.savez(path, x=next(iter(x.inputs.values())))
    runs = qx.compare(model, "w8", path).runs
    assert runs[1].accuracy is not None
    assert runs[1].accuracy.metric == "agreement"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda model: qx.quantize(model, "w17"), RecipeError),
        (lambda model: qx.compare(model, [], "digits"), RecipeError),
        (lambda model: qx.compare(model, "w8", "digits", backends=["cpu"]), UnknownName),
        (lambda model: qx.compare(model, "w8", "tumour"), DataError),
        (lambda _: qx.load("digits_cnm"), InputError),
        (lambda _: qx.data("digitz"), InputError),
    ],
    ids=["recipe", "no recipe", "backend", "data of another model", "model", "data"],
)
def test_wrong_input_raises_one_sentence(call: Any, error: type[InputError], model: Any) -> None:
    """Errors are of the documented type and one line."""
    with pytest.raises(error) as caught:
        call(model)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
