"""A sensitivity report in rows and sentences: the worst first, what is foretold told from what was evaluated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.report.sensitivity_charts.bars import bars_info, bars_spec
from qexplorer.report.sensitivity_charts.sensitivity_table import (
    accord_words,
    loss_title,
    sensitivity_cells,
    whole_words,
)
from qexplorer.search.sensitivity.sensitivity_types import (
    Accord,
    Evaluated,
    Foretold,
    LayerSensitivity,
    SensitivityReport,
    WholeModel,
)

SEEN = Evaluated(0.1234, (0.1, 0.1567), 40, 21.26, 0.1, 0.99, metric=0.9, metric_drop=0.05)
LAYERS = (
    LayerSensitivity("foretold", "Conv", (), True, {"both": Foretold(0.3456, None, 8)}),
    LayerSensitivity("seen", "Gemm", (), True, {"both": Foretold(9.0, None, 8)}, evaluated={"alone": {"both": SEEN}}),
    LayerSensitivity("unknown", "Relu", (), False),
    LayerSensitivity(
        "unsure",
        "Gemm",
        (),
        True,
        evaluated={"alone": {"both": Evaluated(0.5, None, 1, None, 0.1, None)}},
    ),
)
REPORT = SensitivityReport("m", "d", "name: r", "r", "x", 40, "nats", "accuracy", LAYERS)


def test_the_worst_layer_stands_first_by_what_was_evaluated() -> None:
    """A layer goes by its evaluation where there is one, however much was foretold; unknown ones have no row."""
    assert sensitivity_cells(REPORT) == [
        ("unsure", "Gemm", "-", "0.5", "-", "1", "-", "-"),
        ("foretold", "Conv", "~0.35", "-", "-", "-", "-", "-"),
        ("seen", "Gemm", "~9", "0.123", "0.1 to 0.16", "40", "21.3", "5.0 points"),
    ]
    assert sensitivity_cells(replace(REPORT, metric_name=None))[2][-1] == "-"
    assert sensitivity_cells(REPORT, "weights") == []


def test_a_bar_has_the_interval_and_both_losses() -> None:
    """Each in its own field; on the axis nothing lies below its end, which is below the least loss."""
    bars = {bar.layer: bar for bar in bars_info(REPORT)}
    assert (bars["seen"].low, bars["seen"].high, bars["seen"].n, bars["seen"].foretold) == (0.1, 0.1567, 40, 9.0)
    assert (bars["unsure"].low, bars["unsure"].high, bars["unsure"].foretold) == (None, None, None)
    assert (bars["foretold"].evaluated, bars["foretold"].n) == (None, None)
    none = replace(LAYERS[1], evaluated={"alone": {"both": replace(SEEN, loss=0.0, ci95=(-0.01, 0.02))}})
    spec = bars_spec(replace(REPORT, layers=(LAYERS[0], none)), "both", "")
    row = next(row for row in spec["datasets"]["layers"] if row["layer"] == "seen")
    assert (row["evaluated"], row["low"], row["high"]) == (0.1, 0.1, 0.02)


def test_the_layer_that_is_looked_at_stands_out_and_a_double_click_takes_nothing_back() -> None:
    """It alone is not pale; what is clicked twice stays chosen."""
    spec = bars_spec(REPORT, "both", "", "seen")
    assert [row["layer"] for row in spec["datasets"]["layers"] if not row["pale"]] == ["seen"]
    assert not any(row["pale"] for row in bars_spec(REPORT, "both", "")["datasets"]["layers"])
    assert spec["layer"][0]["params"][0]["select"]["clear"] is False


@pytest.mark.parametrize(("unit", "title"), [("nats", "KL (nats)"), ("relative", "error / signal")])
def test_the_loss_is_named_with_its_unit(unit: str, title: str) -> None:
    """A divergence, or an error beside the signal."""
    assert loss_title(replace(REPORT, unit=unit)) == title


def test_all_layers_together_are_laid_beside_the_sum_of_each_alone() -> None:
    """The loss, as a share of the sum where there is one, and the metric of float first."""
    assert whole_words(REPORT) == ""
    whole = replace(REPORT, whole=WholeModel(replace(SEEN, loss=0.6), 0.95, 0.4))
    assert whole_words(whole) == "loss 0.6, 1.50 times the sum of layers rounded alone, accuracy 95.0 % -> 90.0 %"
    assert whole_words(replace(REPORT, whole=WholeModel(replace(SEEN, loss=0.6), None, 0.0))) == "loss 0.6"
    assert whole_words(replace(whole, metric_name=None)) == "loss 0.6, 1.50 times the sum of layers rounded alone"


def test_how_well_gradients_foretold_is_told() -> None:
    """The correlation and whether the worst was found; where that does not hold, what to go by and why."""
    assert accord_words(REPORT) == ""
    good = Accord(0.954, 7, worst_found=True, holds=True)
    worst = "the worst layer is among the three foretold worst"
    assert accord_words(replace(REPORT, accord=good)) == f"rank correlation 0.95 over 7 layers, {worst}"
    few = replace(good, spearman=None, layers=2)
    assert accord_words(replace(REPORT, accord=few)) == worst
    reason = "go by what was evaluated. Why: sums are long."
    weak = Accord(0.5, 7, worst_found=True, holds=False, why="sums are long.")
    assert accord_words(replace(REPORT, accord=weak)) == f"rank correlation 0.50 over 7 layers, {worst}: {reason}"
    lost = replace(weak, spearman=0.9, worst_found=False)
    missed = "the worst layer is not among the three foretold worst"
    assert accord_words(replace(REPORT, accord=lost)) == f"rank correlation 0.90 over 7 layers, {missed}: {reason}"
