"""Whatever is wrong with the input: one clear line on stderr, exit code 2, nothing left behind."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from qexplorer.load.samples.shelf import get_sample


def digits_bytes() -> bytes:
    """The file of the sample model."""
    return get_sample("digits_cnn").model_path.read_bytes()


def truncated(folder: Path) -> Path:
    """Half a model."""
    path = folder / "truncated.onnx"
    data = digits_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def text(folder: Path) -> Path:
    """A text called .onnx."""
    path = folder / "text.onnx"
    path.write_text("this is not a model\n" * 100)
    return path


def empty(folder: Path) -> Path:
    """A file of no bytes."""
    path = folder / "empty.onnx"
    path.touch()
    return path


def with_nan(folder: Path) -> Path:
    """A model in which one weight is not a number."""
    model = onnx.load_from_string(digits_bytes())
    weight = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    values = numpy_helper.to_array(weight).copy()
    values[1, 0, 2, 1] = np.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    path = folder / "nan.onnx"
    onnx.save(model, path)
    return path


def folder_of_that_name(folder: Path) -> Path:
    """A folder called .onnx."""
    path = folder / "folder.onnx"
    path.mkdir()
    return path


MODELS: list[tuple[Callable[[Path], Path], tuple[str, ...]]] = [
    (truncated, ("truncated.onnx",)),
    (text, ("text.onnx",)),
    (empty, ("empty.onnx",)),
    (with_nan, ("NaN", "[1, 0, 2, 1]")),
    (folder_of_that_name, ("folder.onnx",)),
    (lambda folder: folder / "missing.onnx", ("missing.onnx",)),
    (lambda _: Path("digitz_cnn"), ("digitz_cnn", "digits_cnn")),
]


def assert_refused(outcome: Any, facts: tuple[str, ...]) -> None:
    """One line on stderr that states the facts, nothing on stdout, exit code 2."""
    assert outcome.err.startswith("qexplorer: error: ")
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    assert "fault of qexplorer" not in outcome.err
    for fact in facts:
        assert fact in outcome.err
    assert outcome.out == ""
    assert outcome.code == 2


@pytest.mark.parametrize(
    "case", MODELS, ids=["truncated", "text", "empty", "nan", "folder", "missing", "unknown sample"]
)
def test_a_model_that_cannot_be_used(case: Any, qexplorer: Any, tmp_path: Path) -> None:
    """The sentence names the file and what is wrong with it, and no output file appears."""
    make, facts = case
    model, out = make(tmp_path), tmp_path / "out.onnx"
    assert_refused(qexplorer("quantize", model, "--recipe", "w8", "-o", out), facts)
    assert not out.exists()


def labels_of_another_length(folder: Path) -> Path:
    """50 images with 49 labels."""
    path = folder / "labels.npz"
    np.savez(path, x=np.zeros((50, 1, 32, 32), np.float32), y=np.zeros(49, np.int64))
    return path


def another_shape(folder: Path) -> Path:
    """Images of 8 x 8 for a model that takes 32 x 32."""
    path = folder / "shape.npz"
    np.savez(path, x=np.zeros((50, 1, 8, 8), np.float32), y=np.zeros(50, np.int64))
    return path


def empty_zip(folder: Path) -> Path:
    """An archive with nothing in it."""
    path = folder / "nothing.zip"
    with zipfile.ZipFile(path, "w"):
        pass
    return path


def pickled(folder: Path) -> Path:
    """An array of Python objects, which only pickle could read."""
    path = folder / "pickled.npz"
    np.savez(path, x=np.array([{"a": 1}, {"b": 2}], dtype=object), allow_pickle=True)
    return path


def not_an_archive(folder: Path) -> Path:
    """A text called .npz."""
    path = folder / "text.npz"
    path.write_text("1 2 3")
    return path


DATA: list[tuple[Callable[[Path], Path], tuple[str, ...]]] = [
    (labels_of_another_length, ("50", "49")),
    (another_shape, ("8", "32")),
    (empty_zip, ("nothing.zip",)),
    (pickled, ("pickled.npz",)),
    (not_an_archive, ("text.npz",)),
    (lambda folder: folder / "missing.npz", ("missing.npz",)),
]


@pytest.mark.parametrize("case", DATA, ids=["labels", "shape", "empty zip", "pickled", "text", "missing"])
def test_data_that_cannot_be_used(case: Any, qexplorer: Any, tmp_path: Path) -> None:
    """The sentence names the file or the sizes that do not match, and no output file appears."""
    make, facts = case
    data, out = make(tmp_path), tmp_path / "out.onnx"
    assert_refused(qexplorer("quantize", "digits_cnn", "--recipe", "w8a8", "--data", data, "-o", out), facts)
    assert not out.exists()


CLASSES: dict[str, tuple[bytes | None, tuple[str, ...]]] = {
    "too few": (b"cat\ndog\n", ("names.txt", "2 classes", "has 10")),
    "no list": (b"cat", ("names.txt", "no list of class names")),
    "no text": (b"\xff\xfe\xfa", ("names.txt", "no text in UTF-8")),
    "missing": (None, ("names.txt", "there is no such file")),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_a_list_of_classes_that_cannot_be_the_models(kind: str, qexplorer: Any, tmp_path: Path) -> None:
    """The sentence names the list, and how many names the model has classes for, before anything is computed."""
    content, facts = CLASSES[kind]
    data, names, out = tmp_path / "data.npz", tmp_path / "names.txt", tmp_path / "out.onnx"
    np.savez(data, x=np.zeros((20, 1, 32, 32), np.float32), y=np.zeros(20, np.int64))
    if content is not None:
        names.write_bytes(content)
    command = ("quantize", "digits_cnn", "--recipe", "w8a8", "--data", data, "--classes", names, "-o", out)
    assert_refused(qexplorer(*command), facts)
    assert not out.exists()


COMMANDS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("compare", "digits_cnn", "--recipe", "w17a8"), ("w17a8", "allowed: ")),
    (("compare", "digits_cnn", "--recipe", "nowhere.yaml"), ("nowhere.yaml", "no such file")),
    (("compare", "digits_cnn"), ("--recipe",)),
    (("compare", "digits_cnn", "--recipe", "w8a8", "--backend", "onnxrutime"), ("onnxrutime", "did you mean")),
    (("compare", "digits_cnn", "--recipe", "w8a8", "--samples", "0"), ("'0'", "above 0")),
    (("compare", "digits_cnn", "--recipe", "w8a8", "--scale", "2"), ("--scale", "--data")),
    (("quantize", "digits_cnn", "--recipe", "w8a8", "-o", "out.txt"), ("out.txt", ".onnx")),
    (("quantize", "digits_cnn", "--recipe", "w8a8", "-o", "nowhere/out.onnx"), ("nowhere/out.onnx",)),
    (("quantize", "digits_cnn", "--recipe", "w8a8", "-o", "/proc/out.onnx"), ("/proc", "cannot be written", "choose")),
    (("quantize", "digits_cnn", "w8a8"), ("named with --recipe: ", "quantize digits_cnn --recipe w8a8 -o out.onnx;")),
    (("compare", "digits_cnn", "w8a8", "w4a8"), ("named with --recipe: ", "compare digits_cnn --recipe w8a8 w4a8;")),
    (("quantize", "digits_cnn"), ("missing: --recipe, -o/--output",)),
    (("inspect", "digits_cnn", "w8a8"), ("not understood: w8a8",)),
    (
        ("qat", "text_lm", "--recipe", "w4", "-o", "a.onnx", "--option", "stages=8,6", "--epochs", "2"),
        ("too few for 3",),
    ),
    (("frobnicate",), ("frobnicate", "compare")),
    ((), ("COMMAND",)),
    (("app", "--port", "99999"), ("99999", "65535")),
]


@pytest.mark.parametrize("case", COMMANDS, ids=[" ".join(command) or "nothing" for command, _ in COMMANDS])
def test_a_command_that_cannot_be_used(
    case: Any, qexplorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usage errors and wrong names are one line too, and the folder stays empty."""
    command, facts = case
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert_refused(qexplorer(*command), facts)
    assert list(folder.iterdir()) == []


