"""Learning from a trained network: what it is asked, that a small network comes to its answers, how long it takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import qexplorer as qx
from qexplorer.search.architecture.architecture_types import ArchitectureQuestion
from qexplorer.search.architecture.learning import NetworkLesson, learn
from qexplorer.search.architecture.networks import as_onnx, as_torch, folded
from qexplorer.search.architecture.pace import foretold_time, lengths, training_s
from qexplorer.search.architecture.shapes import NetworkShape, macs
from qexplorer.search.architecture.taught import taught

_SHAPE = NetworkShape(6, 1, 3, False, "relu", "w8a8")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of two classes that asks whether the upper half of a picture is brighter than the lower one."""
    torch.manual_seed(0)
    network = as_torch(_SHAPE, 1, 2)
    pictures = _pictures(256)
    wanted = torch.tensor(_brighter(pictures)).long()
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(network(torch.tensor(pictures)), wanted)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    path = tmp_path_factory.mktemp("teacher") / "teacher.onnx"
    onnx.save(as_onnx(_SHAPE, "image", (1, 16, 16), 2, folded(_SHAPE, 1, network.eval())), path)
    return path


def _pictures(n: int) -> np.ndarray:
    found = np.random.default_rng(n).normal(0, 0.3, (n, 1, 16, 16))
    found[::2, :, :8] += 1
    found[1::2, :, 8:] += 1
    return found.astype(np.float32)


def _brighter(pictures: np.ndarray) -> np.ndarray:
    return pictures[:, 0, :8].mean((1, 2)) > pictures[:, 0, 8:].mean((1, 2))


def test_answers_are_the_teachers_to_the_very_pictures(teacher: Path) -> None:
    """Bit by bit what is handed over; the same for a seed, and every beginning is kept however many are drawn."""
    heard: list[float] = []
    found = taught(_pictures(20), teacher, 300, 1, heard.append)
    assert found.pictures.dtype == np.float16
    assert found.pictures.shape == (300, 1, 16, 16)
    session = onnxruntime.InferenceSession(teacher, providers=["CPUExecutionProvider"])
    said = session.run(None, {"image": found.pictures.astype(np.float32)})[0]
    np.testing.assert_allclose(found.answers, said, rtol=1e-3, atol=1e-3)
    assert len(np.unique(found.pictures.reshape(300, -1), axis=0)) == 300
    again = taught(_pictures(20), teacher, 300, 1)
    assert np.array_equal(again.pictures, found.pictures)
    assert not np.array_equal(taught(_pictures(20), teacher, 300, 2).pictures, found.pictures)
    assert heard[-1] == 1.0


def test_moved_pictures_go_on_at_their_edge(teacher: Path) -> None:
    """A picture of one value stays that, but for a little noise: nothing comes in from outside."""
    flat = np.full((8, 1, 16, 16), 3.0, np.float32)
    found = taught(flat, teacher, 64, 0).pictures.astype(np.float32)
    assert abs(found - 3.0).max() < 0.2


def test_a_small_network_learns_what_the_teacher_says(teacher: Path) -> None:
    """On pictures that it never saw, after a few hundred steps' worth of answers; each epoch is told."""
    lesson = NetworkLesson(taught(_pictures(64), teacher, 2048, 0), 3, 0)
    heard: list[None] = []
    network = learn(lambda: as_torch(_SHAPE, 1, 2), lesson, lambda: heard.append(None))
    fresh = _pictures(200)
    with torch.no_grad():
        said = network(torch.tensor(fresh)).argmax(1).numpy()
    assert (said == _brighter(fresh)).mean() > 0.95
    assert len(heard) == 3


def test_products_of_a_shape_are_those_of_its_file() -> None:
    """As the layers of the loaded model have them, without the last one."""
    for shape in (_SHAPE, NetworkShape(8, 2, 5, True, "relu6", "w4a8")):
        model = as_onnx(shape, "image", (3, 20, 20), 4, folded(shape, 3, as_torch(shape, 3, 4)))
        inferred = onnx.shape_inference.infer_shapes(model)
        sizes = {each.name: each.type.tensor_type.shape.dim for each in inferred.graph.value_info}
        weights = {each.name: each.dims for each in inferred.graph.initializer}
        found = 0
        for node in inferred.graph.node:
            if node.op_type == "Conv":
                high, wide = (each.dim_value for each in sizes[node.output[0]][2:])
                found += high * wide * int(np.prod(weights[node.input[1]]))
        assert macs(shape, (3, 20, 20)) == found


def test_more_work_is_foretold_to_take_longer() -> None:
    """Each of networks, rounds, epochs and pictures; two processors take less; rounds get longer by two."""
    model, asked = qx.load("glyphs_mobilenet"), ArchitectureQuestion()
    usual = foretold_time(model, asked, 2)
    assert foretold_time(model, asked, 1).trained > 1.5 * usual.trained
    for more in ({"networks": 32}, {"rounds": 4, "epochs": 16}, {"epochs": 16}, {"pictures": 32_768}):
        assert foretold_time(model, replace(asked, **more), 2).total > usual.total
    assert lengths(replace(asked, rounds=3, epochs=8, rounded_epochs=2)) == [(2, 1), (4, 1), (8, 2)]
    large = NetworkShape(16, 2, 5, False, "relu", "w8a8")
    assert training_s(large, 1, 1, 4096, (1, 32, 32)) > training_s(_SHAPE, 1, 1, 4096, (1, 32, 32))
