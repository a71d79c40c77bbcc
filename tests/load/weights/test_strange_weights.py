"""Weights that a stranger made: tensors that are no arrays, sizes that nothing holds, names that lead elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from qexplorer.core.errors import ModelError
from qexplorer.load.weights.networks import build_network
from qexplorer.load.weights.reading import read_weights
from qexplorer.load.weights.settings import check_size, read_settings
from qexplorer.load.weights.spoken import spoken

FORMS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sparse_coo": torch.Tensor.to_sparse,
    "sparse_csr": torch.Tensor.to_sparse_csr,
    "quantized": lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
    "complex": lambda tensor: tensor.to(torch.complex64),
    "without values": lambda tensor: tensor.to("meta"),
    "nested": lambda tensor: torch.nested.nested_tensor([tensor, tensor[:1]]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_tensor_that_is_no_array_is_named(form: str, tmp_path: Path) -> None:
    """It is refused by its name and form before anything is done with it."""
    torch.save({"a.weight": torch.ones(2, 3), "b.weight": FORMS[form](torch.ones(2, 3))}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=rf"the tensor 'b.weight' is {form}") as told:
        read_weights(tmp_path / "w.pt", "w.pt")
    assert "\n" not in str(told.value)


def test_values_that_the_file_does_not_hold_are_not_made(tmp_path: Path) -> None:
    """A tensor of four billion values over one number is refused by its size; tied weights are not."""
    tied = torch.randn(100, 30)
    torch.save({"a.weight": tied, "b.weight": tied}, tmp_path / "tied.pt")
    assert set(read_weights(tmp_path / "tied.pt", "tied.pt")) == {"a.weight", "b.weight"}
    torch.save({"a.weight": torch.zeros(1).expand(10**9, 4)}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match=r"its tensors come to 15,259 MB, which the file of 0.0 MB does not hold"):
        read_weights(tmp_path / "w.pt", "w.pt")


@pytest.mark.parametrize(
    "name", ["local-dir:/etc", "local-dir:..", "hf_hub:a/b", "hf-hub:a/b", "a/b", "../x", " ", "x\x1b[2J"]
)
@pytest.mark.parametrize("library", ["timm", "transformers"])
def test_names_that_lead_elsewhere_are_no_architectures(library: str, name: str) -> None:
    """A package never gets a name by which it would look into a folder of the host or ask the internet."""
    with pytest.raises(ModelError, match="is no name of an architecture"):
        build_network(f"{library}:{name}", {}, None, "w.pt")


def test_settings_of_a_stranger_fetch_nothing() -> None:
    """A config.json that names a backbone to be fetched gets one sentence, and nobody is asked for it."""
    pytest.importorskip("transformers")
    code = """
        import socket
        from qexplorer.core.errors import ModelError
        from qexplorer.load.weights.networks import build_network
        asked = []
        socket.socket.connect = lambda _, address: asked.append(address)
        socket.getaddrinfo = lambda *given, **_: asked.append(given) or []
        config = '{"model_type": "upernet", "architectures": ["UperNetForSemanticSegmentation"], '
        config += '"backbone": "a-stranger/backbone", "use_pretrained_backbone": true, "use_timm_backbone": false}'
        try:
            build_network("transformers:upernet", {}, config, "w.pt")
        except ModelError as error:
            print("transformers cannot build" in str(error), asked)
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, env=environment, check=False
    )
    assert done.stdout.strip() == "True []", done.stderr[-1000:]


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("num_hidden_layers", 2**62, False),
        ("depths", [2, 2**40], False),
        ("num_labels", 2**31, False),
        ("depths", [2, 2], True),
        ("block_size", 2048, True),
        ("layer_norm_eps", 1e9, True),
    ],
)
def test_settings_that_ask_for_more_than_can_be_made(key: str, value: Any, taken: bool) -> None:
    """Layers and labels without end are refused in one sentence, wherever they stand; other large numbers are not."""
    text = json.dumps({"model_type": "bert", "text_config": {key: value}})
    if taken:
        assert read_settings(text)["text_config"] == {key: value}
        return
    with pytest.raises(ModelError, match=rf"its '{key}' is too large; allowed: at most"):
        read_settings(text)


def test_a_network_far_larger_than_its_file_is_not_made() -> None:
    """The weights of a network are counted before there are any."""
    with pytest.raises(ModelError, match=r"this network has 80,\d{3},\d{3} weights, and the file 24"):
        check_size(lambda: nn.Linear(10_000, 8_000), {"weight": (8, 3)})
    check_size(lambda: nn.Linear(8, 3), {"weight": (8, 3)})


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TypeError("Field 'x' expected int, got NoneType (value: None)"), "'x' should be int and is nothing"),
        (AttributeError("'int' object has no attribute 'startswith'"), None),
        (ValueError("hidden_size 7 is no\nmultiple of 2"), "hidden_size 7 is no multiple of 2"),
        (ValueError(), None),
    ],
)
def test_words_of_python_are_not_passed_on(error: Exception, said: str | None) -> None:
    """What a library says to people is told in one line; what it says of its own insides is not."""
    assert spoken(error) == said
