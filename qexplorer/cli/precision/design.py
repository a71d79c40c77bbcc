"""``qexplorer design MODEL``: small networks found for quantization, beside a sample model."""

from __future__ import annotations

import argparse

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.terminal import ProgressLine, print_json, print_report

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Searches, and prints what was found."""
    model = api.load(order.model)
    line = ProgressLine(quiet=order.quiet)
    try:
        report = api.design(
            model,
            data_of(order, model),
            networks=order.networks,
            rounds=order.rounds,
            epochs=order.epochs,
            rounded_epochs=order.rounded_epochs,
            judged=order.judged,
            pictures=order.pictures,
            seed=order.seed,
            progress=line.show,
        )
    finally:
        line.end()
    if order.json:
        print_json(report.to_json() | {"as_accurate": [each.name for each in report.as_accurate]})
        return 0
    print_report(report)
    return 0
