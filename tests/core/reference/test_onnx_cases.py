"""The reference against every node case of ``onnx.backend.test`` that has one of the seven quantized operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from qexplorer.core.reference.operators import OPERATORS, run_operator
from tests.quantized_cases import QUANTIZED, array, quantized_cases

# The one case met in value but not in bits: it quantizes -0.0, the reference keeps the sign and the case does not.
SIGN_OF_ZERO = {"test_quantizelinear_float4e2m1"}


def run(model: onnx.ModelProto, inputs: list[np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """Runs a graph node by node: the seven operators by this project's reference, any other by onnx's."""
    values = dict(zip((i.name for i in model.graph.input), inputs, strict=False))
    for node in model.graph.node:
        given = [values.get(name) for name in node.input]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in OPERATORS:
            outputs: Any = run_operator(node.op_type, given, attributes)
        else:
            present = {name: values[name] for name in node.input if name}
            kinds = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in present]
            results = [onnx.helper.make_value_info(name, onnx.TypeProto()) for name in node.output]
            graph = onnx.helper.make_graph([node], "one", kinds, results)
            one = onnx.helper.make_model(graph, opset_imports=model.opset_import)
            outputs = ReferenceEvaluator(one).run(None, present)
        values |= dict(zip(node.output, outputs, strict=False))
    return [np.asarray(values[o.name]) for o in model.graph.output]


def test_onnx_has_the_45_cases_that_this_file_speaks_of() -> None:
    """A new version of onnx that brings more cases is noticed."""
    assert OPERATORS.keys() == QUANTIZED
    assert len(quantized_cases()) == 45


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_every_case_of_an_operator_is_met(op: str) -> None:
    """All cases, those with 2- and 4-bit integers and 4- and 8-bit floats among them, give the same bits and types."""
    mine = {name: case for name, case in quantized_cases().items() if op in {n.op_type for n in case.model.graph.node}}
    assert mine
    for name, case in mine.items():
        for inputs, expected in case.data_sets:
            found = run(case.model, [array(value) for value in inputs])
            for got, want in zip(found, map(array, expected), strict=True):
                assert got.dtype == want.dtype, name
                assert got.shape == want.shape, name
                if name in SIGN_OF_ZERO:
                    got, want = got.astype(np.float32) + 0, want.astype(np.float32) + 0
                assert got.tobytes() == want.tobytes(), name
