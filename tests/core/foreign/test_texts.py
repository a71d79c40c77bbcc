"""Foreign text within limits: what is read, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from qexplorer.core.foreign.texts import Bounds, NotPlain, TooMuch, read_json, read_literal, read_yaml, text_in

SMALL = Bounds(size_bytes=100, depth=2, values=8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "a: 1\nb: -2_000\nc: 1.5\nd: -.5e-3\ne: .inf\n",
            {"a": 1, "b": -2000, "c": 1.5, "d": -0.0005, "e": float("inf")},
        ),
        ("a: yes\nb: ~\nc:\nd: 'yes'\n", {"a": True, "b": None, "c": None, "d": "yes"}),
        ("a: 2001-99-99\nb: 1:59\nc: 010\nd: 0x1f\n", {"a": "2001-99-99", "b": "1:59", "c": "010", "d": "0x1f"}),
        ("<<: [a]\nb: =\n", {"<<": ["a"], "b": "="}),
        ("", None),
    ],
)
def test_plain_yaml(text: str, value: object) -> None:
    """Numbers, true and false and nothing are values; dates, base 60, octal numbers and merges are texts."""
    assert read_yaml(text, Bounds(1000, 4, 100)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\n", "line 1 has an anchor"),
        ("a: 1\nb: *x\n", "line 2 has an anchor (&) or an alias"),
        ("a: !!int 1\n", "line 1 has a tag"),
        ("a: [[1]]\n", "line 1 has more than 2 values inside each other"),
        ("[1, 2, 3, 4, 5, 6, 7, 8]\n", "line 1 has the value beyond the 8"),
        ('a: "\\udfff"\n', "line 1 has half a character"),
    ],
)
def test_yaml_that_is_not_plain(text: str, said: str) -> None:
    """The line and what stands there."""
    with pytest.raises(NotPlain, match=said.replace("(", r"\(").replace(")", r"\)").replace("*", r"\*")):
        read_yaml(text, SMALL)


def test_what_yaml_safe_dump_writes_is_read_back() -> None:
    """Texts that look like something else are in quotes, and stay texts."""
    texts = [
        "yes",
        "1",
        "1.5",
        "1:30",
        "2001-01-01",
        "~",
        "",
        "<<",
        "=",
        "0x1f",
        "010",
        "&a",
        "*a",
        "!t",
        "- a",
        "a: b",
    ]
    values = [*texts, 1, -1.5e-7, 1e300, True, None, {"a": [1]}]
    assert read_yaml(yaml.safe_dump(values), Bounds(1000, 4, 100)) == values


@pytest.mark.parametrize(
    "text", ["[[[1]]]", '{"a": [{}]}', "[1,2,3,4,5,6,7,8,9,10]", "[" + " " * 200 + "]", "[" * 90], ids=lambda t: t[:12]
)
def test_json_beyond_its_bounds(text: str) -> None:
    """Depth, number and size are counted before anything is built; brackets inside quotes are none."""
    with pytest.raises(TooMuch):
        read_json(text, SMALL)
    assert read_json('["[[[", ",,,,,,,,,,,,\\"["]', SMALL) == ["[[[", ',,,,,,,,,,,,"[']


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{0: 'person', 1: \"driver's\"}", {0: "person", 1: "driver's"}),
        (r"['a\'b', u'c\x41', -3,]", ["a'b", "cA", -3]),
        ("('a',)", ["a"]),
        ("[]", []),
    ],
)
def test_python_literals(text: str, value: object) -> None:
    """Flat lists, tuples and dicts as exporters write them."""
    assert read_literal(text, SMALL) == value


@pytest.mark.parametrize(
    "text",
    [
        "['a'",
        "[[1]]",
        "{'a'}",
        "['a' 'b']",
        "[a]",
        "[1+1]",
        "['\\x']",
        "",
        "(",
        "[" + "9" * 40 + "]",
        "__import__('os')",
    ],
)
def test_what_is_no_flat_literal(text: str) -> None:
    """Nothing is evaluated."""
    with pytest.raises(ValueError):  # noqa: PT011 - the type is all that is promised
        read_literal(text, SMALL)


def test_no_more_of_a_file_is_read_than_is_allowed(tmp_path: Path) -> None:
    """A file that is too large is refused, and what has no end is not opened at all."""
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a" * 101)
    with pytest.raises(TooMuch):
        text_in(path, SMALL)
    path.write_bytes(b"a" * 100)
    assert text_in(path, SMALL) == "a" * 100
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="no file"):
            text_in(tmp_path / "pipe", SMALL)
