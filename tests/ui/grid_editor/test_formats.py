"""What the browser is told of a format, and what it may send back."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.formats import FORMATS, Fitted, Float64, Granularity, get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.observe.editing.synthetic import synthetic
from qexplorer.ui.grid_editor.bundle import javascript
from qexplorer.ui.grid_editor.formats import format_data
from qexplorer.ui.grid_editor.payload import EditorView, editor_data
from qexplorer.ui.grid_editor.state import EditorState, read_state


class _PowersOfTwo(UniformFormat):
    """Integers whose scale is the next power of two."""

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        fitted = UniformFormat.fit(self, low, high, symmetric=symmetric)
        return replace(fitted, scale=np.exp2(np.ceil(np.log2(fitted.scale))).astype(np.float32))


class _Squares(UniformFormat):
    """Integers whose scale follows no rule that a browser knows."""

    def fit(self, low: Float64, high: Float64, *, symmetric: bool) -> Fitted:
        fitted = UniformFormat.fit(self, low, high, symmetric=symmetric)
        return replace(fitted, scale=np.asarray(fitted.scale**2, np.float32))


@pytest.mark.parametrize("format", [each for each in FORMATS if each.has_scale], ids=lambda each: each.name)
def test_every_format_with_a_tensors_scale_can_be_dragged_or_is_drawn(format: Any) -> None:
    """A format gives codes or levels with a rule for its scale that was tried, or None."""
    data = format_data(format, symmetric=True)
    if data is not None:
        assert data["kind"] == ("uniform" if format.is_uniform else "levels")
    if Granularity.TENSOR in format.granularities:
        assert data is not None


def test_scales_that_are_powers_of_two() -> None:
    """They are told as unit and reach, so that the browser finds the same scale; other rules are not told."""
    made = _PowersOfTwo("pot8", 8, True, "int8")
    data = format_data(made, symmetric=True)
    assert data is not None
    unit, reach = data["series"]["unit"], data["series"]["reach"]
    assert np.log2(unit) == int(np.log2(unit))
    assert reach == pytest.approx(unit)
    assert format_data(_Squares("squared", 8, True, "int8"), symmetric=True) is None
    assert format_data(get_format("int8"), symmetric=False) == format_data(get_format("int8"), symmetric=False)


def test_data_are_plain_and_whole() -> None:
    """Every value is counted in the bins that are sent, and names stay text."""
    histogram = synthetic("laplace", 20_000).histogram
    view = EditorView("<b>w</b>\n", histogram, get_format("int4"), True, (-2.0, 2.0))
    data = editor_data(view, EditorState(7, (-2.0, 2.0), 0.5, 4.0))
    packed = np.frombuffer(base64.b64decode(data["bins"]), "<f4").reshape(3, -1)
    assert packed[2].sum() == 20_000
    assert (data["seq"], data["value"], data["outlier"], data["title"]) == (7, 0.5, 4.0, "<b>w</b> ")
    assert data["view"][0] < -2 < 2 < data["view"][1]
    assert data["outliers"]["count"] == 2


def test_a_state_is_read() -> None:
    """Numbers of any kind become the state."""
    given = {"seq": 2, "clip": [-1, 0.5], "value": None, "outlier": 3}
    assert read_state(given) == EditorState(2, (-1.0, 0.5), None, 3.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "sent no state"),
        ({"clip": [1]}, "no two ends"),
        ({"clip": [1, -1]}, "upside down"),
        ({"clip": [0, 0]}, "does not reach over zero"),
        ({"clip": [0.5, 1]}, "does not reach over zero"),
        ({"clip": [float("nan"), 1]}, "is no number"),
        ({"clip": ["<script>", 1]}, "is no number"),
        ({"clip": [-1, 1], "outlier": 0}, "outliers cannot be at 0 times"),
        ({"clip": [-1, 1], "value": float("inf")}, "the value looked at is no number"),
    ],
)
def test_a_wrong_state_gives_one_sentence(given: Any, said: str) -> None:
    """What is missing, no number or upside down is told, and is no state."""
    with pytest.raises(InputError, match=said):
        read_state(given)


def test_the_bundle_is_one_module() -> None:
    """Nothing is imported or declared twice, and only the entry's own names are exported."""
    text = javascript("mount.js")
    assert "import " not in "\n".join(line for line in text.splitlines() if line.startswith("import"))
    names = re.findall(r"^(?:export )?(?:function|const|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) > 20
    assert re.findall(r"^export \w+ (\w+)", text, re.MULTILINE) == ["mount"]
