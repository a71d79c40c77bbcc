"""Resident memory: the peak is at least what it settles at, and looks are counted."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.measure import memory
from qexplorer.measure.memory import peak_rss_bytes, rss_bytes, steady_rss_bytes


def test_memory_that_is_held_is_seen() -> None:
    """Much memory that is written to is resident, and stays in the peak when it is gone.

    Half of it may be missing: a kernel may take back other pages of a large process meanwhile.
    """
    before = rss_bytes()
    held = np.ones(240_000_000, np.uint8)
    assert rss_bytes() - before > 120_000_000
    peak = peak_rss_bytes()
    del held
    assert peak is None or peak >= before + 120_000_000


def test_steady_is_the_median_of_looks_after_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One look follows each run, forty at most, and a single high one does not count."""
    seen = iter([900, *[100] * 39])
    monkeypatch.setattr(memory, "rss_bytes", lambda: next(seen))
    monkeypatch.setattr(memory, "_LOOK_S", 60.0)
    runs: list[int] = []
    assert steady_rss_bytes(lambda: runs.append(1)) == (100, 40)
    assert len(runs) == 40


def test_a_slow_model_is_looked_at_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one run takes longer than there is time, three are made all the same."""
    monkeypatch.setattr(memory, "_LOOK_S", 0.0)
    assert steady_rss_bytes(lambda: None)[1] == 3
