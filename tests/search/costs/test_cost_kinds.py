"""Names of costs and of budgets, and what a plan costs without a clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.search.costs.bits import bit_operations, plan_costs
from qexplorer.search.costs.clocking import _watts
from qexplorer.search.costs.cost_kinds import BIT_OPERATIONS, COSTS, WEIGHT_BYTES, cost_kind, cost_of_budget


def _plan() -> tuple[Any, Any]:
    """A layer on codes, one with weights alone on codes, one in float, and one whose shapes are not known."""
    layers = {"a": 100, "b": 10, "c": 1, "d": None}
    model = SimpleNamespace(layers=[SimpleNamespace(name=name, macs=macs) for name, macs in layers.items()])
    told = {
        "a": ("int8 per channel", "uint8", 70),
        "b": ("int4, carried by int8", None, 20),
        "c": (None, None, 4),
        "d": ("int8", "uint16", 3),
    }
    rows = [
        SimpleNamespace(name=name, weights=weights, activations=activations, weight_bytes=size, parameters=5)
        for name, (weights, activations, size) in told.items()
    ]
    return model, SimpleNamespace(layers=rows)


def test_bit_operations_are_multiplications_times_both_widths() -> None:
    """A float has 32 bits, a layer of unknown shapes counts nothing, and some layers can be asked for."""
    model, plan = _plan()
    assert bit_operations(model, plan) == 100 * 8 * 8 + 10 * 4 * 32 + 32 * 32
    assert bit_operations(model, plan, iter(["b", "c"])) == 10 * 4 * 32 + 32 * 32
    assert plan_costs(model, plan) == {WEIGHT_BYTES: 97.0, BIT_OPERATIONS: bit_operations(model, plan)}
    assert plan_costs(model, plan, ["b"]) == {WEIGHT_BYTES: 20.0, BIT_OPERATIONS: 10 * 4 * 32}


def test_budgets_have_no_unit_and_costs_of_time_do() -> None:
    """A kind is found by either name; a budget by its own alone, and the sentence gives it."""
    assert cost_kind("latency") is cost_kind("latency_ms") is cost_of_budget("latency")
    assert [name for name, kind in COSTS.items() if kind.timed] == ["latency_ms", "energy_mj"]
    assert cost_of_budget("weight_bytes").name == "weight_bytes"
    with pytest.raises(InputError, match=r"'energy_mj' has a unit; allowed: energy; give energy, such as energy=0\.8"):
        cost_of_budget("energy_mj")
    with pytest.raises(InputError, match="there is no budget called 'time'"):
        cost_of_budget("time")
    with pytest.raises(InputError, match="there is no cost called 'time'"):
        cost_kind("time")


def test_watts_are_joules_by_seconds_where_every_variant_drew_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """6 mJ in a call of 2 ms are 3 W; one variant without a reading, or at idle, and all have the same assumption."""
    monkeypatch.setenv("QEXPLORER_WATTS_PER_CPU", "5")
    calls = {"one": 2.0, "two": 4.0}
    energy: dict[str, Any] = {
        "one": {"joules": [0.004, 0.008], "source": "measured:rapl"},
        "two": {"joules": [0.004], "source": "measured:rapl"},
    }
    found, source = _watts(energy, calls, 2)
    assert (found, source) == ({"one": pytest.approx(3.0), "two": pytest.approx(1.0)}, "measured:rapl")
    assumed = ({"one": 10.0, "two": 10.0}, "estimated")
    assert _watts({"one": energy["one"]}, calls, 2) == assumed
    assert _watts(energy | {"two": {"joules": [0.0], "source": "measured:rapl"}}, calls, 2) == assumed
