"""Looks at a machine as columns, by hand."""

from __future__ import annotations

import pytest

from qexplorer.core.usage import MOST_KEPT, GpuSample, Usage, UsageSample


def _looks(n: int) -> list[UsageSample]:
    """Every look twice as late as its number; memory falls, and every third look has none."""
    return [UsageSample(2.0 * i, (float(i), 100.0), None if i % 3 == 0 else 1000 - i) for i in range(n)]


@pytest.mark.parametrize(("n", "kept", "first"), [(1, 1, 1), (120, 120, 1), (121, 61, 2), (240, 120, 2), (241, 81, 3)])
def test_neighbours_are_averaged_so_that_enough_are_left(n: int, kept: int, first: int) -> None:
    """Groups of as few as possible, at most 120 of them; each has its last moment and its largest memory."""
    found = Usage.of(_looks(n))
    assert (len(found.t_s), found.n, MOST_KEPT) == (kept, n, 120)
    assert found.t_s[0] == 2.0 * (first - 1)
    assert found.t_s[-1] == 2.0 * (n - 1)
    assert found.cpu_percent[0] == (round((first - 1) / 2, 1), 100.0)
    assert found.rss_bytes[0] == (None if first == 1 else 999)
    assert found.reason is None


def test_totals_are_of_all_that_is_kept() -> None:
    """The mean of each processor and the largest memory; none where no look saw any."""
    found = Usage.of(_looks(4))
    assert found.mean_cpu_percent == (1.5, 100.0)
    assert found.peak_rss_bytes == 999
    assert Usage.of([UsageSample(0.0, (1.0,), None)]).peak_rss_bytes is None
    assert Usage().mean_cpu_percent == ()


def test_gpus_that_every_look_saw_are_told() -> None:
    """What a driver does not say is left out of means and of the largest; none is left where it never says."""
    looks = [
        UsageSample(float(i), (0.0,), 1, gpus)
        for i, gpus in enumerate(
            [(GpuSample(10.0, 5), GpuSample(1.0, 1)), (GpuSample(None, 9),), (GpuSample(30.0, None),)] * 100
        )
    ]
    found = Usage.of(looks)
    assert len(found.t_s) == 100
    assert set(found.gpu_percent) == {(20.0,)}
    assert set(found.gpu_memory_bytes) == {(9,)}
    silent = Usage.of([UsageSample(0.0, (0.0,), 1, (GpuSample(None, None),))])
    assert (silent.gpu_percent, silent.gpu_memory_bytes) == (((None,),), ((None,),))


def test_a_processor_that_a_look_lacks_is_left_out() -> None:
    """Widths differ where a processor was taken off line."""
    found = Usage.of([UsageSample(0.0, (10.0, 20.0), 1), UsageSample(1.0, (30.0,), 1)])
    assert found.mean_cpu_percent == (20.0,)
