"""What is read in a .tflite file, and what is written into one, of files that are made here."""

from __future__ import annotations

import numpy as np
import pytest

from qexplorer.run.litert.inside import CodePlace, with_outputs
from qexplorer.run.litert.tflite_edit import edited
from qexplorer.run.litert.tflite_file import Tensor, free_batch, numbered_operators, operators, schema, weight_key
from tests.run.litert.tflite_made import Laid, Step, tflite
from tests.run.litert_here import HERE

pytestmark = pytest.mark.skipif(not HERE, reason="LiteRT and its converter are not installed")

INPUT, MADE = Laid("float32", (1, 4)), Laid("float32", (1, 2))
CODES = np.array([[-8, 7, 0, 1], [2, -3, 4, 5]], np.int8)


def _read(laid: Laid) -> Tensor:
    """The tensor as it is found in a file."""
    (only,) = operators(tflite([laid, MADE], [Step("ABS", [0], [1])]))
    return only.inputs[0]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int16", "int32", "int64", "uint8", "bool"])
def test_constants_are_read_as_they_are_stored(dtype: str) -> None:
    """Of any plain type, in their shape; what is computed has no values."""
    values = np.array([[1, 0, 1], [0, 1, 1]], dtype)
    found = _read(Laid(dtype, (2, 3), values))
    assert (found.name, found.dtype, found.shape) == ("t0", dtype, (2, 3))
    assert found.values is not None
    np.testing.assert_array_equal(found.values, values)
    assert found.values.dtype == dtype
    assert _read(Laid(dtype, (2, 3))).values is None
    assert _read(Laid(dtype, (), values[0, 0])).shape == ()


@pytest.mark.parametrize(("codes", "stored"), [([-8, 7, -1, 0], [0x78, 0x0F]), ([1, 2, -8], [0x21, 0x08])])
def test_codes_of_four_bits_are_two_to_a_byte_the_first_below(codes: list[int], stored: list[int]) -> None:
    """From -8 to 7; of an odd number the last half is filled up."""
    found = _read(Laid("int4", (1, len(codes)), np.uint8(stored))).values
    assert found is not None
    assert (found.tolist(), found.dtype) == ([codes], np.int8)


@pytest.mark.parametrize(
    ("scales", "zero_points", "axis", "expected"),
    [((), (), 0, -1), ((0.5,), (3,), 0, -1), ((0.5, 0.25), (3, -4), 0, 0), ((0.5, 0.25), (3, -4), 1, 1)],
)
def test_a_grid_has_an_axis_if_it_has_several_scales(
    scales: tuple[float, ...], zero_points: tuple[int, ...], axis: int, expected: int
) -> None:
    """One scale is the whole tensor's, whatever axis is written beside it."""
    found = _read(Laid("int8", (2, 2), CODES[:, :2], scales, zero_points, axis))
    assert (tuple(found.scales), tuple(found.zero_points), found.axis) == (scales, zero_points, expected)
    assert (found.scales.dtype, found.zero_points.dtype) == (np.float32, np.int64)


def test_operators_have_their_names_and_what_they_read_and_make() -> None:
    """Also those with numbers above 127, and others' own; what is left out is left out."""
    steps = [
        Step("CONV_2D", [0, 1, -1], [2]),
        Step("GELU", [2], [3]),
        Step("CUSTOM", [3], [4, 5], custom="Mine"),
    ]
    found = list(numbered_operators(tflite([INPUT] * 6, steps)))
    assert [(each.name, [t.name for t in each.inputs], numbers) for each, numbers in found] == [
        ("CONV_2D", ["t0", "t1"], [2]),
        ("GELU", ["t2"], [3]),
        ("Mine", ["t3"], [4, 5]),
    ]
    assert [each.name for each in found[2][0].outputs] == ["t4", "t5"]


