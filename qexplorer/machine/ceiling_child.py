"""The child's side of :mod:`~qexplorer.machine.ceiling`: products of matrices and copies, the best of several.

Products run through the same backend that models run on, on graphs of one node, so that the ceiling is one that a
model could reach. Copies run in NumPy, which frees the interpreter for other threads meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Array
from qexplorer.core.disk.passing import passing_folder
from qexplorer.core.errors import QExplorerError
from qexplorer.machine.ceiling import Ceiling
from qexplorer.machine.cpu import cpu_model
from qexplorer.run.protocol import SessionOptions
from qexplorer.run.registry import reference

__all__ = [
    "ceiling_here",
]

_SIZE_ONE, _SIZE_MANY = 512, 1024
"""Rows, columns and depth of the products: operands lie in the caches, and a call is long against its overhead."""
_MOST_S, _MOST_CALLS, _LEAST_CALLS = 0.2, 40, 4
_MEMORY_BYTES, _CACHE_BYTES = 64 * 2**20, 192 * 2**10
"""Bytes of one array of a copy: far more than a core's share of any cache; half of the smallest second-level cache."""


def ceiling_here(threads: int) -> Ceiling:
    """Measures in this process, where it stands; about 1.5 s."""
    values: dict[str, float | None] = {}
    n: dict[str, int] = {}
    missing: dict[str, str] = {}
    for name, kind in (("int8_gops", "uint8"), ("int8_signed_gops", "int8"), ("fp32_gflops", "float32")):
        try:
            values[name], n[name] = _product(kind, threads)
        except QExplorerError as error:
            values[name], missing[name] = None, error.sentence
    for name, size in (("memory_gb_per_s", _MEMORY_BYTES), ("cache_gb_per_s", _CACHE_BYTES)):
        values[name], n[name] = _copy(size, threads)
    return Ceiling(cpu_model(), threads, datetime.now(UTC).isoformat(), n=n, missing=missing, **values)


def _product(kind: str, threads: int) -> tuple[float, int]:
    """Giga-operations a second of a square product whose first factor is of element type ``kind``."""
    import onnx

    size = _SIZE_ONE if threads == 1 else _SIZE_MANY
    with passing_folder("ceiling") as folder:
        path = Path(folder) / "product.onnx"
        onnx.save(product_graph(kind, size), str(path))
        session = reference().load(path, SessionOptions(threads=threads))
        best_s, n = _best(session.call({"a": _factor(kind, size)}))
    return 2 * size**3 / best_s / 1e9, n


def product_graph(kind: str, size: int) -> Any:
    """One product ``a @ b`` of ``size`` x ``size`` matrices, ``b`` constant as weights are: MatMulInteger with int32
    sums for codes (opset 10), MatMul for floats."""
    from onnx import TensorProto, helper, numpy_helper

    integer = kind != "float32"
    weight = numpy_helper.from_array(_factor("int8" if integer else kind, size), "b")
    shape = [size, size]
    given = helper.make_tensor_value_info("a", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
    made = helper.make_tensor_value_info("y", TensorProto.INT32 if integer else TensorProto.FLOAT, shape)
    node = helper.make_node("MatMulInteger" if integer else "MatMul", ["a", "b"], ["y"])
    graph = helper.make_graph([node], "product", [given], [made], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _factor(kind: str, size: int) -> Array:
    random = np.random.default_rng(0)
    if kind == "float32":
        return random.standard_normal((size, size), dtype=np.float32)
    codes = np.iinfo(kind)
    return random.integers(codes.min, codes.max, (size, size), kind)


def _copy(size: int, threads: int) -> tuple[float, int]:
    """Gigabytes read and written a second: each thread copies ``size`` bytes of its own."""
    pairs = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]
    repeats = max(1, 2**20 // size)  # a copy within a cache is shorter than what starting it takes
    if threads == 1:
        best_s, n = _best(lambda: _copy_one(pairs[0], repeats))
    else:
        with ThreadPoolExecutor(threads) as pool:
            best_s, n = _best(lambda: list(pool.map(lambda pair: _copy_one(pair, repeats * 8), pairs)))
        repeats *= 8
    return 2 * size * repeats * threads / best_s / 1e9, n


def _copy_one(pair: Sequence[Array], repeats: int) -> None:
    for _ in range(repeats):
        np.copyto(pair[1], pair[0])


def _best(call: Callable[[], object]) -> tuple[float, int]:
    """Seconds of the shortest of several calls, and how many there were (the first, which warms up, is not one)."""
    call()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < _LEAST_CALLS or (len(times) < _MOST_CALLS and time.perf_counter() - begin < _MOST_S):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times), len(times)
