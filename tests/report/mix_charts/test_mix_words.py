"""Sentences and cells about a mix, of a report with known numbers."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from qexplorer.core.results import Accuracy, Energy, Latency
from qexplorer.measure.metrics.statistics import mcnemar_exact, paired_difference_interval
from qexplorer.report.mix_charts.mix_words import (
    asked_text,
    axis_title,
    chosen_sentence,
    clock_sentences,
    cost_text,
    hidden_sentence,
    latency_errors,
    loss_unit,
    mix_cells,
    mix_header,
    prediction_sentence,
)
from qexplorer.search.mixing.mix_types import MixClock, MixGroup, MixPoint, MixReport, PlainMix, VerifiedMix
from qexplorer.search.sensitivity.sensitivity_types import Evaluated

COSTS = {"weight_bytes": 60_000.0, "bit_operations": 3_000_000.0, "latency_ms": 0.5, "energy_mj": 2.0}
GROUPS = tuple(
    MixGroup((name,), 10, ("int8", "int4", "float"), (0.0, 0.1, 0.0), {}, "gradient") for name in ("a", "b", "c")
)
PAIRED = Accuracy(
    "accuracy", 0.98, (0.9, 1.0), 200, -0.01, paired_difference_interval(1, 3, 200), mcnemar_exact(1, 3), 1, 3
)


def took(p50: float, speedup: float | None = None) -> Latency:
    """A latency known to a tenth."""
    return Latency(p50, None, None, (0.9 * p50, 1.1 * p50), 100, 1, 1, True, speedup)


def mix(loss: float = 0.03, drop: float | None = 0.01, surprise: float | None = None) -> VerifiedMix:
    """Two layers in int4 and one in int8: 60 kB, a predicted loss of 0.02."""
    found = Evaluated(loss, None, 200, 20.0, 0.1, 0.9, metric=0.98, metric_drop=drop, surprise=surprise)
    found = replace(found, surprise_half=0.001)
    return VerifiedMix(MixPoint((0, 1, 1), 0.02, COSTS), "", "mixed", "exact", 60_000, found, PAIRED)


def report(*mixes: VerifiedMix, chosen: int | None = 0, clock: MixClock | None = None) -> MixReport:
    """These mixes beside an int8 of 100 kB."""
    whole = {"weight_bytes": 100_000.0, "bit_operations": 8_000_000.0, "latency_ms": 1.0, "energy_mj": 4.0}
    choices, asked = ("int8", "int4", "float"), {"weight_bytes": 0.6}
    about = ("net", "points", "", choices, whole, {}, asked, None, False, "weight_bytes", None, "nats", "accuracy")
    mixes = mixes or (mix(),)
    return MixReport(*about, 200, GROUPS, (), (), (), mixes, chosen, None, clock)


def clock(**changes: object) -> MixClock:
    """Int8 took 2 ms a call when the table was made, and 1 ms beside the mixes."""
    plain = (PlainMix("float", 4.0, took(3.0)), PlainMix("int8", 2.0, took(1.0)))
    return replace(MixClock("onnxruntime", 1, "kernels", 0.034, 12, "estimated", 15.04, plain), **changes)


TIMED = replace(mix(), latency=took(0.2, 2.5), energy=Energy(1.5, None, "estimated"))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("weight_bytes", 1234.4, "1.23 kB"),
        ("bit_operations", 11.7e6, "11.7 M"),
        ("bit_operations", 1234.0, "1234"),
        ("weight_bytes", 12.0, "12 B"),
        ("latency_ms", 0.5, "0.500 ms"),
        ("energy_mj", 2.0, "2.00 mJ"),
    ],
)
def test_a_cost_has_its_unit(kind: str, value: float, text: str) -> None:
    """Bytes, operations, milliseconds or millijoules."""
    assert cost_text(kind, value) == text


def test_axes_and_losses_say_what_they_are() -> None:
    """Per cent of int8's; an energy says where it is an estimate."""
    timed = report(clock=clock())
    metered = report(clock=clock(energy_source="measured:rapl"))
    assert axis_title(timed, "weight_bytes") == "weights, % of int8's bytes"
    assert axis_title(timed, "latency_ms") == "latency, % of int8's"
    assert axis_title(timed, "energy_mj") == "energy, % of int8's (estimated)"
    assert axis_title(metered, "energy_mj") == axis_title(report(), "energy_mj") == "energy, % of int8's"
    assert loss_unit(report()) == "divergence from float, nats"
    assert loss_unit(replace(report(), temperature=1.5)) == "divergence from float at temperature 1.5, nats"
    assert loss_unit(replace(report(), unit="relative")) == "squared error over signal"


