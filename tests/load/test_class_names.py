"""Names of classes as exporters write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.load.class_names import matched, names_beside, names_in_metadata, names_in_text


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"names": "{0: 'person', 1: 'car'}"}, ("person", "car")),
        ({"id2label": '{"1": "car", "0": "person"}'}, ("person", "car")),
        ({"label2id": "x", "classes": '["person", "car"]'}, ("person", "car")),
        ({"labels": "person,car"}, ("person", "car")),
        ({"class_labels": '{"person": 0, "car": 1}'}, ("person", "car")),
        ({"names": "{0: 'person', 2: 'car'}"}, ()),
        ({"names": "__import__('os').system('true')"}, ()),
        ({"names": "[" * 5000}, ()),
        ({"classes": '["a", "a"]'}, ()),
        ({"author": "[1, 2]"}, ()),
    ],
)
def test_metadata(metadata: dict[str, str], names: tuple[str, ...]) -> None:
    """A dict by number, a list or names by commas are read; what is no list of different names is none."""
    assert names_in_metadata(metadata) == names


def test_a_list_beside_the_model(tmp_path: Path) -> None:
    """A file that is called as the model is goes before a general one."""
    (tmp_path / "labels.txt").write_text("a\nb\n")
    assert names_beside(tmp_path / "net.onnx") == ("a", "b")
    (tmp_path / "net.txt").write_text("c\nd\n\n")
    assert names_beside(tmp_path / "net.onnx") == ("c", "d")


def test_matching_is_exact_first() -> None:
    """Two names that differ in case alone are told apart where both are known, and nothing is guessed otherwise."""
    assert matched(["A", "a"], ["a", "A"]) == (1, 0)
    assert matched(["traffic light"], ["car", "Traffic_Light"]) == (1,)
    assert matched(["a", "x"], ["a", "b"]) is None
    assert matched(["a", "A"], ["a", "b"]) is None


def test_control_characters_are_left_out() -> None:
    """Names reach pages and terminals."""
    assert names_in_text("a\x1b[31m\nb") == ("a[31m", "b")
