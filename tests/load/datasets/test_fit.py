"""Data is brought to a model, or the sentence says which input, which shape, and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Model, TensorInfo
from qexplorer.load.datasets.fit import fit_to_model

IMAGE = TensorInfo("image", "float32", ("batch", 3, 8, 8))
LOGITS = TensorInfo("logits", "float32", ("batch", 10))


def _model(*inputs: TensorInfo, output: TensorInfo = LOGITS) -> Model:
    return Model("m", Path("m.onnx"), "", "", 21, inputs, (output,), (), 0, None, 0, 0)


def _data(labels: NDArray[np.int64] | None = None, **inputs: NDArray[np.generic]) -> DataSet:
    arrays = {("" if name == "x" else name): array for name, array in inputs.items()}
    split = Split(arrays, labels)
    return DataSet("given.npz", split, split, False, (), "digest")


def test_the_only_array_takes_the_name_and_type_of_the_only_input() -> None:
    """'x' in doubles becomes 'image' in float32, in both parts, without a second copy where they are one."""
    data = _data(x=np.ones((4, 3, 8, 8)))
    fitted = fit_to_model(data, _model(IMAGE))
    assert fitted.evaluation is fitted.calibration
    assert {k: (v.shape, v.dtype) for k, v in fitted.evaluation.inputs.items()} == {"image": ((4, 3, 8, 8), np.float32)}
    assert fitted.digest == data.digest


def test_several_inputs_go_by_name_and_extra_arrays_are_left_out() -> None:
    """A model with two inputs takes its two arrays; a third one is not fed."""
    mask = TensorInfo("mask", "int64", ("batch", 5))
    given = {"image": np.ones((4, 3, 8, 8), np.float32), "mask": np.ones((4, 5), np.int32), "other": np.ones(4)}
    fitted = fit_to_model(_data(None, **given), _model(IMAGE, mask))
    assert {k: v.dtype.name for k, v in fitted.evaluation.inputs.items()} == {"image": "float32", "mask": "int64"}


def test_a_missing_input_is_named() -> None:
    """The sentence names the input that has no array, and what was found."""
    mask = TensorInfo("mask", "int64", ("batch", 5))
    with pytest.raises(DataError, match=r"no array for the model's input 'mask' \(found: 'image', 'masc'\)"):
        fit_to_model(_data(None, image=np.ones((4, 3, 8, 8)), masc=np.ones((4, 5))), _model(IMAGE, mask))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 8, 8, 3), "choose the layout 'nhwc_to_nchw'"),
        ((4, 3, 6, 6), "choose the layout 'as_is' and the size 8 x 8"),
        ((4, 9, 9, 3), "choose the layout 'nhwc_to_nchw' and the size 8 x 8"),
        ((4, 30), "choose data that was made for this model"),
    ],
)
def test_a_wrong_shape_says_what_was_expected_and_what_to_do(shape: tuple[int, ...], words: str) -> None:
    """Input, expected shape, given shape and remedy stand in one sentence."""
    expected = rf"'image' takes samples of shape \(3, 8, 8\), and the data has \({str(shape[1:])[1:-1]}\); .*{words}"
    with pytest.raises(DataError, match=expected):
        fit_to_model(_data(x=np.zeros(shape, np.float32)), _model(IMAGE))


def test_gray_images_are_offered_a_channel() -> None:
    """(n, h, w) for a model of one channel is one choice away."""
    gray = TensorInfo("image", "float32", ("batch", 1, 8, 8))
    with pytest.raises(DataError, match="choose the layout 'add_channel'"):
        fit_to_model(_data(x=np.zeros((4, 8, 8), np.float32)), _model(gray))


def test_free_dimensions_and_a_fixed_batch_take_any_length() -> None:
    """A batch fixed at 1 is for batching to obey, and a free dimension takes what comes."""
    free = TensorInfo("sound", "float32", (1, "time", None))
    assert fit_to_model(_data(x=np.zeros((4, 9, 2), np.float32)), _model(free)).evaluation.n == 4


def test_fractions_are_not_cut_off_for_an_integer_input() -> None:
    """Whole floats become integers; 0.5 does not silently become 0; -1 and 300 are no bytes."""
    tokens = _model(TensorInfo("tokens", "uint8", ("batch", 3)))
    assert fit_to_model(_data(x=np.full((4, 3), 7.0)), tokens).evaluation.inputs["tokens"].dtype == np.uint8
    with pytest.raises(DataError, match="holds fractions"):
        fit_to_model(_data(x=np.full((4, 3), 0.5)), tokens)
    for value in (-1, 300):
        with pytest.raises(DataError, match="allowed: 0 to 255"):
            fit_to_model(_data(x=np.full((4, 3), value)), tokens)


def test_labels_beyond_the_models_classes_are_refused() -> None:
    """Labels 1 to 10 for ten classes are caught before anything runs."""
    with pytest.raises(DataError, match=r"the label 10 is not a class of the model, which has 10; allowed: 0 to 9"):
        fit_to_model(_data(np.array([1, 10, 3, 4]), x=np.zeros((4, 3, 8, 8))), _model(IMAGE))


@pytest.mark.parametrize("dtype", ["object", "bfloat16"])
def test_inputs_that_are_no_numbers_are_refused(dtype: str) -> None:
    """A model that takes text, or a type that NumPy lacks, is said to."""
    with pytest.raises(DataError, match=f"the input 'words' takes {dtype}"):
        fit_to_model(_data(x=np.zeros((4, 3))), _model(TensorInfo("words", dtype, ("batch", 3))))
