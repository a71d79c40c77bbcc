"""From powers to decibels, steps and shares, and by what a ladder is found again: worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qexplorer.measure.fidelity.gate import Difference
from qexplorer.measure.ladder import ladder
from qexplorer.measure.ladder.ladder import _gap, _layer, _ratio
from qexplorer.measure.ladder.ladder_child import _difference, _powers


@pytest.mark.parametrize(
    ("signal", "error", "expected"),
    [(100.0, 1.0, (20.0, 0.1)), (1.0, 4.0, (-6.0206, 2.0)), (1.0, 0.0, (None, 0.0)), (0.0, 1.0, (None, None))],
)
def test_a_ratio_is_of_powers_and_a_relative_error_of_roots(
    signal: float, error: float, expected: tuple[float | None, float | None]
) -> None:
    """No decibels without an error, neither without a signal or with an error that is no number."""
    assert _ratio(signal, error) == pytest.approx(expected, abs=1e-4)
    assert _ratio(1.0, math.inf) == (None, None)


def test_a_layer_s_worst_error_is_told_in_steps_of_its_grid() -> None:
    """None where it is on none."""
    row = {"layer": "a", "op": "Conv", "tensor": "t", "signal": 100.0, "error": 1.0, "worst": 0.6, "step": 0.2}
    found = _layer(row)
    assert (found.sqnr_db, found.relative, found.steps) == (20.0, 0.1, pytest.approx(3.0))
    assert _layer(row | {"step": None}).steps is None


def test_powers_leave_out_what_is_no_number() -> None:
    """Of both sides; another shape is infinitely far."""
    plain, other = np.array([3.0, np.inf, 1.0, 2.0], np.float16), np.array([1.0, 0.0, np.nan, 2.5], np.float32)
    assert _powers(plain, other) == (13.0, 4.25, 2.0)
    assert _powers(plain, other[:3]) == (0.0, math.inf, math.inf)


def test_a_gap_has_shares_of_its_samples_and_values() -> None:
    """Classes of samples, equal ones of all values, those within a step of outputs on a grid; None where there is
    none."""
    item = Difference(8, 16, 12, 2.5, 0.25, exact=False, elements=200, within_one=190, equal=150, values=300, noise=3.0)
    found = _gap(item)
    assert (found.batch, found.n, found.agreement, found.equal, found.within_one) == (8, 16, 0.75, 0.5, 0.95)
    assert (found.worst_steps, found.worst_relative, found.exact) == (2.5, 0.25, False)
    empty = _gap(Difference(1, 4, None, None, None, exact=True))
    assert (empty.agreement, empty.equal, empty.within_one, empty.exact) == (None, 0.0, None, True)


def test_the_batch_that_is_looked_at_is_the_one_that_is_farthest_off() -> None:
    """By steps first, then by what floats are off, then the largest batch."""
    items = [
        Difference(1, 4, None, 2.0, None, exact=False),
        Difference(8, 4, None, 3.0, None, exact=False, noise=0.1),
        Difference(32, 4, None, 3.0, None, exact=False, noise=0.5),
        Difference(64, 4, None, None, None, exact=False, noise=9.0),
    ]
    assert max(items, key=_difference).batch == 32
    assert max(items[:1] * 2 + [Difference(9, 4, None, 2.0, None, exact=False)], key=_difference).batch == 9


def test_a_ladder_is_found_by_all_that_it_was_climbed_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """File, data, samples and backends in their order; what an earlier version kept is not read."""
    paths = [
        ladder._path("d", "e", 20, ["a", "b"]),
        ladder._path("x", "e", 20, ["a", "b"]),
        ladder._path("d", "x", 20, ["a", "b"]),
        ladder._path("d", "e", None, ["a", "b"]),
        ladder._path("d", "e", 20, ["b", "a"]),
        ladder._path("d", "e", 20, ["a"]),
    ]
    monkeypatch.setattr(ladder, "_VERSION", ladder._VERSION + 1)
    paths.append(ladder._path("d", "e", 20, ["a", "b"]))
    assert len(set(paths)) == len(paths)
