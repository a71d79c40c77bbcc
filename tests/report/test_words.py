"""Numbers as cells and short texts: units, digits, reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qexplorer.core.results import Accuracy, Energy, Fidelity, Kernels, Latency, Memory, Run, Size, Throughput
from qexplorer.report import words
from qexplorer.report.words import NONE
from tests.report.comparisons import float_run, quantized_run

ACCURACY = Accuracy("accuracy", 0.98, (0.93, 0.994), 100, -0.01, (-0.054, 0.027), 0.0376, 2, 3)
LATENCY = Latency(1.234, 2.0, 3.0, (1.2, 1.26), 400, 1, 1, True, 1.9, (1.8, 2.0))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999, "999 B"),
        (1000, "1.00 kB"),
        (999_999, "1,000 kB"),
        (10**6, "1.00 MB"),
        (10**9, "1.00 GB"),
        (25 * 10**8, "2.50 GB"),
    ],
)
def test_bytes_have_decimal_units(value: int, text: str) -> None:
    """From each thousand on the next unit."""
    assert words.bytes_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(9999, "9999"), (10_000, "10.0 k"), (999_000, "999 k"), (10**6, "1.00 M"), (10**9, "1.00 G"), (0, "0")],
)
def test_counts_are_exact_below_ten_thousand(value: int, text: str) -> None:
    """Then thousands, millions, billions."""
    assert words.count_text(value) == text


def test_what_a_file_stores_wider_is_told() -> None:
    """In bytes, or as a share of float's weights; nothing where codes are as wide as they are read, or nobody knows."""
    wide = Size(120, 50_000, 100_000, "int4 in int8")
    until = ": int4 in int8, until kernels read them packed"
    assert words.carried_text(wide) == f" packed, 100 kB as the file stores them{until}"
    assert words.carried_text(wide, Size(1, 400_000)) == f" packed, 0.25 of them as the file stores them{until}"
    assert words.carried_text(wide, Size(1, 0)).startswith(" packed, 100 kB")
    assert words.carried_text(replace(wide, carried=None)) == " packed, 100 kB as the file stores them"
    assert words.carried_text(replace(wide, stored_bytes=50_000)) == words.carried_text(Size(120, 50_000)) == ""


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (words.accuracy_text, ACCURACY, "98.0 % (93.0 to 99.4)"),
        (words.accuracy_text, replace(ACCURACY, value=None), NONE),
        (words.accuracy_text, None, NONE),
        (words.accuracy_cell, ACCURACY, "98.0 % (93.0 to 99.4), n 100"),
        (words.accuracy_cell, replace(ACCURACY, value=None), NONE),
        (words.accuracy_cell, None, NONE),
        (words.delta_text, ACCURACY, "-1.0 (-5.4 to +2.7)"),
        (words.delta_text, replace(ACCURACY, delta_ci95=None), "-1.0"),
        (words.delta_text, replace(ACCURACY, delta=None), NONE),
        (words.delta_text, None, NONE),
        (words.flips_cell, ACCURACY, "2 / 3"),
        (words.flips_cell, replace(ACCURACY, fixed=None), NONE),
        (words.flips_cell, replace(ACCURACY, broken=None), NONE),
        (words.flips_cell, None, NONE),
        (words.p_cell, ACCURACY, "0.038"),
        (words.p_cell, replace(ACCURACY, mcnemar_p=None), NONE),
        (words.p_cell, None, NONE),
        (words.latency_text, LATENCY, "1.23 ms"),
        (words.latency_text, replace(LATENCY, valid=False), "1.23 ms (noisy)"),
        (words.latency_text, replace(LATENCY, p50=None), NONE),
        (words.latency_text, None, NONE),
        (words.latency_cell, LATENCY, "1.23 ms (1.20 to 1.26), n 400"),
        (words.latency_cell, replace(LATENCY, ci95=None, valid=False), "1.23 ms, n 400, noisy"),
        (words.latency_cell, replace(LATENCY, p50=None), NONE),
        (words.latency_cell, None, NONE),
        (words.speedup_text, LATENCY, "1.90x (1.80 to 2.00)"),
        (words.speedup_cell, LATENCY, "1.90\u00d7 (1.80 to 2.00)"),
        (words.speedup_cell, None, NONE),
        (words.memory_text, Memory(61_000_000, steady_rss_bytes=58_000_000), "61.0 MB, then 58.0 MB"),
        (words.memory_text, Memory(61_000_000), "61.0 MB"),
        (words.memory_text, Memory(None), NONE),
        (words.memory_text, None, NONE),
        (words.energy_text, Energy(0.412, None, "measured:rapl"), "0.41 mJ measured"),
        (words.energy_text, Energy(None, None, "estimated"), NONE),
        (words.energy_text, None, NONE),
        (words.energy_cell, Energy(0.412, (0.4, 0.42), "measured:rapl"), "0.412 mJ (0.400 to 0.420) measured"),
        (words.energy_cell, Energy(0.412, None, "estimated"), "0.412 mJ estimated"),
        (words.energy_cell, Energy(None, None, "estimated"), NONE),
        (words.energy_cell, None, NONE),
        (words.fidelity_text, Fidelity(1.0, 1.0, True), "exact"),
        (words.fidelity_text, Fidelity(1.0, 1.0, False), "1 step"),
        (words.fidelity_text, Fidelity(1.0, 2.5, False), "2.5 steps"),
        (words.fidelity_text, Fidelity(0.995, None, False), "99.5 % same"),
        (words.fidelity_text, Fidelity(None, None, False), NONE),
        (words.fidelity_text, None, NONE),
        (words.kernels_cell, Kernels({"QGemm": 1, "QLinearConv": 9}, {"Conv": 2}, {"Cast": 5}), "10 int, 2 float"),
        (words.kernels_cell, None, NONE),
    ],
)
def test_what_stands_in_a_cell(write: Any, value: Any, text: str) -> None:
    """The number with what it rests on; a dash where there is none."""
    assert write(value) == text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "9,000 /s, batch 8, noisy"),
        ({"throughput_by_batch": {2: Throughput(500.0, (480.0, 520.0), 9)}}, "500 /s (480 to 520), batch 2"),
        ({"throughput_by_batch": {}}, "9,000 /s"),
        ({"throughput_by_batch": {}, "throughput_per_s": None}, NONE),
    ],
)
def test_throughput_is_that_of_the_best_batch(changes: dict[str, Any], text: str) -> None:
    """With its batch size where that is known; records without rates have the number alone."""
    noisy = {8: Throughput(9000.0, n=9, valid=False)}
    run: Run = float_run(**{"throughput_by_batch": noisy} | changes)
    assert words.throughput_cell(run) == text


def test_a_valid_rate_goes_before_a_noisy_one() -> None:
    """However much higher the noisy one is."""
    assert words.throughput_cell(quantized_run()) == "5,000 /s (4,900 to 5,100), batch 1"
