"""From timed calls to a latency, and when it is too noisy. No test here looks at a clock."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qexplorer.measure.latency import latency_of, noise


def timing(rounds: list[list[int]], *, share: float = 1.0, disturbed: float = 1.0) -> dict[str, Any]:
    """What the timing child returns for one model; the first part of the rounds, ``disturbed``, had only ``share``."""
    few = round(len(rounds) * disturbed)
    return {"rounds": rounds, "shares": [share] * few + [1.0] * (len(rounds) - few), "cpu_ns": sum(map(sum, rounds))}


def steady(n: int = 20, calls: int = 20, ns: int = 1_000_000) -> list[list[int]]:
    """Rounds that differ by half a per cent at most."""
    rng = np.random.default_rng(0)
    return [[int(ns * (1 + 0.005 * v)) for v in rng.random(calls)] for _ in range(n)]


def test_quantiles_are_in_milliseconds_over_every_call() -> None:
    """400 calls of 1 to 400 us: the quantiles are numpy's, n counts calls, and the machine counts as quiet."""
    calls = np.random.default_rng(1).permutation(400).reshape(20, 20) + 1
    found = latency_of(timing((calls * 1000).tolist()), None, batch=4, threads=1)
    assert found.p50 == pytest.approx(0.2005)
    assert found.p90 == pytest.approx(float(np.quantile(np.arange(1, 401), 0.9)) / 1000)
    assert found.p99 == pytest.approx(float(np.quantile(np.arange(1, 401), 0.99)) / 1000)
    assert (found.n, found.batch, found.threads) == (400, 4, 1)


def test_a_steady_machine_is_valid_and_a_disturbed_one_is_not() -> None:
    """Steady rounds pass; a shared processor, a drift and scattered rounds are each named as the noise they are."""
    assert latency_of(timing(steady()), None, batch=1, threads=1).valid
    shared = latency_of(timing(steady(), share=0.7), None, batch=1, threads=1)
    assert (shared.valid, shared.reason) == (False, "too noisy: other work took 30% of the processor meanwhile")
    drift = latency_of(timing(steady(10) + steady(10, ns=1_200_000)), None, batch=1, threads=1)
    assert not drift.valid
    assert "first and the second half" in (drift.reason or "")
    scattered = noise(np.array([1.0, 2.0] * 10), np.ones(20))
    assert scattered is not None
    assert "only known to" in scattered


def test_a_disturbance_of_fewer_than_half_of_the_rounds_is_said_and_does_no_harm() -> None:
    """The median of the rounds is an undisturbed one then, so the measurement is valid; p99 may suffer."""
    few = latency_of(timing(steady(), share=0.5, disturbed=0.4), None, batch=1, threads=1)
    assert few.valid
    assert "other work took 20% of the processor" in (few.reason or "")
    assert not latency_of(timing(steady(), share=0.5, disturbed=0.6), None, batch=1, threads=1).valid


def test_noise_still_shows_what_was_measured() -> None:
    """Too noisy is said beside the numbers, which stay as they were measured."""
    found = latency_of(timing(steady(), share=0.5), None, batch=1, threads=1)
    assert found.p50 == pytest.approx(1.0, rel=0.01)


def test_several_threads_are_not_blamed_for_sharing() -> None:
    """With two threads, processor time is not wall time, so it is no sign of noise."""
    assert latency_of(timing(steady(), share=1.9), None, batch=1, threads=2).valid


def test_few_calls_give_no_far_quantiles() -> None:
    """Twelve calls of a slow model have a median and an interval, and no p90 or p99, with the reason."""
    found = latency_of(timing(steady(6, 2)), None, batch=1, threads=1)
    assert found.valid
    assert (found.p90, found.p99) == (None, None)
    assert found.reason == "p90 and p99 not shown: 12 calls are too few"
    assert found.ci95 is not None


def test_too_few_rounds_are_not_valid() -> None:
    """Without an interval there is no valid latency."""
    found = latency_of(timing(steady(5)), None, batch=1, threads=1)
    assert not found.valid
    assert found.ci95 is None


def test_speed_up_is_the_ratio_of_medians_with_its_interval() -> None:
    """Half the time is a speed-up of 2, inside its interval; the float model has none."""
    found = latency_of(timing(steady()), timing(steady(ns=2_000_000)), batch=1, threads=1)
    assert found.speedup == pytest.approx(2, rel=0.01)
    assert found.speedup_ci95 is not None
    assert found.speedup_ci95[0] <= found.speedup <= found.speedup_ci95[1]
    assert latency_of(timing(steady()), None, batch=1, threads=1).speedup is None


@given(st.lists(st.lists(st.integers(1000, 10**7), min_size=1, max_size=9), min_size=6, max_size=30))
def test_the_interval_holds_the_median(rounds: list[list[int]]) -> None:
    """Whatever was timed, p50 lies in its interval and quantiles are in order."""
    found = latency_of(timing(rounds), None, batch=1, threads=1)
    assert found.p50 is not None
    assert found.ci95 is not None
    assert found.ci95[0] <= found.p50 <= found.ci95[1]
    assert found.p90 is None or found.p50 <= found.p90
