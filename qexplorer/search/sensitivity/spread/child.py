"""The worker's side of the exact method on a cluster."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qexplorer.core.dataset import Split
from qexplorer.core.disk.passing import passing_folder
from qexplorer.graph.index import index_of
from qexplorer.load.handing import data_in, model_in
from qexplorer.observe.collecting.handing import statistics_in
from qexplorer.process.child import Emit
from qexplorer.quantize.handing import take_quantized
from qexplorer.quantize.quantize import quantize_model
from qexplorer.search.sensitivity.distances import Yardstick
from qexplorer.search.sensitivity.evaluating import Evaluation
from qexplorer.search.sensitivity.finding import yardstick_of
from qexplorer.search.sensitivity.groups import groups_of
from qexplorer.search.sensitivity.question import Inquiry
from qexplorer.search.sensitivity.stretches import stretches_of
from qexplorer.search.sensitivity.variants import Trial, trials_of

__all__ = ["evaluate"]


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A question's network, cut and with its sessions, which are opened as they are needed.

    Attributes:
        folder: holds the stretches for as long as this does.
        split: all samples that are looked at.
    """

    folder: tempfile.TemporaryDirectory[str]
    split: Split
    yard: Yardstick
    trials: Sequence[Trial]
    evaluation: Evaluation


_LAST: dict[str, _Ready] = {}  # of what this process was asked last


def evaluate(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Some trials on one batch of samples.

    Args:
        arguments: the order names the ``question``, the ``digest`` of the quantized model, the size of a ``batch``,
            which ``rows`` (first, behind the last) are run, the places of ``trials`` among all, and whether everything
            rounded together (``whole``) is run too; inputs are what ``SpreadEvaluation`` hands over.
        emit: told that it gets on.

    Returns:
        ``plain``, ``whole`` (or None) and ``trials``: each a ``LaidBeside`` as plain data.
    """
    order = arguments["order"]
    ready = _ready(arguments["inputs"], order)
    first, behind = order["rows"]
    trials = [ready.trials[place] for place in order["trials"]]
    found = ready.evaluation.run(
        ready.split.take(np.arange(first, behind)),
        ready.yard,
        trials,
        [1] * len(trials),
        order["batch"],
        lambda *_: emit({"event": "progress"}),
        whole=order["whole"],
    )
    return {
        "plain": found.plain.to_json(),
        "whole": None if found.whole is None else found.whole.to_json(),
        "trials": [each.to_json() for each in found.trials],
    }


def _ready(inputs: Mapping[str, str], order: Mapping[str, Any]) -> _Ready:
    key = json.dumps([inputs, order["question"]], sort_keys=True)
    if key not in _LAST:
        for each in _LAST.values():
            each.folder.cleanup()
        _LAST.clear()
        _LAST[key] = _made_ready(inputs, order)
    return _LAST[key]


def _made_ready(inputs: Mapping[str, str], order: Mapping[str, Any]) -> _Ready:
    model, looked_at = model_in(inputs), data_in(inputs, "looked_at")
    question = Inquiry.from_json(order["question"])
    take_quantized(inputs, order["digest"])
    seen = data_in(inputs, "seen") if "seen.json" in inputs else None
    made = quantize_model(model, question.recipe, statistics_in(inputs, model), seen)
    changed = made.ready or made.model
    view = index_of(changed)
    folder = passing_folder("stretches")
    stretches = stretches_of(changed, view, groups_of(made.plan, view), Path(folder.name))
    return _Ready(
        folder,
        looked_at.calibration,
        yardstick_of(model, looked_at, question.temperature),
        trials_of(stretches, question.rounded, question.setups)[0],
        Evaluation(changed, made.plan, view, stretches, threads=1),
    )
