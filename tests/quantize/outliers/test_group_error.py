"""What quantizing a group of layers costs: the share of the outputs' power, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from qexplorer.core.formats import Format, get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import fake_quantize, grid_from_range
from qexplorer.core.recipe import Recipe
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.decide import decide
from qexplorer.quantize.outliers.group_error import GroupError
from qexplorer.quantize.outliers.input_groups import groups_of
from tests.quantize.graphs import Builder
from tests.quantize.support import model_of

ROWS = np.random.default_rng(1).normal(size=(8, 40)).astype(np.float32)


def _judge(recipe: str) -> tuple[GroupError, list[np.ndarray]]:
    """Two products that read one tensor."""
    b = Builder(0)
    x = b.input("x", ("n", 8))
    for name, width in (("one", 5), ("two", 3)):
        b.output(b.node("MatMul", x, b.normal(8, width), name=name), 2)
    model = model_of(b.model(), "pair")
    view = GraphIndex(model.proto())
    (group,), reasons = groups_of(decide(model, Recipe.parse(recipe), view), view)
    assert (group.layers, group.channels, reasons) == (("one", "two"), 8, {})
    weights = [view.array(view.nodes[name].input[1]) for name in group.layers]
    return GroupError.of(group, view, weights, [ROWS[None]] * 2), weights


def _rounded(
    values: np.ndarray, kind: Format, ends: tuple[Any, Any], *, symmetric: bool, axis: int | None = None
) -> Any:
    return fake_quantize(values, grid_from_range(*ends, kind, symmetric=symmetric, axis=axis))


@pytest.mark.usefixtures("shared_workspace")
@pytest.mark.parametrize("recipe", ["w4a8", "w4"])
def test_the_error_is_the_root_of_the_mean_share_of_both_layers(recipe: str) -> None:
    """Weights on their own grids, rows on one for all, each layer by the power of its float outputs."""
    judge, weights = _judge(recipe)
    alone, int4 = recipe == "w4", UniformFormat.of(4, signed=True)
    kind = int4.of_either_sign() if alone else int4  # what is decoded has scales of either sign
    fed = ROWS if alone else _rounded(ROWS, get_format("uint8"), (ROWS.min(), ROWS.max()), symmetric=False)
    shares = []
    for weight in weights:
        own = _rounded(weight, kind, (weight.min(0), weight.max(0)), symmetric=True, axis=1)
        wanted = weight.T @ ROWS
        shares.append(np.mean((own.T @ fed - wanted) ** 2) / np.mean(wanted**2))
    assert judge.of_candidate(weights, [ROWS[None]] * 2) == pytest.approx(np.sqrt(np.mean(shares)), rel=1e-4)


@pytest.mark.usefixtures("shared_workspace")
def test_a_wider_span_makes_steps_wider_and_what_is_added_counts() -> None:
    """The range of the changed input may be told; outputs that come beside in float are part of the answer."""
    judge, weights = _judge("w8a8")
    plain, rows = judge.of_candidate(weights, [ROWS[None]] * 2), [ROWS[None]] * 2
    wide = judge.of_candidate(weights, rows, (-40.0, 40.0))
    assert wide > 3 * plain
    missing = judge.of_candidate([0 * weight for weight in weights], rows)
    assert missing == pytest.approx(1.0, rel=1e-6)
    beside = [(weight.T @ ROWS)[None] for weight in weights]
    assert judge.of_candidate([0 * weight for weight in weights], rows, beside=beside) == pytest.approx(0.0, abs=1e-6)
    halved = judge.of_candidate([weight / 2 for weight in weights], [2 * ROWS[None]] * 2)
    assert halved == pytest.approx(plain, rel=1e-3)
