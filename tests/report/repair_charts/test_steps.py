"""The loss after each remedy as data: the way goes on from what was kept."""

from __future__ import annotations

from dataclasses import replace

from qexplorer.report.repair_charts.steps import repair_rows, repair_spec
from tests.report.repair_charts.test_repair_words import KEPT, TRIED, report


def test_the_way_follows_what_was_kept() -> None:
    """A remedy that could not be tried has no point, and one that was not kept leaves the loss where it was."""
    worse = replace(KEPT, kept=False, loss=0.75, remedy="another grid")
    gone = replace(KEPT, loss=0.0, remedy="more bits")
    rows = repair_rows(report(TRIED, KEPT, worse, gone))
    assert rows["way"] == [
        {"step": 0, "loss": 0.5},
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 0.125},
        {"step": 3, "loss": 0.125},
        {"step": 4, "loss": 1e-7},
    ]
    assert [(row["step"], row["loss"], row["kind"], row["remedy"], row["layer"]) for row in rows["tried"]] == [
        (0, 0.5, "before", "before", ""),
        (2, 0.125, "kept", "a finer grid", "conv1"),
        (3, 0.75, "not kept", "another grid", "conv1"),
        (4, 1e-7, "kept", "more bits", "conv1"),
    ]
    whole = repair_rows(report(replace(KEPT, layer="")))
    assert whole["tried"][1]["layer"] == "the whole model"


def test_the_axis_names_the_unit_of_the_loss() -> None:
    """A divergence, or an error beside the signal."""
    for unit, title in (("nats", "divergence from float, nats"), ("relative", "squared error over signal")):
        spec = repair_spec(report(KEPT, unit=unit))
        assert spec["layer"][0]["encoding"]["y"]["title"] == title
