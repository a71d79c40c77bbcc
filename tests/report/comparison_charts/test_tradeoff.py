"""Points of the metric over a cost: axes, names and rows of known numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.results import Accuracy, Size
from qexplorer.report.comparison_charts.tradeoff import has_accuracy, trade_info, trade_spec
from qexplorer.report.metric_words import stated
from tests.report.comparisons import comparison, float_run, quantized_run


def test_axes_hold_every_interval() -> None:
    """Costs from zero, the metric with 8 % of its span around it, its upper end at most that of the scale."""
    info = trade_info(comparison(), "latency_ms")
    assert info.x_domain == (0.0, pytest.approx(1.06 * 210))
    pad = 0.08 * (99.8 - 93.0)
    assert info.y_domain == pytest.approx((93.0 - pad, 99.8 + pad))
    alone = trade_info(comparison(float_run(accuracy=Accuracy("accuracy", 1.0, None, 100))), "latency_ms")
    assert alone.y_domain == pytest.approx((99.6, 100.4))
    wide = trade_info(comparison(float_run(accuracy=Accuracy("accuracy", 1.0, (0.9, 1.2), 9))), "latency_ms")
    assert wide.y_domain == pytest.approx((90 - 2.4, 100 + 2.4))
    zero = trade_info(comparison(float_run(accuracy=Accuracy("accuracy", 0.0, None, 9))), "latency_ms")
    assert zero.y_domain == (-1.0, 1.0)


def test_titles_say_what_is_better() -> None:
    """A metric of which less is better says so, and has no upper end; energy is told without its denominator."""
    error = replace(stated("rmse", 0.5, 100), ci95=(0.4, 0.6))
    info = trade_info(comparison(float_run(accuracy=error)), "energy_mj")
    assert (info.title, info.y_title) == ("RMSE against energy", "RMSE, lower is better")
    assert info.x_title == "energy per inference (mJ)"
    assert (info.highest, info.form) == (None, ".4g")
    assert info.y_domain == pytest.approx((0.384, 0.616))
    share = trade_info(comparison(), "file_bytes")
    assert (share.title, share.y_title, share.highest) == ("Accuracy against file size", "accuracy (%)", 100.0)
    none = trade_info(comparison(float_run(accuracy=None)), "file_bytes")
    assert (none.title, none.y_title, none.points) == ("Answers against file size", "", ())
    assert none.y_domain == pytest.approx((-0.08, 1.08))
    assert none.left_out == (("float", "not measured"),)
    assert not has_accuracy(comparison(float_run(accuracy=None)))


def test_a_run_without_a_value_is_left_out_with_the_metrics_reason() -> None:
    """Where its cost has none of its own."""
    bare = quantized_run(accuracy=Accuracy("accuracy", None, reason="untrained"))
    assert trade_info(comparison(float_run(), bare), "file_bytes").left_out == (("w8a8", "untrained"),)
    both = replace(bare, size=None)
    assert trade_info(comparison(float_run(), both), "file_bytes").left_out == (("w8a8", "the size is not known"),)


@pytest.mark.parametrize(
    ("name", "text"), [("a" * 20, "a" * 20), ("abcdefghijklmnopqrstu", "abcdefghij…mnopqrstu"), ("", "")]
)
def test_a_name_of_more_than_twenty_letters_is_cut(name: str, text: str) -> None:
    """Its first ten and its last nine stay."""
    assert trade_info(comparison(float_run(), quantized_run(name)), "weight_bytes").points[1].text == text


@pytest.mark.parametrize(("bytes_", "text"), [(190_000, ""), (290_000, "w8a8")])
def test_one_name_serves_points_that_lie_close_together(bytes_: int, text: str) -> None:
    """On several backends, within a tenth of the plot; farther apart each has its own."""
    here, there = quantized_run(), quantized_run(backend="openvino", size=Size(1, bytes_))
    points = trade_info(comparison(float_run(), here, there), "weight_bytes").points
    assert (points[1].text, points[2].text) == ("w8a8", text)


def test_rows_hold_what_is_drawn() -> None:
    """Intervals as far as the axis goes, doubts with their note, places of names in the units of the axes."""
    noisy = replace(quantized_run().latency_ms, ci95=(0.09, 5.0), valid=False, reason="load")  # type: ignore[type-var]
    info = trade_info(comparison(float_run(), quantized_run(latency_ms=noisy)), "latency_ms")
    base, other = trade_spec(info)["datasets"]["runs"]
    end = info.x_domain[1]
    assert (base["cost"], base["cost_low"], base["cost_high"], base["on"]) == (200.0, 190.0, 210.0, False)
    assert base["cost_shown"] == 210.0
    assert (other["cost_shown"], other["on"]) == (end, True)
    assert (other["uncertain"], other["note"], base["uncertain"]) == (True, "load", False)
    assert (base["n"], base["accuracy"]) == (100, 99.0)
    assert (base["accuracy_low"], base["accuracy_high"]) == pytest.approx((94.6, 99.8))
    place = info.points[0].place
    assert place is not None
    assert base["label_x"] == pytest.approx(place.x * end)
    low, high = info.y_domain
    assert base["label_y"] == pytest.approx(low + place.y * (high - low))
    assert (base["align"], base["led"]) == (place.align, place.led)
    size = trade_spec(trade_info(comparison(), "file_bytes"))["datasets"]["runs"][0]
    assert (size["cost_shown"], size["on"]) == (None, False)
    nameless = trade_spec(trade_info(comparison(float_run(), quantized_run("")), "file_bytes"))["datasets"]["runs"][1]
    assert (nameless["label_x"], nameless["label_y"], nameless["align"], nameless["led"]) == (None, None, "", False)


def test_whoever_hovers_sees_one_digit_more() -> None:
    """Of the metric's own form."""
    for found, form in ((None, ".2f"), (stated("rmse", 0.5, 9), ".5g")):
        run = float_run() if found is None else float_run(accuracy=found)
        dots = trade_spec(trade_info(comparison(run), "file_bytes"))["layer"][4]
        assert dots["encoding"]["tooltip"][1]["format"] == form
