"""What is exactly as large as is allowed is let in, and what is larger by one is refused with both numbers."""

from __future__ import annotations

import onnx
import pytest
from onnx import TensorProto, helper

from qexplorer.core.errors import ModelError
from qexplorer.load.safety import bombs, check
from qexplorer.load.safety.bombs import check_declared_sizes, check_inferred_sizes
from qexplorer.load.safety.limits import loading_limits
from tests.load.model_graphs import F32, model, value


def _ports(inputs: int, outputs: int) -> onnx.ModelProto:
    nodes = [helper.make_node("Sum", [f"x{i}" for i in range(inputs)], ["s"])]
    nodes += [helper.make_node("Relu", ["s"], [f"y{i}"]) for i in range(outputs)]
    return model(nodes, {f"x{i}": [1] for i in range(inputs)}, [f"y{i}" for i in range(outputs)])


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"), [(2, 2, None), (3, 2, "3 inputs"), (2, 3, "3 outputs"), (1, 1, None)]
)
def test_inputs_and_outputs(inputs: int, outputs: int, says: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most two of each here."""
    monkeypatch.setattr(check, "MAX_PORTS", 2)
    if says is None:
        check._check_ports(_ports(inputs, outputs), "m")
        return
    with pytest.raises(ModelError, match=f"m: the model has {says}; allowed: at most 2"):
        check._check_ports(_ports(inputs, outputs), "m")


def _holds(shape: list[int]) -> onnx.ModelProto:
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}, ["y"])
    proto.graph.value_info.append(value("h", shape))
    return proto


@pytest.mark.parametrize(
    ("shape", "says"),
    [([1] * 64, None), ([1] * 65, "65 axes"), ([2**50 - 1], None), ([2**50], "the impossible shape"), ([-1, 0], None)],
)
def test_axes_and_lengths_of_what_is_declared(shape: list[int], says: str | None) -> None:
    """As many axes as an array of NumPy can have; a length below 0 is a free one."""
    if says is None:
        check_declared_sizes(_holds(shape), "m")
        return
    with pytest.raises(ModelError, match=f"m: the tensor 'h' has {says}"):
        check_declared_sizes(_holds(shape), "m")


@pytest.mark.parametrize(
    ("shape", "kind", "gigabytes"),
    [
        ([2**30], F32, None),
        ([2**30 + 1], F32, 4),
        ([3, 2**30], F32, 12),
        (["n", 2**30], F32, None),
        ([0, 2**40], F32, None),
        ([-5, 2**30], F32, None),
        ([2**31], TensorProto.FLOAT16, None),
        ([2**33], TensorProto.INT4, None),
        ([2**33 + 2], TensorProto.INT4, 4),
        ([2**33], TensorProto.INT8, 8),
        ([2**30], TensorProto.DOUBLE, 8),
    ],
)
def test_one_tensor_at_batch_one(shape: list[int | str], kind: int, gigabytes: int | None) -> None:
    """By the bits of its type; a free length counts as 1, and an empty tensor takes nothing."""
    proto = model([helper.make_node("Relu", ["x"], ["y"])], {"x": [1]}, ["y"])
    proto.graph.value_info.append(value("h", shape, kind))
    if gigabytes is None:
        check_inferred_sizes(proto, "m")
        return
    with pytest.raises(ModelError, match=f"m: the tensor 'h' would need {gigabytes} GB .*; allowed: at most 4 GB"):
        check_inferred_sizes(proto, "m")


@pytest.mark.parametrize(
    ("kind", "field", "stored", "wanted"),
    [
        ("FLOAT", "float_data", 3, 3),
        ("DOUBLE", "double_data", 3, 3),
        ("INT64", "int64_data", 3, 3),
        ("UINT64", "uint64_data", 3, 3),
        ("INT8", "int32_data", 3, 3),
        ("COMPLEX64", "float_data", 6, 3),
        ("COMPLEX128", "double_data", 6, 3),
        ("INT4", "int32_data", 2, 3),
        ("INT4", "int32_data", 2, 4),
        ("UINT2", "int32_data", 2, 5),
    ],
)
def test_values_are_counted_by_how_their_type_is_stored(kind: str, field: str, stored: int, wanted: int) -> None:
    """Two numbers a complex one, several packed codes a byte; one value less or more than declared is damage."""
    step = 2 if "COMPLEX" in kind else 1
    for given in (stored - step, stored, stored + step):
        tensor = TensorProto(name="w", data_type=TensorProto.DataType.Value(kind), dims=[wanted])
        getattr(tensor, field).extend([0] * given)
        damaged = bombs._values_present(tensor) != wanted
        assert damaged == (given != stored), given


def test_a_larger_file_may_take_more_of_everything() -> None:
    """Time and memory grow with the file, by several copies of it."""
    small, large = loading_limits(0), loading_limits(10**9)
    assert small.wall_s is not None
    assert large.wall_s is not None
    assert large.wall_s > small.wall_s > 10
    assert small.cpu_s is not None
    assert large.cpu_s is not None
    assert large.cpu_s > small.cpu_s >= small.wall_s
    assert small.memory_bytes is not None
    assert large.memory_bytes is not None
    assert large.memory_bytes - small.memory_bytes > 4 * 10**9
