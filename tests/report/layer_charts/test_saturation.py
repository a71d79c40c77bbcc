"""Saturation and overflow in words and pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import altair
import pytest

from qexplorer.report.layer_charts.saturation import (
    accumulator_spec,
    arithmetic_bars,
    layer_rows,
    pair_spec,
    saturation_csv,
    saturation_sentence,
    switch_sentence,
)
from tests.report.ladders import layer, report


def test_bars_tell_what_saturates_from_what_could() -> None:
    """One state for each layer; a kernel that widens has no pair sum to compare with int16."""
    bars = arithmetic_bars(report())
    assert [bar.state for bar in bars] == ["saturates on these samples", "could, by bound", "cannot"]
    assert [round(bar.pair, 2) for bar in bars] == [1.95, 1.95, 0.0]
    assert [(bar.bound_bits, bar.data_bits) for bar in bars] == [(22, 19)] * 3


def test_of_many_layers_those_at_most_risk_are_drawn_in_their_order() -> None:
    """Sixty of a hundred, the largest pair sums, in the order of execution."""
    many = report(layers=tuple(layer(f"l{i}", pair_bound=i) for i in range(100)))
    names = [bar.layer for bar in arithmetic_bars(many)]
    assert len(names) == 60
    assert (names[0], names[-1]) == ("41. l40", "100. l99")


def test_specifications_are_valid_vega_lite() -> None:
    """Both charts are accepted by the schema, and an accumulator beyond 32 bits is inside the picture."""
    for found in (report(), report(layers=(layer("wide", accumulator_bits=40),)), report(layers=())):
        for spec in (pair_spec, accumulator_spec):
            altair.Chart.from_dict(spec(found, "net, a CPU"))
    wide = accumulator_spec(report(layers=(layer("wide", accumulator_bits=40),)), "")
    assert wide["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 41]


def test_the_verdict_says_what_saturation_costs() -> None:
    """How many layers could and do, both accuracies, what changed; or that nothing can."""
    text = saturation_sentence(report())
    assert "2 of 3 layers could saturate, 1 do on these 200 samples" in text
    assert "accuracy 98.5 % with exact sums, 96.5 % with saturating ones" in text
    assert "4 answers changed" in text
    assert "up to 41 steps" in text
    safe = report(layers=tuple(replace(x, risky_pairs=0.0) for x in report().layers))
    assert saturation_sentence(safe).startswith("no layer of w8a8 can saturate")
    assert saturation_sentence(report(layers=())).startswith("w8a8 sums nothing in integers")


@pytest.mark.parametrize(
    ("here", "words"),
    [(False, "leave it off here"), (True, "and the same answers on these samples"), (None, "the same answers")],
)
def test_the_switch_is_recommended_only_where_sums_saturate(here: bool | None, words: str) -> None:
    """Its cost is told with an interval; on a processor with exact kernels it is of no use."""
    text = switch_sentence(report(this_machine=here))
    assert "2.00 (1.90 to 2.10) times the usual latency" in text
    assert words in text


def test_a_switch_that_could_not_be_timed_says_why() -> None:
    """No number, and the reason."""
    switch = report().switch
    assert switch is not None
    failed = report(switch=replace(switch, ratio=None, reason="it crashed"))
    assert switch_sentence(failed) == "could not be timed: it crashed"
    assert switch_sentence(report(switch=None)) == "not timed"


def test_the_table_has_bits_left_and_reasons() -> None:
    """32 minus the bits that any input can need; why a kernel is exact stands in the note."""
    rows = layer_rows(report())
    assert [row["bits left"] for row in rows] == [10] * 3
    assert rows[2]["note"] == "depthwise: its kernel widens"
    read = list(csv.DictReader(io.StringIO(saturation_csv(report()))))
    assert [row["layer"] for row in read] == ["a", "b", "c"]
    assert read[0]["int32 bits, any input"] == "22"
    assert read[2]["note"] == "depthwise: its kernel widens"


def test_a_layer_that_was_not_sampled_has_no_share_of_saturated_sums() -> None:
    """In per cent where it was; a layer that could saturate does so by bound alone; a bias has its reason."""
    layers = (layer("a", saturated=0.25), layer("b", saturated=None), layer("c", bias_reason="its bias is long"))
    rows = layer_rows(report(layers=layers))
    assert [row["saturated on samples (%)"] for row in rows[:2]] == [25.0, None]
    assert [row["note"] for row in rows] == ["", "", "its bias is long"]
    assert arithmetic_bars(report(layers=layers[1:2]))[0].state == "could, by bound"
    assert saturation_csv(report(layers=())) == ""


def test_limits_stand_where_sums_no_longer_fit() -> None:
    """One for pair sums, which are told as a multiple of what fits; 32 bits for accumulators; axes begin at 0."""
    for spec, at in ((pair_spec(report(), ""), 1.0), (accumulator_spec(report(), ""), 32.0)):
        assert spec["layer"][-1]["data"]["values"] == [{"at": at}]
    assert accumulator_spec(report(), "")["layer"][0]["encoding"]["x"]["scale"]["domain"] == [0, 33]
    bits = accumulator_spec(report(layers=(layer("a", data_bits=None),)), "")["datasets"]["layers"]
    assert [(row["bound"], row["data"]) for row in bits] == [(22, 0)]


@pytest.mark.parametrize(("changed", "words"), [(1, "1 answer changed"), (0, "0 answers changed"), (None, None)])
def test_what_changed_is_counted(changed: int | None, words: str | None) -> None:
    """Where answers are classes; what is not known of outputs or of the metric is not said."""
    text = saturation_sentence(report(changed=changed, worst_steps=None, exact=replace(report().exact, value=None)))
    assert (words in text) if words else "changed" not in text
    assert "outputs move" not in text
    assert "exact sums" not in text
