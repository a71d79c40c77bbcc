"""Names of the classes on page Model: typed or from a file, checked against the model, and put to use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from streamlit.testing.v1 import AppTest

from qexplorer.core.errors import DataError
from qexplorer.jobs.references import open_data, refer_to_data
from qexplorer.load.datasets.classes import check_listed
from qexplorer.load.model import load_model
from tests.pages.app import open_app, texts

ORDER = ("ant", "bee", "cat", "dog", "eel")


def _opened(folder: Path) -> AppTest:
    """A session with a model of five unnamed classes, and samples of three that are named."""
    folder.mkdir(parents=True, exist_ok=True)
    weight = numpy_helper.from_array(np.eye(5, dtype=np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"]), helper.make_node("Softmax", ["logits"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 5]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "five", ends[:1], ends[1:], [weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "five.onnx")
    found = np.arange(60) % 3 * 2  # ant, cat, eel
    np.savez(folder / "three.npz", x=10 * np.eye(5, dtype=np.float32)[found], y=np.asarray(ORDER)[found])
    state = {"model": str(load_model(folder / "five.onnx").path), "data": str(folder / "three.npz")}
    (folder / "sessions").mkdir(parents=True, exist_ok=True)
    (folder / "sessions" / "the-session.json").write_text(json.dumps(state))
    return open_app(session="the-session")


def _typed(app: AppTest, text: str) -> AppTest:
    next(area for area in app.text_area if area.label.startswith("One name a line")).set_value(text)
    return next(button for button in app.button if button.label == "Use these names").click().run()


def test_typed_names_number_the_classes(workspace_folder: Path) -> None:
    """Without a list the three names cannot be matched; with it they are, and the list can be forgotten."""
    app = _opened(workspace_folder)
    assert "they cannot be matched" in texts(app)
    app = _typed(app, "\n".join(ORDER))
    assert not app.exception
    assert not app.error
    assert app.session_state["qexplorer_state"].classes == list(ORDER)
    assert "they cannot be matched" not in texts(app)
    assert "5 classes" in texts(app)
    next(button for button in app.button if button.label == "Forget this list").click().run()
    assert app.session_state["qexplorer_state"].classes == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ant\nbee\ncat", "he list names 3 classes, and the model's first output 'y' has 5"),
        ("ant\nbee\nbug\ndog\neel", "not all of them are in the list"),
        ("ant\nant", "no list of class names"),
    ],
)
def test_a_list_that_does_not_fit_changes_nothing(workspace_folder: Path, text: str, said: str) -> None:
    """Another number of names than the model has classes, a missing name and a name twice are refused in a sentence."""
    app = _typed(_opened(workspace_folder), text)
    assert not app.exception
    assert [said for error in app.error if said in error.value.replace("\\", "")], [e.value for e in app.error]
    assert app.session_state["qexplorer_state"].classes == []


def test_a_job_gets_the_same_numbers(workspace_folder: Path) -> None:
    """The reference that an order has says the names, and whoever opens it has the labels that the page has."""
    _opened(workspace_folder)
    source = workspace_folder / "three.npz"
    with_names = open_data(refer_to_data(source, classes=ORDER))
    assert with_names.classes == ORDER
    assert with_names.evaluation.labels is not None
    assert set(with_names.evaluation.labels.tolist()) == {0, 2, 4}
    assert with_names.digest != open_data(refer_to_data(source)).digest


def test_the_list_is_as_long_as_the_first_output() -> None:
    """Ten digits need ten names."""
    model = load_model("digits_cnn")
    check_listed([str(digit) for digit in range(10)], model)
    with pytest.raises(DataError, match="names 9 classes, and the model's first output"):
        check_listed([str(digit) for digit in range(9)], model)
