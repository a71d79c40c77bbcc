"""What is told of the converter's long messages, and what files are looked at with."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import BackendError, ChildError, QExplorerError
from qexplorer.core.workspace import sha256_bytes
from qexplorer.run.litert import cache, conversion
from qexplorer.run.litert.rewrite.graph import Rewritten
from qexplorer.run.litert.tflite_file import weight_key
from qexplorer.run.litert.to_tflite import quiet


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("torch.complex64"), "LiteRT has no tensors of complex64"),
        (RuntimeError("torch.bfloat16 is not supported"), "LiteRT has no tensors of bfloat16"),
        (
            RuntimeError("Lowering not found: aten.grid_sampler_2d.default"),
            "the converter has nothing for PyTorch's operator grid_sampler_2d",
        ),
        (
            RuntimeError(
                "loc: error: failed to legalize operation 'tfl.max' (tensor<1x3xi16>, tensor<2xf32>) -> x\nmore i8>"
            ),
            "LiteRT has no MAX on f32, i16",
        ),
        (RuntimeError("failed to legalize operation 'tfl.rsqrt'"), "LiteRT has no RSQRT on these types"),
        (
            RuntimeError("a/b.cc:12: error: 'tfl.softmax' op quantization must be of scale 1/256."),
            "LiteRT's SOFTMAX does not take it: quantization must be of scale 1/256",
        ),
        (
            AttributeError("'X' has no y\nWhile executing %a : target=torch.ops.aten.roll.default"),
            "the converter fails at PyTorch's operator roll",
        ),
        (
            RuntimeError("it is so\nWhile executing %a : target=torch.ops.aten.roll.default"),
            "it is so",
        ),
        (RuntimeError("\n\n  src/deep/file.cc:12:3: error: plainly wrong.\nmore"), "plainly wrong"),
        (ValueError(""), "ValueError"),
        (ValueError("x" * 1000), "x" * 240),
    ],
)
def test_a_message_is_one_clause_without_places_in_source_files(error: Exception, said: str) -> None:
    """What is missing by its name, with the types that it was asked for; the first line otherwise."""
    assert conversion._sentence(error) == said


@pytest.mark.parametrize(
    ("kind", "dtype", "whole"),
    [
        ("FLOAT", "float32", False),
        ("DOUBLE", "float64", False),
        ("FLOAT16", "float32", False),
        ("BFLOAT16", "float32", False),
        ("INT64", "int64", True),
        ("UINT8", "uint8", True),
        ("BOOL", "bool", True),
    ],
)
def test_files_are_looked_at_with_values_of_their_types(kind: str, dtype: str, whole: bool) -> None:
    """Normal numbers, in float32 where LiteRT computes in it; 0 and 1, which may be classes or truths."""
    ends = [helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), ["n", 3]) for name in "ax"]
    model = helper.make_model(helper.make_graph([], "g", [helper.make_tensor_value_info("other", 1, [1]), *ends], []))
    found = conversion._probe(model, "x", (40, 3))
    assert (found.dtype.name, found.shape) == (dtype, (40, 3))
    assert (set(np.unique(found.astype(float))) == {0.0, 1.0}) is whole
    if not whole:
        assert found.mean() == pytest.approx(0, abs=0.3)
        assert found.std() == pytest.approx(1, abs=0.2)


def _with_weight(axis: int, scales: list[float], values: np.ndarray) -> Rewritten:
    nodes = [
        helper.make_node("Weight", [f"{name}_values"], [name], scales=scales, axis=axis, bits=8) for name in ("w", "v")
    ]
    stored = [numpy_helper.from_array(values * times, f"{name}_values") for name, times in (("w", 1), ("v", 0))]
    return Rewritten(helper.make_model(helper.make_graph(nodes, "g", [], [], stored)), {}, 0, ("w",), ())


@pytest.mark.parametrize(("axis", "scales"), [(-1, [0.3]), (0, [0.3, 0.7]), (1, [0.3, 0.7, 0.9])])
def test_dynamic_weights_are_told_by_their_codes(axis: int, scales: list[float]) -> None:
    """Those of the layers that quantize their inputs, and no others."""
    codes = np.array([[-128, 3, 127], [5, -6, 0]], np.int8)
    steps = np.asarray(scales, np.float32)
    spread = steps.reshape([-1 if place == axis else 1 for place in range(2)])
    found = conversion._keys(_with_weight(axis, scales, codes.astype(np.float32) * spread))
    assert found == {weight_key(codes, steps)}


@pytest.mark.parametrize(
    ("a", "b", "share", "near"),
    [
        ([0, 10], [0, 10], 0.0, True),
        ([0, 10.9], [0, 10], 0.1, True),
        ([0, 11.1], [0, 10], 0.1, False),
        ([5, 5], [5, 5.05], 0.1, False),
        ([5.05], [5], 0.1, True),
        ([5.2], [5], 0.1, False),
        ([np.nan, 1, 10], [np.nan, 0, 10], 0.11, True),
        ([np.nan, 1, 10], [np.nan, 0, 10], 0.09, False),
        ([np.nan, 1], [1, np.nan], 0.1, False),
        ([np.inf, 1, 10], [np.inf, 0, 10], 0.11, True),
        ([np.inf, 1, 10], [10, 1, 10], 0.5, False),
        ([np.nan], [np.nan], 0.1, True),
    ],
)
def test_answers_are_near_by_a_share_of_their_range(a: list[float], b: list[float], share: float, near: bool) -> None:
    """One number has no range, and is compared as it is."""
    assert conversion._near(np.float32(a), np.float32(b), share) is near


def test_floats_of_8_bits_are_refused_by_the_node_that_makes_them() -> None:
    """LiteRT has no such tensors; what makes none passes."""

    def refuse(node: onnx.NodeProto) -> None:
        conversion._refuse_float8(helper.make_model(helper.make_graph([node], "g", [], [])))

    refuse(helper.make_node("Cast", ["x"], ["q"], "rounding", to=TensorProto.FLOAT16))
    with pytest.raises(BackendError, match="LiteRT has no tensors of fp8_e4m3, which 'rounding' rounds activations to"):
        refuse(helper.make_node("Cast", ["x"], ["q"], "rounding", to=TensorProto.FLOAT8E4M3FN))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            BackendError("it has no such tensors", allowed="integers"),
            "m.onnx: it cannot be converted for LiteRT (it has no such tensors); allowed: integers; choose onnxruntime",
        ),
        (RuntimeError("a/b.cc:1: no way."), "m.onnx: it cannot be converted for LiteRT (no way)"),
    ],
)
def test_what_cannot_be_converted_is_said_and_nothing_is_written(
    error: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of this program's own refusals the whole sentence, of others what they say."""

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(conversion, "_converted", fails)
    with pytest.raises(BackendError) as caught:
        conversion.convert({"path": "/deep/m.onnx", "folder": str(tmp_path), "shapes": {}, "free": True})
    assert caught.value.sentence == said
    assert list(tmp_path.iterdir()) == []


