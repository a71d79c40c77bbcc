"""Weights in other files: taken in where that is safe, refused where it is not, wherever they stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from qexplorer.core.errors import ModelError
from tests.hostile.places import models_with_external_data
from tests.load.model_graphs import F32, model, saved
from tests.load.safety.refusing import load, refused


def external(location: str, **entries: str) -> onnx.ModelProto:
    """A model whose only weight is kept in another file."""
    proto = model([helper.make_node("Add", ["x", "w"], ["y"])], {"x": ["n", 4]}, ["y"])
    tensor = TensorProto(name="w", data_type=F32, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, text in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=text)
    proto.graph.initializer.append(tensor)
    return proto


def test_external_data_in_an_upload(tmp_path: Path) -> None:
    """An upload whose weights are elsewhere is refused, and the sentence says how to save it."""
    (tmp_path / "w.bin").write_bytes(np.ones(4, np.float32).tobytes())
    sentence = refused(external("w.bin"), tmp_path)
    assert "save_as_external_data=False" in sentence
    assert "'w'" in sentence


@pytest.mark.parametrize("part", ["values", "indices"])
def test_external_data_of_a_sparse_attribute(part: str, tmp_path: Path) -> None:
    """Neither half of a sparse tensor in an attribute may point to a file that the upload does not bring."""
    values, places = numpy_helper.from_array(np.ones(1, np.float32)), numpy_helper.from_array(np.array([2]))
    constant = helper.make_node("Constant", [], ["s"], sparse_value=helper.make_sparse_tensor(values, places, [4]))
    tensor = getattr(constant.attribute[0].sparse_tensor, part)
    tensor.external_data.add(key="location", value="w.bin")
    proto = model([constant, helper.make_node("Add", ["x", "s"], ["y"])], {"x": ["n", 4]}, ["y"])
    assert "'s' is kept in another file" in refused(proto, tmp_path)


@pytest.mark.parametrize("place", sorted(models_with_external_data("")))
def test_external_data_wherever_a_tensor_can_stand(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tensor is forgotten, and no file of the working directory is opened for one."""
    (tmp_path / "w.bin").write_bytes(b"\0" * 16)
    monkeypatch.chdir(tmp_path)
    assert "is kept in another file ('w.bin')" in refused(models_with_external_data("w.bin")[place], tmp_path)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/b", "..", "", "c:secret", "a\\b"])
def test_external_data_outside_the_folder(location: str, tmp_path: Path) -> None:
    """For a file of one's own, a path instead of a plain name is refused."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"0123456789abcdef")
    with pytest.raises(ModelError, match=r"^m\.onnx: .* outside the model's own folder"):
        load(saved(external(location), folder), folder)


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_external_data_through_a_link(link: str, tmp_path: Path) -> None:
    """A link beside the model is not followed: it may lead to a secret."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"0123456789abcdef")
    folder = tmp_path / "folder"
    folder.mkdir()
    if link == "symbolic":
        (folder / "w.bin").symlink_to(secret)
    else:
        (folder / "w.bin").hardlink_to(secret)
    with pytest.raises(ModelError, match=r"w\.bin"):
        load(saved(external("w.bin"), folder), folder)


@pytest.mark.parametrize("entries", [{"offset": "8"}, {"length": "999"}, {"offset": "-4"}, {"offset": "x"}])
def test_external_data_beyond_the_file(entries: dict[str, str], tmp_path: Path) -> None:
    """Offsets and lengths that the file does not have are refused."""
    (tmp_path / "w.bin").write_bytes(np.ones(4, np.float32).tobytes())
    with pytest.raises(ModelError, match="'w'"):
        load(saved(external("w.bin", **entries), tmp_path), tmp_path)


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    """For a file of one's own, weights in a plain file beside it are taken in."""
    array = np.array([1, 2, 3, 4], np.float32)
    (tmp_path / "w.bin").write_bytes(b"\0" * 8 + array.tobytes())
    found = load(saved(external("w.bin", offset="8", length="16"), tmp_path), tmp_path)
    assert list(found["external"]) == ["w.bin"]  # type: ignore[call-overload]
    kept = onnx.load(tmp_path / "normalized.onnx").graph.initializer[0]
    assert np.array_equal(numpy_helper.to_array(kept), array)
