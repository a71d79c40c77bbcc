"""``qexplorer samples``: the sample models and their data."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer.cli.terminal import print_json, print_table, say
from qexplorer.load.samples.shelf import Sample, list_samples
from qexplorer.report.metric_words import stated, value_text
from qexplorer.report.words import NONE, count_text

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Lists all samples."""
    samples = list_samples()
    if order.json:
        print_json({"samples": [_plain(sample) for sample in samples]})
        return 0
    header = ("name", "data", "task", "parameters", "float model", "samples to judge by", "licence")
    print_table(header, [_row(sample) for sample in samples])
    say()
    say("Try: qexplorer compare digits_cnn --recipe w8a8 w4a8 --quick")
    return 0


def _row(sample: Sample) -> tuple[object, ...]:
    known = sample.float_metric
    found = None if known is None else stated(known.metric, known.value, known.n)
    measured = NONE if found is None else f"{found.label} {value_text(found)}"
    judged = sample.n_evaluation if sample.trained else "untrained: size and latency only"
    return sample.name, sample.data, sample.task, count_text(sample.parameters), measured, judged, sample.licence


def _plain(sample: Sample) -> dict[str, Any]:
    fields = ("name", "title", "description", "task", "trained", "data", "licence", "data_licence", "float_accuracy")
    plain = {k: getattr(sample, k) for k in (*fields, "n_evaluation", "parameters", "sha256", "input_kind")}
    measured = sample.float_metric
    return plain | {"float_metric": None if measured is None else measured.model_dump()}
