"""``qexplorer search MODEL --data D --budget weight_bytes=0.6``: the best mix of precisions, measured."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.precision.own_training import recipe_text, say_of_training
from qexplorer.cli.quantize import writable
from qexplorer.cli.terminal import ProgressLine, print_json, print_report, stdout_to_stderr
from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.core.recipe import Recipe
from qexplorer.search.costs.cost_kinds import BUDGETS, COSTS, WEIGHT_BYTES
from qexplorer.search.mixing.mix_types import MixPoint, MixReport

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Searches, measures, and writes the recipe where a file is named."""
    target = None if order.output is None else writable(order.output, ending=".yaml", kind="a recipe")
    budgets = _budgets(order.budget)
    say_of_training(order)
    model = api.load(order.model, architecture=order.architecture)
    line = ProgressLine(quiet=order.quiet)
    try:
        with stdout_to_stderr():  # HiGHS may print a line of its own
            report = api.search(
                model,
                data_of(order, model),
                order.recipe,
                budgets=budgets,
                most_drop=order.most_drop,
                as_float=order.as_float,
                axis=order.least or "",
                choices=tuple(order.choices),
                backend=order.backend,
                threads=order.threads,
                hardware_aware=order.hardware_aware,
                train_each=order.train_each,
                anew=order.measure_again,
                progress=line.show,
            )
    finally:
        line.end()
    if target is not None and report.best is not None:
        write_atomically(target, recipe_text(Recipe.parse(report.best.recipe), order))
    if order.json:
        print_json(plain_report(report))
    else:
        print_report(report)
    return 0


def _budgets(texts: Sequence[str]) -> dict[str, float]:
    """Of ``weight_bytes=0.6`` and its like; a number alone is of the weights."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        kind = name.strip() if equals else WEIGHT_BYTES
        try:
            share = float(value if equals else name)
        except ValueError:
            share = -1.0
        if not share > 0 or (kind not in BUDGETS and kind not in COSTS):
            allowed = f"a fraction of int8's of one of {', '.join(BUDGETS)}, such as {WEIGHT_BYTES}=0.6"
            raise InputError(f"'{text}' is no budget", where="--budget", allowed=allowed)
        found[kind] = share
    return found


def plain_report(report: MixReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: what was chosen, the front, and everything that was measured."""
    best, found = report.best, report.to_json()
    chosen = None
    if best is not None:
        chosen = {
            "recipe": best.recipe,
            "weight_bytes": best.weight_bytes,
            "costs": best.point.costs,
            "latency_ms": None if best.latency is None else best.latency.p50,
            "predicted_loss": best.point.predicted_loss,
            "loss": best.found.loss,
            "accuracy": best.found.metric,
            "delta": None if best.found.metric_drop is None else 0.0 - best.found.metric_drop,
            "n": report.n,
        }
    front = [_plain_point(report, point) for point in report.front]
    found["budgets"] = {COSTS[name].budget: share for name, share in report.budgets.items()}
    return found | {"chosen": chosen, "front": front, "int8_bytes": round(report.whole[WEIGHT_BYTES])}


def _plain_point(report: MixReport, point: MixPoint) -> dict[str, Any]:
    return {
        "weight_bytes": point.weight_bytes,
        "costs": point.costs,
        "share": report.share(point),
        "predicted_loss": point.predicted_loss,
        "choices": {
            layer: group.choices[at]
            for group, at in zip(report.groups, point.choice, strict=True)
            for layer in group.layers
        },
    }
