"""Means by channel while samples stream past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import Split
from qexplorer.core.errors import BackendError
from qexplorer.quantize.layerwise import streams as home
from qexplorer.quantize.layerwise.channel_means import channel_means
from tests.quantize.support import case, run


@pytest.fixture(autouse=True)
def _shared(shared_workspace: Path) -> None:
    """Cases are observed once for the whole session."""


@pytest.mark.parametrize(("graph", "tensor", "axis"), [("cnn", "conv0_out", 1), ("mlp", "gemm2_out", -1)])
def test_means_are_those_of_all_samples_at_once(graph: str, tensor: str, axis: int) -> None:
    """In batches of 16 with a smaller last one, and the share that is done grows to 1."""
    one, shares = case(graph), list[float]()
    inputs = {key: np.asarray(values)[:50] for key, values in one.split.inputs.items()}
    found = channel_means(one.model.proto(), one.model, Split(inputs), {tensor: axis}, shares.append)
    proto = one.model.proto()
    proto.graph.output.add(name=tensor)
    whole = run(proto, inputs)[-1]
    wanted = np.moveaxis(whole, axis, 0).reshape(whole.shape[axis], -1).mean(1, dtype=np.float64)
    np.testing.assert_allclose(found[tensor], wanted, rtol=1e-5, atol=1e-6)
    assert shares == [16 / 50, 32 / 50, 48 / 50, 1.0]


def test_what_fills_a_fixed_batch_up_does_not_count() -> None:
    """A model with a batch of one gives the mean over all samples."""
    one = case("fixed")
    found = channel_means(one.model.proto(), one.model, one.split, {"conv0_out": 1}, lambda _: None)
    proto = one.model.proto()
    proto.graph.output.add(name="conv0_out")
    samples = np.asarray(one.split.inputs["x"])
    each = [run(proto, {"x": samples[i : i + 1]})[-1].mean((0, 2, 3)) for i in range(len(samples))]
    np.testing.assert_allclose(found["conv0_out"], np.mean(each, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("workers", [1, 3])
def test_few_batches_are_held_at_a_time(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many samples there are, at most two more batches than workers are read ahead of what is added up."""
    read, most, done = 0, 0, 0
    real = home.batches

    def counted(*given: Any) -> Iterator[Any]:
        nonlocal read
        for each in real(*given):
            read += 1
            yield each

    def told(_: float) -> None:
        nonlocal most, done
        most, done = max(most, read - done), done + 1

    monkeypatch.setattr(home, "cores", lambda: workers)
    monkeypatch.setattr(home, "batches", counted)
    one = case("mlp")
    samples = np.tile(np.asarray(one.split.inputs["x"]), (20, 1))
    channel_means(one.model.proto(), one.model, Split({"x": samples}), {"gemm2_out": -1}, told)
    assert done == 80
    assert most <= workers + 2


def test_a_graph_that_cannot_run_is_an_error_with_its_name() -> None:
    """A tensor that is not there is ONNX Runtime's own complaint, in one sentence."""
    one = case("mlp")
    with pytest.raises(BackendError, match="mlp: ONNX Runtime gave up"):
        channel_means(one.model.proto(), one.model, one.split, {"nowhere": 1}, lambda _: None)