def test_what_was_asked_is_told_with_budgets_in_their_units() -> None:
    """A least cost, budgets, or both."""
    plain = report()
    assert asked_text(plain) == "at most 60.0 kB of weights, 60 % of int8's"
    both = replace(plain, budgets={"bit_operations": 0.25, "latency_ms": 0.5}, as_float=True)
    told = "at most 2.00 M of bit operations, 25 % of int8's and at most 0.500 ms, 50 % of int8's"
    assert asked_text(both) == f"the smallest that no test tells from float, with {told}"
    least = replace(plain, budgets={}, most_drop=0.01, axis="latency_ms")
    assert asked_text(least) == "the fastest whose metric drops by at most 0.01"


def test_the_chosen_mix_is_told_with_its_costs_and_its_metric() -> None:
    """How many layers have which choice, bytes, time and speed-up where it was timed, the metric beside float's."""
    told = "2 in int4: 60.0 kB of weights, 60 % of int8's"
    after = "; on 200 samples kept apart 98.0 %"
    assert chosen_sentence(report()) == f"1 in int8 and {told}{after}, 1.0 points below float."
    for drop, words in ((-0.01, ", 1.0 points above float"), (0.0, ", as float"), (None, "")):
        assert chosen_sentence(report(mix(drop=drop))).endswith(f"{after}{words}.")
    timed = chosen_sentence(report(TIMED, clock=clock()))
    assert "; 0.200 ms on ONNX Runtime, 2.5 times as fast as float; on" in timed
    narrow = replace(mix(), point=MixPoint((1, 1, 1), 0.02, COSTS))
    assert chosen_sentence(report(narrow)).startswith("3 in int4: 60.0 kB")
    assert chosen_sentence(report(chosen=None)).startswith("None of the mixes that were measured")
    assert chosen_sentence(replace(report(chosen=None), verified=())) == "No mix is measured."


def test_what_the_paired_test_leaves_open_is_told() -> None:
    """A difference where it shows one, else what could hide; and how many mixes were less sure, where that counted."""
    assert hidden_sentence(report(mix(), mix())).startswith("No difference in accuracy that 200 samples could show")
    assert "2 recipes looked at" in hidden_sentence(report(mix(), mix()))
    assert "(a loss of up to " in hidden_sentence(report())
    alike = replace(PAIRED, n=20_000, delta=0.0, delta_ci95=(-0.001, 0.001), mcnemar_p=1.0, fixed=2, broken=2)
    assert "(no loss above 0.1 points could hide)" in hidden_sentence(report(replace(mix(), paired=alike)))
    for half in (replace(PAIRED, delta=None), replace(PAIRED, delta_ci95=None)):
        assert hidden_sentence(report(replace(mix(), paired=half))) == ""
    lost = replace(PAIRED, delta=-0.1, delta_ci95=(-0.15, -0.06), mcnemar_p=1e-4, fixed=0, broken=20)
    found = hidden_sentence(report(replace(mix(), paired=lost)))
    assert found == "The chosen mix loses 10.0 points of accuracy (6.0 to 15.0, 200 samples) beside float."
    assert hidden_sentence(report(replace(mix(), paired=None))) == hidden_sentence(report(chosen=None)) == ""
    unsure = mix(surprise=0.02)
    for mixes, words in (((unsure,), "1 measured mix was not"), ((unsure, unsure), "2 measured mixes were not")):
        told = hidden_sentence(replace(report(mix(), *mixes), as_float=True))
        assert f" {words} taken: the right class is shown to get less, and over 1 % less in the mean." in told
        assert "not taken" not in hidden_sentence(report(mix(), *mixes))


