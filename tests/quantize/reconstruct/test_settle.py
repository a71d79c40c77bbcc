"""What the plan says of a weight that learned, and of one that found nothing better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.grid import grid_from_range
from qexplorer.quantize.reconstruct.settle import LearnedCodes, remark_on

GRID = grid_from_range(-1.0, 1.0, get_format("int4"), symmetric=True)


class Remarks:
    """Keeps what is said, by layer."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def remark(self, layer: str, text: str) -> None:
        """Keeps it."""
        self.said[layer] = text


def _said(**found: Any) -> dict[str, str]:
    given = {"block": ("a",), "before": 0.2, "after": 0.1, "others": 0.25, "moved": ()} | found
    draft: Any = Remarks()
    layers = found.pop("layers", ("a",))
    given.pop("layers", None)
    remark_on(draft, "Made up", layers, LearnedCodes(np.zeros(2, np.int32), GRID, **given))
    return dict(draft.said)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            {},
            "learned by itself; the error at the end is 0.1 of its size, before 0.2; 25.0% of its codes are other ones",
        ),
        ({"after": 0.2}, "left its weight as it was: nothing with a smaller error at the end of its block was found"),
        ({"after": 0.3}, "left its weight as it was: nothing with a smaller error at the end of its block was found"),
        ({"block": ("a", "b", "c")}, "learned together with 'b', 'c'; "),
        ({"block": ("a", "b"), "layers": ("a", "b")}, "learned by itself; "),
        ({"moved": (1.0, 0.5, 1.25)}, "; scales of activations moved by factors of 0.5 to 1.25"),
    ],
)
def test_what_became_of_a_weight_is_said_of_every_layer_that_reads_it(found: dict[str, Any], text: str) -> None:
    """With the errors of its block, those that learned with it, and how far scales moved; less error alone counts."""
    said = _said(**found)
    assert set(said) == set(found.get("layers", ("a",)))
    assert all(text in each for each in said.values())
    assert all(("moved by" in each) == ("moved" in found) for each in said.values())
