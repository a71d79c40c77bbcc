from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from qexplorer.core.errors import DataError
from qexplorer.core.model import Model
from qexplorer.load.model import load_model
from qexplorer.load.samples.shelf import list_samples
from qexplorer.ui.model.data_panel import _choose_upload, keep_upload
from tests.pages.app import open_app, texts


def _with(model: str) -> AppTest:
    app = open_app()
    return app.button(f"use_{model}").click().run()


def test_empty_page_does_something() -> None:
    """With nothing loaded the first button starts with the digits sample, its own data included."""
    app = open_app()
    assert not app.exception
    app.button[0].click().run()
    now = app.session_state["qexplorer_state"]
    assert (now.model, now.data) == ("digits_cnn", "digits")
    assert not app.error
    assert "512 samples to calibrate" in texts(app)


def test_a_card_for_each_sample() -> None:
    """Every sample has a card with its licence; trained ones show accuracy with n, untrained ones say so."""
    said = texts(open_app())
    for sample in list_samples():
        assert sample.title in said
        if sample.float_accuracy is None:
            assert "untrained: size and latency only" in said
        else:
            assert f"{100 * sample.float_accuracy:.1f} % of {sample.n_evaluation:,} samples right" in said


def test_summary() -> None:
    """A loaded model shows parameters, multiply-accumulates, size, opset and how many layers can be quantized."""
    app = _with("digits_cnn")
    labels = {metric.label: metric.value for metric in app.metric}
    assert set(labels) == {"Parameters", "MACs", "Size", "Can be quantized", "Opset"}
    assert labels["Parameters"] == "151 k"


def test_layer_filter() -> None:
    """The filter keeps exactly the layers that it names, and the three choices add up."""
    app = _with("tumour_mlp")
    sizes = {}
    for name in ("All layers", "Can be quantized", "Cannot be quantized"):
        control = next(c for c in app.get("button_group") if c.key == "keep:layer_filter")
        control.set_value(name).run()
        tables = [t.value for t in app.dataframe if "why not" in t.value.columns]
        sizes[name] = len(tables[0]) if tables else 0
        if tables and name != "All layers":
            assert set(tables[0]["quantizable"]) == {name == "Can be quantized"}
    assert sizes["All layers"] == sizes["Can be quantized"] + sizes["Cannot be quantized"]
    assert sizes["All layers"] > 0


def test_filter_survives_another_page() -> None:
    """A control keeps its value while another page is looked at."""
    app = _with("tumour_mlp")
    next(c for c in app.get("button_group") if c.key == "keep:layer_filter").set_value("Can be quantized").run()
    app.switch_page("pages/distributions.py").run()
    app.switch_page("pages/model.py").run()
    control = next(c for c in app.get("button_group") if c.key == "keep:layer_filter")
    assert control.value == "Can be quantized"


def test_sidebar_changes_the_model() -> None:
    """Choosing another sample in the sidebar takes its own data along."""
    app = _with("digits_cnn")
    app.sidebar.selectbox("side_model").set_value("tumour_mlp").run()
    now = app.session_state["qexplorer_state"]
    assert (now.model, now.data) == ("tumour_mlp", "tumour")
    app.sidebar.selectbox("side_recipe").set_value("w4a8").run()
    assert app.session_state["qexplorer_state"].recipe == "w4a8"