def test_a_static_recipe_without_data_says_what_it_needs(qexplorer: Any, tmp_path: Path) -> None:
    """A model that is no sample has no data of its own; a weight-only recipe would not need any."""
    proto = onnx.load_from_string(digits_bytes())
    proto.doc_string = "not the sample, though it bears its name"
    model, out = tmp_path / "digits_cnn.onnx", tmp_path / "out.onnx"
    onnx.save(proto, model)
    assert_refused(qexplorer("quantize", model, "--recipe", "w8a8", "-o", out), ("digits_cnn", "data", "w8a8"))
    assert qexplorer("quantize", model, "--recipe", "w8", "-o", out).code == 0
    assert out.exists()


def test_a_refusal_names_the_recipes_file_and_its_rule(qexplorer: Any, tmp_path: Path) -> None:
    """What a calibrator has no range for is said of the file, the layer and the rule that asks for it."""
    recipe = tmp_path / "tables.yaml"
    recipe.write_text("weights: {format: int8}\nlayers: [{match: 'block1*', weights: {format: nf4, calibrator: kl}}]\n")
    outcome = qexplorer("quantize", "digits_cnn", "--recipe", recipe, "-o", tmp_path / "out.onnx")
    assert_refused(
        outcome, ("tables.yaml, layer 'block1.conv1', rule 'block1*'", "evenly spaced levels", "allowed: minmax")
    )


def test_a_backend_that_is_missing_here_is_no_input_error(qexplorer: Any) -> None:
    """Exit code 1, with the reason: the command was right, the machine lacks something."""
    outcome = qexplorer("compare", "digits_cnn", "--recipe", "w8a8", "--backend", "tensorrt")
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "pip install tensorrt" in outcome.err


def test_what_was_there_stays_when_the_work_fails(qexplorer: Any, tmp_path: Path) -> None:
    """An output file of an earlier run is not touched by a failing one, and no temporary file lies beside it."""
    out = tmp_path / "out.onnx"
    out.write_bytes(b"precious")
    wrong = another_shape(tmp_path)
    before = sorted(tmp_path.glob("*"))
    assert qexplorer("quantize", "digits_cnn", "--recipe", "w8a8", "--data", wrong, "-o", out).code == 2
    assert out.read_bytes() == b"precious"
    assert set(tmp_path.glob("*")) - set(before) <= {tmp_path / "workspace"}
