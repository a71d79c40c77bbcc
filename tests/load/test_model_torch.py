"""Torch modules: exported, loaded, and answering as the module does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from qexplorer.core.errors import ModelError
from qexplorer.load.model import load_model
from tests.load.model_graphs import run


class Block(nn.Module):
    """A convolution with normalization, a residual sum, pooling and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of shape (n, 4)."""
        x = torch.relu(self.norm(self.conv(x))) + x
        return self.head(x.mean((2, 3)))


def test_module_answers_the_same() -> None:
    """A module with a free batch answers as in torch for other batch sizes, and its training mode is left as it was."""
    torch.manual_seed(0)
    module = Block().train()
    loaded = load_model(module, example_inputs=torch.randn(1, 3, 8, 8), name="block")
    assert (loaded.name, loaded.opset, loaded.fixed_batch, module.training) == ("block", 21, None, True)
    assert [layer.op for layer in loaded.layers] == ["Conv", "Relu", "Add", "GlobalAveragePool", "Flatten", "Gemm"]
    assert all(layer.quantizable for layer in loaded.layers)
    x = torch.randn(5, 3, 8, 8)
    with torch.no_grad():
        wanted = module.eval()(x).numpy()
    found = run(loaded.path, **{loaded.inputs[0].name: x.numpy()})[0]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("thing", "says"),
    [
        (torch.jit.ScriptModule(), "TorchScript"),
        ({"weight": torch.zeros(1)}, "state_dict"),
        (3, "a int is not a model"),
    ],
)
def test_other_objects_are_refused(thing: object, says: str) -> None:
    """TorchScript, dictionaries of weights and other things are refused with what to do instead."""
    with pytest.raises(ModelError, match=says):
        load_model(thing, example_inputs=torch.zeros(1))  # type: ignore[arg-type]


def test_example_inputs_are_asked_for() -> None:
    """A module without example inputs is refused with what is needed."""
    with pytest.raises(ModelError, match="example inputs"):
        load_model(Block())


def test_failed_export_is_a_sentence() -> None:
    """A module that the exporter cannot take is refused in one line that names it."""
    with pytest.raises(ModelError, match="Block: PyTorch could not export it") as caught:
        load_model(Block(), example_inputs=torch.zeros(2, 7))
    assert "\n" not in caught.value.sentence


def test_saved_module_is_never_unpickled(tmp_path: Path) -> None:
    """A .pt file, which could run code when opened, is refused by its first bytes."""
    torch.save(Block(), tmp_path / "block.pt")
    with pytest.raises(ModelError, match=r"zip archive.*torch\.onnx\.export"):
        load_model(tmp_path / "block.pt")
