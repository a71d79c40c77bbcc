"""Charts and tables of what algorithms changed, from a report that is put together by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.measure.effects.effect_types import AlgorithmEffect, EffectReport, LayerEffect, LayerState
from qexplorer.report.chart_files.saved_charts import chart_svg
from qexplorer.report.effect_charts.effect_table import (
    effect_cells,
    effect_rows,
    effect_sentence,
    layer_sentence,
    plain_effects,
)
from qexplorer.report.effect_charts.gains import gain_info, gain_spec
from qexplorer.report.effect_charts.on_the_grid import grid_panels, grid_spec, reach_spec
from qexplorer.report.notebook import effects_html

STATE = LayerState(
    grid="int3 per channel",
    scales=(0.1, 0.2),
    weight_mse=1e-3,
    weight_sqnr_db=20.0,
    output_mse=1e-2,
    output_sqnr_db=10.0,
    edges=(-2.0, 0.0, 2.0),
    shares=(0.4, 0.6),
    levels=(-2.0, 0.0, 1.0),
    level_shares=(0.25, 0.5, 0.25),
    reaches=(1.0, 2.0),
)


def _layer(name: str, after: float | None) -> LayerEffect:
    other = replace(STATE, output_sqnr_db=after, weight_sqnr_db=19.0)
    return LayerEffect(name, "Conv", STATE, other, 0.25, 0.1, 0.5, "AdaRound: said")


EFFECT = AlgorithmEffect(
    "adaround",
    "AdaRound",
    "w3",
    2.5,
    8.0,
    12.0,
    (_layer("a", 11.0), _layer("b", 9.0), _layer("c", None), _layer("d", 15.0)),
)
REPORT = EffectReport("0", "net", "w3-adaround", "digits", 64, (EFFECT,))


def test_layers_stand_by_their_gain() -> None:
    """In table and chart the largest gain comes first; what is not known is last, and is not drawn."""
    assert [row["layer"] for row in effect_rows(EFFECT)] == ["d", "a", "b", "c"]
    assert [(row.place, row.layer, row.after_db - row.before_db) for row in gain_info(EFFECT)] == [
        (0, "d", 5.0),
        (1, "a", 1.0),
        (2, "b", -1.0),
    ]
    spec = gain_spec(EFFECT, "")
    assert [row["way"] for row in spec["datasets"]["layers"]] == ["better", "better", "worse"]
    assert "ring before" in spec["layer"][0]["encoding"]["x"]["title"]
    assert not any(row["pale"] for row in spec["datasets"]["layers"])
    rows = gain_spec(EFFECT, "", "a")["datasets"]["layers"]
    assert [row["layer"] for row in rows if not row["pale"]] == ["a"]


def test_before_and_after_have_the_same_axes() -> None:
    """Both panels are drawn over all of both; a bar's area is the share of weights on its level."""
    one, other = grid_panels(_layer("a", 11.0), "w3", "AdaRound")
    assert (one.span, one.top) == (other.span, other.top)
    assert one.span[0] <= -2.0 - 0.42
    assert sum(share for _, _, _, share in one.bars) == pytest.approx(1.0), "levels that are a step apart"
    assert sum((b - a) * share for a, b, share in one.shades) == pytest.approx(1.0)
    assert (one.title, other.title) == ("Before: w3, weight 20.0 dB", "After: with AdaRound, weight 19.0 dB")
    uneven = replace(STATE, levels=(-1.0, -0.5, 0.25), level_shares=(0.25, 0.5, 0.25))
    bars = grid_panels(replace(_layer("a", 1.0), before=uneven, after=uneven), "nf4", "x")[0].bars
    assert bars[1][3] == pytest.approx(0.5 / ((0.5 + 0.75) / 2)), "over half way to both neighbours"


def test_every_chart_can_be_saved() -> None:
    """Each specification is drawn without a browser."""
    layer = _layer("a", 11.0)
    specs = [
        gain_spec(EFFECT, "made"),
        reach_spec(layer, "made"),
        *(grid_spec(p, "") for p in grid_panels(layer, "w", "A")),
    ]
    for spec in specs:
        assert chart_svg({**spec, "width": 300}).startswith("<svg")


def test_sentences_say_what_was_measured() -> None:
    """Before, after, and what it cost; nothing is said that is not known."""
    assert effect_sentence(EFFECT) == (
        "AdaRound: the SQNR of the network's outputs rises from 8.0 to 12.0 dB, against w3; it took about 2.5 s"
    )
    unknown = replace(EFFECT, output_after_db=None, seconds=None)
    assert effect_sentence(unknown) == "AdaRound: what it took is not recorded"
    assert layer_sentence(_layer("a", 11.0)) == (
        "error of its output 10.0 → 11.0 dB SQNR; of its weight 20.0 → 19.0 dB; 25.0 % of its codes moved, 10.0 % "
        "up and 15.0 % down; about 0.50 s of work"
    )
    still = replace(_layer("a", None), moved=0.0, up=0.0, seconds=None)
    assert layer_sentence(still) == "of its weight 20.0 → 19.0 dB; no code moved"


def test_the_same_in_terminal_notebook_and_json() -> None:
    """A row of text for each layer, HTML with the sentence, and plain data without histograms."""
    assert effect_cells(EFFECT)[0] == ("d", "10.0", "15.0", "20.0", "19.0", "25.0 %", "0.5")
    assert "rises from 8.0 to 12.0 dB" in effects_html(REPORT)
    (plain,) = plain_effects(REPORT)
    assert plain["output_sqnr_db"] == {"before": 8.0, "after": 12.0}
    assert plain["layers"][3]["output_sqnr_db"] == {"before": 10.0, "after": 15.0}
    assert "shares" not in plain["layers"][0]
