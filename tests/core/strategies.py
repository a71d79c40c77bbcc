"""Hypothesis strategies for grids, tensors and recipes, shared by the tests of ``core``."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qexplorer.core.formats import FORMATS, Format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Grid, grid_from_range
from qexplorer.core.plugins import CALIBRATORS

INTEGER_FORMATS = tuple(each for each in FORMATS if isinstance(each, UniformFormat))

# float32 values whose quotients by any scale here stay finite; subnormals are left out, as no tensor keeps them
values = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
tensors = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6), elements=values)


@st.composite
def tensor_grids(draw: st.DrawFn, format: Format) -> Grid:
    """A per-tensor grid of ``format`` over some range, symmetric or not."""
    low, high = sorted((draw(values), draw(values)))
    return grid_from_range(low, high, format, symmetric=draw(st.booleans()))


@st.composite
def fine_grids(draw: st.DrawFn, format: Format, shape: tuple[int, ...]) -> Grid:
    """A per-channel or per-block grid of ``format`` for a tensor of ``shape``."""
    axis = draw(st.integers(0, len(shape) - 1))
    block = draw(st.none() | st.integers(1, shape[axis] + 1))
    size = (shape[axis],) if block is None else (*shape[:axis], -(-shape[axis] // block), *shape[axis + 1 :])
    bounds = np.sort(draw(hnp.arrays(np.float32, (2, *size), elements=values)), axis=0)
    return grid_from_range(bounds[0], bounds[1], format, symmetric=draw(st.booleans()), axis=axis, block=block)


calibrators = st.sampled_from(CALIBRATORS.names())
integer_names = st.sampled_from([each.name for each in INTEGER_FORMATS])
percentiles = st.floats(50, 100, allow_nan=False)


def _options(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the percentile where the calibrator takes none."""
    return (
        fields if fields.get("calibrator") == "percentile" else {k: v for k, v in fields.items() if k != "percentile"}
    )


@st.composite
def weight_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Some fields of a WeightSpec."""
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "format": integer_names,
                "granularity": st.sampled_from(["tensor", "channel", "block"]),
                "block": st.integers(8, 4096),
                "symmetric": st.booleans(),
                "calibrator": calibrators,
                "percentile": percentiles,
            },
        ).map(_options)
    )


@st.composite
def activation_fields(draw: st.DrawFn) -> dict[str, Any]:
    """Some fields of a static ActivationSpec."""
    optional: dict[str, Any] = {"format": integer_names, "symmetric": st.booleans()}
    optional |= {"calibrator": calibrators, "percentile": percentiles}
    return draw(st.fixed_dictionaries({}, optional=optional).map(_options))


names = st.text("abcxyz_0123456789/.-", min_size=1, max_size=12)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """One layer rule: float, or some fields."""
    match = draw(st.sampled_from(["op:Conv", "op:*", "op:Gemm", "*", "layer?", "layer1"]) | names)
    if draw(st.booleans()):
        return {"match": match, "float": True}
    return {"match": match, "weights": draw(weight_fields()), "activations": draw(activation_fields())}


@st.composite
def recipe_fields(draw: st.DrawFn) -> dict[str, Any]:
    """A whole recipe as plain data."""
    value: dict[str, Any] = {"name": draw(names)}
    if draw(st.booleans()):
        value["weights"] = draw(weight_fields())
    if draw(st.booleans()):
        value["activations"] = draw(activation_fields())
    if layers := draw(st.lists(rules(), max_size=4)):
        value["layers"] = layers
    return value
