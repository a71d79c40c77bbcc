"""Text that a stranger wrote, read as YAML, JSON or a Python literal within limits of size, depth and number of values.

The one place that does so (``tests/structure/test_foreign_text.py`` lists every other reader of such forms and whose
text it reads). YAML is plain: no aliases, so that nothing is written once and there a billion times; no merges, no tags
and no dates.
"""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "Bounds",
    "NotPlain",
    "TooMuch",
    "read_json",
    "read_literal",
    "read_yaml",
    "text_in",
    "why_unread",
    "yaml_tree",
]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a text may hold: bytes in UTF-8, values inside each other, and values altogether."""

    size_bytes: int
    depth: int
    values: int


class TooMuch(ValueError):
    """A text that is larger or deeper than its bounds; the message says what is allowed."""


class NotPlain(yaml.YAMLError):
    """YAML that is not plain, or beyond its bounds.

    Attributes:
        what: what stands there and is not taken, to follow "line 3".
        line: where, from 1.
    """

    def __init__(self, what: str, line: int) -> None:
        self.what, self.line = what, line
        super().__init__(f"line {line} {what}")


def text_in(path: Path, bounds: Bounds) -> str:
    """The text in a regular file, of which no more is read than ``bounds`` allow.

    Raises:
        OSError: no such file, or none that has an end (a device, a pipe).
        UnicodeDecodeError: not UTF-8.
        TooMuch: larger than allowed.
    """
    if path.exists() and not path.is_file():
        raise OSError(0, "it is no file")
    with path.open("rb") as file:
        data = file.read(bounds.size_bytes + 1)
    _check_size(len(data), bounds)
    return data.decode("utf-8")


def why_unread(error: OSError | ValueError) -> str:
    """Why :func:`text_in` gave nothing, in words for the sentence of an error."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    why = error.strerror if isinstance(error, OSError) else None
    return f"it cannot be read ({(why or str(error)).lower()})"


def read_yaml(text: str, bounds: Bounds) -> Any:
    """Mappings, sequences, texts, whole numbers, floats, true and false, and nothing, from plain YAML.

    Raises:
        TooMuch: more text than allowed.
        NotPlain: an alias, an anchor, a tag, or too deep, or too many values.
        yaml.YAMLError: not YAML.
    """
    _check_size(len(text.encode("utf-8", "surrogatepass")), bounds)
    loader = _Plain(text, bounds)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def yaml_tree(text: str, bounds: Bounds) -> yaml.Node | None:
    """The same text as nodes, each of which knows its line. Raises as :func:`read_yaml`."""
    _check_size(len(text.encode("utf-8", "surrogatepass")), bounds)
    loader = _Plain(text, bounds)
    try:
        found: yaml.Node | None = loader.get_single_node()
        return found
    finally:
        loader.dispose()


class _Plain(yaml.SafeLoader):
    """A loader that takes a tree and nothing that refers to itself, and counts on the way."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as its base has it

    def __init__(self, text: str, bounds: Bounds) -> None:
        super().__init__(text)
        self._bounds, self._inside, self._count = bounds, 0, 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise NotPlain("has an anchor (&) or an alias (*), which is not taken: write it out", line)
        if event.tag is not None:
            raise NotPlain("has a tag (!), which is not taken: leave it out", line)
        if isinstance(event, yaml.ScalarEvent) and any("\ud800" <= c <= "\udfff" for c in event.value):
            raise NotPlain("has half a character (a surrogate)", line)
        self._inside, self._count = self._inside + 1, self._count + 1
        if self._inside > self._bounds.depth:
            raise NotPlain(f"has more than {self._bounds.depth} values inside each other", line)
        if self._count > self._bounds.values:
            raise NotPlain(f"has the value beyond the {self._bounds.values} that are allowed", line)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._inside -= 1
        return node


for _tag, _pattern, _first in (
    ("bool", r"yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]{0,18})", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]{1,30}\.[0-9]{0,30}|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", "~nN\0"),
):
    _Plain.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), [*_first.replace("\0", ""), ""]
    )


def read_json(text: str, bounds: Bounds) -> Any:
    """What is written as JSON.

    Raises:
        TooMuch: more or deeper than allowed.
        ValueError: not JSON.
    """
    _check_size(len(text), bounds)
    depth = values = 0
    for mark in re.findall(r"[\[{\]},]", _QUOTED.sub("", text)):
        depth += (mark in "[{") - (mark in "]}")
        values += mark in "[{,"
        if depth > bounds.depth:
            raise TooMuch(f"more than {bounds.depth} values inside each other")
    if values > bounds.values:
        raise TooMuch(f"more than {bounds.values} values")
    return json.loads(text)


_QUOTED = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_SCALAR = r"""(?:[uU]?'[^'\\\n]*(?:\\.[^'\\\n]*)*'|[uU]?"[^"\\\n]*(?:\\.[^"\\\n]*)*"|-?\d{1,18})"""
_ENTRY = re.compile(rf"\s*({_SCALAR})\s*(?::\s*({_SCALAR})\s*)?(?:,\s*|\Z)")
_CLOSED_BY = {"[": "]", "(": ")", "{": "}"}


def read_literal(text: str, bounds: Bounds) -> list[Any] | dict[Any, Any]:
    """A Python list, tuple (as a list) or dict of texts and whole numbers, with nothing inside them.

    ``ast.literal_eval`` takes half a gigabyte for a text of a megabyte.

    Raises:
        TooMuch: more than allowed.
        ValueError: not such a literal.
    """
    _check_size(len(text), bounds)
    text = text.strip()
    if len(text) < 2 or _CLOSED_BY.get(text[0]) != text[-1]:
        raise ValueError("not a list, tuple or dict")
    inner, place, entries = text[1:-1].strip(), 0, []
    while place < len(inner):
        found = _ENTRY.match(inner, place)
        if found is None or (found[2] is not None) != (text[0] == "{"):
            raise ValueError("not a literal of texts and numbers")
        entries.append((_scalar(found[1]), None if found[2] is None else _scalar(found[2])))
        place = found.end()
        if len(entries) > bounds.values:
            raise TooMuch(f"more than {bounds.values} values")
    return dict(entries) if text[0] == "{" else [value for value, _ in entries]


def _scalar(token: str) -> str | int:
    try:
        return str(ast.literal_eval(token)) if token[-1] in "'\"" else int(token)
    except SyntaxError as error:
        raise ValueError(f"not a text ({error.msg})") from None


def _check_size(size: int, bounds: Bounds) -> None:
    if size > bounds.size_bytes:
        raise TooMuch(f"more than {bounds.size_bytes // 1024} kB of text")