@pytest.mark.parametrize(
    ("op", "given", "target", "freed"),
    [
        ("RESHAPE", (1, 8), [1, 2, 4], [-1, 2, 4]),
        ("RESHAPE", (2, 4), [1, 8], [1, 8]),
        ("RESHAPE", (1, 8), [2, 4], [2, 4]),
        ("RESHAPE", (1, 8), [1, -1], [1, -1]),
        ("RESHAPE", (1, 8), [1, 0], [1, 0]),
        ("RESHAPE", (), [1, 1], [1, 1]),
        ("RESHAPE", (1, 8), [], None),
        ("TRANSPOSE", (1, 8), [1, 0], [1, 0]),
    ],
)
def test_a_reshape_of_one_sample_is_made_one_of_any_batch(
    op: str, given: tuple[int, ...], target: list[int], freed: list[int] | None
) -> None:
    """Where the batch stands in front on both sides, and no length is free already."""
    shape = Laid("int32", (len(target),), np.int32(target) if target else None)
    content = tflite([Laid("float32", given), shape, MADE], [Step(op, [0, 1], [2])])
    (found,) = operators(free_batch(content))
    assert (None if found.inputs[1].values is None else found.inputs[1].values.tolist()) == freed
    alone = tflite([Laid("float32", given), MADE], [Step("RESHAPE", [0], [1])])
    assert free_batch(alone) == alone


def test_a_weight_is_told_by_its_codes_and_scales_however_it_lies() -> None:
    """Turned it is the same; with another code or scale it is another."""
    own = weight_key(CODES, np.float32([0.5, 0.25]))
    assert weight_key(np.ascontiguousarray(CODES.T), np.array([0.5, 0.25])) == own
    other = CODES.copy()
    other[0, 0] = 3
    assert len({own, weight_key(other, np.float32([0.5, 0.25])), weight_key(CODES, np.float32([0.5, 0.5]))}) == 3


def _changed(content: bytes, *, narrow: bool = False, dynamic: tuple[str, ...] = ()) -> list[list[tuple[str, object]]]:
    """Of each operator the types and values of what it reads, after the edit."""
    done = edited(content, narrow=narrow, dynamic=dynamic)
    return [
        [(t.dtype, None if t.values is None else t.values.tolist()) for t in each.inputs] for each in operators(done)
    ]


@pytest.mark.parametrize(
    ("op", "codes", "taken"),
    [
        ("FULLY_CONNECTED", CODES, True),
        ("FULLY_CONNECTED", CODES[:, :3], True),
        ("FULLY_CONNECTED", CODES - np.int8(1), False),
        ("FULLY_CONNECTED", CODES + np.int8(1), False),
        ("CONV_2D", CODES, False),
    ],
)
def test_codes_that_fit_are_packed_where_a_kernel_reads_them_so(op: str, codes: np.ndarray, taken: bool) -> None:
    """From -8 to 7, for fully connected layers; they are read back as they were, and only if it is asked for."""
    weight = Laid("int8", codes.shape, codes, (0.5,), (0,))
    content = tflite([INPUT, weight, MADE], [Step(op, [0, 1], [2])], [2])
    kind = "int4" if taken else "int8"
    assert _changed(content, narrow=True) == [[("float32", None), (kind, codes.tolist())]]
    assert edited(content, narrow=False, dynamic=()) == content
    assert len(edited(content, narrow=True, dynamic=())) <= len(content) + 8


def test_codes_that_something_else_reads_stay_in_bytes() -> None:
    """Another operator, another input of the layer, or a second tensor of the same bytes."""
    weight = Laid("int8", CODES.shape, CODES, (0.5,), (0,))
    both = [Step("FULLY_CONNECTED", [0, 1], [2]), Step("ABS", [1], [3])]
    layer = [Step("FULLY_CONNECTED", [0, 1], [2])]
    for tensors, steps in (
        ([INPUT, weight, MADE, MADE], both),
        ([weight, weight, MADE], [Step("FULLY_CONNECTED", [1, 0], [2]), Step("FULLY_CONNECTED", [0, 1], [2])]),
        ([INPUT, weight, MADE, Laid("int8", CODES.shape, buffer=1)], layer),
        ([INPUT, Laid("int8", (2, 4)), MADE], layer),
        ([INPUT, Laid("uint8", (2, 4), CODES.view(np.uint8)), MADE], layer),
    ):
        content = tflite(tensors, steps, [2])
        assert edited(content, narrow=True, dynamic=()) == content


