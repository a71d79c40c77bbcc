"""Names that try every medium, things that carry them, and what of a page would obey them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message
from markdown_it import MarkdownIt
from onnx import TensorProto, helper, numpy_helper
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

__all__ = ["EVIL", "faults", "hostile_data", "hostile_model", "poisoned"]

EVIL = "=a` ![p](http://evil.test/p.png) <img src=//evil.test onerror=x()> :red[r] $e$ \x1b]0;evil\x07\u202e'\"\n# `b"
"""Ends code, is a picture, a heading, colour, a formula of two kinds, and moves a terminal's cursor."""

PLAIN = {
    *("Arrow.columns", "Code.code_text", "Json.body", "VegaLiteChart.spec", "ImageList.alt"),
    *("Selectbox.options", "Selectbox.raw_value", "Selectbox.placeholder", "Selectbox.string_value"),
    *("MultiSelect.options", "MultiSelect.raw_values", "MultiSelect.placeholder", "MultiSelect.string_values"),
    *("TextArea.default", "TextArea.value", "TextArea.placeholder"),
    *("TextInput.default", "TextInput.value", "TextInput.placeholder", "NumberInput.placeholder"),
    *("Image.url", "DownloadButton.url", "FileUploader.type", "PageLink.page", "PageLink.page_script_hash"),
    *("VegaLiteChart.alt", "VegaLiteChart.name", "Block.key", "ButtonGroup.key"),
}
"""Fields that Streamlit's front end draws as plain text, or not at all; every other one is taken for Markdown."""

_OWN = re.compile(r"(?:^|\.)(id|form_id|[a-z_]*key|element_id|user_key|icon|hash|theme|width|height|group_id)$")
_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_SIGNS = {"image", "link_open", "html_inline", "html_block"}
_COLOUR = re.compile(r"(?<!\\):red\[r")
_FORMULA = re.compile(r"(?<!\\)\$e")


def hostile_model(path: Path, name: str = EVIL) -> Path:
    """A model of pictures with two layers in which everything that has a name is called ``name``."""
    rng = np.random.default_rng(1)
    weights = [
        numpy_helper.from_array(rng.standard_normal((64, 64)).astype(np.float32), f"{name}{i}") for i in range(2)
    ]
    nodes = [
        helper.make_node("Flatten", [f"{name}in"], [f"{name}f"], name=f"{name}flatten"),
        helper.make_node("MatMul", [f"{name}f", f"{name}0"], [f"{name}t"], name=f"{name}first"),
        helper.make_node("Relu", [f"{name}t"], [f"{name}r"], name=f"{name}relu"),
        helper.make_node("MatMul", [f"{name}r", f"{name}1"], [f"{name}out"], name=f"{name}second"),
    ]
    shapes = {"in": [f"{name}n", 1, 8, 8], "out": [f"{name}n", 64]}
    ends = [helper.make_tensor_value_info(f"{name}{e}", TensorProto.FLOAT, shape) for e, shape in shapes.items()]
    model = helper.make_model(
        helper.make_graph(nodes, f"{name}graph", ends[:1], ends[1:], weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(model, {"names": json.dumps({str(i): f"{name}{i}" for i in range(64)})})
    onnx.save(model, path)
    return path


def hostile_data(path: Path, name: str = EVIL) -> Path:
    """Samples for that model with classes called ``name``."""
    rng = np.random.default_rng(2)
    classes = np.array([f"{name.replace(chr(10), '')}{i}" for i in range(64)])
    x, y = rng.standard_normal((400, 1, 8, 8)).astype(np.float32), np.arange(400) % 64
    np.savez(path, x=x, y=y, classes=classes)
    return path


def poisoned(value: Any, kept: frozenset[str]) -> Any:
    """A value of the wire with :data:`EVIL` in front of every text that may be any; not in fields that are ``kept``."""
    kind = type(value)
    plain = json.loads(json.dumps(value.to_json(), default=str))

    def visit(node: Any) -> None:
        for key, item in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(node, dict) and key in kept:
                continue
            if isinstance(item, dict | list):
                visit(item)
            elif isinstance(item, str):
                node[key] = EVIL + item
                try:
                    kind.from_json(plain)
                except ValueError:
                    node[key] = item

    visit(plain)
    return kind.from_json(plain)


def faults(app: AppTest) -> list[str]:
    """Every place of the page where a name is obeyed instead of read: the message's field and the text."""
    return [fault for node in _nodes(app._tree) for fault in _faults(getattr(node, "proto", None))]


def _nodes(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        yield child
        if isinstance(child, Block):
            yield from _nodes(child)


def _faults(proto: Any) -> Iterator[str]:
    if not isinstance(proto, Message):
        return
    for place, text in _texts(proto, proto.DESCRIPTOR.name):
        if "evil" not in text or _OWN.search(place) or place in PLAIN:
            continue
        why = _obeyed_html(text) if place == "Html.body" else _obeyed_markdown(text)
        if why:
            yield f"{place}: {why}: {text[:160]!r}"


def _texts(proto: Message, name: str) -> Iterator[tuple[str, str]]:
    for field, value in proto.ListFields():
        place = f"{name}.{field.name}"
        values = value if not isinstance(value, str | bytes | int | float | bool | Message) else [value]
        for each in values:
            if isinstance(each, str):
                yield place, each
            elif isinstance(each, Message):
                yield from _texts(each, each.DESCRIPTOR.name)


def _obeyed_markdown(text: str) -> str:
    blocks = _MARKDOWN.parse(text)
    inner = [part for block in blocks for part in (block.children or [block])]
    signs = {part.type for part in inner} & _SIGNS
    signs |= {
        "heading"
        for block in blocks
        if block.type == "inline" and "evil" in block.content and block.level == 1 and re.search(r"(?m)^# ", text)
    }
    outside = "".join(part.content for part in inner if part.type == "text")
    raw = re.sub(r"(`+).*?\1", "", text)
    signs |= {"colour"} if _COLOUR.search(raw) and "red[r" in outside else set()
    signs |= {"formula"} if _FORMULA.search(raw) and "$e" in outside else set()
    signs |= set() if all(c.isprintable() or c in "\n\u2060" for c in text) else {"control characters"}
    return ", ".join(sorted(signs))


def _obeyed_html(text: str) -> str:
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(tag for name, value in attrs if name == "onerror" or "evil" in (value or ""))

    Reader().feed(text)
    return ", ".join(found)
