"""LiteRT's interpreter for inputs of fixed shapes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qexplorer.core.dataset import Array
from qexplorer.run.litert.to_tflite import SIGNATURE

__all__ = ["PreparedInterpreter"]


class PreparedInterpreter:
    """A file, ready to run on inputs of the shapes of ``feeds``.

    Args:
        file: its path or its bytes.
        names: of the graph's inputs, in order; in the file they are called ``args_0`` and so on.
        feeds: an array for each input.
        threads: threads of one operator.
    """

    def __init__(self, file: Path | bytes, names: Sequence[str], feeds: Mapping[str, Array], *, threads: int) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from ai_edge_litert.interpreter import Interpreter

        given: dict[str, Any] = {"model_content": file} if isinstance(file, bytes) else {"model_path": str(file)}
        self.interpreter = Interpreter(**given, num_threads=threads)
        given_to, self._outputs = _places(self.interpreter)
        details = {name: given_to[f"args_{i}"] for i, name in enumerate(names) if f"args_{i}" in given_to}
        self._inputs = {name: item.index for name, item in details.items()}
        self._types = {name: item.dtype for name, item in details.items()}
        for name, index in self._inputs.items():
            if details[name].shape != feeds[name].shape:
                self.interpreter.resize_tensor_input(index, feeds[name].shape)
        self.interpreter.allocate_tensors()

    def run(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The outputs as the file has them."""
        return self.call(feeds)()

    def call(self, feeds: Mapping[str, Array]) -> Callable[[], list[Array]]:
        """The bare call: inputs in, invoke, outputs out; the inputs are brought to the file's types before."""
        interpreter, outputs = self.interpreter, self._outputs
        pairs = [(index, feeds[name].astype(self._types[name], copy=False)) for name, index in self._inputs.items()]

        def invoke() -> list[Array]:
            for index, value in pairs:
                interpreter.set_tensor(index, value)
            interpreter.invoke()
            return [interpreter.get_tensor(index) for index in outputs]

        return invoke


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the interpreter keeps an input."""

    index: int
    dtype: Any
    shape: tuple[int, ...]


def _places(interpreter: Any) -> tuple[dict[str, _Place], list[int]]:
    """Inputs by their names in the file, and the numbers of the outputs in order.

    The signature's runner must be gone before the interpreter can be given other shapes.
    """
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs = {
        name: _Place(item["index"], item["dtype"], tuple(int(size) for size in item["shape"]))
        for name, item in runner.get_input_details().items()
    }
    made = runner.get_output_details()
    return inputs, [made[name]["index"] for name in sorted(made, key=_number)]


def _number(key: str) -> int:
    return int(key.rsplit("_", 1)[1])
