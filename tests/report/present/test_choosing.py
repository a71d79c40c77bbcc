"""Which runs the slider shows: by the largest loss that the samples leave possible."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from qexplorer.core.results import Accuracy, Latency, Run, Size, Status
from qexplorer.report.metric_words import stated
from qexplorer.report.present.choosing import allowances, possible_loss, question, two_of
from tests.report.comparisons import float_run, quantized_run


def run(recipe: str, *, loss: float, ms: float, size: int, backend: str = "onnxruntime") -> Run:
    """A run on 1000 samples whose loss is told with an interval of half a point each way."""
    found = Accuracy("accuracy", 0.9, (0.88, 0.92), 1000, -loss, (-loss - 0.005, -loss + 0.005), None)
    took = Latency(ms, ms, ms, (ms, ms), 100, 1, 1, True, 0.2 / ms, (0.19 / ms, 0.21 / ms))
    return quantized_run(recipe, backend, accuracy=found, latency_ms=took, size=Size(size, size))


EXACT, QUICK, SMALL = (
    run("w8", loss=0.0, ms=0.2, size=300_000),
    run("w8a8", loss=0.01, ms=0.1, size=200_000),
    run("w4a8", loss=0.05, ms=0.15, size=100_000),
)


def test_the_interval_counts_and_not_the_loss_that_was_seen() -> None:
    """A run with no loss at all may still lose what its interval leaves open."""
    assert possible_loss(EXACT, 1) == pytest.approx(0.005)
    assert possible_loss(QUICK, 1) == pytest.approx(0.015)


def test_each_place_of_the_slider_is_a_measured_run_rounded_up() -> None:
    """Places stand in the order of what may be lost, and the last allows everything."""
    places = allowances([float_run(), QUICK, EXACT])
    assert [place.text for place in places] == ["at most 0.6 points", "at most 1.6 points", "whatever it takes"]
    assert places[-1].loss == math.inf
    assert possible_loss(QUICK, 2) == places[1].loss


def test_the_fastest_and_the_smallest_that_keep_it() -> None:
    """Of what is allowed the fastest comes first and the smallest beside it; nothing that loses more is shown."""
    runs = [float_run(), EXACT, QUICK, SMALL]
    assert [each.recipe for each in two_of(runs, math.inf)] == ["w8a8", "w4a8"]
    assert [each.recipe for each in two_of(runs, 0.02)] == ["w8a8", "w8"]
    assert [each.recipe for each in two_of(runs, 0.008)] == ["w8"]
    assert two_of(runs, 0.001) == ()


def test_both_are_of_one_backend() -> None:
    """The second is of the first one's backend, because one float stands beside both."""
    elsewhere = run("w2a8", loss=0.0, ms=0.3, size=1000, backend="openvino")
    assert [each.recipe for each in two_of([float_run(), EXACT, QUICK, elsewhere], math.inf)] == ["w8a8", "w8"]


def test_runs_without_numbers_are_never_shown() -> None:
    """Neither a refused run nor, under a limit, one that was not judged."""
    refused = replace(QUICK, status=Status.REFUSED, reason="wrong")
    unjudged = replace(SMALL, accuracy=None)
    assert [each.recipe for each in two_of([float_run(), refused, unjudged, EXACT], math.inf)] == ["w4a8", "w8"]
    assert [each.recipe for each in two_of([float_run(), refused, unjudged, EXACT], 0.5)] == ["w8"]


def test_likeness_to_float_is_asked_for_in_its_own_words() -> None:
    """Decibels have no best value: the slider asks how near answers must stay, by the interval's lower end."""
    near = replace(stated("sqnr", 31.2, 50), ci95=(30.1, 32.0))
    runs = [float_run(accuracy=None), quantized_run(accuracy=near)]
    assert possible_loss(runs[1], 1) == pytest.approx(-30.1)
    assert question(runs) == "How near to float must the answers stay? SQNR (dB)"
    assert [place.text for place in allowances(runs)] == ["at least 30.1 dB", "whatever it takes"]


def test_runs_whose_place_has_the_same_words_share_one_that_allows_both() -> None:
    """The larger loss decides, in whatever order they are; one without a number is only among whatever it takes."""
    a, b = run("w8", loss=0.0105, ms=0.2, size=300), run("w4", loss=0.0108, ms=0.3, size=200)
    for runs in ([a, b], [b, a]):
        (place, last) = allowances([float_run(), *runs])
        assert place.loss == possible_loss(b, 2)
        assert {each.recipe for each in two_of(runs, place.loss)} == {"w8", "w4"}
        assert last.text == "whatever it takes"
    equal = quantized_run(accuracy=stated("sqnr", math.inf, 50))
    assert [place.text for place in allowances([float_run(), equal])] == ["whatever it takes"]


def test_of_two_as_fast_the_smaller_is_shown_first() -> None:
    """And of two as small the faster."""
    wide, narrow = run("w8", loss=0.0, ms=0.1, size=300), run("w4", loss=0.0, ms=0.1, size=200)
    assert [each.recipe for each in two_of([wide, narrow], 1.0)] == ["w4", "w8"]
    slow, quick, first = (run(name, loss=0.0, ms=ms, size=200) for name, ms in (("a", 0.3), ("b", 0.2), ("c", 0.1)))
    large = replace(first, size=Size(900, 900))
    assert [each.recipe for each in two_of([slow, quick, large], 1.0)] == ["c", "b"]


@pytest.mark.parametrize(
    ("name", "value", "ends", "loss"),
    [("sqnr", 25.0, (24.0, 26.0), -24.0), ("perplexity", 3.0, (2.0, 5.0), 4.0), ("accuracy", 0.9, (0.8, 0.95), 0.2)],
)
def test_without_a_difference_the_distance_from_the_best_value_counts(
    name: str, value: float, ends: tuple[float, float], loss: float
) -> None:
    """From the worse end of the interval, and from the value itself where there is none."""
    found = replace(stated(name, value, 50), ci95=ends)
    assert possible_loss(quantized_run(accuracy=found), 1) == pytest.approx(loss)
    best = value - (ends[0] if found.direction == "higher" else ends[1])
    alone = loss - best if found.direction == "higher" else loss + best
    assert possible_loss(quantized_run(accuracy=replace(found, ci95=None)), 1) == pytest.approx(alone)
