"""What is read off OpenVINO's graph and its messages: operations made up by hand, no package needed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.run.openvino.graph import half_precision, sentence


def _typed(name: str) -> Any:
    return SimpleNamespace(get_type_name=lambda: name)


def _source(kind: str, widened: str | None = None, op: str = "Convert") -> Any:
    """A value of a type; ``widened``: an operation makes it of one of this type."""
    node = SimpleNamespace(
        get_type_name=lambda: "Parameter" if widened is None else op,
        get_input_element_type=lambda _: _typed(widened or ""),
    )
    return SimpleNamespace(get_node=lambda: node, get_element_type=lambda: _typed(kind))


def _op(what: str, data: Any, weight: Any = None) -> Any:
    values = [data, weight or _source("f32")]
    return SimpleNamespace(get_type_name=lambda: what, input_value=lambda place: values[place])


F16, BF16, F32 = _source("f16"), _source("bf16"), _source("f32")


@pytest.mark.parametrize(
    ("ops", "found"),
    [
        ([("Convolution", F16), ("MatMul", F16)], "f16"),
        ([("Convolution", BF16)], "bf16"),
        ([("Convolution", F16), ("MatMul", BF16)], None),
        ([("Convolution", F16), ("MatMul", F32)], None),
        ([("Convolution", F32)], None),
        ([("Convolution", _source("f32", "f16"))], "f16"),
        ([("Convolution", _source("f32", "i8"))], None),
        ([("Convolution", _source("f32", "f16", "Exp"))], None),
        ([("Convolution", F16), ("Relu", F32)], "f16"),
        ([("Relu", F16)], None),
        ([], None),
    ],
)
def test_half_precision_is_that_of_every_product(ops: list[tuple[str, Any]], found: str | None) -> None:
    """By what it reads, before it was widened; operators that multiply nothing do not count."""
    model = SimpleNamespace(get_ops=lambda: [_op(*each) for each in ops])
    assert half_precision(model) == found


@pytest.mark.parametrize("weight", [F16, F32])
def test_half_precision_is_told_by_the_data_and_not_by_the_weight(weight: Any) -> None:
    """Weights may be stored in half and read in whole."""
    for data, found in ((F16, "f16"), (F32, None)):
        assert half_precision(SimpleNamespace(get_ops=lambda data=data: [_op("MatMul", data, weight)])) == found


def test_a_message_is_one_line_of_what_it_says() -> None:
    """Without breaks, and no longer than a line; an error without words is called by its kind."""
    assert sentence(RuntimeError("it does\n not   work.")) == "it does not work"
    assert sentence(RuntimeError("")) == "RuntimeError"
    assert len(sentence(RuntimeError("x" * 1000))) == 300


UNKNOWN = """Exception from src/frontends/a.cpp:12:
Check 'x == y' failed at src/b.cpp:34:
FrontEnd API failed with OpConversionFailure:
While validating ONNX node '<Node(Foo): bar>':
  it is not
  supported.
-- Conversion is failed for: Foo
 Summary: one"""
FAILING = """[SomePass] END: node: opset1::Add Add_1 (opset1::Add conv1/DequantizeLinear[0]:f32) -> x
CALLBACK HAS THROWN: Check failed
shapes differ."""
NODE = "Exception from src/a.cpp:12: Check 'x' failed at b.cpp:3: While validating node 'v::Add A ()': Shapes are off"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (UNKNOWN, "'bar' (Foo): it is not supported"),
        (FAILING, "its own SomePass fails behind 'conv1': shapes differ"),
        (NODE, "Shapes are off"),
    ],
)
def test_a_message_names_the_first_node_that_is_not_taken(said: str, told: str) -> None:
    """Without lines of its source; where a pass of its own fails, the node behind which it does."""
    assert sentence(RuntimeError(said)) == told
