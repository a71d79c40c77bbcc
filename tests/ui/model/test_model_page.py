"""What page Model says of model and data, and what becomes of what a person types or brings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.errors import DataError
from qexplorer.core.model import Layer, Model, TensorInfo
from qexplorer.ui.model import class_names, data_panel, preprocessing_panel, summary
from tests.ui.screens import screen_of

LAYERS = (
    Layer("conv1", "Conv", ("x",), ("y",), "w", (8, 3, 5, 5), 0, 600, 9000, True, None),
    Layer("shape", "Reshape", ("y",), ("z",), None, (), None, 0, 0, False, "moves data", computes=False),
    Layer("softmax", "Softmax", ("z",), ("p",), None, (), None, 0, None, False, "has no kernel"),
)
SIDES = ((TensorInfo("x", "float32", (None, 3, 8, 8)),), (TensorInfo("p", "float32", (None, 2)),))
MODEL = Model("net", Path("net.onnx"), "a", "b", 21, *SIDES, LAYERS, 12_345, 9_876_543, 5000, 4000)


def _input(*shape: Any) -> tuple[TensorInfo, ...]:
    return (TensorInfo("x", "float32", shape),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Multiply-accumulates for one sample"),
        ({"macs": None}, "not known, because the file does not tell all shapes"),
        ({"macs": None, "inputs": _input(None, "length")}, "depend on 'length', which the file leaves free"),
        ({"macs": None, "inputs": _input("n", None, None)}, "depend on a length, which the file leaves free"),
        ({"macs": None, "inputs": _input(1, "t", 4) * 2}, "depend on 't', which the file leaves free"),
    ],
)
def test_what_macs_depend_on(changes: dict[str, Any], words: str) -> None:
    """The axis of samples is none of it; each length once."""
    assert words in summary._macs_help(replace(MODEL, **changes)).replace("\\", "")


@pytest.mark.parametrize(
    ("given", "words"), [(0, "The ONNX file"), (5000, "The ONNX file"), (9000, "given it has 9.00 kB")]
)
def test_a_size_is_that_of_the_form_that_runs(given: int, words: str) -> None:
    """That of the file as it was given where it differs."""
    assert summary._size_help(replace(MODEL, given_bytes=given)).endswith(words)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("All layers", [1, 3]),
        ("Can be quantized", [1]),
        ("Cannot be quantized", [3]),
        ("All nodes", [1, 2, 3]),
    ],
)
def test_layers_are_filtered(kind: str, rows: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """By their places among all nodes; those that only move data are counted unless they are listed."""
    found = summary.layer_rows(MODEL, kind)
    assert [row["#"] for row in found] == rows
    assert found[-1]["why not"] == ("" if kind == "Can be quantized" else "has no kernel")
    screen = screen_of(monkeypatch, summary, Filter=kind, Show="parameters")
    summary.draw_layers(MODEL)
    assert ("1 more nodes only move data" in screen.said) is (kind != "All nodes")
    assert screen.of("segmented_control")[0][0][1] == ["parameters", "MACs"]
    screen = screen_of(monkeypatch, summary, Filter="Can be quantized", Show="parameters")
    summary.draw_layers(replace(MODEL, layers=LAYERS[2:], macs=None))
    assert "No such layer in this model." in screen.said
    assert screen.of("segmented_control")[0][0][1] == ["parameters"]
    assert "All nodes" not in screen.of("segmented_control")[1][0][1]


@pytest.mark.parametrize("untrained", [False, True])
def test_a_model_is_told_in_numbers(untrained: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that can be quantized of those that compute; sides with their names, types and shapes; notes."""
    screen = screen_of(monkeypatch, summary)
    summary.draw_summary(replace(MODEL, untrained=untrained, notes=("a note",)))
    numbers = {args[0]: args[1] for args, _ in screen.of("metric")}
    assert numbers["Can be quantized"] == "1 of 2 layers"
    assert (numbers["Parameters"], numbers["MACs"], numbers["Size"], numbers["Opset"]) == (
        *("12.3 k", "9.88 M"),
        *("5.00 kB", "21"),
    )
    assert ("Untrained" in screen.said) is untrained
    assert "In: `x` float32 any × 3 × 8 × 8" in screen.said  # noqa: RUF001
    assert "a note" in screen.said
    assert "scalar" in summary._tensors((TensorInfo("n", "int64", ()),))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (None, "as it is"),
        ({}, "as it is"),
        ({"layout": "as_is", "scale": 1.0}, "as it is"),
        ({"layout": "add_channel"}, "add a channel axis"),
        ({"size": (8, 9)}, "8 × 9"),  # noqa: RUF001
        ({"scale": 1 / 255}, "scale 0.003922"),
        ({"mean": (0.5,)}, "mean and std"),
        ({"std": (0.5,), "scale": 2.0}, "scale 2, mean and std"),
    ],
)
def test_preprocessing_in_a_few_words(fields: dict[str, Any] | None, text: str) -> None:
    """What does something, and nothing else."""
    assert preprocessing_panel.preprocessing_text(fields) == text