def test_a_converted_file_lies_beside_its_facts_and_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not as it was written, or of which nothing is written, is none."""
    monkeypatch.setattr(
        conversion, "_converted", lambda _, shapes, free: (b"file", {"inputs": list(shapes), "free": free})
    )
    conversion.convert({"path": "m.onnx", "folder": str(tmp_path), "shapes": {"x": [1]}, "free": True})
    facts = cache._kept(tmp_path)
    assert facts is not None
    assert (facts["inputs"], facts["free"], facts["sha256"]) == (["x"], True, sha256_bytes(b"file"))
    (tmp_path / conversion.MODEL).write_bytes(b"fire")
    assert cache._kept(tmp_path) is None
    (tmp_path / conversion.FACTS).unlink()
    assert cache._kept(tmp_path) is None


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ChildError("it crashed"), "m.onnx: converting it for LiteRT failed (it crashed)"),
        (BackendError("it cannot be", where="m.onnx", do="choose another"), "m.onnx: it cannot be; choose another"),
        (QExplorerError("nobody foresaw it"), "m.onnx: nobody foresaw it"),
    ],
)
def test_what_ended_the_converting_child_is_said_of_the_file(
    error: QExplorerError, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash is one of converting; what is said already stays."""

    def ends(*_: object, **__: object) -> None:
        raise error

    onnx.save(helper.make_model(helper.make_graph([], "g", [], [])), tmp_path / "m.onnx")
    for module, name in ((cache, "run_in_child"), (cache, "convert")):
        monkeypatch.setattr(module, name, ends)
    with pytest.raises(BackendError) as caught:
        cache._convert(tmp_path / "m.onnx", {})
    assert caught.value.sentence == said


@pytest.mark.parametrize("fails", [False, True])
def test_converting_is_quiet_and_only_as_long_as_it_lasts(fails: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is printed, warned of or logged meanwhile; after it, also after a failure, everything is as before."""
    log, before = logging.getLogger("somebody"), logging.root.manager.disable
    try:
        with patch.dict(os.environ), quiet():
            sys.stdout.write("progress")
            warnings.warn("old", stacklevel=1)
            assert not log.isEnabledFor(logging.CRITICAL)
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert logging.root.manager.disable == before
    sys.stdout.write("after")
    assert capsys.readouterr().out == "after"
    with pytest.warns(UserWarning, match="new"):
        warnings.warn("new", stacklevel=1)
