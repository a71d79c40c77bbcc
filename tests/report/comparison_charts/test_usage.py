"""Strips of hardware use: which there are, what is said of them, and a valid chart."""

from __future__ import annotations

import altair
import pytest

from qexplorer.core.usage import GpuSample, Usage, UsageSample
from qexplorer.report.comparison_charts.usage import MOST_STRIPS, usage_infos, usage_spec
from tests.report.comparisons import comparison, float_run, quantized_run


def usage(cpus: int = 2, *gpus: GpuSample) -> Usage:
    """Four looks at a machine whose last processor is the busiest."""
    looks = [
        UsageSample(i + 1.0, tuple(float(i + cpu) for cpu in range(cpus)), (60 + i) * 10**6, gpus) for i in range(4)
    ]
    return Usage.of(looks)


def test_every_processor_and_the_memory_have_a_strip() -> None:
    """A backend's runs share one chart; each processor has a strip to 100 %, the memory one in its own unit."""
    found = usage_infos(comparison(float_run(usage=usage()), quantized_run(usage=usage())))
    assert len(found) == 1
    assert [strip.name for strip in found[0].strips] == ["CPU 0", "CPU 1", "memory"]
    assert found[0].strips[0].top == 100
    assert found[0].strips[2].unit == "MB"
    assert found[0].strips[1].said == "CPU 1: 2 % on average, 4 % at most"
    assert found[0].t_s == (1.0, 2.0, 3.0, 4.0)
    altair.Chart.from_dict(usage_spec(found[0]))


def test_gpus_have_strips_where_there_are_any() -> None:
    """A GPU has a strip of its load and one of its memory; a load that nobody knows is said to be unknown."""
    found = usage_infos(comparison(float_run(usage=usage(1, GpuSample(None, 5_000_000_000)))))[0]
    assert [strip.name for strip in found.strips] == ["CPU 0", "memory", "GPU 0", "GPU 0 memory"]
    assert found.strips[2].said == "GPU 0: not known"
    assert found.strips[3].unit == "GB"
    altair.Chart.from_dict(usage_spec(found))


def test_of_many_processors_the_busiest_are_drawn() -> None:
    """With 40 processors the 16 busiest have strips, in their own order, and the others are counted."""
    found = usage_infos(comparison(float_run(usage=usage(40))))[0]
    names = [strip.name for strip in found.strips if strip.name.startswith("CPU")]
    assert names == [f"CPU {cpu}" for cpu in range(40 - MOST_STRIPS, 40)]
    assert found.left_out == 40 - MOST_STRIPS


def test_runs_that_nobody_looked_at_have_no_chart() -> None:
    """A comparison of an earlier version, or a run that was too short for a look, gives nothing to draw."""
    assert usage_infos(comparison()) == []
    assert usage_infos(comparison(float_run(usage=Usage.of([])))) == []


def test_strips_share_their_time_and_end_behind_what_they_show() -> None:
    """Seconds stand under the last one alone; 100 % and the most memory are marked; a look tells of the time before."""
    info = usage_infos(comparison(float_run(usage=usage())))[0]
    spec = usage_spec(info)
    strips = [strip["encoding"] for strip in spec["vconcat"]]
    assert [each["x"].get("title") for each in strips] == [None, None, "seconds"]
    assert {tuple(each["x"]["scale"]["domain"]) for each in strips} == {(0, 4.0)}
    assert [each["y"]["axis"]["values"] for each in strips[:2]] == [[0, 100.0]] * 2
    assert strips[2]["y"]["axis"]["values"] == pytest.approx([0, 63])
    assert strips[2]["y"]["scale"]["domain"] == pytest.approx([0, 1.1 * 63])
    first = [row for row in spec["datasets"]["looks"] if row["name"] == "CPU 1"]
    assert [(row["t"], row["value"]) for row in first] == [(0.0, 1.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]
    assert info.left_out == 0
    assert info.n == 4


def test_memory_that_was_not_seen_at_once_has_gaps() -> None:
    """Looks without a value stay; a strip of none at all is left out; each name stands once for each look."""
    looks = [UsageSample(i + 1.0, (50.0,), 10**6, (GpuSample(7.0, used),)) for i, used in enumerate((None, 2 * 10**9))]
    info = usage_infos(comparison(float_run(usage=Usage.of(looks))))[0]
    memory = next(strip for strip in info.strips if strip.name == "GPU 0 memory")
    assert (memory.unit, list(memory.values)) == ("GB", [None, 2.0])
    rows = [row for row in usage_spec(info)["datasets"]["looks"] if row["name"] == "GPU 0 memory"]
    assert [row["t"] for row in rows] == [0.0, 1.0, 2.0]
    none = [UsageSample(1.0, (50.0,), 10**6, (GpuSample(7.0, None),))]
    names = [strip.name for strip in usage_infos(comparison(float_run(usage=Usage.of(none))))[0].strips]
    assert "GPU 0 memory" not in names
