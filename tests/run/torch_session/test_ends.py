"""Both ends of a session with PyTorch: arrays to tensors and back, inputs that fit, and errors in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import BackendError, InputError
from qexplorer.run.torch_session.ends import array_of, checked_feeds, declared_inputs, guarded, read_file, tensor_of

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "torches"),
    [
        ("float32", torch.float32),
        ("float16", torch.float16),
        ("bfloat16", torch.bfloat16),
        ("int64", torch.int64),
        ("uint8", torch.uint8),
        ("bool", torch.bool),
    ],
)
def test_an_array_is_the_tensor_of_its_values_and_comes_back(name: str, torches: torch.dtype) -> None:
    """Laid out backwards, or turned over, as much as in order."""
    kind = np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
    plain = np.arange(6).reshape(2, 3).astype(kind)
    for array in (plain, plain[:, ::-1], plain.T):
        tensor = tensor_of(array, CPU)
        assert tensor.dtype == torches
        assert tensor.to(torch.float32).tolist() == array.astype(np.float32).tolist()
        back = array_of(tensor.T)
        assert back.dtype == kind
        assert back.flags.c_contiguous
        assert back.tolist() == array.T.tolist()
    assert array_of(plain) is plain, "a shape is one already"


@pytest.mark.parametrize(
    ("name", "values", "torches"),
    [
        ("int4", [-8, 7], torch.int8),
        ("int2", [-2, 1], torch.int8),
        ("uint4", [0, 15], torch.uint8),
        ("uint2", [0, 3], torch.uint8),
    ],
)
def test_narrow_codes_are_whole_bytes_with_their_sign(name: str, values: list[int], torches: torch.dtype) -> None:
    """PyTorch has no such types to compute with."""
    tensor = tensor_of(np.array(values).astype(getattr(ml_dtypes, name)), CPU)
    assert (tensor.dtype, tensor.tolist()) == (torches, values)


def test_memory_is_shared_only_where_it_may_be_written_to() -> None:
    """A tensor of an array that nobody may change is a copy."""
    open_, locked = np.zeros(2, np.float32), np.zeros(2, np.float32)
    locked.flags.writeable = False
    for array, seen in ((open_, 5.0), (locked, 0.0)):
        tensor_of(array, CPU)[0] = 5.0
        assert array[0] == seen


def declared() -> Any:
    """A model of a picture of any batch, a length without a declared shape, and a weight that is no input."""
    info = helper.make_tensor_value_info
    inputs = [
        info("x", TensorProto.FLOAT, ["n", 3, 2]),
        info("length", TensorProto.INT64, None),
        info("w", TensorProto.FLOAT, [2]),
    ]
    weight = numpy_helper.from_array(np.ones(2, np.float32), "w")
    node = helper.make_node("Mul", ["x", "w"], ["y"])
    return helper.make_model(helper.make_graph([node], "g", inputs, [info("y", TensorProto.FLOAT, None)], [weight]))


def test_what_a_model_declares_leaves_weights_out() -> None:
    """An axis with a name has any size; no shape is another thing than no axes."""
    assert declared_inputs(declared()) == {
        "x": (np.dtype("float32"), (None, 3, 2)),
        "length": (np.dtype("int64"), None),
    }


def test_feeds_that_fit_come_in_the_model_s_order() -> None:
    """Any batch and any shape where none is declared; a batch of one before a whole input is taken off."""
    feeds: dict[str, Any] = {"length": np.arange(4), "x": np.zeros((5, 3, 2), np.float32)}
    found = checked_feeds(feeds, declared_inputs(declared()), "m.onnx")
    assert list(found) == ["x", "length"]
    assert found["x"].shape == (5, 3, 2)
    state = checked_feeds({"s": np.zeros((1, 4, 2))}, {"s": (np.dtype("float64"), (4, 2))}, "m.onnx")
    assert state["s"].shape == (4, 2)


@pytest.mark.parametrize(
    ("feeds", "said"),
    [
        ({"x": np.zeros((5, 2, 3), np.float32)}, "m.onnx: the input 'x' is float32 of shape (5, 2, 3); allowed: "),
        ({"x": np.zeros((5, 3), np.float32)}, "float32 of shape (any, 3, 2)"),
        ({"x": np.zeros((5, 3, 2))}, "'x' is float64 of shape (5, 3, 2)"),
        ({"length": np.zeros(1, np.int32)}, "'length' is int32 of shape (1,); allowed: int64 of shape (any)"),
        ({"length": None}, "m.onnx: no value was given for the input 'length'"),
        ({"w": np.ones(2, np.float32)}, "m.onnx: there is no input 'w'; allowed: x, length"),
    ],
)
def test_feeds_that_do_not_fit_are_told_with_what_would(feeds: dict[str, Any], said: str) -> None:
    """Type, number of axes and each declared size count."""
    every: dict[str, Any] = {"x": np.zeros((5, 3, 2), np.float32), "length": np.arange(4)} | feeds
    given = {name: value for name, value in every.items() if value is not None}
    with pytest.raises(BackendError) as caught:
        checked_feeds(given, declared_inputs(declared()), "m.onnx")
    assert said in caught.value.sentence


@pytest.mark.parametrize(
    ("error", "said", "smaller"),
    [
        (RuntimeError("CUDA out of memory. Tried"), "PyTorch ran out of memory (CUDA out of memory. Tried)", True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory\nC"),
            "PyTorch ran out of memory (DefaultCPUAllocator: can't allocate memory)",
            True,
        ),
        (RuntimeError("bad sizes."), "PyTorch gave up (bad sizes)", False),
        (IndexError(), "PyTorch gave up (IndexError)", False),
        (ValueError("no /home/some.one/models/a.onnx"), "PyTorch gave up (no a.onnx)", False),
        (ValueError("x" * 300), f"PyTorch gave up ({'x' * 200})", False),
        (MemoryError(), "Python ran out of memory", True),
        (InputError("that is none", where="field"), "field: that is none", False),
    ],
)
def test_what_pytorch_raises_is_one_sentence(error: Exception, said: str, smaller: bool) -> None:
    """Its first line, without folders of this machine; only what is too large asks for a smaller batch."""
    with pytest.raises(BackendError) as caught, guarded("m.onnx"):
        raise error
    found = caught.value
    assert (found.where, found.what) == ("m.onnx", said)
    assert found.do == ("try a smaller batch" if smaller else None)


def test_a_backend_s_own_error_stays_as_it_is() -> None:
    """It names already where it happened."""
    error = BackendError("gone", where="layer")
    with pytest.raises(BackendError) as caught, guarded("m.onnx"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "a.onnx: it cannot be read as ONNX ("),
        (b"\xff\xff", "a.onnx: it cannot be read as ONNX ("),
        (b"", "it holds no ONNX graph"),
    ],
)
def test_a_file_that_is_no_model_is_refused_by_name(held: bytes | None, said: str, tmp_path: Path) -> None:
    """Missing, damaged, or without an output; the folder it is in is not told."""
    path = tmp_path / "a.onnx"
    if held is not None:
        path.write_bytes(held)
    with pytest.raises(BackendError) as caught:
        read_file(path)
    assert said in caught.value.sentence
    assert str(tmp_path) not in caught.value.sentence
