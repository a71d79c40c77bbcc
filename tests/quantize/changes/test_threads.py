"""How many threads torch gets while an algorithm works on a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.core.plugin_kinds.algorithm import Needs
from qexplorer.quantize.changes.threads import WORTH_SHARING, threads_for
from tests.quantize.support import case


def _model(macs: int) -> Model:
    model = case("cnn").model
    return replace(model, layers=tuple(replace(layer, macs=macs if layer.macs else 0) for layer in model.layers))


@pytest.fixture(autouse=True)
def _several() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_small_layers_get_one_thread_until_the_work_ends() -> None:
    """One thread inside, as many as before outside, also where the work fails."""
    with threads_for(_model(1000), Needs.DATA):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3
    with pytest.raises(DataError), threads_for(_model(1000), Needs.GRADIENTS):
        raise DataError("nothing to learn from", do="give some")
    assert torch.get_num_threads() == 3


def test_large_layers_and_work_without_samples_keep_their_threads() -> None:
    """What is worth sharing is shared, and whoever only reads weights is left alone."""
    with threads_for(_model(WORTH_SHARING), Needs.DATA):
        assert torch.get_num_threads() == 3
    with threads_for(_model(1000), Needs.STATISTICS):
        assert torch.get_num_threads() == 3
