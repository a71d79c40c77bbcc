"""``qexplorer repair MODEL --recipe R --data D``: what is wrong with a quantized model, and what helps it."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.precision.own_training import recipe_text, say_of_training
from qexplorer.cli.quantize import writable
from qexplorer.cli.terminal import ProgressLine, print_json, print_report
from qexplorer.core.files import write_atomically
from qexplorer.core.recipe import Recipe
from qexplorer.search.repair.repair_types import RepairReport

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Repairs, and writes the recipe where a file is named."""
    target = None if order.output is None else writable(order.output, ending=".yaml", kind="a recipe")
    say_of_training(order)
    model = api.load(order.model, architecture=order.architecture)
    line = ProgressLine(quiet=order.quiet)
    try:
        report = api.repair(model, order.recipe, data_of(order, model), train_each=order.train_each, progress=line.show)
    finally:
        line.end()
    if target is not None:
        write_atomically(target, recipe_text(Recipe.parse(report.repaired), order))
    if order.json:
        print_json(plain_report(report))
    else:
        print_report(report)
    return 0


def plain_report(report: RepairReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: the metric before and after in front."""
    found = report.to_json()
    return found | {
        "before": report.before.metric,
        "after": report.after.metric,
        "loss_before": report.before.loss,
        "loss_after": report.after.loss,
        "won_back": report.won_back,
    }
