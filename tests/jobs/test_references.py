"""Inputs by digest: an order is run where nothing lies that a person once opened; what is said if it is gone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from qexplorer.core.errors import DataError, InputError, ModelError, UnknownName
from qexplorer.core.workspace import workspace
from qexplorer.jobs.coding import decode, encode
from qexplorer.jobs.compare_order import CompareOrder
from qexplorer.jobs.history import History
from qexplorer.jobs.kinds.compare import COMPARE
from qexplorer.jobs.kinds.quantize import QUANTIZE, QuantizeOrder
from qexplorer.jobs.references import (
    DataRef,
    ModelRef,
    open_data,
    open_model,
    open_quantized,
    refer_to_data,
    refer_to_model,
)
from qexplorer.load.datasets.load import load_data
from qexplorer.load.datasets.preprocess import Preprocessing
from qexplorer.load.samples.shelf import get_sample
from qexplorer.quantize.quantize import quantized_path
from tests.jobs.orders import finished


@pytest.fixture
def own(tmp_path: Path) -> tuple[Path, Path]:
    """A model's and a data file somewhere on this machine."""
    sample = get_sample("tumour_mlp")
    assert sample.folder is not None
    folder = tmp_path / "mine"
    folder.mkdir()
    return (
        shutil.copy(sample.folder / "model.onnx", folder / "net.onnx"),
        shutil.copy(sample.folder / "data.npz", folder / "points.npz"),
    )


def preprocessing() -> Preprocessing:
    """What makes the sample's data ready to feed."""
    manifest = get_sample("tumour_mlp").manifest
    assert manifest is not None
    return manifest.data.preprocessing


