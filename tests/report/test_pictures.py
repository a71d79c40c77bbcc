from __future__ import annotations

import numpy as np
import pytest

from qexplorer.report.pictures import is_picture, pictures


@pytest.mark.parametrize("shape", [(28, 28), (1, 32, 32), (3, 32, 24), (32, 24, 3)])
def test_layouts(shape: tuple[int, ...]) -> None:
    """Every usual layout becomes pictures of height, width and three colours, at least 96 pixels on the short side."""
    assert is_picture(shape)
    found = pictures(np.random.default_rng(0).random((2, *shape), np.float32))
    assert len(found) == 2
    for picture in found:
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert min(picture.shape[:2]) >= 84
    tall = {(28, 28): False, (1, 32, 32): False}.get(shape, True)
    assert (found[0].shape[0] > found[0].shape[1]) == tall


@pytest.mark.parametrize("shape", [(30,), (30, 2), (7, 7, 7), (2, 3, 4, 5)])
def test_not_pictures(shape: tuple[int, ...]) -> None:
    """Tables and volumes are not taken for pictures."""
    assert not is_picture(shape)
    with pytest.raises(ValueError, match="not pictures"):
        pictures(np.zeros((2, *shape), np.float32))


def test_one_grey_scale() -> None:
    """All pictures share one scale from the smallest value, black, to the largest, white; NaN is black."""
    values = np.zeros((2, 8, 8), np.float32)
    values[0, 0, 0], values[1, 0, 0], values[1, 7, 7] = -5.0, 5.0, np.nan
    first, second = pictures(values)
    assert first[0, 0, 0] == 0
    assert second[0, 0, 0] == 255
    assert second[-1, -1, 0] == 0
    assert first[-1, -1, 0] == second[-1, 0, 0]


@pytest.mark.parametrize("first", [True, False])
def test_what_is_see_through_is_no_colour(first: bool) -> None:
    """Of four channels the first three are drawn, wherever the axis stands; colours stay apart."""
    values = np.zeros((1, 8, 8, 4), np.float32)
    values[..., 0], values[..., 1], values[..., 3] = 1.0, 0.5, 9.0
    (picture,) = pictures(np.moveaxis(values, -1, 1) if first else values)
    assert picture.shape == (96, 96, 3)
    assert picture[0, 0].tolist() == [255, 127, 0]
    (flat,) = pictures(np.full((1, 8, 8), 3.0, np.float32))
    assert not flat.any(), "one value alone is the smallest"
