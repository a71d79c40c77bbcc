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
    halves = fit_to_model(_data(x=np.full((4, 3, 8, 8), 0.5)), _model(IMAGE)).evaluation.inputs["image"]
    assert (halves.dtype, set(halves.ravel().tolist())) == (np.float32, {0.5})


def test_several_inputs_go_by_name_and_extra_arrays_are_left_out() -> None:
    """A model with two inputs takes its two arrays; a third one is not fed."""
    mask = TensorInfo("mask", "int64", ("batch", 5))
    given = {"image": np.ones((4, 3, 8, 8), np.float32), "mask": np.ones((4, 5), np.int32), "other": np.ones(4)}
    fitted = fit_to_model(_data(None, **given), _model(IMAGE, mask))
    assert {k: v.dtype.name for k, v in fitted.evaluation.inputs.items()} == {"image": "float32", "mask": "int64"}


def test_a_missing_input_is_named() -> None:
    """The sentence names the input that has no array, and what was found."""
    mask = TensorInfo("mask", "int64", ("batch", 5))
    with pytest.raises(
        DataError,
        match=r"^given\.npz: no array for the model's input 'mask' \(found: 'image', 'masc'\); allowed: one array for",
    ):
        fit_to_model(_data(None, image=np.ones((4, 3, 8, 8)), masc=np.ones((4, 5))), _model(IMAGE, mask))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 3, 6, 6), "choose the layout 'as_is' and the size 8 x 8"),
        ((4, 9, 9, 3), "choose the layout 'nhwc_to_nchw' and the size 8 x 8"),
        ((4, 30), "choose data that was made for this model"),
        ((4, 192), "choose data that was made for this model"),  # three channels are no line
        ((4, 6, 6, 3, 1), "choose data that was made for this model"),
    ],
)
def test_a_wrong_shape_says_what_was_expected_and_what_to_do(shape: tuple[int, ...], words: str) -> None:
    """Input, expected shape, given shape and remedy stand in one sentence."""
    has = rf"\(3, 8, 8\), and the data has \({str(shape[1:])[1:-1]}\); .*{words}"
    expected = rf"^given\.npz: the input 'image' takes samples of shape {has}"
    with pytest.raises(DataError, match=expected):
        fit_to_model(_data(x=np.zeros(shape, np.float32)), _model(IMAGE))


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        ((8, 8), (None, None, None), "choose the layout 'add_channel'"),
        ((6, 6), (1, 8, 8), "choose the layout 'add_channel' and the size 8 x 8"),
        ((3, 6, 5), (8, 7, 3), "choose the layout 'nchw_to_nhwc' and the size 8 x 7"),
        ((6, 5, 3), (3, 8, 7), "choose the layout 'nhwc_to_nchw' and the size 8 x 7"),
        ((5, 5, 3), (None, None, 5), "choose the layout 'nhwc_to_nchw'"),
        ((3, 5, 5), (5, None, None), "choose the layout 'nhwc_to_nchw'"),
        ((3, 6, 6), (3, None, 8), "choose data that was made for this model"),
        ((3, 8, 8), (192,), "choose data that was made for this model"),
    ],
)
def test_the_remedy_is_a_layout_and_a_size_that_would_do(
    given: tuple[int, ...], expected: tuple[int | None, ...], words: str
) -> None:
    """What a person can choose in the preprocessing, where that is enough; another data set otherwise."""
    model = _model(TensorInfo("image", "float32", ("batch", *expected)))
    with pytest.raises(DataError, match=rf"; {words}($|, or another layout)"):
        fit_to_model(_data(x=np.zeros((4, *given), np.float32)), model)


@pytest.mark.parametrize("given", [(6, 6, 3), (3, 6, 6), (6, 3, 6)])
@pytest.mark.parametrize("expected", [(3, 8, None), (3, None, 8), (None, 8, 3), (8, None, 3)])
def test_no_free_length_is_asked_for(given: tuple[int, ...], expected: tuple[int | None, ...]) -> None:
    """A size is of two numbers."""
    model = _model(TensorInfo("image", "float32", ("batch", *expected)))
    with pytest.raises(DataError) as caught:
        fit_to_model(_data(x=np.zeros((4, *given), np.float32)), model)
    assert "None" not in caught.value.sentence


