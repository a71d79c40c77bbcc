"""Which formats weights and activations can have, and what is said of those that they cannot."""

from __future__ import annotations

import re

import pytest

from qexplorer.core.errors import UnknownName
from qexplorer.core.formats import FORMATS, in_role, not_a_format, on_a_grid


@pytest.mark.parametrize("role", ["weight", "activation"])
def test_a_format_of_the_other_role_is_refused_with_those_of_this_one(role: str) -> None:
    """What is allowed is what is taken: every format that is named is one that would not be refused."""
    taken = [item.name for item in FORMATS if role in item.roles]
    refused = [item.name for item in FORMATS if role not in item.roles]
    assert [in_role(name, role).name for name in taken] == taken  # type: ignore[arg-type]
    for name in refused:
        with pytest.raises(ValueError, match=rf"^'{re.escape(name)}' is not a format of {role}s; allowed: ") as raised:
            in_role(name, role)  # type: ignore[arg-type]
        assert str(raised.value).split("allowed: ")[1].split(", ") == taken
    with pytest.raises(UnknownName):
        in_role("int99", role)  # type: ignore[arg-type]


def test_weights_have_formats_that_activations_have_not() -> None:
    """Levels from a table and 4 bits a weight are no grids of activations; 8 and 16 bits are both's."""
    weights, activations = on_a_grid("weight"), on_a_grid("activation")
    assert {"nf4", "int4", "int8", "ternary"} <= set(weights)
    assert {"int8", "uint8", "uint16"} <= set(activations)
    assert not {"nf4", "ternary", "fp16", "bf16"} & set(activations)
    assert not {"fp16", "bf16"} & set(weights)


@pytest.mark.parametrize("role", ["weight", "activation"])
def test_evenly_spaced_formats_come_first(role: str) -> None:
    """In a list to choose from integers stand above others, and both in the order in which they are registered."""
    names = on_a_grid(role)  # type: ignore[arg-type]
    even = [FORMATS.get(name).is_uniform for name in names]
    assert even == sorted(even, reverse=True)
    known = FORMATS.names()
    for uniform in (True, False):
        places = [known.index(name) for name in names if FORMATS.get(name).is_uniform is uniform]
        assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("int1", "the levels 0 and -1, on one side of zero alone; one bit a weight is 'binary'"),
        ("uint1", "the levels 0 and 1, on one side of zero alone; one bit a weight is 'binary'"),
        ("float5", "'float5' is not a number format; allowed: "),
    ],
)
def test_what_is_no_format_is_told_with_what_is(name: str, said: str) -> None:
    """One bit has a sentence of its own; anything else has the names of all."""
    assert said in not_a_format(name)
    assert ("int8" in not_a_format(name)) == (name == "float5")
