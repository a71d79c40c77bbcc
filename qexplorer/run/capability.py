"""Says before anybody waits that a recipe computes nothing in integers on a backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qexplorer.core.formats import Storage, get_format
from qexplorer.run.protocol import Capabilities

if TYPE_CHECKING:
    from qexplorer.core.recipe import Recipe

__all__ = ["not_integer"]


def not_integer(capabilities: Capabilities, recipe: Recipe) -> str | None:
    """Why ``recipe`` runs in float on a backend, as a clause; None if it can run in integers, or is float anyway.

    Rules for single layers are left aside: this is about what the recipe asks of every layer.

    Args:
        capabilities: what the backend declares.
        recipe: what is asked for.
    """
    weights, activations = recipe.weights, recipe.activations
    if weights is None and activations is None:
        return None
    given = [spec.format for spec in (weights, activations) if spec is not None]
    floats = [reason for name in given if (reason := _in_float(name))]
    if floats:
        return floats[0]
    if activations is None:
        return "only weights are quantized, so products are of floats"
    if activations.format not in capabilities.activation_formats:
        return f"there are no integer kernels for {activations.format} activations"
    if weights is not None and weights.format not in capabilities.weight_formats:
        return f"there are no integer kernels for {weights.format} weights"
    if weights is not None and weights.granularity == "block":
        return "weights with a scale for each block are unpacked first"
    return None


def _in_float(name: str) -> str | None:
    """Why no kernel computes on codes of the format called ``name``, as a clause; None if some may."""
    match get_format(name).storage:
        case Storage.INTEGER:
            return None
        case Storage.CAST:
            return f"{name} is a float format"
        case Storage.TABLE:
            return f"{name} is a table, which is decoded to float"
        case Storage.FLOAT8:
            return f"{name} is decoded to float"
