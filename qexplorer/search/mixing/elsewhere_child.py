"""The child's side of ``elsewhere``: a recipe quantized and run on the samples kept apart."""

from __future__ import annotations

import json
from typing import Any

from qexplorer.core.recipe import Recipe
from qexplorer.load.handing import data_in, model_in
from qexplorer.observe.collecting.handing import statistics_in
from qexplorer.process.child import Emit
from qexplorer.search.mixing.verifying import Verifier
from qexplorer.search.sensitivity.finding import yardstick_of

__all__ = ["lay"]

_LAST: dict[str, Verifier] = {}  # of the inputs that this process saw last: the float network is run once


def lay(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:  # noqa: ARG001 - it has no steps to tell of
    """What a recipe's answers come to beside those of the float network.

    Args:
        arguments: the order names the ``recipe`` as YAML and the ``temperature`` of divergences; inputs are the
            ``model``, the samples kept ``apart``, and where the recipe needs them the samples ``seen`` in calibration
            and statistics of these.
        emit: takes events.

    Returns:
        A ``LaidMix`` as plain data.
    """
    recipe = Recipe.parse(arguments["order"]["recipe"])
    return _verifier(arguments["inputs"], arguments["order"]["temperature"]).laid(recipe).to_json()


def _verifier(inputs: dict[str, str], temperature: float) -> Verifier:
    key = json.dumps([inputs, temperature], sort_keys=True)
    if key not in _LAST:
        model, apart = model_in(inputs), data_in(inputs, "apart")
        seen = data_in(inputs, "seen") if "seen.json" in inputs else apart
        _LAST.clear()
        yard = yardstick_of(model, apart, temperature)
        _LAST[key] = Verifier(model, seen, statistics_in(inputs, model), apart.calibration, yard)
    return _LAST[key]