def test_table_data_is_shown_with_its_columns() -> None:
    """Samples of a table are previewed as a table with the names of their columns."""
    app = _with("tumour_mlp")
    preview = app.dataframe[0].value
    assert "label" in preview.columns
    assert preview.shape[1] == 31


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.onnx", b"this is text, not a model"),
        ("net.onnx", b""),
        ("net.onnx", b"\x08\x07\x12\x04test\x00\xff\xff\xff\xff"),
    ],
)
def test_path_that_is_no_model(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that is not a model gets one sentence that names it, and the model that was loaded stays."""
    app = _with("tumour_mlp")
    file = tmp_path / name
    file.write_bytes(content)
    app.text_input[_index(app, "Or a path on this machine", last=True)].set_value(str(file))
    next(b for b in app.button if b.label == "Load it").click().run()
    assert len(app.error) == 1
    assert not app.exception
    assert name in app.error[0].value.replace("\\", "")
    assert "Traceback" not in app.error[0].value
    assert app.session_state["qexplorer_state"].model == "tumour_mlp"


def test_data_by_path_and_preprocessing(tmp_path: Path) -> None:
    """Data from a path is previewed as the model gets it, and follows the preprocessing at once."""
    rng = np.random.default_rng(0)
    file = tmp_path / "mine.npz"
    np.savez(file, x=rng.integers(0, 256, (40, 30)).astype(np.float32), y=rng.integers(0, 2, 40))
    app = _with("tumour_mlp")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert not app.error
    assert app.session_state["qexplorer_state"].data == str(file)
    before = float(app.dataframe[0].value.iloc[0, 1])
    next(t for t in app.text_input if t.label == "Multiply by").set_value("1/255")
    next(b for b in app.button if b.label == "Apply").click().run()
    assert not app.error
    assert float(app.dataframe[0].value.iloc[0, 1]) == pytest.approx(before / 255, abs=1e-3)


def test_the_task_of_own_data_can_be_chosen(tmp_path: Path) -> None:
    """The labels mean one, which is said; another one is chosen for data that is there and for data to come."""
    file = tmp_path / "mine.npz"
    np.savez(file, x=np.ones((40, 30), np.float32), y=np.arange(40) % 2)
    app = _with("tumour_mlp")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert "task classification" in texts(app)
    next(s for s in app.selectbox if s.label == "Task").set_value("similarity").run()
    assert app.session_state["qexplorer_state"].task == "similarity"
    assert "task similarity" in texts(app)
    np.savez(file, x=np.ones((40, 30), np.float32), y=-np.arange(40))
    next(s for s in app.selectbox if s.label == "Task of its labels").set_value("similarity")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert not app.error


def test_wrong_preprocessing(tmp_path: Path) -> None:
    """A setting that cannot be is refused with one sentence that says what is allowed, and nothing changes."""
    file = tmp_path / "mine.npz"
    np.savez(file, x=np.ones((40, 30), np.float32))
    app = _with("tumour_mlp")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    next(t for t in app.text_input if t.label == "Subtract (mean)").set_value("zero")
    next(b for b in app.button if b.label == "Apply").click().run()
    assert len(app.error) == 1
    assert "list of numbers" in app.error[0].value
    assert app.session_state["qexplorer_state"].preprocessing is None


def test_data_that_does_not_fit(tmp_path: Path) -> None:
    """Data of another shape says which shape the model takes, and the page goes on."""
    file = tmp_path / "mine.npz"
    np.savez(file, x=np.ones((40, 7), np.float32))
    app = _with("tumour_mlp")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert not app.exception
    assert len(app.error) == 1
    assert "30" in app.error[0].value
    assert "Layers" in texts(app)


def test_labels_that_are_no_caption_have_no_column() -> None:
    """Many numbers a label are not shown beside a table, and no empty column stands for them."""
    from qexplorer.core.dataset import DataSet, Split
    from qexplorer.ui.model import data_panel

    def columns(labels: np.ndarray) -> list[str]:
        split = Split({"x": np.zeros((4, 3), np.float32)}, labels)
        data = DataSet("own", split, split, False, (), "0" * 64, (), "regression")
        return list(data_panel._rows(data, split.inputs["x"], ("a", "b", "c"))[0])

    assert columns(np.zeros((4, 10))) == ["a", "b", "c"]
    assert columns(np.zeros((4, 2))) == ["label", "a", "b", "c"]


def test_unlabelled_data(tmp_path: Path) -> None:
    """Data without labels says that agreement with float stands in for accuracy."""
    buffer = io.BytesIO()
    np.savez(buffer, x=np.random.default_rng(0).random((40, 30), np.float32))
    file = tmp_path / "mine.npz"
    file.write_bytes(buffer.getvalue())
    app = _with("tumour_mlp")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert "no labels" in texts(app)


def _index(app: AppTest, label: str, *, last: bool = False) -> int:
    found = [i for i, box in enumerate(app.text_input) if box.label == label]
    return found[-1 if last else 0]


def test_pictures_of_different_sizes(tmp_path: Path) -> None:
    """A .zip of class folders with pictures of different sizes is brought to the size that the model takes."""
    file = tmp_path / "letters.zip"
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(file, "w") as archive:
        for index in range(12):
            picture = io.BytesIO()
            size = (20 + index, 24)
            Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(picture, "PNG")
            archive.writestr(f"{index % 2}/{index}.png", picture.getvalue())
    app = _with("digits_cnn")
    app.text_input[_index(app, "Or a path on this machine")].set_value(str(file))
    next(b for b in app.button if b.label == "Read it").click().run()
    assert not app.exception
    assert app.session_state["qexplorer_state"].data == str(file)
    assert app.session_state["qexplorer_state"].preprocessing["size"] == [32, 32]
    assert any("32 × 32" in expander.label for expander in app.expander)  # noqa: RUF001


def test_upload_that_cannot_be_read_is_not_kept(workspace_folder: Path, tmp_path: Path) -> None:
    """Data that cannot be read leaves no file behind in the workspace; a readable file is kept under its digest."""
    model = load_model("tumour_mlp")
    given = tmp_path / "given"
    given.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(DataError):
        _choose_upload("broken.npz", given, model)
    assert not [p for p in (workspace_folder / "uploads").rglob("*") if p.is_file()]
    given.write_bytes(b"one")
    first = keep_upload("../a b.npz", given)
    given.write_bytes(b"two")
    second = keep_upload("../a b.npz", given)
    assert first != second
    assert first.read_bytes() == b"one"
    assert workspace_folder / "uploads" in first.parents


def test_weights_ask_for_their_architecture_first(tmp_path: Path) -> None:
    """Nothing can be uploaded before one is chosen; a pickled module then gets its two lines, and changes nothing."""
    import torch

    app = open_app()
    assert _weights(app).disabled
    app.selectbox("architecture").set_value("resnet18").run()
    assert not _weights(app).disabled
    torch.save(torch.nn.Linear(2, 2), tmp_path / "net.pth")
    _weights(app).set_value([("net.pth", (tmp_path / "net.pth").read_bytes(), "")]).run()
    assert 'torch.load("net.pth", weights_only=False).eval()' in texts(app)
    assert app.session_state["qexplorer_state"].model is None


def test_weights_become_the_sessions_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes of the weights is chosen, under the file's name; settings that are uploaded with them go along."""
    asked = []

    def load_weights(path: Path, architecture: str, **how: object) -> Model:
        asked.append((path.read_bytes(), architecture, how))
        return replace(load_model("tumour_mlp"), name=str(how["name"]))

    monkeypatch.setattr("qexplorer.load.weights.load.load_weights", load_weights)
    app = open_app()
    app.selectbox("architecture").set_value("resnet50").run()
    _weights(app).set_value([("mine.safetensors", b"numbers", "")]).run()
    assert asked == [(b"numbers", "resnet50", {"name": "mine", "shown": "mine.safetensors", "config": None})]
    assert not app.exception
    assert app.title[0].value == "mine"
    more = open_app(session="with-settings")
    more.selectbox("architecture").set_value("resnet50").run()
    _weights(more).set_value([("config.json", b"{}", ""), ("bert.safetensors", b"numbers", "")]).run()
    content, architecture, how = asked[-1]
    assert (content, architecture, how["name"]) == (b"numbers", "resnet50", "bert")
    assert Path(str(how["config"])).read_bytes() == b"{}"


def _weights(app: AppTest) -> Any:
    return next(each for each in app.get("file_uploader") if each.label == "Upload the weights")