@pytest.mark.parametrize(
    ("given", "expected", "order"),
    [
        ((8, 8), (1, 8, 8), None),
        ((8, 8), (8, 8, 1), None),
        ((1, 8, 8), (8, 8), None),
        ((8, 8, 1), (8, 8), None),
        ((8, 6, 1), (1, 8, 6), None),
        ((1, 8, 6), (8, 6, 1), None),
        ((1, 8, 1), (8,), None),
        ((8, 8), (64,), None),
        ((64,), (1, 8, 8), None),
        ((8, 6, 3), (3, 8, 6), (2, 0, 1)),
        ((3, 8, 6), (8, 6, 3), (1, 2, 0)),
        ((8, 6, 3), (3, None, "w"), (2, 0, 1)),
    ],
)
def test_the_one_arrangement_that_fits_is_made_and_noted(
    given: tuple[int, ...], expected: tuple[int | str | None, ...], order: tuple[int, ...] | None
) -> None:
    """A channel more or less, a line for a picture, moved channels: no number is lost, and a note tells."""
    x = np.random.default_rng(0).standard_normal((4, *given)).astype(np.float32)
    fitted = fit_to_model(_data(x=x), _model(TensorInfo("image", "float32", ("batch", *expected))))
    found = fitted.evaluation.inputs["image"]
    moved = x if order is None else np.transpose(x, (0, *(axis + 1 for axis in order)))
    assert all(not isinstance(e, int) or e == g for e, g in zip(expected, found.shape[1:], strict=True))
    np.testing.assert_array_equal(found.reshape(-1), moved.reshape(-1))
    what = "no number moved" if order is None else "their channels were moved"
    assert any(f"the one way that fits the input 'image' ({what})." in note for note in fitted.notes)


def test_two_arrangements_that_fit_are_not_chosen_from() -> None:
    """A picture for three free lengths may have its channel in front or behind: a person chooses."""
    both = TensorInfo("image", "float32", ("batch", None, None, None))
    with pytest.raises(DataError, match="takes samples of shape"):
        fit_to_model(_data(x=np.zeros((4, 8, 8), np.float32)), _model(both))


def test_an_inputs_own_name_goes_before_labels() -> None:
    """A model with an input called y gets the array y as it was read; the data has no labels then, and a note tells."""
    y = np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2)
    split = Split({"": np.ones((4, 2), np.float32)}, y.astype(np.float64), None, y)
    data = DataSet("given.npz", split, split, False, (), "digest", task="regression", own_names={"labels": "y"})
    inputs = (TensorInfo("x", "float32", ("batch", 2)), TensorInfo("y", "float32", ("batch", 2)))
    fitted = fit_to_model(data, _model(*inputs))
    np.testing.assert_array_equal(fitted.evaluation.inputs["y"], y)
    assert (fitted.evaluation.labels, fitted.task) == (None, "similarity")
    assert fitted.digest != data.digest
    assert any("not taken for labels" in note for note in fitted.notes)
    assert fit_to_model(data, _model(inputs[0], output=TensorInfo("o", "float32", ("n", 2)))).task == "regression"


def test_of_several_missing_inputs_the_unnamed_array_is_the_one_called_so() -> None:
    """With x and kind for x, feat and kind, it is 'feat' that is missing."""
    inputs = [TensorInfo(name, "float32", ("batch", 2)) for name in ("x", "feat", "kind")]
    given = {"x": np.ones((4, 2)), "kind": np.ones((4, 2))}
    with pytest.raises(DataError, match=r"no array for the model's input 'feat' \(found: 'x', 'kind'\)"):
        fit_to_model(_data(None, **given), _model(*inputs))