def test_the_same_order_does_the_same_where_only_the_workspace_was_sent(
    own: tuple[Path, Path], workspace_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the folders of models and data under another path, and everything else gone, file and answers are equal."""
    model, data = refer_to_model(own[0]), refer_to_data(own[1], preprocessing())
    asked = {
        "quantize": json.dumps(encode(QuantizeOrder, QuantizeOrder(model=model, data=data, recipe="w8a8"))),
        "compare": json.dumps(
            encode(CompareOrder, CompareOrder(model=model, data=data, recipes=("w8a8",), samples=40))
        ),
    }
    assert str(tmp_path) not in asked["quantize"] + asked["compare"]

    def done() -> tuple[bytes, object, object]:
        """The quantized file, the answers and their labels, of orders read from text."""
        job = finished(QUANTIZE, decode(QuantizeOrder, json.loads(asked["quantize"])))
        made = QUANTIZE.result_of(job)
        assert made is not None, job.error
        job = finished(COMPARE, decode(CompareOrder, json.loads(asked["compare"])))
        compared = COMPARE.result_of(job)
        assert compared is not None, job.error
        kept = History().get(compared.comparison)
        assert (kept.model["name"], kept.data["name"]) == ("net", "points")
        return quantized_path(made.digest).read_bytes(), kept.predictions, kept.labels

    here = done()
    there = tmp_path / "elsewhere" / "sent"
    there.mkdir(parents=True)
    for name in ("models", "data"):
        shutil.copytree(workspace_folder / name, there / name)
    shutil.rmtree(workspace_folder)
    shutil.rmtree(own[0].parent)
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(there))
    assert History().list() == []
    assert done() == here


def test_samples_are_referred_to_by_name() -> None:
    """What every installation has is not copied; the data of a sample is meant by the sample's name too."""
    assert refer_to_model("digits_cnn") == ModelRef(sample="digits_cnn")
    assert refer_to_data("digits") == refer_to_data("digits_cnn") == DataRef(sample="digits")
    assert open_data(DataRef(sample="digits")).digest == load_data("digits").digest


def test_kept_data_is_what_was_read(own: tuple[Path, Path]) -> None:
    """Opened by reference, data has the digest, name and notes that it has when its file is read."""
    reference = refer_to_data(own[1], preprocessing())
    found, read = open_data(reference), load_data(own[1], preprocessing=preprocessing())
    assert found.name == "points"
    assert (found.name, found.digest, found.notes) == (read.name, read.digest, read.notes)
    own[1].unlink()
    assert open_data(reference).digest == read.digest
    assert refer_to_data(reference.source, preprocessing(), name="points") == reference


def test_what_is_not_kept_any_more_is_one_sentence(own: tuple[Path, Path]) -> None:
    """A model, data or quantized file that the workspace has lost is named, with what to do."""
    model, data = refer_to_model(own[0]), refer_to_data(own[1])
    for name in ("models", "data"):
        shutil.rmtree(workspace(name))
    with pytest.raises(ModelError, match=r"^the model [0-9a-f]{12} is not kept here any more; open it again$"):
        open_model(model)
    with pytest.raises(DataError, match=r"^the data points is not kept here any more; open it again$"):
        open_data(data)
    with pytest.raises(InputError, match=r"^abc\.onnx: the quantized file is gone; compare again, which makes it$"):
        open_quantized("abc")
    with pytest.raises(UnknownName, match=r"/nowhere/data\.npz"):
        refer_to_data("/nowhere/data.npz")


def test_a_file_that_is_another_one_now_is_not_taken_for_the_model(own: tuple[Path, Path]) -> None:
    """A kept file of the same size whose bytes changed is refused."""
    reference = refer_to_model(own[0])
    assert open_model(reference).sha256 == reference.sha256
    path = Path(reference.source)
    value = bytearray(path.read_bytes())
    value[-1] ^= 1
    path.write_bytes(value)
    with pytest.raises(ModelError, match="is not kept here any more"):
        open_model(reference)


@pytest.mark.parametrize("fields", [{}, {"sample": "a", "sha256": "0" * 64}, {"sha256": "../../etc"}, {"path": "/x"}])
def test_a_model_is_referred_to_in_one_way(fields: dict[str, str]) -> None:
    """Neither nothing, nor both, nor what is no digest."""
    with pytest.raises(ValueError, match="1 validation error"):
        ModelRef(**fields)


@pytest.mark.parametrize("fields", [{}, {"sample": "a", "kept": "0" * 64}, {"kept": "../../etc"}])
def test_data_is_referred_to_in_one_way(fields: dict[str, str]) -> None:
    """Neither nothing, nor both, nor what is no digest."""
    with pytest.raises(ValueError, match="1 validation error"):
        DataRef(**fields)


def test_the_task_of_data_is_part_of_what_is_meant(own: tuple[Path, Path]) -> None:
    """Opened by reference, data is for the task that was chosen for it, of a file and of a sample alike."""
    for reference in (refer_to_data(own[1], task="similarity"), refer_to_data("tumour", task="similarity")):
        assert reference != reference.model_copy(update={"task": None})
        assert open_data(reference).task == "similarity"
        assert open_data(reference.model_copy(update={"task": None})).task == "classification"


def test_what_is_wrong_is_said_of_the_name_that_a_person_knows(own: tuple[Path, Path]) -> None:
    """A task that does not go with the labels is refused for the file's name, not for the digest it is kept by."""
    with pytest.raises(DataError, match=r"^points: the labels"):
        open_data(refer_to_data(own[1], task="sequences"))


def test_one_file_under_two_names_is_called_as_it_was_brought(own: tuple[Path, Path]) -> None:
    """A reference has the name that its person knows; both stand for the same model."""
    first = refer_to_model(own[0])
    second = first.model_copy(update={"name": "second"})
    assert (open_model(first).name, open_model(second).name) == ("net", "second")
    assert first.source == second.source
    assert open_model(first.model_copy(update={"name": None})).name == "net"


def test_data_without_a_name_is_called_as_it_was_kept(own: tuple[Path, Path]) -> None:
    """A name that its person gives goes first."""
    found = refer_to_data(own[1])
    assert found.name == "points"
    assert refer_to_data(own[1], name="mine").name == "mine"
    assert open_data(found.model_copy(update={"name": "mine"})).name == "mine"
    assert open_data(found.model_copy(update={"name": None})).name
    listed = ("malignant", "benign")
    assert open_data(refer_to_data("tumour", classes=listed)).classes == listed
    assert open_data(refer_to_data("tumour", classes=listed[::-1])).classes == listed[::-1]


def test_a_file_by_a_samples_name_is_the_file(own: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it lies in the folder that one is in."""
    monkeypatch.chdir(own[0].parent)
    shutil.copy(own[0], "tumour_mlp")
    assert refer_to_model("tumour_mlp") == refer_to_model(own[0])
    assert refer_to_model("digits_cnn") == ModelRef(sample="digits_cnn")
