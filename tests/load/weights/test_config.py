"""Which settings and names go with weights, and whether the exported file answers as the module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import helper
from torch import nn

from qexplorer.core.errors import ChildError, ModelError
from qexplorer.load.weights import child, load, settings
from qexplorer.load.weights.fill import fill
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


@pytest.mark.parametrize(("spare", "made"), [(6, True), (5, False)])
def test_twice_as_many_weights_as_the_file_has_and_some_to_spare_are_made(
    spare: int, made: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen, of a file that has four and one."""
    monkeypatch.setattr(settings, "_SPARE", spare)
    shapes = {"a": (2, 2), "b": (1,)}
    if made:
        settings.check_size(lambda: nn.Linear(3, 4), shapes)
        return
    with pytest.raises(ModelError, match="this network has 16 weights, and the file 5; give the config"):
        settings.check_size(lambda: nn.Linear(3, 4), shapes)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", True),
        ('{"num_layers": 1000, "num_labels": 1000000}', True),
        ('{"num_layers": 1001}', False),
        ('{"num_classes": 1000001}', False),
        ('{"a": {"b": {"encoder_blocks": [3, 4000]}}}', False),
        ('{"hidden_size": 4096, "layer_dims": 4096}', True),
    ],
)
def test_settings_are_a_table_of_numbers_that_can_be_made(text: str, taken: bool) -> None:
    """At most a thousand layers and a million labels, wherever they stand."""
    if taken:
        assert settings.read_settings(text) == (json.loads(text) if text else {})
        return
    with pytest.raises(ModelError, match="is too large; allowed: at most"):
        settings.read_settings(text)


def test_settings_that_are_no_table_are_refused() -> None:
    """A list, or a number."""
    for text in ("[1, 2]", "7"):
        with pytest.raises(ModelError, match="no table of settings"):
            settings.read_settings(text)


@pytest.mark.parametrize(
    ("prefix", "fits"),
    [("", True), ("module.", True), ("_orig_mod.", True), ("module._orig_mod.", True), ("other.", False)],
)
def test_what_training_programs_put_in_front_of_names_is_taken_off(prefix: str, fits: bool) -> None:
    """As long as every name has it; anything else in front is another network's."""
    module, given = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    weights = {f"{prefix}{name}": value for name, value in given.state_dict().items() if "tracked" not in name}
    if not fits:
        with pytest.raises(ModelError, match=r"^w: these are not the weights of net: it lacks .* and 3 more, and "):
            fill(module, weights, "net", "w")
        return
    fill(module, weights | ({} if prefix else {"1.num_batches_tracked": torch.tensor(3)}), "net", "w")
    torch.testing.assert_close(module[0].weight, given[0].weight)
    one = dict(weights)
    one["0.weight" if prefix else "extra"] = one.pop(f"{prefix}0.weight")
    with pytest.raises(ModelError, match="it lacks"):
        fill(module, one, "net", "w")


def test_half_precision_is_read_as_whole() -> None:
    """Into the module's own type."""
    module = nn.Linear(2, 3)
    fill(module, {name: value.half() + 1 for name, value in module.state_dict().items()}, "net", "w")
    assert module.weight.dtype == torch.float32
