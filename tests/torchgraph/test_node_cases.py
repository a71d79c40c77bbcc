"""Every operator against the node cases of ``onnx.backend.test``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper

from qexplorer.torchgraph.dtypes import tensor_from
from qexplorer.torchgraph.executor import GraphModule, missing_operators
from qexplorer.torchgraph.operators import operator_names
from tests.quantized_cases import QUANTIZED, quantized_cases

FLOOR = 1600
"""How many cases must pass; 1609 did with onnx 1.23."""

RANDOM = {
    "test_training_dropout": "the case holds the random numbers of NumPy, not of torch",
    "test_training_dropout_default": "the case holds the random numbers of NumPy, not of torch",
    "test_training_dropout_default_mask": "the case holds the random numbers of NumPy, not of torch",
    "test_training_dropout_mask": "the case holds the random numbers of NumPy, not of torch",
}
"""Cases that cannot be met, and why."""

TWO_STEPS = {TensorProto.FLOAT16: 2.0**-9, TensorProto.BFLOAT16: 2.0**-6}
"""Half-precision products are summed in another order than NumPy sums them: two steps of the type, relative."""

NOT_HELD = (TensorProto.STRING, TensorProto.FLOAT4E2M1, TensorProto.FLOAT8E8M0)
"""Element types that the executor cannot hold."""

WITHOUT_CASE = {"GlobalLpPool"}
"""Operators that ONNX has no case for: ``test_versions.py`` compares them with ONNX Runtime."""


@dataclass
class Outcome:
    """What came of all cases."""

    passed: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    not_held: list[str] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)
    quantized: set[str] = field(default_factory=set)


def kinds(model: onnx.ModelProto) -> set[int]:
    """Element types that a model reads, writes and makes; -1 for sequences and optional values."""
    found = set()
    for item in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        found.add(item.type.tensor_type.elem_type if item.type.HasField("tensor_type") else -1)
    for node in model.graph.node:
        found |= {attribute.i for attribute in node.attribute if attribute.name == "to"}
    return found


def as_tensor(value: Any) -> torch.Tensor:
    """A test value as a tensor."""
    proto = value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value))
    return tensor_from(proto)


def check(case: Any) -> None:
    """Runs a case; AssertionError if an answer is wrong."""
    for inputs, expected in case.data_sets:
        found = GraphModule(case.model)(*map(as_tensor, inputs))
        for got, value, info in zip(found, expected, case.model.graph.output, strict=False):
            want = as_tensor(value)
            assert got.dtype == want.dtype, f"{got.dtype} instead of {want.dtype}"
            assert got.shape == want.shape, f"shape {tuple(got.shape)} instead of {tuple(want.shape)}"
            rtol = max(case.rtol, TWO_STEPS.get(info.type.tensor_type.elem_type, 0))
            wide = torch.complex128 if want.dtype.is_complex else torch.float64
            pair = [tensor.to(wide).numpy() for tensor in (got, want)]
            np.testing.assert_allclose(*pair, rtol=rtol, atol=case.atol)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """All cases, run once."""
    from onnx.backend.test.case.node import collect_testcases

    found = Outcome()
    with np.errstate(all="ignore"):
        cases = [case for case in collect_testcases(None) if case.model is not None]
    for case in cases:
        if QUANTIZED & {node.op_type for node in case.model.graph.node}:
            found.quantized.add(case.name)
        if kinds(case.model) & {*NOT_HELD, -1}:
            found.not_held.append(case.name)
        elif missing_operators(case.model):
            found.missing.append(case.name)
        elif case.name not in RANDOM:
            try:
                check(case)
            except Exception as error:
                found.wrong[case.name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            else:
                found.passed.append(case.name)
                found.operators |= {node.op_type for node in case.model.graph.node}
    return found


def test_no_case_that_runs_is_wrong(outcome: Outcome) -> None:
    """Every case whose operators and types the executor has gives the answer and the type that ONNX wants."""
    assert outcome.wrong == {}


def test_no_quantized_case_is_made_elsewhere(outcome: Outcome) -> None:
    """Of all cases, those with quantized operators are the ones that other tests collect by themselves."""
    assert outcome.quantized == quantized_cases().keys()


def test_most_cases_run(outcome: Outcome) -> None:
    """At least as many cases pass as when this was written."""
    assert len(outcome.passed) >= FLOOR


def test_every_operator_has_a_case_that_passes(outcome: Outcome) -> None:
    """No operator of the default set is registered without a passing node case."""
    assert set(operator_names()) - outcome.operators == WITHOUT_CASE
