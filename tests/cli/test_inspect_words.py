"""What inspecting a model prints, of a model with known numbers."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pytest

from qexplorer.cli import inspect
from qexplorer.core.model import Layer, Model, TensorInfo

LAYERS = (
    Layer("conv1", "Conv", ("x",), ("y",), "w", (8, 3, 5, 5), 0, 12_345, 9000, True, None),
    Layer("shape", "Reshape", ("y",), ("z",), None, (), None, 0, 0, False, "moves data", computes=False),
    Layer("softmax", "Softmax", ("z",), ("p",), None, (), None, 0, None, False, "has no kernel"),
)
SIDES = (
    (TensorInfo("x", "float32", (None, 3, "h")), TensorInfo("n", "int64", ())),
    (TensorInfo("p", "float32", (1, 2)),),
)
MODEL = Model("net", Path("net.onnx"), "abc", "def", 21, *SIDES, LAYERS, 12_345, 9_876_543, 5000, 4000)


def _printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Model, *, as_json: bool = False
) -> str:
    monkeypatch.setattr(
        inspect.api, "load", lambda path, architecture: model if (path, architecture) == ("m", "a") else None
    )
    assert inspect.run(argparse.Namespace(model="m", architecture="a", json=as_json)) == 0
    return capsys.readouterr().out


def test_facts_stand_in_front_of_the_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nodes that only move data are counted at the end and in no other number."""
    text = _printed(monkeypatch, capsys, replace(MODEL, notes=("an axis was freed",)))
    facts = dict(line.split(maxsplit=1) for line in text.split("\n\n")[0].splitlines())
    assert facts == {
        "model": "net",
        "sha256": "abc",
        "opset": "21",
        "inputs": "x float32 ? x 3 x h; n int64",
        "outputs": "p float32 1 x 2",
        "parameters": "12.3 k",
        "macs": "9.88 M a sample",
        "file": "5.00 kB",
        "quantizable": "1 of 2 layers",
    }
    rows = text.split("\n\n")[1].splitlines()
    assert [row.split()[0] for row in rows if row.startswith(("conv1", "shape", "softmax"))] == ["conv1", "softmax"]
    assert next(row for row in rows if row.startswith("softmax")).endswith("has no kernel")
    assert next(row for row in rows if row.startswith("conv1")).endswith("yes")
    assert rows[-2:] == [
        "nodes that only move data or work on shapes: 1 more (all of them: --json)",
        "note: an axis was freed",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [(0, "5.00 kB"), (5001, "5.00 kB"), (9000, "9.00 kB as given, 5.00 kB in the form that runs here")],
)
def test_the_file_is_told_as_it_was_given(
    given: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where that is known, and differs by what can be seen."""
    text = _printed(monkeypatch, capsys, replace(MODEL, given_bytes=given, macs=None, untrained=True))
    facts = dict(line.split(maxsplit=1) for line in text.split("\n\n")[0].splitlines())
    assert facts["file"] == said
    assert facts["model"] == "net (untrained: size and latency only)"
    assert "macs" not in facts


def test_json_has_every_node(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With whether it computes, and all sizes of the file."""
    found = json.loads(_printed(monkeypatch, capsys, replace(MODEL, classes=("a", "b"), given_bytes=7), as_json=True))
    assert [(layer["name"], layer["computes"], layer["macs"]) for layer in found["layers"]] == [
        ("conv1", True, 9000),
        ("shape", False, 0),
        ("softmax", True, None),
    ]
    about = found["model"]
    assert (about["file_bytes"], about["given_bytes"], about["weight_bytes"]) == (5000, 7, 4000)
    assert about["inputs"][0] == {"name": "x", "dtype": "float32", "shape": [None, 3, "h"]}
    assert (about["classes"], about["outputs"][0]["name"]) == (["a", "b"], "p")
