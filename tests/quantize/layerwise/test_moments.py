"""Second moments of layers' inputs, and what they say of an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.graph.index import GraphIndex
from qexplorer.quantize.layerwise import moments as home
from qexplorer.quantize.layerwise.matrices import LayerMatrix, matrix_of
from qexplorer.quantize.layerwise.moments import input_moments
from tests.quantize.support import case, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


def _layer(graph: str, label: str) -> tuple[str, LayerMatrix]:
    view = GraphIndex(case(graph).model.proto())
    matrix = matrix_of(view.nodes[label], view)
    assert isinstance(matrix, LayerMatrix)
    return view.nodes[label].input[0], matrix


@pytest.mark.parametrize(("graph", "label"), [("cnn", "conv4"), ("depthwise", "conv2"), ("mlp", "gemm2")])
def test_they_are_those_of_all_samples_at_once(graph: str, label: str) -> None:
    """In batches, at every position, groups by themselves; and they give the mean square of the outputs."""
    one, layers = case(graph), list(GraphIndex(case(graph).model.proto()).nodes)
    label = label if label in layers else next(each for each in layers if each[:4] in ("conv", "gemm"))
    tensor, matrix = _layer(graph, label)
    found = input_moments(one.model.proto(), one.model, one.split, {label: (tensor, matrix)}, lambda _: None)[label]
    proto = one.model.proto()
    feeds = {key: np.asarray(values) for key, values in one.split.inputs.items()}
    if tensor in feeds:
        x = feeds[tensor]
    else:
        proto.graph.output.add(name=tensor)
        x = run(proto, feeds)[-1]
    inputs = matrix.inputs(x.astype(np.float64))
    wanted = inputs @ inputs.swapaxes(1, 2) / inputs.shape[-1]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_wide_pictures_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many places as asked, spread over the samples, the same ones each time; the mean stays about what it is."""
    one = case("cnn")
    tensor, matrix = _layer("cnn", "classifier")
    first = next(label for label in GraphIndex(one.model.proto()).nodes if label.startswith("conv"))
    tensor, matrix = _layer("cnn", first)
    whole = input_moments(one.model.proto(), one.model, one.split, {first: (tensor, matrix)}, lambda _: None)[first]
    monkeypatch.setattr(home, "_LEAST", 2000)
    once, again = (
        input_moments(one.model.proto(), one.model, one.split, {first: (tensor, matrix)}, lambda _: None)[first]
        for _ in range(2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, whole)
    assert np.abs(once - whole).max() < 0.2 * np.abs(whole).max()


def test_no_sample_gives_nothing() -> None:
    """A layer without inputs is left out."""
    one = case("mlp")
    label = next(each for each in GraphIndex(one.model.proto()).nodes if each.startswith("gemm"))
    empty = Split({key: np.asarray(values)[:0] for key, values in one.split.inputs.items()})
    assert input_moments(one.model.proto(), one.model, empty, {label: _layer("mlp", label)}, lambda _: None) == {}
