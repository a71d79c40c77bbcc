"""What the PyTorch integer backend leaves to float, and what its profile and its sums say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.run.protocol import Mode, SessionOptions
from qexplorer.run.torch_integer import TORCH, session
from qexplorer.run.torch_integer.session import AccumulatorRange
from tests.run.layers_as_written import AS_WRITTEN, SHOWN
from tests.run.qdq_layers import codes, grid, one_layer


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_a_layer_of_another_kind_is_executed_as_written(name: str, tmp_path: Path) -> None:
    """Factors, a turned input, scales that differ within a sum, a moved bias: float, and the simulation's codes."""
    path, op, feeds = AS_WRITTEN[name](tmp_path)
    native, simulated = (TORCH.load(path, SessionOptions(mode)) for mode in (Mode.NATIVE, Mode.SIMULATED))
    assert native.kernels().float == {op: 1}
    np.testing.assert_array_equal(native.run(feeds)[0], simulated.run(feeds)[0])
    assert len(np.unique(native.run(feeds)[0])) > 20


def test_a_result_that_is_an_output_stays_float_and_is_rounded_behind_it(tmp_path: Path) -> None:
    """Somebody sees the sums before they are rounded: both are the simulation's."""
    path, _, feeds = SHOWN(tmp_path)
    native, simulated = (TORCH.load(path, SessionOptions(mode)) for mode in (Mode.NATIVE, Mode.SIMULATED))
    (found, shown), (expected, floats) = native.run(feeds), simulated.run(feeds)
    np.testing.assert_allclose(shown, floats, rtol=1e-4, atol=1e-4)
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1
    assert native.kernels().integer == {"Conv": 1}


@pytest.mark.parametrize(
    ("low", "high", "bits"),
    [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (0, 127, 8), (-128, 127, 8), (-129, 0, 9), (5, 128, 9)],
)
def test_bits_are_those_of_the_shortest_number_that_holds_both_ends(low: int, high: int, bits: int) -> None:
    """Two's complement: the sign is a bit, and below zero there is one number more."""
    assert AccumulatorRange(low, high).bits == bits


def test_times_of_steps_are_medians_in_milliseconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps that take 2 ms, and ten times that in the two runs that warm up and in one of three that count."""
    rng = np.random.default_rng(0)
    x = codes(rng, "uint8", (1, 4))
    path = one_layer(tmp_path, "Sigmoid", {"x": (x, grid(rng, "uint8"), None)}, grid(rng, "uint8"))
    loaded, marks = TORCH.load(path, SessionOptions()), [0]
    steps = len(loaded.profile({"x": x}, 1))

    def clock() -> float:
        run, mark = divmod(marks[0], steps + 1)
        marks[0] += 1
        return 100.0 * run + mark * (0.02 if run in (0, 1, 3) else 0.002)

    monkeypatch.setattr(session.time, "perf_counter", clock)
    assert [kernel.ms for kernel in loaded.profile({"x": x}, 3)] == [pytest.approx(2.0)] * steps
