"""The page about causes says of each what the program looks for."""

from __future__ import annotations

import re
from pathlib import Path

from qexplorer.measure.why.explanation import Part
from qexplorer.measure.why.rules import LAYER_RULES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "why_not_faster.md").read_text(encoding="utf-8")


def test_every_cause_is_documented_once() -> None:
    """The table of causes names every rule, and no other."""
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE, re.M)
    named = [name.strip("` ") for row in rows for name in row.split(",")]
    assert sorted(named) == sorted(rule.key for rule in LAYER_RULES)


def test_every_part_of_the_time_is_documented() -> None:
    """The parts in the chart's legend stand in the page, in their own words."""
    for part in Part:
        assert f"| {part} |" in PAGE
