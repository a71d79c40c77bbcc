"""``qexplorer compare MODEL --recipe R ...``: every recipe on every backend beside the float model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.terminal import ProgressLine, print_json, print_report
from qexplorer.core.recipe import Recipe
from qexplorer.core.results import Status
from qexplorer.run.registry import reference, usable

if TYPE_CHECKING:
    from qexplorer.measure.comparison import Progress

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Measures and prints; the exit code is 1 if a run failed or was refused."""
    backends = list(dict.fromkeys(order.backend or [reference().name]))
    recipes = [Recipe.parse(recipe) for recipe in dict.fromkeys(order.recipe)]
    for name in backends:
        usable(name)
    model = api.load(order.model, architecture=order.architecture)
    data = data_of(order, model)
    line = ProgressLine(quiet=order.quiet)

    def show(progress: Progress) -> None:
        line.show(progress.step, progress.done, progress.seconds_left)

    try:
        table = api.compare(
            model,
            recipes,
            data,
            backends=backends,
            samples=order.samples,
            quick=order.quick,
            effort=order.effort,
            progress=show,
        )
    finally:
        line.end()
    if order.json:
        print_json(table.to_json())
    else:
        print_report(table)
    return 0 if all(run.status is Status.OK for run in table.runs) else 1
