"""What is kept of a tensor while arrays stream past."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.model import Layer
from qexplorer.observe.collecting import accumulate
from qexplorer.observe.collecting.accumulate import Accumulator, ChannelLayout, histogram_of
from qexplorer.observe.collecting.targets import channel_axis

VALUES = np.random.default_rng(2).standard_normal((9, 5, 7)).astype(np.float32)
VALUES[:, :, 0] = 0.0


@pytest.mark.parametrize("room", [35, 50, 100, 10_000])
def test_counters_are_emptied_before_they_overflow(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few values they have room for, nothing is lost and nothing counted twice, zeros included."""
    monkeypatch.setattr(accumulate, "_SPILL", room)
    found = Accumulator(ChannelLayout(1))
    for sample in VALUES:
        found.add(sample[None], 1)
    assert np.array_equal(found.histogram().counts, histogram_of(VALUES).counts)
    assert found.histogram().count == VALUES.size


def test_channels_that_change_their_number_are_none() -> None:
    """The values count, whatever is said of channels."""
    found = Accumulator(ChannelLayout(-1))
    found.add(VALUES[:, :, :4].copy(), 9)
    assert found.channels() is not None
    found.add(VALUES, 9)
    assert found.channels() is None
    assert found.histogram().count == 9 * 5 * 11


@pytest.mark.parametrize("axis", [1, -1])
def test_an_array_that_is_no_batch_has_its_channels_where_they_are(axis: int) -> None:
    """A tensor of one shape for any batch is one sample; its axis is counted from its own first one."""
    found = Accumulator(ChannelLayout(axis))
    array = VALUES[0] if axis == -1 else VALUES.transpose(1, 0, 2)[:, :, :3].copy()
    found.add(array, 4)
    channels = found.channels()
    assert channels is not None
    rest = tuple(k for k in range(array.ndim) if k != (array.ndim - 1 if axis == -1 else 1))
    np.testing.assert_allclose(channels.minimum, array.min(rest))
    np.testing.assert_allclose(channels.std, array.std(rest), rtol=1e-5)
    assert found.average.count == 1


@pytest.mark.parametrize(
    ("rank", "op", "axis"),
    [
        *((0, "Conv", None), (1, "Gemm", None), (2, "Gemm", -1), (2, "Conv", -1), (3, "MatMul", -1)),
        *((3, "Conv", 1), (3, "MaxPool", 1), (4, "MatMul", 1), (4, "Conv", 1), (5, "Conv", 1)),
    ],
)
def test_where_the_channels_of_an_activation_are(rank: int, op: str, axis: int | None) -> None:
    """Behind the batch beside convolutions and pools and in pictures, last elsewhere; none in vectors."""
    layer = Layer("l", op, ("x",), ("y",), None, (), None, 0, None, True, None)
    assert channel_axis("x", rank, [layer]) == channel_axis("y", rank, [layer]) == axis
