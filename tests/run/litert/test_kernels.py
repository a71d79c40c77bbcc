"""What an operator of a .tflite file works on, by the types that it reads; and by what a converted file is kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.files import write_sealed
from qexplorer.run.litert import cache, kernels
from qexplorer.run.litert.interpreter import _number, _places
from qexplorer.run.litert.kernels import executed, kernels_of
from qexplorer.run.litert.tflite_file import Operator, Tensor
from qexplorer.run.packages import versions_of
from qexplorer.run.protocol import KernelKind

INT, FLOAT, MOVES, CONVERTS = KernelKind.INTEGER, KernelKind.FLOAT, KernelKind.MOVES, KernelKind.CONVERTS
NONE = np.zeros(0)


def tensor(dtype: str, name: str = "t") -> Tensor:
    """A tensor of that type."""
    return Tensor(name, dtype, (1, 4), NONE, NONE, 0, None)


@pytest.mark.parametrize(
    ("name", "reads", "kind", "label"),
    [
        ("CONV_2D", ("int8", "int8", "int32"), INT, "CONV_2D"),
        ("FULLY_CONNECTED", ("float32", "int8"), INT, "FULLY_CONNECTED (dynamic)"),
        ("FULLY_CONNECTED", ("float32", "int4"), INT, "FULLY_CONNECTED (dynamic, int4 weights)"),
        ("FULLY_CONNECTED", ("int8", "int4"), INT, "FULLY_CONNECTED (int4 weights)"),
        ("CONV_2D", ("int16", "int8"), INT, "CONV_2D (16-bit activations)"),
        ("FULLY_CONNECTED", ("float32", "float32"), FLOAT, "FULLY_CONNECTED"),
        ("BATCH_MATMUL", ("int8", "int8"), INT, "BATCH_MATMUL"),
        ("FULLY_CONNECTED", ("float32",), FLOAT, "FULLY_CONNECTED"),
        ("CONV_2D", ("int8",), INT, "CONV_2D"),
        ("ADD", ("int8", "int8"), INT, "ADD"),
        ("ADD", ("float32", "int8"), FLOAT, "ADD"),
        ("MAX_POOL_2D", ("int8",), INT, "MAX_POOL_2D"),
        ("LOGISTIC", ("float32",), FLOAT, "LOGISTIC"),
        ("RESHAPE", ("int8", "int32"), MOVES, "RESHAPE"),
        ("TRANSPOSE", ("float32",), MOVES, "TRANSPOSE"),
        ("QUANTIZE", ("float32",), CONVERTS, "QUANTIZE"),
        ("DEQUANTIZE", ("int8",), CONVERTS, "DEQUANTIZE"),
        ("CAST", ("int32",), CONVERTS, "CAST"),
        ("ARG_MAX", ("int32",), FLOAT, "ARG_MAX"),
        ("FILL_ALL", (), FLOAT, "FILL_ALL"),
    ],
)
def test_an_operator_works_on_what_it_reads(
    name: str, reads: tuple[str, ...], kind: KernelKind, label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers by their weights, others by their first input; layers on floats find ranges as they run."""
    operator = Operator(name, tuple(map(tensor, reads)), (tensor("int8", "made"),))
    monkeypatch.setattr(kernels, "operators", lambda _: [operator, operator])
    (found, _) = executed(b"")
    assert (found.name, found.op, found.kind, found.ms) == ("made", label, kind, None)
    counted = kernels_of(b"")
    place = {INT: counted.integer, FLOAT: counted.float}.get(kind, counted.other)
    assert place == {label: 2}
    assert sum(map(len, (counted.integer, counted.float, counted.other))) == 1


def test_outputs_come_by_their_numbers() -> None:
    """The tenth behind the second, whatever the order of their names."""

    class Runner:
        """A signature with eleven outputs."""

        def get_input_details(self) -> dict[str, Any]:
            """One input."""
            return {"args_0": {"index": 5, "dtype": np.int8, "shape": np.array([1, 4])}}

        def get_output_details(self) -> dict[str, Any]:
            """In the order of their names."""
            return {name: {"index": 100 + _number(name)} for name in sorted(f"output_{i}" for i in range(11))}

    class Interpreter:
        """Has it."""

        def get_signature_runner(self, _: str) -> Runner:
            """The runner."""
            return Runner()

    inputs, outputs = _places(Interpreter())
    assert outputs == list(range(100, 111))
    assert (inputs["args_0"].index, inputs["args_0"].shape) == (5, (1, 4))


def test_what_was_converted_is_found_for_the_very_same_alone(
    tmp_path: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file, shape, freedom of the batch or version of a package is converted anew; so is what was damaged."""
    made: list[Path] = []

    def convert(_: Path, arguments: dict[str, Any]) -> None:
        folder = Path(arguments["folder"])
        made.append(folder)
        (folder / "model.tflite").write_bytes(b"file")
        facts = {"inputs": ["x"], "batch_free": arguments["free"], "differences": ["it rounds"]}
        facts["codes_out"] = {"1": {"scale": 0.5, "zero_point": 3, "dtype": "uint8"}}
        facts["sha256"] = hashlib.sha256(b"file").hexdigest()
        write_sealed(folder / "facts.json", json.dumps(facts).encode())

    monkeypatch.setattr(cache, "_convert", convert)
    path = tmp_path / "m.onnx"

    def found(digest: str = "d", shape: tuple[int, ...] = (1, 3), *, free: bool = True) -> cache.Converted:
        return cache.converted(path, digest, {"x": shape}, free=free)

    first = found()
    assert first == found()
    assert (first.inputs, first.batch_free, first.differences) == (("x",), True, ("it rounds",))
    assert first.codes_out == {1: {"scale": 0.5, "zero_point": 3, "dtype": "uint8"}}
    found(digest="another")
    found(shape=(8, 3))
    assert not found(free=False).batch_free
    real = versions_of
    for package in ("qexplorer", "torch", "litert-torch", "litert-converter", "ai-edge-litert"):
        with monkeypatch.context() as patched:
            newer = {package: "9.9"}
            patched.setattr(
                cache,
                "versions_of",
                lambda names, newer=newer: real(names) | dict.fromkeys(newer.keys() & set(names), "9.9"),
            )
            found()
    assert len(set(made)) == len(made) == 9
    first.path.write_bytes(b"damaged")
    assert found() == first
    assert len(made) == 10
    assert made[-1].is_relative_to(workspace_folder)