@pytest.mark.parametrize(
    ("text", "numbers"), [("", ()), ("1", (1.0,)), ("0.5, 2", (0.5, 2.0)), ("1 2,3", (1.0, 2.0, 3.0))]
)
def test_numbers_are_parted_by_commas_or_spaces(text: str, numbers: tuple[float, ...]) -> None:
    """What is none is refused by where it stands."""
    assert preprocessing_panel.numbers_from(text, "mean") == numbers
    with pytest.raises(DataError, match="preprocessing, mean: '1; 2' is not a list of numbers"):
        preprocessing_panel.numbers_from("1; 2", "mean")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (("as_is", "", "1", "", ""), None),
        (("as_is", "", "", "", ""), None),
        (("as_is", "", "1/255", "", ""), {"scale": 1 / 255}),
        (("as_is", "", " 1/16 ", "", ""), {"scale": 1 / 16}),
        (("as_is", "", "0.5", "", ""), {"scale": 0.5}),
        (("add_channel", "8, 9", "1", "0.5", "2 3"), {"layout": "add_channel", "size": [8, 9], "mean": [0.5]}),
    ],
)
def test_preprocessing_that_was_typed_is_the_sessions(
    typed: tuple[str, ...], kept: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None where it does nothing; the page is drawn anew."""
    now = SimpleNamespace(preprocessing="before")
    screen = screen_of(monkeypatch, preprocessing_panel)
    monkeypatch.setattr(preprocessing_panel, "state", lambda: now)
    monkeypatch.setattr(preprocessing_panel, "keep", lambda _: None)
    preprocessing_panel._apply(*typed)
    assert len(screen.of("rerun")) == 1
    assert (now.preprocessing is None) is (kept is None)
    found: Any = now.preprocessing or {}
    assert {name: found[name] for name in kept or {}} == (kept or {})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("as_is", "8", "1", "", ""), "preprocessing, size"),
        (("as_is", "", "much", "", ""), "preprocessing, multiply by: 'much' is not a list of numbers"),
        (("as_is", "", "1", "", "0"), "preprocessing, std"),
    ],
)
def test_preprocessing_that_cannot_be_changes_nothing(
    typed: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is one sentence that names the field."""
    errors: list[str] = []
    now = SimpleNamespace(preprocessing="before")
    screen = screen_of(monkeypatch, preprocessing_panel)
    monkeypatch.setattr(preprocessing_panel, "state", lambda: now)
    monkeypatch.setattr(preprocessing_panel, "show_error", lambda error: errors.append(error.sentence))
    preprocessing_panel._apply(*typed)
    assert (now.preprocessing, screen.of("rerun"), len(errors)) == ("before", [], 1)
    assert errors[0].startswith(said)


def test_what_was_typed_stands_in_the_form_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scale by the name that it was typed by; pressed, the form is applied."""
    now = SimpleNamespace(preprocessing={"layout": "add_channel", "size": [8, 9], "scale": 1 / 255, "std": [2.0]})
    typed: list[tuple[Any, ...]] = []
    monkeypatch.setattr(preprocessing_panel, "state", lambda: now)
    monkeypatch.setattr(preprocessing_panel, "_apply", lambda *given: typed.append(given))
    for pressed in (False, True):
        screen = screen_of(monkeypatch, preprocessing_panel, form_submit_button=pressed, Apply=pressed)
        preprocessing_panel.draw_preprocessing(None)
        assert len(typed) == int(pressed)
        assert screen.of("expander")[0][1]["expanded"]
    assert [preprocessing_panel._scale_text(value) for value in (1.0, 1 / 127.5, 0.3)] == ["1", "1/127.5", "0.3"]
    assert (preprocessing_panel._joined([8, 9.5]), preprocessing_panel._joined(None)) == ("8, 9.5", "")


def _data(labels: Any, **changes: Any) -> DataSet:
    part = Split({"": np.arange(24, dtype=np.float32).reshape(12, 2)}, labels)
    found = DataSet("points", part, part, held_out=True, classes=(), digest="d", task="classification")
    return replace(found, **changes)


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        (None, (), ""),
        (np.arange(12), ("a", "b"), "b"),
        (np.arange(12) + 1, ("a", "b"), "2"),
        (np.linspace(0, 1.1, 12), (), "0.1"),
        (np.arange(24).reshape(12, 2), (), "2, 3"),
        (np.zeros((12, 6)), (), "0, 0, 0, 0, 0, 0"),
        (np.zeros((12, 7)), (), ""),
    ],
)
def test_a_label_is_a_name_numbers_or_nothing(labels: Any, classes: tuple[str, ...], said: str) -> None:
    """A class without a name is its number; masks are no caption."""
    data = _data(labels, classes=classes)
    assert data_panel._label(data, 1) == said
    rows = data_panel._rows(data, data.calibration.inputs[""], ("p", "q"))
    assert len(rows) == 6
    assert ("label" in rows[0]) is bool(said)
    assert (rows[1]["p"], rows[1]["q"]) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("labels", "changes", "words", "optimistic"),
    [
        (np.arange(12), {"classes": ("a", "b", "c")}, "; 3 classes; task classification.", False),
        (np.arange(12), {}, "; labelled; task classification.", False),
        (None, {"shared": 3}, "; no labels: likeness to float stands in for accuracy; task", False),
        (np.arange(12), {"shared": 3}, "; labelled; task", True),
    ],
)
def test_data_are_told_in_one_line(labels: Any, changes: dict[str, Any], words: str, optimistic: bool) -> None:
    """Both parts, what their labels are, and whether what is measured on them is too good to be true."""
    said = data_panel._facts(_data(labels, **changes))
    assert said.startswith("**points**: 12 samples to calibrate, 12 to judge; ")
    assert words in said
    assert ("is optimistic" in said) is optimistic


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((None, 3, 8, 9), (8, 9)),
        ((None, 8, 9, 3), (8, 9)),
        ((None, 1, 8, 1), (8, 1)),
        ((None, 3, "h", 9), None),
        ((None, 3, 8), None),
    ],
)
def test_the_size_of_pictures_is_the_models(shape: tuple[Any, ...], size: tuple[int, int] | None) -> None:
    """Channels first or last; a free length, or several inputs, say nothing."""
    assert data_panel.picture_size(replace(MODEL, inputs=_input(*shape))) == size
    assert data_panel.picture_size(replace(MODEL, inputs=_input(None, 3, 8, 9) * 2)) is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("my data (1).npz", "my_data__1_.npz"),
        ("../../x.npz", "x.npz"),
        ("é-1_.npz", "é-1_.npz"),
        ("a" * 99 + ".npz", "a" * 76 + ".npz"),
        ("/", "data"),
    ],
)
def test_an_upload_is_kept_by_its_content_under_a_plain_name(name: str, kept: str, tmp_path: Path) -> None:
    """The same bytes once; other bytes of that name elsewhere."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    path = data_panel.keep_upload(name, one)
    assert (path.name, path.read_bytes()) == (kept, b"1")
    assert data_panel.keep_upload(name, one) == path
    assert data_panel.keep_upload(name, other) != path


@pytest.mark.parametrize(
    ("data", "own", "parts"),
    [("mine.npz", True, ["preprocessing", "task", "names"]), ("digits", False, []), (None, False, [])],
)
def test_only_data_of_ones_own_is_prepared(
    data: str | None, own: bool, parts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample's is ready; what does not read has neither names nor samples."""
    drawn: list[str] = []
    screen = screen_of(monkeypatch, data_panel)
    monkeypatch.setattr(data_panel, "state", lambda: SimpleNamespace(data=data))
    monkeypatch.setattr(data_panel, "samples", lambda: {"digits_cnn": SimpleNamespace(data="digits")})
    for name, part in (("preprocessing", "draw_preprocessing"), ("task", "_draw_task"), ("names", "draw_class_names")):
        monkeypatch.setattr(data_panel, part, lambda *_, _name=name: drawn.append(_name))
    monkeypatch.setattr(data_panel, "_sources", lambda *_, expanded: screen.called("sources", (expanded,), {}))
    for read in ("read", None):
        drawn.clear()
        monkeypatch.setattr(data_panel, "_draw_samples", lambda _, it=read: it)
        data_panel.draw_data(MODEL)
        assert drawn == [part for part in parts if read or part != "names"]
        assert screen.of("sources")[-1][0] == (data is None,)
    assert ("No data." in screen.said) is (data is None)
    assert own is bool(parts)


@pytest.mark.parametrize(
    ("given", "models", "datas", "said"),
    [
        (["a", "b"], ("c",), ("d",), "2 given here"),
        ([], ("c", "d", "e"), ("d",), "3 that the model has"),
        ([], (), ("d",), "1 that the data has"),
        ([], (), (), "not known"),
    ],
)
def test_names_of_classes_are_from_somewhere(
    given: list[str], models: tuple[str, ...], datas: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were given go first, then the model's."""
    monkeypatch.setattr(class_names, "state", lambda: SimpleNamespace(classes=given))
    assert class_names._where_from(replace(MODEL, classes=models), _data(None, classes=datas)) == said


@pytest.mark.parametrize(
    ("labels", "classes", "drawn"), [(None, True, False), (np.arange(12), True, True), (np.arange(12), False, False)]
)
def test_names_are_asked_for_where_labels_are_classes(
    labels: Any, classes: bool, drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers to be met, and data without labels, have none."""
    screen = screen_of(monkeypatch, class_names)
    monkeypatch.setattr(class_names, "state", lambda: SimpleNamespace(classes=[]))
    monkeypatch.setattr(class_names, "take_upload", lambda *_: False)
    monkeypatch.setattr("qexplorer.core.tasks.choose.task_of", lambda _: SimpleNamespace(classes=lambda _: classes))
    class_names.draw_class_names(MODEL, _data(labels))
    assert bool(screen.calls) is drawn
    assert "Forget this list" not in screen.labels
