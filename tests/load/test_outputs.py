"""Whether an output names a class for each sample, and how many classes there are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.load.outputs import class_count, makers_of, names_a_class, threshold_of, with_class_names
from tests.load.model_graphs import F32, I64, Shape, value


def _chain(*ops: str) -> list[Layer]:
    """Layers one behind the other, from ``x`` to ``y``."""
    names = ["x", *(f"t{i}" for i in range(1, len(ops))), "y"]
    return [Layer(op, op, (names[i],), (names[i + 1],), None, (), None, 0, 0, True, None) for i, op in enumerate(ops)]


@pytest.mark.parametrize(
    ("shape", "kind", "ops", "named"),
    [
        (["n", 10], F32, ("Gemm", "Softmax"), True),
        (["n", 10], F32, ("Gemm", "LogSoftmax", "Reshape"), True),
        (["n", 10], F32, ("Softmax", "QuantizeLinear", "DequantizeLinear"), True),
        (["n", 10], F32, ("ai.onnx.ml:LinearClassifier",), True),
        (["n", 10], F32, ("Softmax", "Gemm"), False),
        (["n", 10], F32, ("Gemm",), False),
        (["n", 10, 1, 1], F32, ("Softmax",), True),
        (["n", 10, 4], F32, ("Softmax",), False),  # one class a place
        (["n"], I64, ("ArgMax",), True),
        (["n", 1], I64, ("ArgMax",), True),
        (["n"], F32, ("Softmax",), False),  # one number a sample
        (["n", 1], F32, ("Softmax",), False),
        (["n", 10], I64, ("ArgMax",), False),
        (None, F32, ("Softmax",), False),
        (["n", 10], F32, (), False),
    ],
)
def test_an_output_names_a_class_where_the_graph_says_so(
    shape: Shape | None, kind: int, ops: tuple[str, ...], named: bool
) -> None:
    """Whole numbers, one a sample, or a table that comes from a Softmax or a classifier, whatever moves it since."""
    assert names_a_class(value("y", shape, kind), makers_of(_chain(*ops))) is named


def _model(*outputs: TensorInfo, layers: list[Layer] | None = None) -> Model:
    port = TensorInfo("x", "float32", ("n", 2))
    return Model("m", Path("m.onnx"), "", "", 21, (port,), outputs, tuple(layers or ()), 0, None, 0, 0)


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        (("n", 10), 10),
        (("n", 1), 2),  # one score for two classes
        (("n", 10, 1, 1), 10),
        (("n", 10, 4), None),
        (("n", None), None),
        (("n",), None),
        ((), None),
    ],
)
def test_classes_are_counted_by_the_first_output(shape: tuple[int | str | None, ...], count: int | None) -> None:
    """None where its shape does not say."""
    assert class_count((TensorInfo("y", "float32", shape), TensorInfo("z", "float32", ("n", 7)))) == count
    assert class_count(()) is None


def test_names_make_scores_of_an_output_that_has_as_many() -> None:
    """Of others nothing is claimed, and names of another number are none of the model's."""
    scores, other, certain = (
        TensorInfo("y", "float32", ("n", 3)),
        TensorInfo("z", "float32", ("n", 4)),
        TensorInfo("c", "int64", ("n",), classes=True),
    )
    model = _model(scores, other, certain)
    named = with_class_names(model, ("a", "b", "c"))
    assert named.classes == ("a", "b", "c")
    assert [output.classes for output in named.outputs] == [True, False, True]
    assert with_class_names(model, ("a", "b")) is model
    assert with_class_names(model, ()) is model
    free = replace(model, outputs=(TensorInfo("y", "float32", ("n", None)),))
    assert with_class_names(free, ("a", "b")).classes == ("a", "b")


@pytest.mark.parametrize(
    ("ops", "threshold"),
    [
        (("Gemm", "Sigmoid"), 0.5),
        (("Sigmoid", "Reshape", "Squeeze"), 0.5),
        (("Sigmoid", "Gemm"), 0.0),
        (("Gemm",), 0.0),
    ],
)
def test_a_single_score_turns_at_a_half_behind_a_sigmoid(ops: tuple[str, ...], threshold: float) -> None:
    """At zero where it is a logit."""
    assert threshold_of(_model(TensorInfo("y", "float32", ("n", 1)), layers=_chain(*ops))) == threshold


def test_a_graph_without_nodes_in_front_of_an_output_has_no_maker() -> None:
    """An output that is an input comes from nowhere."""
    assert not names_a_class(onnx.ValueInfoProto(name="x"), {})
