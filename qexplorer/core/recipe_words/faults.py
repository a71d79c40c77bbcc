"""What is wrong with a recipe's text, in words of this project: the line, the field, and what is allowed there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from qexplorer.core.foreign.texts import Bounds, NotPlain, yaml_tree

__all__ = ["BOUNDS", "Fields", "first_fault", "words_of", "yaml_fault"]

BOUNDS = Bounds(size_bytes=64 * 1024, depth=12, values=10_000)
"""What a recipe's text may hold: rules for some 1,400 single layers."""

Fields = Mapping[str, type[BaseModel]]
"""Parts of a recipe by the field that they stand in; the recipe itself and a rule are called ``recipe``, ``layers``."""

_NOT_YAML = {
    "mapping values are not allowed": "there is a second ':' in it; put the value in quotes, or begin a new line",
    "cannot start any token": "it begins with a tab or a character that YAML keeps for itself; indent with spaces",
    "expected <block end>": "it is indented otherwise than the lines before it",
    "could not find expected ':'": "there is no ':' between field and value",
    "while scanning a quoted scalar": "a quotation mark is not closed",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
}

_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "is missing",
    **dict.fromkeys(("tuple_type", "list_type"), lambda _: "must be a list: lines that begin with '- '"),
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dict_type"), lambda _: "must hold fields, written 'field: value'"
    ),
    **dict.fromkeys(("string_type", "string_sub_type"), lambda _: "must be text; put it in quotes"),
    "string_too_short": lambda _: "must not be empty",
    **dict.fromkeys(("bool_type", "bool_parsing"), lambda _: "allowed: true, false"),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"), lambda _: "must be a whole number"
    ),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), lambda _: "must be a number"),
    **dict.fromkeys(("literal_error", "enum"), lambda context: f"allowed: {context['expected']}"),
    "greater_than_equal": lambda context: f"must be at least {context['ge']:g}",
    "greater_than": lambda context: f"must be more than {context['gt']:g}",
    "less_than_equal": lambda context: f"must be at most {context['le']:g}",
    "less_than": lambda context: f"must be less than {context['lt']:g}",
}
"""What a person is told for each type of error of the validator that a recipe can meet."""


def yaml_fault(error: yaml.YAMLError) -> str:
    """Why a text is not YAML, or not such as a recipe may be, with the line."""
    if isinstance(error, NotPlain):
        return str(error)
    mark, told = getattr(error, "problem_mark", None), " ".join(str(error).split())
    why = next((words for said, words in _NOT_YAML.items() if said in told), "it cannot be read")
    return f"not YAML: {why}" if mark is None else f"line {mark.line + 1} is not YAML: {why}"


def first_fault(error: ValidationError, fields: Fields, text: str | None = None) -> str:
    """The first thing that is wrong, with its line where there is a text, its rule, its field and what is allowed.

    Args:
        error: the validator's.
        fields: what a person may write, for a field that is not known.
        text: the YAML that was validated; None for values that were never a text.
    """
    first = error.errors()[0]
    path = tuple(first["loc"])
    place = [*([] if text is None else [_line(text, path)]), _rule(path, text), _field(path)]
    return ", ".join(part for part in place if part) + (": " if any(place) else "") + _said(first, path, fields)


def _said(first: Any, path: Sequence[Any], fields: Fields) -> str:
    if first["type"] == "extra_forbidden":
        return f"no such field; {_allowed(path[:-1], fields)}"
    return words_of(first)


def words_of(first: Any) -> str:
    """One of the validator's errors (``ValidationError.errors()``) as what was given and what is allowed."""
    kind, context = first["type"], first.get("ctx") or {}
    if kind not in _WORDS:  # our own sentences, which say what is allowed
        return str(first["msg"]).removeprefix("Value error, ")
    words = _WORDS[kind](context)
    given = first.get("input")
    simple = isinstance(given, (str, int, float, bool)) and kind not in ("missing", "string_too_short")
    return f"{given!r} {'is not one of them; ' if words.startswith('allowed') else ''}{words}" if simple else words


def _allowed(path: Sequence[Any], fields: Fields) -> str:
    name = next((str(part) for part in reversed(path) if isinstance(part, str) and part in fields), "recipe")
    if name not in fields:
        return "take it out"
    return "allowed: " + ", ".join(item.alias or key for key, item in fields[name].model_fields.items())


def _rule(path: Sequence[Any], text: str | None) -> str:
    """Which rule it is in, by its number and what it matches."""
    if len(path) < 2 or path[0] != "layers" or not isinstance(path[1], int):
        return ""
    node = None if text is None else _node(text, (*path[:2], "match"))
    match = f" ('{node.value}')" if isinstance(node, yaml.ScalarNode) else ""
    return f"rule {path[1] + 1}{match}"


def _field(path: Sequence[Any]) -> str:
    inside = path[2:] if path[:1] == ("layers",) and len(path) > 1 else path
    return ".".join(f"{part + 1}" if isinstance(part, int) else str(part) for part in inside)


def _line(text: str, path: Sequence[Any]) -> str:
    """The line of the deepest part of ``path`` that stands in the text."""
    for length in range(len(path), 0, -1):
        node = _node(text, path[:length], key=True)
        if node is not None:
            return f"line {node.start_mark.line + 1}"
    return ""


def _node(text: str, path: Sequence[Any], *, key: bool = False) -> yaml.Node | None:
    """What stands at ``path``: the value, or for a field its name; None if nothing does."""
    node = _tree(text)
    shown = node
    for part in path:
        shown = None
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = shown = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            for name, value in node.value:
                if isinstance(name, yaml.ScalarNode) and name.value == str(part):
                    node, shown = value, name if key else value
        if shown is None:
            return None
    return shown


@lru_cache(maxsize=1)
def _tree(text: str) -> yaml.Node | None:
    """The text's nodes, for all questions about one fault."""
    return yaml_tree(text, BOUNDS)
