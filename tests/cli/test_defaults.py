"""What is left out means the same in a terminal as in Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from qexplorer import api
from qexplorer.cli.parser import build_parser
from qexplorer.search.sensitivity.question import SAMPLES

OTHERWISE = {"recipes", "data", "partly", "progress", "prompt", "steps", "quick"}
"""What a terminal asks for in its own way."""


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("quantize m --recipe w8a8 -o out.onnx", api.quantize),
        ("compare m --recipe w8a8", api.compare),
        ("repair m", api.repair),
        ("search m", api.search),
        ("tune m", api.tune),
        ("design m", api.design),
        ("generate m --prompt x", api.generate),
    ],
    ids=lambda each: each.split()[0] if isinstance(each, str) else "",
)
def test_defaults_are_those_of_python(line: str, call: Callable[..., Any]) -> None:
    """Every option that has one name in both has one default."""
    given = vars(build_parser().parse_args(line.split()))
    there = {
        name: each.default
        for name, each in inspect.signature(call).parameters.items()
        if each.default is not each.empty and name not in OTHERWISE and name in given
    }
    assert there
    told = {name: given[name] or None for name in there}
    assert told == {name: (list(d) if isinstance(d, tuple) else d) or None for name, d in there.items()}


def test_sensitivity_looks_at_as_many_samples() -> None:
    """Python leaves the number to the search, the terminal names it."""
    assert build_parser().parse_args(["sensitivity", "m"]).samples == SAMPLES
