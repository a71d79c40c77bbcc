"""The jobs of page Distributions, in real children."""

from __future__ import annotations

from qexplorer.jobs.kinds.channels import CHANNELS, ChannelsOrder
from qexplorer.jobs.kinds.observe import OBSERVE, ObserveOrder, ObserveResult
from qexplorer.load.model import load_model
from tests.jobs.orders import DATA, MODEL, finished


def test_observe() -> None:
    """Observing counts the samples that it was given."""
    job = finished(OBSERVE, ObserveOrder(model=MODEL, data=DATA, samples=64))
    assert OBSERVE.result_of(job) == ObserveResult(64)


def test_channels() -> None:
    """Looking into the channels of an activation finds as many as the tensor has."""
    layer = next(layer for layer in load_model("tumour_mlp").layers if layer.weight)
    job = finished(CHANNELS, ChannelsOrder(model=MODEL, data=DATA, samples=64, tensor=layer.inputs[0]))
    result = CHANNELS.result_of(job)
    assert result is not None, job.error
    assert result.channels == 30
