"""Statistics handed to a task come back as they were."""

from __future__ import annotations

import pytest

import qexplorer as qx
from qexplorer.core.errors import InputError
from qexplorer.observe.collecting.handing import statistics_in, statistics_inputs
from qexplorer.observe.collecting.store import statistics_for


def test_statistics_come_back() -> None:
    """They have the same digest and the same histograms; those of another model are refused, and none are none."""
    model, data = qx.load("tumour_mlp"), qx.data("tumour")
    paths = {name: str(file.path) for name, file in statistics_inputs(model, data, samples=64).items()}
    found, wanted = statistics_in(paths, model), statistics_for(model, data, samples=64)
    assert found is not None
    assert found.digest == wanted.digest
    first, same = (next(iter(each.of_kind("activation"))) for each in (found, wanted))
    assert (first.histogram.counts == same.histogram.counts).all()
    assert statistics_in({}, model) is None
    with pytest.raises(InputError):
        statistics_in(paths, qx.load("digits_cnn"))
