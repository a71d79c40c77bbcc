"""Which config.json goes with weights, and whether the exported file answers as the module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import helper
from torch import nn

from qexplorer.core.errors import ChildError, ModelError
from qexplorer.load.weights import child, load
from qexplorer.process import parent
from tests.load.model_graphs import model, saved


class Started(Exception):
    """A child would have been started."""


@pytest.mark.parametrize(
    ("beside", "given", "read"),
    [(None, None, ""), ("{1}", None, "{1}"), (None, "{2}", "{2}"), ("{1}", "{2}", "{2}")],
)
def test_the_config_is_the_one_given_or_the_one_beside(
    beside: str | None, given: str | None, read: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child gets its text, and none where there is none."""
    asked: dict[str, Any] = {}

    def starts(target: str, arguments: dict[str, Any], **_: object) -> None:
        asked.update(arguments, target=target)
        raise Started

    monkeypatch.setattr(parent, "run_in_child", starts)
    (tmp_path / "w.pt").write_bytes(b"weights")
    for name, text in (("config.json", beside), ("mine.json", given)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(Started):
        load.load_weights(tmp_path / "w.pt", "some", config=tmp_path / "mine.json" if given else None)
    assert (asked["config"], asked["architecture"], asked["where"]) == (read, "some", str(tmp_path / "w.pt"))
    assert asked["target"] == "qexplorer.load.weights.child:export_weights"


def test_a_config_that_is_named_must_be_there(tmp_path: Path) -> None:
    """Beside the weights there need be none; text that is none is said."""
    assert load.config_text(tmp_path / "config.json", given=False) is None
    with pytest.raises(ModelError, match=r"there is no such file; allowed: the config\.json of the weights"):
        load.config_text(tmp_path / "config.json", given=True)
    (tmp_path / "config.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match=r"^config\.json: it cannot be read"):
        load.config_text(tmp_path / "config.json", given=False)


def test_what_ends_the_child_is_said_of_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that they are shown under."""

    def ends(*_: object, **__: object) -> None:
        raise ChildError("the process ended")

    monkeypatch.setattr(parent, "run_in_child", ends)
    (tmp_path / "w.pt").write_bytes(b"weights")
    with pytest.raises(ModelError, match=r"^mine\.pt: loading it failed: the process ended; check the file"):
        load.load_weights(tmp_path / "w.pt", "some", shown="mine.pt")


def test_a_file_that_answers_otherwise_is_refused_with_the_difference(tmp_path: Path) -> None:
    """A tenth of its largest answer, and a NaN; what rounding leaves passes."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4)).eval()
    example = torch.zeros(1, 3)
    stored = {"w": module[0].weight.detach().numpy().copy(), "b": module[0].bias.detach().numpy().copy()}
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    path = saved(model([node], {"x": ["n", 3]}, ["y"], stored), tmp_path)
    assert 0 <= child._checked(module, example, path, "mine") < 1e-5
    with torch.no_grad():
        module[0].weight *= 1.1
        module[0].bias *= 1.1
    with pytest.raises(ModelError, match=r"^mine: the exported file answers otherwise .* by 9\.1 % of its largest"):
        child._checked(module, example, path, "mine")
    with torch.no_grad():
        module[0].bias[0] = float("nan")
    with pytest.raises(ModelError, match="by nan %"):
        child._checked(module, example, path, "mine")