def test_free_dimensions_and_a_fixed_batch_take_any_length() -> None:
    """A batch fixed at 1 is for batching to obey, and a free dimension takes what comes."""
    free = TensorInfo("sound", "float32", (1, "time", None))
    assert fit_to_model(_data(x=np.zeros((4, 9, 2), np.float32)), _model(free)).evaluation.n == 4


@pytest.mark.parametrize("given", [(6, 2, 1, 5), (6, 1, 2, 1, 5)])
def test_an_input_without_a_batch_in_front_takes_a_whole_one_for_each_sample(given: tuple[int, ...]) -> None:
    """Its shape with the batch at 1 is that of a sample, and the model takes one sample at a time."""
    sound = TensorInfo("sound", "float32", ("n", 8))
    state, rate = TensorInfo("state", "float32", (2, "n", 5), alone=True), TensorInfo("sr", "int64", (), alone=True)
    model = _model(sound, state, rate)
    data = _data(None, sound=np.ones((6, 8)), state=np.ones(given), sr=np.full(6, 16000))
    inputs = fit_to_model(data, model).evaluation.inputs
    assert {name: array.shape for name, array in inputs.items()} == {"sound": (6, 8), "state": (6, 2, 1, 5), "sr": (6,)}
    assert model.fixed_batch == 1


def test_a_state_of_another_shape_is_refused_by_what_it_takes() -> None:
    """The sentence has the whole shape, its batch at 1."""
    state = TensorInfo("state", "float32", (2, "n", 5), alone=True)
    model = _model(TensorInfo("sound", "float32", ("n", 8)), state)
    with pytest.raises(DataError, match=r"the input 'state' takes samples of shape \(2, 1, 5\), and the data has"):
        fit_to_model(_data(None, sound=np.ones((6, 8)), state=np.ones((6, 3, 1, 5))), model)


def test_an_input_of_which_the_file_says_no_shape_is_refused() -> None:
    """Nothing can be fitted to it."""
    with pytest.raises(
        DataError, match=r"^given\.npz: the file says nothing of the shape of the input 'sound'; export the model"
    ):
        fit_to_model(_data(x=np.ones((4, 3))), _model(TensorInfo("sound", "float32", ())))


def test_fractions_are_not_cut_off_for_an_integer_input() -> None:
    """Whole floats become integers; 0.5 does not silently become 0; -1 and 300 are no bytes."""
    tokens = _model(TensorInfo("tokens", "uint8", ("batch", 3)))
    assert fit_to_model(_data(x=np.full((4, 3), 7.0)), tokens).evaluation.inputs["tokens"].dtype == np.uint8
    edges = fit_to_model(_data(x=np.array([[0, 7, 255]])), tokens).evaluation.inputs["tokens"]
    assert edges.tolist() == [[0, 7, 255]]
    with pytest.raises(
        DataError, match=r"^given\.npz: the input 'tokens' takes uint8, and the data holds fractions; allowed: whole"
    ):
        fit_to_model(_data(x=np.full((4, 3), 0.5)), tokens)
    for low, high in ((-1, 7), (7, 300), (0, 256), (-1, 255)):
        with pytest.raises(DataError, match=rf"^given\.npz: .* from {low} to {high}; allowed: 0 to 255"):
            fit_to_model(_data(x=np.array([[low, 7, high]] * 4)), tokens)


def test_labels_beyond_the_models_classes_are_refused() -> None:
    """Labels 1 to 10 for ten classes are caught before anything runs."""
    with pytest.raises(DataError, match=r"the label 10 is not a class of the model, which has 10; allowed: 0 to 9"):
        fit_to_model(_data(np.array([1, 10, 3, 4]), x=np.zeros((4, 3, 8, 8))), _model(IMAGE))


@pytest.mark.parametrize("dtype", ["object", "bfloat16"])
def test_inputs_that_are_no_numbers_are_refused(dtype: str) -> None:
    """A model that takes text, or a type that NumPy lacks, is said to."""
    with pytest.raises(DataError, match=rf"^given\.npz: the input 'words' takes {dtype}; allowed: models"):
        fit_to_model(_data(x=np.zeros((4, 3))), _model(TensorInfo("words", dtype, ("batch", 3))))
