"""Gradients times errors, piece by piece, are what they are as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qexplorer.core.formats import get_format
from qexplorer.core.grid import Grid
from qexplorer.quantize.training.rounding.quantizers import GridQuantizer
from qexplorer.search.sensitivity import products
from qexplorer.search.sensitivity.products import product, products_by_row


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pieces_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch, layout: torch.memory_format) -> None:
    """Each row's product is that of the whole tensors, however they lie in memory; what is no number is left out."""
    monkeypatch.setattr(products, "_PIECE", 64)
    generator = torch.Generator().manual_seed(0)
    value, one, other = (torch.randn(4, 3, 5, 7, generator=generator) for _ in range(3))
    grid = Grid(get_format("uint8"), np.array(0.03, np.float32), np.array(120, np.int32), None, None, 0, 255)
    error = GridQuantizer(grid)(value).detach() - value
    one[1, 2, 3, 4] = float("nan")
    given = [each.contiguous(memory_format=layout) for each in (one, other)]
    wanted = torch.stack([(each.nan_to_num() * error).reshape(4, -1).sum(1) for each in (one, other)])
    for apart in (True, False):
        found = products_by_row(value.contiguous(memory_format=layout), given, GridQuantizer(grid), 4, apart=apart)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    assert product(one.reshape(-1), error) == pytest.approx(float(wanted[0].sum()), rel=1e-4)
