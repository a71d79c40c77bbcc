"""``qexplorer tune MODEL --data D --trials N``: everything of a recipe chosen together, with Optuna."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.precision.own_training import recipe_text, say_of_training
from qexplorer.cli.quantize import writable
from qexplorer.cli.terminal import ProgressLine, print_json, print_report, stdout_to_stderr
from qexplorer.core.files import write_atomically
from qexplorer.search.joint.joint_types import JointReport

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Searches, or goes on, and writes the recipe where a file is named."""
    target = None if order.output is None else writable(order.output, ending=".yaml", kind="a recipe")
    say_of_training(order)
    model = api.load(order.model, architecture=order.architecture)
    line = ProgressLine(quiet=order.quiet)
    try:
        with stdout_to_stderr():  # HiGHS may print a line of its own
            report = api.tune(
                model,
                data_of(order, model),
                order.recipe,
                formats=order.formats,
                granularities=order.granularities,
                per_layer=not order.same_for_all,
                activations=order.activations,
                weight_calibrators=order.weight_calibrators,
                activation_calibrators=order.activation_calibrators,
                algorithms=order.algorithms,
                quality=order.quality,
                cost=order.cost,
                trials=order.trials,
                seconds=order.seconds,
                sampler=order.sampler,
                seed=order.seed,
                train_each=order.train_each,
                progress=line.show,
            )
    finally:
        line.end()
    chosen = report.chosen
    if target is not None and chosen is not None:
        write_atomically(target, recipe_text(report.recipe(chosen), order))
    if order.json:
        print_json(plain_report(report))
    else:
        print_report(report)
    return 0


def plain_report(report: JointReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: what was chosen and the front with its recipes in front."""
    chosen = report.chosen
    front = [
        {
            "number": trial.number,
            "recipe": report.recipe(trial).to_yaml(),
            "weight_bytes": trial.weight_bytes,
            "bit_operations": trial.bit_operations,
            "quality": trial.quality,
            "accuracy": trial.metric,
        }
        for trial in report.front
    ]
    return report.to_json() | {
        "chosen": next((each for each in front if chosen is not None and each["number"] == chosen.number), None),
        "front": front,
    }