@pytest.mark.parametrize("op", ["FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD"])
@pytest.mark.parametrize("reads", ["int16", "int8"])
def test_biases_of_layers_on_16_bits_are_widened(op: str, reads: str) -> None:
    """To int64, each number as it was, and of no other layer; a bias that is left out or computed stays."""
    given, bias = Laid(reads, (1, 4), None, (0.5,), (0,)), np.array([-3, 2**31 - 1], np.int32)
    weight = Laid("int8", (2, 4), CODES, (0.5,), (0,))
    content = tflite([given, weight, Laid("int32", (2,), bias), MADE], [Step(op, [0, 1, 2], [3])], [3])
    kind = "int64" if reads == "int16" and op != "ADD" else "int32"
    assert _changed(content)[0][2] == (kind, bias.tolist())
    for third in (Laid("int32", (2,)), Laid("int64", (2,), bias.astype(np.int64))):
        content = tflite([given, weight, third, MADE], [Step(op, [0, 1, 2], [3])], [3])
        assert edited(content, narrow=False, dynamic=()) == content
    for places in ([0, 1], [0, 1, -1]):
        content = tflite([given, weight, MADE], [Step(op, places, [2])], [2])
        assert edited(content, narrow=False, dynamic=()) == content


def _dequantized(
    op: str, options: str | None, *, first: str = "DEQUANTIZE", shown: bool = False, twice: bool = False
) -> bytes:
    weight = Laid("int8", (2, 4), CODES, (0.5, 0.25), (0, 0))
    steps = [Step(first, [1], [2]), Step(op, [0, 2], [3], options)]
    steps += [Step("ABS", [2], [4])] if twice else []
    return tflite([INPUT, weight, Laid("float32", (2, 4)), MADE, MADE], steps, [3, 2] if shown else [3])


KEY = weight_key(CODES, np.float32([0.5, 0.25]))


@pytest.mark.parametrize(
    ("op", "options"),
    [("FULLY_CONNECTED", "FullyConnectedOptions"), ("CONV_2D", None), ("DEPTHWISE_CONV_2D", None)],
)
def test_a_dynamic_layer_reads_its_integers(op: str, options: str | None) -> None:
    """Directly, and what made floats of them is gone, unless somebody else reads those or they are shown."""
    content = _dequantized(op, options)
    layer = [("float32", None), ("int8", CODES.tolist())]
    assert _changed(content, dynamic=(KEY,)) == [layer]
    assert _changed(content, dynamic=("another",)) == _changed(content)
    assert len(_changed(_dequantized(op, options, shown=True), dynamic=(KEY,))) == 2
    assert _changed(_dequantized(op, options, twice=True), dynamic=(KEY,))[1] == layer
    assert len(_changed(_dequantized(op, options, twice=True), dynamic=(KEY,))) == 3
    assert _changed(_dequantized("ADD", None), dynamic=(KEY,)) == _changed(_dequantized("ADD", None))
    moved = _dequantized(op, options, first="TRANSPOSE")
    assert edited(moved, narrow=False, dynamic=(KEY,)) == moved


def test_a_dynamic_fully_connected_layer_rounds_its_input_with_a_zero_point() -> None:
    """Its range need not be symmetric."""
    done = edited(_dequantized("FULLY_CONNECTED", "FullyConnectedOptions"), narrow=False, dynamic=(KEY,))
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAsModel(bytearray(done), 0))
    (layer,) = model.subgraphs[0].operators
    assert layer.builtinOptions.asymmetricQuantizeInputs


def test_tensors_of_a_file_become_outputs_as_well() -> None:
    """Behind those that there are, by the numbers that are asked for."""
    content = tflite([INPUT, MADE, MADE], [Step("ABS", [0], [1]), Step("ABS", [1], [2])], [2])
    done = with_outputs(content, [CodePlace(1, False), CodePlace(0, True)], 1)
    model = schema().ModelT.InitFromObj(schema().Model.GetRootAsModel(bytearray(done), 0))
    assert model.subgraphs[0].outputs.tolist() == [2, 1, 0]
    named = [(each.name, each.tensorIndex) for each in model.signatureDefs[0].outputs]
    assert named == [(b"output_1", 1), (b"output_2", 0)]
    assert done[4:8] == b"TFL3"
