"""The network in graph order: a cell for each layer, and the measure that colours it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.report.sensitivity_charts.in_order import COLOURED_BY, order_info, order_spec
from qexplorer.search.sensitivity.sensitivity_types import Evaluated, Foretold, LayerSensitivity, SensitivityReport

SEEN = Evaluated(0.25, None, 9, 20.0, 0.125, 0.99, metric=0.9, metric_drop=-0.05)
LAYER = LayerSensitivity(
    "l0",
    "Gemm",
    (),
    True,
    {"both": Foretold(0.5, None, 9), "weights": Foretold(0.75, None, 9)},
    evaluated={
        "alone": {"both": SEEN, "weights": replace(SEEN, loss=0.0625)},
        "cumulative": {"both": replace(SEEN, loss=2.0)},
        "all_but_one": {"both": replace(SEEN, loss=3.0)},
    },
)
REPORT = SensitivityReport("m", "d", "", "r", "x", 9, "nats", None, (LAYER, LayerSensitivity("l1", "Relu", (), False)))


@pytest.mark.parametrize(
    ("by", "both", "weights"),
    [
        ("loss", 0.25, 0.0625),
        ("foretold", 0.5, 0.75),
        ("sqnr_db", 20.0, 20.0),
        ("mse", 0.125, 0.125),
        ("cosine", 1 - 0.99, 1 - 0.99),
        ("metric_drop", -0.05, -0.05),
        ("cumulative", 2.0, 2.0),
        ("all_but_one", 3.0, 3.0),
    ],
)
def test_every_measure_colours_by_its_own_number(by: str, both: float, weights: float) -> None:
    """Of what is rounded, where a layer is alone, and of both where others are rounded with it; or none."""
    assert [cell.value for cell in order_info(REPORT, "both", by)] == [both, None]
    assert [cell.value for cell in order_info(REPORT, "weights", by)] == [weights, None]
    assert COLOURED_BY[by].worse_is_more is (by not in ("sqnr_db", "all_but_one"))
    assert COLOURED_BY[by].log is (by not in ("sqnr_db", "metric_drop"))


def test_cells_stand_in_reading_order() -> None:
    """Eight in a row; places from 1; what has no logarithm has no value; the chosen one is framed."""
    none = replace(LAYER, evaluated={"alone": {"both": replace(SEEN, loss=0.0)}})
    layers = tuple(replace(none if i == 3 else LAYER, name=f"l{i}") for i in range(10))
    cells = order_info(replace(REPORT, layers=layers), "both", "loss")
    assert [(cell.place, cell.row, cell.column) for cell in cells] == [
        (place + 1, place // 8, place % 8) for place in range(10)
    ]
    assert [cell.place for cell in cells if cell.value is None] == [4]
    spec = order_spec(replace(REPORT, layers=layers), "both", "loss", "l5", "")
    assert [row["layer"] for row in spec["datasets"]["cells"] if row["led"]] == ["l5"]
    shades = [
        order_spec(REPORT, "both", by, None, "")["layer"][0]["encoding"]["color"]["scale"]["range"]
        for by in ("loss", "all_but_one")
    ]
    assert shades[0] == shades[1][::-1], "dark is the layer that hurts: all but that one lose little"


@pytest.mark.parametrize(("drops", "domain"), [((0.0, 0.0), [0.0, 0.01]), ((-0.05, 0.02), [-0.05, 0.02])])
def test_layers_that_take_nothing_of_the_metric_are_light(drops: tuple[float, ...], domain: list[float]) -> None:
    """Where no layer does, none has the colour of one that hurts."""
    found = [replace(LAYER, evaluated={"alone": {"both": replace(SEEN, metric_drop=drop)}}) for drop in drops]
    spec = order_spec(replace(REPORT, layers=tuple(found)), "both", "metric_drop", None, "")
    assert spec["layer"][0]["encoding"]["color"]["scale"]["domain"] == domain
