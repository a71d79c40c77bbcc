"""``qexplorer formats``: the number formats, their levels and the backends that compute on them."""

from __future__ import annotations

import argparse

from qexplorer.api.number_formats import FormatFacts, formats
from qexplorer.cli.terminal import print_json, print_table, say

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Lists all formats."""
    found = formats()
    if order.json:
        print_json({"formats": [each.to_json() for each in found]})
        return 0
    print_table(("name", "bits", "levels", "for", "scale per", "stored as", "runs on"), [_row(each) for each in found])
    say()
    say("Where no backend is named the format is simulated: decoded to float, at its true packed size.")
    return 0


def _row(found: FormatFacts) -> tuple[object, ...]:
    count = "learned" if found.count is None and found.bits < 32 else found.count
    spread = ", ".join(found.granularities) or "no scale"
    runs = ", ".join(found.runs_on) or "simulated"
    return found.name, found.bits, count, ", ".join(found.roles), spread, found.stored, runs
