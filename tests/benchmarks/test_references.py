"""What goes to reference implementations, how their weights are read back, and who is told to be ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qexplorer as qx
from benchmarks.against_references import Row, mean_interval
from benchmarks.references.adapters.auto_round import as_opt, refuse_other, written
from benchmarks.references.as_torch import TorchModel
from benchmarks.references.protocol import ADAPTERS, Job, adapter, read_job, write_job
from benchmarks.references.subjects import scores
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.recipe import Recipe
from tests.quantize.graphs import Builder

X = np.random.default_rng(0).normal(size=(4, 3, 6, 6)).astype(np.float32)


def _graph() -> onnx.ModelProto:
    """A convolution, a MatMul (weights turned over), and a Gemm with transB (as they are)."""
    b = Builder()
    h = b.node("Relu", b.node("Conv", b.input("x", ("n", 3, 6, 6)), b.normal(4, 3, 3, 3), b.normal(4)))
    h = b.node("MatMul", b.node("Flatten", h), b.normal(64, 5))
    b.output(b.node("Gemm", h, b.normal(3, 5), b.normal(3), transB=1), 2)
    return b.model()


def _answers(proto: onnx.ModelProto) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {session.get_inputs()[0].name: X})[0]
    return found


def test_weights_of_torch_layers_go_back_to_where_they_were() -> None:
    """Untouched, every constant is the same in every bit; changed in the layers, the graph answers as the layers do."""
    proto = _graph()
    model = TorchModel(proto)
    name = model.input_names[0]
    assert len(model.layers.all) == 3
    np.testing.assert_allclose(model.run({name: X}), _answers(proto), rtol=1e-4, atol=1e-5)
    same = model.with_weights(lambda layer: layer.weight)  # type: ignore[arg-type, return-value]
    for one, other in zip(proto.graph.initializer, same.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))
    changed = model.with_weights(lambda layer: layer.weight.round(decimals=1))  # type: ignore[operator, union-attr]
    for layer in model.layers.all:
        layer.weight.data = layer.weight.data.round(decimals=1)  # type: ignore[operator, union-attr]
    np.testing.assert_allclose(model.run({name: X}), _answers(changed), rtol=1e-4, atol=1e-5)
    assert np.abs(_answers(changed) - _answers(proto)).max() > 1e-2


def test_a_job_comes_through_a_folder_as_it_was(tmp_path: Path) -> None:
    """Model, samples and settings; batches hold every sample once."""
    job = Job(_graph(), {"x": X}, {"x": X[:2]}, {"bits": 4, "algorithm": "gptq"})
    write_job(tmp_path, job)
    found = read_job(tmp_path)
    assert found.model == job.model
    assert dict(found.settings) == dict(job.settings)
    np.testing.assert_array_equal(found.evaluation["x"], X[:2])
    np.testing.assert_array_equal(np.concatenate([each["x"] for each in found.batches(3)]), X)


@pytest.mark.parametrize(
    ("measure", "ours", "theirs", "said"),
    [
        ("SQNR (dB)", 20.0, 19.0, "yes"),
        ("SQNR (dB)", 19.8, 20.0, "within 0.3"),
        ("SQNR (dB)", 19.0, 20.0, "no"),
        ("perplexity", 16.0, 16.2, "yes"),
        ("perplexity", 16.24, 16.2, "within 0.05"),
        ("perplexity", 16.4, 16.2, "no"),
        ("accuracy (%)", 97.0, 98.0, "no"),
    ],
)
def test_the_verdict_knows_which_way_is_better(measure: str, ours: float, theirs: float, said: str) -> None:
    """Less perplexity is better, more of the others; a little behind is equal."""
    assert Row("case", measure, None, 0.0, None, ours, theirs).verdict == said


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        ((-0.2, -0.4, 0.1), "by seed"),
        ((-0.2, -0.4, -0.1), "within 0.3"),
        ((-0.2, -0.4, 0.1, -0.3, -0.1), "no difference shown"),
        ((-0.2, -0.3, -0.1, -0.2, 0.0), "within 0.3"),
        ((0.3, 0.1, 0.2, 0.2, -0.1), "yes"),
    ],
)
def test_seeds_tell_whether_ours_is_behind(ahead: tuple[float, ...], said: str) -> None:
    """Few by one that is ahead; five and more by whether the interval of their mean holds 0."""
    theirs = 20.0
    row = Row("case", "SQNR (dB)", None, 0.0, None, theirs + float(np.median(ahead)), theirs, ahead)
    assert row.verdict == said


def test_the_interval_of_a_mean_is_students() -> None:
    """Of -1, 0, 1 and so on with a spread of 1 it is t / sqrt(n) to either side."""
    low, high = mean_interval([-1.0, 0.0, 1.0])
    assert (low, high) == pytest.approx((-4.302653 / 3**0.5, 4.302653 / 3**0.5), rel=1e-5)


def test_scores_are_what_their_names_say() -> None:
    """A tenth of the size in error is 20 dB; labels are counted; perplexity is that of the task's own metric."""
    wanted = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    part = Split({"x": wanted}, np.array([0, 1, 1]))
    data = DataSet("made", part, part, False, ("a", "b"), "")
    found = scores(wanted + 0.1 * wanted, wanted, data)
    assert found["SQNR (dB)"] == pytest.approx(20, abs=1e-4)
    assert found["accuracy (%)"] == pytest.approx(200 / 3)


@pytest.mark.parametrize("name", ADAPTERS)
def test_cases_ask_for_what_there_is(name: str) -> None:
    """Each adapter is imported without its package, and every recipe of ours is one."""
    asked = adapter(name)
    assert asked.PACKAGE
    assert asked.CASES
    for case in asked.CASES:
        recipe = Recipe.parse(f"{case.plain}\nalgorithms: {case.algorithms}\n")
        assert recipe.weights is not None
        assert recipe.algorithms


def test_the_opt_of_transformers_is_text_lm() -> None:
    """It answers as the graph does, and its weights go back to where they were in every bit."""
    pytest.importorskip("transformers")
    model = qx.load("text_lm").proto()
    stored = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    tokens = np.random.default_rng(0).integers(0, 100, (4, 64))
    kind = helper.tensor_dtype_to_np_dtype(model.graph.input[0].type.tensor_type.elem_type)
    module = as_opt(stored)
    assert kind in (np.dtype(np.int64), np.dtype(np.int32))
    assert model.graph.input[0].type.tensor_type.elem_type != TensorProto.FLOAT
    refuse_other(module, Job(model, {}, {model.graph.input[0].name: tokens.astype(kind)}))
    back = {item.name: numpy_helper.to_array(item) for item in written(model, module).graph.initializer}
    for name, values in stored.items():
        np.testing.assert_array_equal(back[name], values)
    module.model.decoder.layers[0].fc1.weight.data *= 2
    changed = {item.name: numpy_helper.to_array(item) for item in written(model, module).graph.initializer}
    np.testing.assert_array_equal(changed["block.0.up.weight"], 2 * stored["block.0.up.weight"])
    with pytest.raises(ValueError, match="differs from the graph"):
        refuse_other(module, Job(model, {}, {model.graph.input[0].name: tokens.astype(kind)}))
