"""Orders of searches are what the functions behind them are asked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import qexplorer as qx
from qexplorer.core.recipe import Recipe
from qexplorer.jobs.kind import JOB_KINDS
from qexplorer.jobs.references import DataRef, ModelRef


@pytest.mark.parametrize(
    ("kind", "function"), [("mix", qx.search), ("joint", qx.tune), ("architecture", qx.design), ("repair", qx.repair)]
)
def test_every_field_of_an_order_is_a_parameter_of_its_function(kind: str, function: Callable[..., Any]) -> None:
    """By its name, beside model and data."""
    fields: dict[str, Any] = {"model": ModelRef(sample="digits_cnn"), "data": DataRef(sample="digits")}
    order_type = JOB_KINDS.get(kind).order
    if "recipe" in order_type.model_fields:
        fields["recipe"] = Recipe.parse("w8a8")
    order = order_type(**fields)
    assert set(order.asked) == set(order_type.model_fields) - {"model", "data"}
    inspect.signature(function).bind("a model", data="data", **order.asked)
