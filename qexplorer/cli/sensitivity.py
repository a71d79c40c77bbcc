"""``qexplorer sensitivity MODEL --data D``: what rounding each layer costs, foretold and evaluated."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.terminal import ProgressLine, print_json, print_report
from qexplorer.search.sensitivity.sensitivity_types import LayerSensitivity, SensitivityReport

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Finds it and prints the layers, the worst first."""
    model = api.load(order.model, architecture=order.architecture)
    line = ProgressLine(quiet=order.quiet)
    try:
        report = api.sensitivity(
            model,
            data_of(order, model),
            order.recipe,
            format=order.format,
            samples=order.samples,
            rounded=order.rounded or ("both",),
            setups=order.setup or ("alone",),
            passes=None if order.all_samples else -1.0 if order.passes is None else order.passes,
            evaluate=not order.gradient_only,
            progress=line.show,
        )
    finally:
        line.end()
    if order.json:
        print_json(plain_report(report))
    else:
        print_report(report)
    return 0


def plain_report(report: SensitivityReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: layers in graph order with what is asked for most in front."""
    found = report.to_json()
    return found | {"layers": [_plain(layer, each) for layer, each in zip(report.layers, found["layers"], strict=True)]}


def _plain(layer: LayerSensitivity, found: dict[str, Any]) -> dict[str, Any]:
    foretold, evaluated = layer.gradient(), layer.exact()
    return {
        "name": layer.name,
        "gradient": None if foretold is None else foretold.loss,
        "exact": None if evaluated is None else evaluated.loss,
        "sqnr_db": None if evaluated is None else evaluated.sqnr_db,
        **{key: value for key, value in found.items() if key != "name"},
    }
