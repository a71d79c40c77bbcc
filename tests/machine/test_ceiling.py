"""This machine's limits: measured, and the higher of two measurements taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.errors import BackendError
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


def test_two_threads_copy_for_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each its own array, eight times as often; their products are larger."""
    sizes: list[int] = []
    monkeypatch.setattr(ceiling_child, "_best", lambda _: (0.5, 4))
    graph_of = ceiling_child.product_graph
    monkeypatch.setattr(ceiling_child, "product_graph", lambda kind, size: (sizes.append(size), graph_of(kind, 8))[1])
    monkeypatch.setattr(ceiling_child, "_factor", lambda kind, _: np.ones((8, 8), kind))
    found = ceiling_here(2)
    assert (found.threads, sizes) == (2, [1024] * 3)
    assert found.int8_gops == pytest.approx(2 * 1024**3 / 0.5 / 1e9)
    assert found.memory_gb_per_s == pytest.approx(2 * 2 * 8 * 64 * 2**20 / 0.5 / 1e9)
    assert found.cache_gb_per_s == pytest.approx(2 * 2 * 8 * 5 * 192 * 2**10 / 0.5 / 1e9)


def test_a_product_without_a_kernel_is_missing_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured all the same, on as many threads as are asked for."""
    asked: list[tuple[str, int]] = []

    def product(kind: str, threads: int) -> tuple[float, int]:
        asked.append((kind, threads))
        if kind == "int8":
            raise BackendError("no kernel")
        return 7.0, 5

    monkeypatch.setattr(ceiling_child, "_product", product)
    monkeypatch.setattr(ceiling_child, "_best", lambda _: (0.5, 4))
    found = ceiling_here(3)
    assert asked == [("uint8", 3), ("int8", 3), ("float32", 3)]
    assert (found.int8_gops, found.int8_signed_gops, found.fp32_gflops) == (7.0, None, 7.0)
    assert list(found.missing) == ["int8_signed_gops"]
    assert "no kernel" in found.missing["int8_signed_gops"]
    assert found.n == {"int8_gops": 5, "fp32_gflops": 5, "memory_gb_per_s": 4, "cache_gb_per_s": 4}


@pytest.mark.parametrize(("call_s", "n"), [(2**-10, 40), (2**-7, 27), (1.0, 4)])
def test_the_shortest_call_behind_the_first_counts(monkeypatch: pytest.MonkeyPatch, call_s: float, n: int) -> None:
    """Of as many as fit into a fifth of a second, 4 at least and 40 at most; the first one warms up."""
    clock, calls = [0.0], [0]

    def call() -> None:
        clock[0] += {0: call_s / 8, 2: call_s / 2}.get(calls[0], call_s)
        calls[0] += 1

    monkeypatch.setattr(ceiling_child.time, "perf_counter", lambda: clock[0])
    best_s, count = ceiling_child._best(call)
    assert best_s == pytest.approx(call_s / 2)
    assert (count, calls[0]) == (n, n + 1)


@pytest.mark.parametrize("name", ["int8_gops", "int8_signed_gops", "fp32_gflops", "memory_gb_per_s", "cache_gb_per_s"])
def test_a_limit_that_one_of_two_lacks_is_the_other_s(name: str) -> None:
    """Whichever is higher; what neither has stays missing with its reason, by the later one's date."""
    for pair in ((9.0, None), (None, 9.0), (9.0, 7.0), (7.0, 9.0)):
        one, other = (made(**{name: value, "missing": {} if value else {name: "no kernel"}}) for value in pair)
        both = best_of(one, replace(other, created="2026-01-03"))
        assert (getattr(both, name), both.missing, both.created) == (9.0, {}, "2026-01-03")
    none = made(**{name: None, "missing": {name: "no kernel"}})
    assert best_of(none, none).missing == {name: "no kernel"}


def test_the_faster_of_two_integer_products_is_the_best() -> None:
    """Where there is any."""
    assert made().best_int8_gops == 8.0
    assert made(int8_gops=None).best_int8_gops == 4.0
    assert made(int8_gops=None, int8_signed_gops=None).best_int8_gops is None


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
