"""This machine's limits: measured, and the higher of two measurements taken."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from qexplorer.machine import ceiling_child
from qexplorer.machine.ceiling import Ceiling, best_of
from qexplorer.machine.ceiling_child import ceiling_here, product_graph
from qexplorer.machine.cpu import cpu_model


def made(**changes: object) -> Ceiling:
    """A ceiling of this machine with made-up numbers."""
    values = {"int8_gops": 8.0, "int8_signed_gops": 4.0, "fp32_gflops": 2.0, "memory_gb_per_s": 1.0}
    values |= {"cache_gb_per_s": 3.0, "n": {"int8_gops": 5}} | changes
    return Ceiling(cpu_model(), 1, "2026-01-02", **values)  # type: ignore[arg-type]


def test_every_limit_is_measured() -> None:
    """Every limit is a positive number with the measurements behind it."""
    found = ceiling_here(1)
    peaks = (found.int8_gops, found.int8_signed_gops, found.fp32_gflops, found.memory_gb_per_s, found.cache_gb_per_s)
    assert all(peak is not None and peak > 0 for peak in peaks)
    assert len(found.n) == 5
    assert min(found.n.values()) >= 4


def test_operations_and_bytes_are_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of 512 x 512 matrices in half a second is 2 x 512**3 operations, and a copied byte is one read and one
    written: a multiply-accumulate and a copy both count two."""
    repeats: list[int] = []

    def half_a_second(call: Callable[[], object]) -> tuple[float, int]:
        call()
        return 0.5, 4

    real = ceiling_child._copy_one
    monkeypatch.setattr(ceiling_child, "_copy_one", lambda pair, n: (repeats.append(n), real(pair, n))[1])
    monkeypatch.setattr(ceiling_child, "_best", half_a_second)
    found = ceiling_here(1)
    for gops in (found.int8_gops, found.int8_signed_gops, found.fp32_gflops):
        assert gops == pytest.approx(2 * 512**3 / 0.5 / 1e9)
    assert repeats == [1, 5]
    assert found.memory_gb_per_s == pytest.approx(2 * 64 * 2**20 / 0.5 / 1e9)
    assert found.cache_gb_per_s == pytest.approx(2 * 5 * 192 * 2**10 / 0.5 / 1e9)


def test_the_higher_of_two_counts() -> None:
    """Of two measurements each limit is the higher one, and their counts add up."""
    both = best_of(
        made(int8_gops=9.0), made(fp32_gflops=3.0, int8_signed_gops=None, missing={"int8_signed_gops": "no"})
    )
    assert (both.int8_gops, both.fp32_gflops, both.int8_signed_gops) == (9.0, 3.0, 4.0)
    assert both.n == {"int8_gops": 10}
    assert not both.missing


@pytest.mark.parametrize("kind", ["uint8", "int8", "float32"])
def test_the_product_that_is_timed_is_a_product(kind: str, tmp_path: object) -> None:
    """The graph multiplies its input with its weight: ONNX Runtime and NumPy agree."""
    import onnx
    from onnx import numpy_helper

    from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
    from qexplorer.run.protocol import SessionOptions

    proto = product_graph(kind, 16)
    path = tmp_path / "product.onnx"  # type: ignore[operator]
    onnx.save(proto, str(path))
    a = np.arange(256).reshape(16, 16).astype(kind)
    weight = numpy_helper.to_array(proto.graph.initializer[0])
    assert weight.min() < 0 < weight.max()
    (found,) = OnnxRuntimeCpu().load(path, SessionOptions()).run({"a": a})
    np.testing.assert_allclose(found, a.astype(np.float64) @ weight.astype(np.float64), rtol=1e-4, atol=1e-4)
