"""``qexplorer search MODEL --data D --budget weight_bytes=0.6``: the best mix of number formats, measured."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer import api
from qexplorer.cli.inputs import data_of
from qexplorer.cli.quantize import writable
from qexplorer.cli.terminal import ProgressLine, print_facts, print_json, print_table, say, stdout_to_stderr
from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.report.mix_charts.mix_words import (
    MIX_HEADER,
    chosen_sentence,
    loss_unit,
    mix_cells,
    prediction_sentence,
)
from qexplorer.report.words import bytes_text
from qexplorer.search.mixing.mix_types import MixPoint, MixReport

__all__ = ["run"]

_RESOURCE = "weight_bytes"


def run(order: argparse.Namespace) -> int:
    """Searches, measures, and writes the recipe where a file is named."""
    target = None if order.output is None else writable(order.output, ending=".yaml", kind="a recipe")
    share = None if order.most_drop is not None else _share(order.budget)
    model = api.load(order.model, architecture=order.architecture)
    line = ProgressLine()
    try:
        with stdout_to_stderr():  # HiGHS may print a line of its own
            report = api.search(
                model,
                data_of(order, model),
                order.recipe,
                share=share,
                most_drop=order.most_drop,
                formats=tuple(order.formats),
                progress=line.show,
            )
    finally:
        line.end()
    if target is not None and report.best is not None:
        write_atomically(target, report.best.recipe.encode())
    if order.json:
        print_json(plain_report(report))
    else:
        _print(report)
    return 0


def _share(text: str) -> float:
    """Of ``weight_bytes=0.6``, or of a number alone."""
    name, equals, value = text.partition("=")
    number = value if equals else name
    try:
        share = float(number)
    except ValueError:
        share = -1.0
    if (equals and name.strip() != _RESOURCE) or not 0 < share <= 4:
        allowed = f"a fraction of int8's, such as {_RESOURCE}=0.6"
        raise InputError(f"'{text}' is no budget", where="--budget", allowed=allowed)
    return share


def plain_report(report: MixReport) -> dict[str, Any]:
    """The report as ``--json`` prints it: what was chosen, the front, and everything that was measured."""
    best, found = report.best, report.to_json()
    chosen = None
    if best is not None:
        chosen = {
            "recipe": best.recipe,
            "weight_bytes": best.weight_bytes,
            "predicted_loss": best.point.predicted_loss,
            "loss": best.found.loss,
            "accuracy": best.found.metric,
            "delta": None if best.found.metric_drop is None else 0.0 - best.found.metric_drop,
            "n": report.n,
        }
    front = [_plain_point(report, point) for point in report.front]
    return found | {"chosen": chosen, "front": front}


def _plain_point(report: MixReport, point: MixPoint) -> dict[str, Any]:
    return {
        "weight_bytes": point.weight_bytes,
        "share": point.weight_bytes / max(report.int8_bytes, 1),
        "predicted_loss": point.predicted_loss,
        "formats": {
            layer: group.formats[at]
            for group, at in zip(report.groups, point.choice, strict=True)
            for layer in group.layers
        },
    }


def _print(report: MixReport) -> None:
    if report.budget_bytes is None:
        asked = f"the smallest whose metric drops by at most {report.most_drop:g}"
    else:
        asked = f"at most {bytes_text(report.budget_bytes)} of weights, {100 * (report.share or 0):.3g} % of int8's"
    print_facts(
        {
            "model": report.model,
            "asked": asked,
            "judged on": f"{report.n} calibration samples of {report.data}, kept apart",
            "loss": loss_unit(report),
            "chosen": chosen_sentence(report),
        }
    )
    say()
    print_table(MIX_HEADER, mix_cells(report))
    if prediction := prediction_sentence(report):
        say(prediction)
