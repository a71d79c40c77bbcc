"""One layer's sums as a picture: bins that hold some, and where sixteen bits would end."""

from __future__ import annotations

import pytest

from qexplorer.measure.arithmetic.accumulators import LayerSums, Sums
from qexplorer.report.tensor_charts.accumulators import sums_rows, sums_spec


def _layer(low: int, high: int) -> LayerSums:
    return LayerSums("conv1", low, high, 18, 8, (low, 0, 10, high), (3, 0, 5))


def test_bins_that_hold_nothing_have_no_place_on_a_logarithmic_axis() -> None:
    """The others lie between their edges."""
    spec = sums_spec(_layer(-50, 90), 32, "here")
    assert [(row["from"], row["to"], row["count"]) for row in spec["datasets"]["sums"]] == [(-50, 0, 3), (10, 90, 5)]
    assert spec["title"]["text"] == "Sums of conv1, 32 samples: 18 of 32 bits"
    y = spec["layer"][0]["encoding"]["y"]["scale"]
    assert y["domainMin"] == spec["datasets"]["sums"][0]["floor"] > 0, "a single sum can be seen"


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [
        (-50, 90, []),
        (-32_768, 32_767, []),
        (-32_769, 90, [-32_768]),
        (-50, 32_768, [32_767]),
        (-90_000, 90_000, [-32_768, 32_767]),
    ],
)
def test_the_ends_of_sixteen_bits_are_drawn_where_sums_go_beyond(low: int, high: int, ends: list[int]) -> None:
    """Where all sums fit there is nothing to draw."""
    layers = sums_spec(_layer(low, high), 32, "here")["layer"]
    drawn = [] if len(layers) == 1 else [row["at"] for row in layers[1]["data"]["values"]]
    assert drawn == ends


def test_the_table_says_how_many_bits_are_left() -> None:
    """A row for each layer."""
    (row,) = sums_rows(Sums("d", "w8a8", 32, (_layer(-50, 90),)))
    assert row == {"layer": "conv1", "smallest": -50, "largest": 90, "bits": 18, "bits of 32 left": 14, "sums": 8}
