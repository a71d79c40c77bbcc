"""Which ways there are to bring a sample to the shape that a model takes: every one that loses and invents nothing."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.core.model import Dim
from qexplorer.load.datasets.arrange import Arrangement, arrangements, fits

AS_THEY_ARE = None


@pytest.mark.parametrize(
    ("expected", "given", "ways"),
    [
        ((1, 8, 8), (8, 8), {(AS_THEY_ARE, (1, 8, 8))}),
        ((8, 8, 1), (8, 8), {(AS_THEY_ARE, (8, 8, 1))}),
        ((8, 8), (1, 8, 8), {(AS_THEY_ARE, (8, 8))}),
        ((8, 8), (8, 8, 1), {(AS_THEY_ARE, (8, 8))}),
        ((64,), (1, 8, 8), {(AS_THEY_ARE, (64,))}),
        ((64,), (8, 8), {(AS_THEY_ARE, (64,))}),
        ((192,), (3, 8, 8), set()),  # rows of three channels are in no one order
        ((1, 8, 8), (64,), {(AS_THEY_ARE, (1, 8, 8))}),
        ((8, 8), (64,), {(AS_THEY_ARE, (8, 8))}),
        ((1, 8, 8), (63,), set()),
        ((3, 8, 8), (192,), set()),
        ((1, None, 8), (64,), set()),  # a free length is not made up
        ((3, 8, 9), (8, 9, 3), {((2, 0, 1), (3, 8, 9))}),
        ((8, 9, 3), (3, 8, 9), {((1, 2, 0), (8, 9, 3))}),
        ((1, 8, 9), (8, 9, 1), {(AS_THEY_ARE, (1, 8, 9))}),
        ((8, 9, 1), (1, 8, 9), {(AS_THEY_ARE, (8, 9, 1))}),
        ((3, "h", "w"), (8, 9, 3), {((2, 0, 1), (3, 8, 9))}),
        ((None, 4), (4,), {(AS_THEY_ARE, (1, 4))}),
        ((4,), (5,), set()),
        ((8,), (3, 8), set()),  # one of three rows would be kept
        ((8,), (8, 3), set()),
        ((8,), (1, 8), {(AS_THEY_ARE, (8,))}),
        ((8,), (8, 1), {(AS_THEY_ARE, (8,))}),
        ((3, 8), (3, 8, 3), set()),
        ((8, 3), (3, 8, 3), set()),
        ((), (1,), {(AS_THEY_ARE, ())}),
    ],
)
def test_every_way_is_found_and_none_that_mixes_numbers(
    expected: tuple[Dim, ...], given: tuple[int, ...], ways: set[tuple[tuple[int, ...] | None, tuple[int, ...]]]
) -> None:
    """An axis of length 1 more or less, one channel in a line and back, channels moved to the front or to the end."""
    found = arrangements(expected, given)
    assert {(way.order, way.shape) for way in found} == ways
    numbers = np.arange(2 * np.prod(given)).reshape(2, *given)
    for way in found:
        laid = way.apply(numbers)
        assert laid.shape == (2, *way.shape)
        assert sorted(laid[1].ravel()) == list(numbers[1].ravel())
        assert np.array_equal(laid.ravel(), numbers.ravel()) is (way.order is None)


def test_what_is_ambiguous_has_more_than_one_way() -> None:
    """Where lengths are free, both ends may be the channels."""
    assert {way.order for way in arrangements((None, None, None), (8, 9, 3))} == {(2, 0, 1), (1, 2, 0)}


def test_channels_are_moved_with_their_numbers() -> None:
    """Each picture has its channels in front, then at the end, as before."""
    picture = np.arange(24).reshape(1, 2, 4, 3)
    front = Arrangement((2, 0, 1), (3, 2, 4)).apply(picture)
    assert np.array_equal(front[0, 1], picture[0, :, :, 1])
    assert np.array_equal(Arrangement((1, 2, 0), (2, 4, 3)).apply(front), picture)
    assert Arrangement((2, 0, 1), (3, 2, 4)).text == "their channels were moved"
    assert Arrangement(None, (24,)).text == "no number moved"


@pytest.mark.parametrize(
    ("expected", "shape", "does"),
    [
        ((1, "n"), (1, 7), True),
        ((None,), (7,), True),
        ((2, None), (1, 7), False),
        ((1,), (1, 1), False),
        ((), (), True),
    ],
)
def test_a_free_length_takes_any(expected: tuple[Dim, ...], shape: tuple[int, ...], does: bool) -> None:
    """A number only itself, and there must be as many axes."""
    assert fits(expected, shape) is does
