"""Preprocessing: layout, size, scale, mean and standard deviation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qexplorer.core.errors import DataError
from qexplorer.load.datasets.preprocess import Layout, Preprocessing
from qexplorer.load.datasets.resize import resize


@given(st.integers(2, 12), st.integers(2, 12), st.integers(2, 24), st.integers(2, 24))
def test_resizing_agrees_with_torch(height: int, width: int, tall: int, wide: int) -> None:
    """Bilinear with half-pixel centres is what torch calls interpolate with antialiasing.

    From two pixels on: for images one pixel wide torch 2.13 repeats the first row.
    """
    images = np.random.default_rng(0).standard_normal((2, height, width)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(images)[None], (tall, wide), mode="bilinear", align_corners=False, antialias=True
    )[0].numpy()
    np.testing.assert_allclose(resize(images, (tall, wide), (1, 2)), expected, atol=2e-5)


def test_one_pixel_becomes_a_flat_image_and_two_a_ramp() -> None:
    """The smallest cases, by hand."""
    one = np.full((1, 1, 1), 3.0, np.float32)
    np.testing.assert_array_equal(resize(one, (4, 5), (1, 2)), np.full((1, 4, 5), 3.0))
    two = np.array([[[0.0], [1.0]]], np.float32)
    np.testing.assert_allclose(resize(two, (4, 1), (1, 2))[0, :, 0], [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(resize(two, (1, 1), (1, 2)), [[[0.5]]])


def test_the_formula_is_scale_mean_std_in_that_order() -> None:
    """The result is (x * scale - mean) / std, with one mean and std for each channel of NCHW."""
    x = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    done = Preprocessing(layout=Layout.NHWC_TO_NCHW, scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)).apply(x)
    expected = (x / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.6, 0.7])
    np.testing.assert_allclose(done, np.moveaxis(expected, 3, 1), rtol=1e-5, atol=1e-6)
    assert done.dtype == np.float32


def test_numbers_of_channels_meet_the_channels_where_another_axis_is_as_long() -> None:
    """Three channels and three rows: brought behind, channels are the last axis; brought in front, the second."""
    x, mean = np.zeros((2, 3, 3, 5), np.float32), (1.0, 2.0, 3.0)
    behind = Preprocessing(layout=Layout.NCHW_TO_NHWC, mean=mean).apply(x)
    np.testing.assert_array_equal(behind, np.broadcast_to(-np.array(mean), (2, 3, 5, 3)))
    in_front = Preprocessing(layout=Layout.NHWC_TO_NCHW, mean=mean).apply(x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(in_front, np.moveaxis(behind, 3, 1))


def test_many_samples_give_the_same_as_one_by_one() -> None:
    """Working in pieces changes nothing: 600 samples are the same together and alone."""
    x = np.random.default_rng(1).integers(0, 255, (600, 6, 6), np.uint8)
    chosen = Preprocessing(layout=Layout.ADD_CHANNEL, scale=1 / 255, size=(9, 7))
    together = chosen.apply(x)
    assert together.shape == (600, 1, 9, 7)
    for index in (0, 255, 256, 599):
        np.testing.assert_array_equal(together[index], chosen.apply(x[index : index + 1])[0])


def test_columns_of_a_table_have_means_of_their_own() -> None:
    """A table is standardized column by column."""
    x = np.random.default_rng(2).normal(5, 3, (500, 4))
    chosen = Preprocessing(mean=tuple(x.mean(0).tolist()), std=tuple(x.std(0).tolist()))
    done = chosen.apply(x)
    np.testing.assert_allclose(done.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(done.std(0), 1, atol=1e-5)


def test_images_that_stay_as_they_are_are_resized_where_their_pixels_are() -> None:
    """Channels stand in front where the second axis could be theirs, and behind where the last alone could."""
    chosen = Preprocessing(size=(7, 6))
    in_front = (((2, 3, 5, 3), (2, 3, 7, 6)), ((2, 3, 5, 5), (2, 3, 7, 6)), ((2, 5, 5, 5), (2, 5, 7, 6)))
    behind = tuple(((2, 5, 5, channels), (2, 7, 6, channels)) for channels in (1, 3, 4))
    for shape, expected in (*in_front, *behind, ((2, 5, 5), (2, 7, 6))):
        assert chosen.apply(np.zeros(shape, np.float32)).shape == expected


@pytest.mark.parametrize(
    ("layout", "shape", "order"),
    [
        (Layout.NHWC_TO_NCHW, (2, 4, 5, 3), (0, 3, 1, 2)),
        (Layout.NCHW_TO_NHWC, (2, 3, 4, 5), (0, 2, 3, 1)),
        (Layout.AS_IS, (2, 3, 4, 5), (0, 1, 2, 3)),
    ],
)
def test_a_layout_moves_channels_and_nothing_else(
    layout: Layout, shape: tuple[int, ...], order: tuple[int, ...]
) -> None:
    """To the front or to the end, in one piece of memory; a size is that of height and width, wherever they are."""
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = Preprocessing(layout=layout, scale=2.0).apply(x)
    np.testing.assert_array_equal(found, 2 * np.transpose(x, order))
    assert found.flags.c_contiguous
    sized = Preprocessing(layout=layout, size=(8, 10)).apply(x)
    place = {Layout.NCHW_TO_NHWC: 3}.get(layout, 1)
    assert sized.shape == tuple(np.insert((2, 8, 10), place, 3))


def test_a_channel_is_added_in_front_of_height_and_width() -> None:
    """Of gray pictures."""
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    found = Preprocessing(layout=Layout.ADD_CHANNEL).apply(x)
    assert found.shape == (2, 1, 3, 4)
    np.testing.assert_array_equal(found[:, 0], x)


def test_doing_nothing_keeps_type_and_memory() -> None:
    """Without any choice an array passes through untouched, whatever its type."""
    x = np.arange(6, dtype=np.int64).reshape(2, 3)
    assert Preprocessing().apply(x) is x


@pytest.mark.parametrize(
    ("chosen", "shape", "words"),
    [
        (Preprocessing(layout=Layout.ADD_CHANNEL), (2, 3, 4, 4), r"allowed: \(n, h, w\); choose the layout 'as_is'"),
        (Preprocessing(layout=Layout.NHWC_TO_NCHW), (2, 4, 4), "allowed: four axes.*choose the layout 'add_channel'"),
        (Preprocessing(layout=Layout.NCHW_TO_NHWC), (2, 4), "allowed: four axes.*choose the layout 'as_is'"),
        (Preprocessing(size=(4, 4)), (2, 30), "cannot be resized"),
        (Preprocessing(mean=(1.0, 2.0)), (2, 3, 4, 4), "2 values of 'mean'"),
        (Preprocessing(std=(1.0, 2.0)), (2,), "2 values of 'std' do not meet"),
    ],
)
def test_what_does_not_go_with_the_shape_is_said(chosen: Preprocessing, shape: tuple[int, ...], words: str) -> None:
    """A layout, size or mean that the data cannot have gets one sentence that says what to do."""
    with pytest.raises(DataError, match=words):
        chosen.apply(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "fields",
    [
        *({"scale": 0}, {"scale": np.inf}, {"mean": (0.0, np.nan)}, {"std": (1.0, 0.0)}, {"std": (np.inf,)}),
        *({"size": (0, 4)}, {"size": (4, 4097)}, {"layout": "x"}, {"typo": 1}),
    ],
)
def test_nonsense_is_refused_where_it_is_given(fields: dict[str, object]) -> None:
    """A scale of 0, a spread of 0, an empty size, an unknown layout or field cannot be built."""
    with pytest.raises(ValidationError):
        Preprocessing.model_validate(fields)
    assert Preprocessing(size=(1, 4096), scale=-1, std=(0.5,)).size == (1, 4096)


def test_text_is_not_preprocessed() -> None:
    """Only numbers can be scaled; one number is that of every channel."""
    with pytest.raises(DataError, match="values of type <U1 cannot be preprocessed; allowed: numbers"):
        Preprocessing(scale=2).apply(np.array([["a"]]))
    done = Preprocessing(mean=(1.0,), std=(2.0,)).apply(np.array([[True, False, True]]))
    np.testing.assert_array_equal(done, [[0, -0.5, 0]])
