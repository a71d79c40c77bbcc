"""How often models are called and profiled, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qexplorer.measure.why import profile_child
from qexplorer.measure.why.profile_child import _runs, _whole_calls


class Clock:
    """Stands in for the module ``time``."""

    now_ns, last = 0, ""

    def perf_counter_ns(self) -> int:
        """Nanoseconds."""
        return self.now_ns

    def call(self, name: str, took_ns: list[int]) -> Callable[[], None]:
        """A call that takes these times in turn, and 50 ms more where another model was called before."""
        count = 0

        def run() -> None:
            nonlocal count
            self.now_ns += took_ns[count % len(took_ns)] + (50_000_000 if self.last != name else 0)
            self.last = name
            count += 1

        return run


@pytest.mark.parametrize(("slow_ns", "each"), [(10_000_000, 4), (1_000_000, 40), (1_000, 200), (100_000_000, 1)])
def test_a_round_lasts_as_long_as_the_slower_model_needs(
    slow_ns: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty milliseconds of it: 200 calls at most, one at least, eleven rounds; the call that finds another model's
    data in the caches is not timed."""
    clock = Clock()
    monkeypatch.setattr(profile_child, "time", clock)
    found, n = _whole_calls({"a": clock.call("a", [slow_ns]), "b": clock.call("b", [500])})
    assert found == {"a": [slow_ns] * 11, "b": [500] * 11}
    assert n == 11 * each


def test_a_round_is_the_median_of_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call in four that takes ten times as long, or next to nothing, is not seen."""
    clock = Clock()
    monkeypatch.setattr(profile_child, "time", clock)
    found, _ = _whole_calls({"a": clock.call("a", [8_000_000, 8_000_000, 100, 8_000_000, 80_000_000])})
    assert set(found["a"]) == {8_000_000}


@pytest.mark.parametrize(("call_s", "runs"), [(0.01, 40), (1.0, 5), (0.001, 100), (0.0, 100)])
def test_a_turn_of_profiling_lasts_four_tenths_of_a_second(call_s: float, runs: int) -> None:
    """Five runs at least, a hundred at most."""
    assert _runs(call_s) == runs
