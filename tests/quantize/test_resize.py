"""A Resize that names its axes has one scale for each axis where they are known, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.resize import full_scales, without_axes
from tests.quantize.graphs import Builder


@pytest.mark.parametrize(
    ("shape", "axes", "form", "given", "wanted"),
    [
        (("n", 3, 8, 6), [2, 3], "scales", (2, 3), (1, 1, 2, 3)),
        (("n", 3, 8, 6), [3, 2], "scales", (2, 3), (1, 1, 3, 2)),
        (("n", 3, "h", "w"), [2, 3], "scales", (2, 3), (1, 1, 2, 3)),
        (("n", 3, 8, 6), [2, 3], "sizes", (4, 18), (1, 1, 0.5, 3)),
        (("n", 3, 8, "w"), [2], "sizes", (16,), (1, 1, 2, 1)),
        (("n", 3, "h", 6), [2, 3], "sizes", (16, 18), None),
    ],
)
def test_scales_of_all_axes(
    shape: tuple[int | str, ...], axes: list[int], form: str, given: tuple[int, ...], wanted: tuple[float, ...] | None
) -> None:
    """Axes that are not named keep their length; sizes are told from lengths that the file has, or not at all."""
    b = Builder(0)
    value = np.array(given, np.float32 if form == "scales" else np.int64)
    parts = [b.constant(value)] if form == "scales" else ["", b.constant(value)]
    b.output(b.node("Resize", b.input("x", shape), "", *parts, mode="nearest", axes=axes), 4)
    proto = b.model()
    view = GraphIndex(proto)
    found = full_scales(proto.graph.node[0], view)
    assert (None if found is None else tuple(found.tolist())) == wanted
    without_axes(proto, view)
    assert any(item.name == "axes" for item in proto.graph.node[0].attribute) == (wanted is None)
