"""The job that writes a quantized file, in a real child."""

from __future__ import annotations

import pytest

import qexplorer as qx
from qexplorer.jobs.kinds.quantize import QUANTIZE, QuantizeOrder
from qexplorer.quantize.quantize import quantized_path
from tests.jobs.orders import DATA, MODEL, finished


def test_quantize_calibrates_if_it_must() -> None:
    """A static recipe is quantized from data, a weight-only one without any; both are the files that the API makes."""
    static = finished(QUANTIZE, QuantizeOrder(model=MODEL, data=DATA, recipe="w8a8"))
    bare = finished(QUANTIZE, QuantizeOrder(model=MODEL, recipe="w4-b32"))
    for job, recipe in ((static, "w8a8"), (bare, "w4-b32")):
        result = QUANTIZE.result_of(job)
        assert result is not None, job.error
        assert quantized_path(result.digest).is_file()
        assert result.digest == qx.quantize(qx.load("tumour_mlp"), recipe).digest


def test_an_order_without_the_data_that_it_needs_is_refused() -> None:
    """A recipe with static activations and no data is no order."""
    with pytest.raises(ValueError, match="'w8a8' needs data"):
        QuantizeOrder(model=MODEL, recipe="w8a8")
