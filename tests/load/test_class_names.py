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
        ({"names": "[3, 4]"}, ("3", "4")),
        ({"names": "[1.5, 2.5]"}, ()),
        ({"names": "[null, 2]"}, ()),
        ({"names": "[['a'], ['b']]"}, ()),
        ({"names": '["a"]'}, ()),
        ({"names": '["a", "b", ""]'}, ("a", "b")),
        ({"names": '["a", ""]'}, ()),
        ({"names": '["a", "b", " "]'}, ()),
        ({"names": '"a", "b"'}, ('"a"', '"b"')),
        ({"names": "{'b': 1, 'a': 0}"}, ("a", "b")),
        ({"names": "{'b': 2, 'a': 0}"}, ()),
        ({"names": "('a', 'b')"}, ("a", "b")),
        ({"names": "7"}, ()),
        ({"names": "", "classes": "a,b"}, ("a", "b")),
        ({"NAMES": "a,b"}, ("a", "b")),
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


def test_names_are_as_long_as_can_be_shown_and_a_text_no_longer_than_a_list() -> None:
    """A hundred and twenty letters of each; of names that are alike so far there are none; a megabyte in all."""
    long = "n" * 200
    assert names_in_text(f"a{long}\nb{long}") == ("a" + "n" * 119, "b" + "n" * 119)
    assert names_in_text(f"{long}a\n{long}b") == ()
    assert names_in_text("\ufeffa\nb") == ("a", "b")
    assert len(names_in_text("\n".join(map(str, range(1000))))) == 1000
    assert names_in_text("a\n" + "b" * 2**20) == ()
    assert names_in_text("\n".join(map(str, range(100_001)))) == ()


@pytest.mark.parametrize("ending", [".txt", ".classes.txt", ".labels.txt", "_classes.txt", "_labels.txt"])
def test_a_list_that_cannot_be_read_makes_way_for_the_next(ending: str, tmp_path: Path) -> None:
    """One that is no text, or far too large; without any there are no names."""
    assert names_beside(tmp_path / "net.onnx") == ()
    (tmp_path / f"net{ending}").write_text("c\nd")
    (tmp_path / "classes.txt").write_text("a\nb")
    assert names_beside(tmp_path / "net.onnx") == ("c", "d")
    for broken in (b"\xff\xfe", b"a\n" * 2**20):
        (tmp_path / f"net{ending}").write_bytes(broken)
        assert names_beside(tmp_path / "net.onnx") == ("a", "b")
