"""``qexplorer samples``: the sample models and their data."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer.cli.terminal import print_json, print_table, say
from qexplorer.load.samples.shelf import Sample, list_samples
from qexplorer.report.words import NONE, count_text

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Lists all samples."""
    samples = list_samples()
    if order.json:
        print_json({"samples": [_plain(sample) for sample in samples]})
        return 0
    header = ("name", "data", "task", "parameters", "float accuracy", "samples to judge by", "licence")
    print_table(header, [_row(sample) for sample in samples])
    say("\nTry: qexplorer compare digits_cnn --recipe w8a8 w4a8 --quick")
    return 0


def _row(sample: Sample) -> tuple[object, ...]:
    accuracy = NONE if sample.float_accuracy is None else f"{100 * sample.float_accuracy:.1f} %"
    judged = sample.n_evaluation if sample.trained else "untrained: size and latency only"
    return sample.name, sample.data, sample.task, count_text(sample.parameters), accuracy, judged, sample.licence


def _plain(sample: Sample) -> dict[str, Any]:
    fields = ("name", "title", "description", "task", "trained", "data", "licence", "data_licence", "float_accuracy")
    return {k: getattr(sample, k) for k in (*fields, "n_evaluation", "parameters", "sha256", "input_kind")}
