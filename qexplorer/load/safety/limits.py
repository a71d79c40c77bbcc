"""What a model file may ask of this machine before it is refused."""

from __future__ import annotations

from qexplorer.process.limits import Limits

__all__ = [
    "LOWEST_OPSET",
    "MAX_AXES",
    "MAX_EXPANDED_NODES",
    "MAX_FILE_BYTES",
    "MAX_LENGTH",
    "MAX_PORTS",
    "MAX_TENSOR_BYTES",
    "NEWEST_IR",
    "NEWEST_OPSET",
    "TARGET_OPSET",
    "loading_limits",
]

MAX_FILE_BYTES = 2**31 - 1  # protobuf holds no larger message
MAX_EXPANDED_NODES = 20_000  # nodes after functions have been inlined: what is loaded in some ten seconds
MAX_TENSOR_BYTES = 4 * 2**30  # one activation at batch 1, or one constant
MAX_AXES = 64  # of an array in NumPy
MAX_LENGTH = 2**50  # of one axis, also where another is empty
MAX_PORTS = 1_000  # inputs, and outputs: a runtime takes seconds to open a graph with ten thousand
LOWEST_OPSET = 7
NEWEST_OPSET = 26  # what ONNX Runtime 1.31 takes
NEWEST_IR = 13
TARGET_OPSET = 21  # what loaded models are brought to

_BASE_MEMORY_BYTES = 4 * 2**30  # libraries reserve some 1.5 GB of address space without using it
_BASE_WALL_S = 60.0


def loading_limits(file_bytes: int) -> Limits:
    """Limits of the child that loads a file of this size: parsing, conversion and two test runs hold several copies."""
    return Limits(
        wall_s=_BASE_WALL_S + file_bytes / 5e6,
        cpu_s=int(2 * _BASE_WALL_S + file_bytes / 2.5e6),
        memory_bytes=_BASE_MEMORY_BYTES + 10 * file_bytes,
        file_bytes=MAX_FILE_BYTES,
        nice=5,
    )
