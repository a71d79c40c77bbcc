"""Weights that a stranger made: tensors that are no arrays, sizes that nothing holds, names that lead elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qexplorer.core.errors import ModelError
from qexplorer.load.weights.networks import build_network
from qexplorer.load.weights.reading import read_weights

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
