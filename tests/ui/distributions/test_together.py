"""One handle for all channels: where it stands on an axis of values, beside other tensors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.observe.editing.ratio_bins import ratio_bins
from qexplorer.observe.weights import array_stats
from qexplorer.ui.distributions.together import Together, in_values
from qexplorer.ui.grid_editor.payload import Mark
from qexplorer.ui.grid_editor.ratio import RatioView, ratio_span


def _view(array: np.ndarray) -> RatioView:
    stats, kind = array_stats("w", array.astype(np.float32), 0), get_format("int8")
    bins = ratio_bins(stats, kind, symmetric=True, axis=0, block=None)
    assert bins is not None
    return RatioView(bins, kind, True, "channel", 0.5, None, 1.0, array.size)


def test_the_widest_range_is_drawn_beside_other_values() -> None:
    """Its reach is the largest magnitude of any channel, and marks of single channels have no place there."""
    view = _view(np.array([[1.0, -0.5], [0.25, -4.0]]))
    found = in_values(Together(view, (Mark("Min-max", -1.0, 1.0, None),), "", "a share"))
    assert found.ratio is not None
    assert found.ratio.reach == pytest.approx(4.0)
    assert (found.marks, found.axis, found.note) == ((), "", "")
    assert found.ratio.clip == pytest.approx((view.bins.ends[0] * 2.0, view.bins.ends[1] * 2.0))
    zeros = in_values(Together(_view(np.zeros((2, 3))))).ratio
    assert zeros is not None
    assert zeros.reach == 1.0, "zeros have a width, too"


def test_what_has_no_place_on_an_axis_of_values_says_so() -> None:
    """Asymmetric ranges; and what could not be dragged before stays as it is."""
    view = replace(_view(np.eye(2)), symmetric=False, what="block")
    found = in_values(Together(view))
    assert found.ratio is None
    assert "asymmetric ranges of each block" in found.note
    none = Together(None, note="No share to drag.")
    assert in_values(none) is none


def test_an_axis_of_shares_holds_the_grid_and_all_values() -> None:
    """With a little room on both sides."""
    view = _view(np.array([[1.0, -0.5], [0.25, -4.0]]))
    low, high = ratio_span(view)
    least = min(view.bins.ends[0], float(view.bins.bars.low[0]))
    most = max(view.bins.ends[1], float(view.bins.bars.high[-1]))
    assert low == pytest.approx(least - 0.03 * (most - least))
    assert high == pytest.approx(most + 0.03 * (most - least))