def test_predictions_are_laid_beside_measurements() -> None:
    """Losses as a ratio, one number where all are within 2 %; latencies as shares, in units of int8's beside them."""
    assert prediction_sentence(report(mix(0.03), mix(0.0302))).startswith("Losses that were measured are 1.5 times")
    assert prediction_sentence(report(mix(0.03), mix(0.01))).startswith(
        "Losses that were measured are 0.5 to 1.5 times"
    )
    foretold = replace(mix(), point=replace(mix().point, predicted_loss=0.0))
    assert prediction_sentence(report(foretold)) == ""
    timed = report(replace(TIMED, latency=took(0.2)), replace(TIMED, latency=took(0.5)), mix(), clock=clock())
    assert latency_errors(timed) == pytest.approx([0.25, -0.5])
    assert "Predicted latencies are 38 % off in the mean of 2, in units" in prediction_sentence(timed)
    assert latency_errors(report(TIMED)) == []
    assert latency_errors(report(TIMED, clock=clock(plain=(PlainMix("float", 4.0, took(3.0)),)))) == []


def test_the_clock_says_how_far_it_can_be_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variants, form, error, age, and what energy is."""
    (latency, energy) = clock_sentences(report(clock=clock()))
    assert latency == (
        "Latencies on ONNX Runtime are predicted from 12 timed variants by the times of single kernels; left out in "
        "turn, each is foretold within 3.4 % in the mean."
    )
    assert "energy is latency times 15 W, an estimate" in energy
    assert clock_sentences(report(clock=clock(energy_source="measured:rapl")))[1].endswith("drew (measured:rapl).")
    assert "left out in turn" not in clock_sentences(report(clock=clock(error=None)))[0]
    assert clock_sentences(replace(report(), notes=("A note.",))) == ("A note.",)
    monkeypatch.setattr(time, "time", lambda: 1e9)
    for age, words in (
        (20, "just now"),
        (60, "1 minute ago"),
        (3480, "58 minutes ago"),
        (3599, "59 minutes ago"),
        (7300, "2 hours ago"),
        (86399, "23 hours ago"),
        (86400, "1 day ago"),
        (-5, "just now"),
    ):
        assert clock_sentences(report(clock=clock(measured_at=1e9 - age)))[0].endswith(f"; measured {words}.")


def test_a_row_for_each_measured_mix() -> None:
    """The chosen one marked, costs and losses to three digits, a dash of words where nothing is known."""
    row, other = mix_cells(report(replace(mix(), found=replace(mix().found, metric=None, metric_drop=None)), mix()))
    assert row == ("mixed (chosen)", "exact", "60.0 kB", "60.0 %", "3.00 M", "0.02", "0.03", "not known", "not known")
    assert other[0] == "mixed"
    assert other[-2:] == ("98.0 %", "1.0 points")
    assert mix_cells(replace(report(), metric_name=None))[0][-2:] == ("not known", "not known")
    timed, untimed = mix_cells(report(TIMED, mix(), clock=clock()))
    assert timed[-4:] == ("0.500 ms", "0.200 ms (0.180 to 0.220)", "2.50x", "1.50 mJ (estimated)")
    assert untimed[-4:] == ("0.500 ms", "not known", "", "")
    metered = replace(TIMED, energy=Energy(1.5, None, "measured:rapl"))
    assert mix_cells(report(metered, clock=clock()))[0][-1] == "1.50 mJ"
    assert [len(mix_header(each)) for each in (report(), report(clock=clock()))] == [len(row), len(timed)]
