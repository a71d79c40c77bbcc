"""Whole models against ONNX Runtime: samples, architectures, and graphs that torch exports."""

from __future__ import annotations

import functools
import logging

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import qexplorer as qx
from qexplorer.torchgraph.executor import GraphModule
from tests.torchgraph.helpers import DEVICES, in_onnxruntime, in_torch, random_feeds, relative

pytestmark = pytest.mark.usefixtures("shared_workspace")


class Transformer(nn.Module):
    """A small encoder: embedding, causal mask, one layer, softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 32)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
        self.head = nn.Linear(32, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, T) places to (N, T, 5)."""
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        return self.head(self.layer(self.embedding(x), src_mask=mask)).softmax(-1)


class Mixed(nn.Module):
    """Operators that the samples do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.norm, self.up = (
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.GroupNorm(2, 8),
            nn.ConvTranspose2d(8, 8, 3, 2, 1, 1),
        )
        self.slope, self.lstm, self.head = nn.PReLU(8), nn.LSTM(8, 6, bidirectional=True), nn.Linear(12, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, 16, 16) to (N, 4)."""
        x = self.slope(self.up(nn.functional.hardswish(self.norm(self.down(x)))))
        x = nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
        x = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
        x = nn.functional.avg_pool2d(nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True), 3, 2)
        y, _ = self.lstm(x.flatten(2).permute(2, 0, 1))
        return self.head(y.mean(0)).log_softmax(-1)


@functools.cache
def exported(kind: str, opset: int) -> onnx.ModelProto:
    """A module as torch exports it, with a free batch."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.manual_seed(0)
    module, example = (Transformer(), tokens(2)) if kind == "transformer" else (Mixed(), torch.zeros(2, 3, 16, 16))
    shapes = ({0: torch.export.Dim("n")},)
    program = torch.onnx.export(
        module.eval(), (example,), dynamo=True, opset_version=opset, dynamic_shapes=shapes, verbose=False
    )
    assert program is not None
    return program.model_proto


def tokens(batch: int) -> torch.Tensor:
    """Places in the vocabulary."""
    return torch.randint(0, 50, (batch, 7), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["digits_cnn", "glyphs_mobilenet", "tumour_mlp"])
def test_a_sample_answers_as_in_onnxruntime(name: str, device: str) -> None:
    """The trained samples agree within 1e-5 of their largest output."""
    model = qx.load(name).proto()
    feeds = random_feeds(model, 5)
    for found, wanted in zip(in_torch(GraphModule(model), feeds, device), in_onnxruntime(model, feeds), strict=True):
        assert relative(found, wanted) <= 1e-5


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_an_architecture_answers_as_in_onnxruntime(name: str) -> None:
    """Untrained networks of 224 x 224 pixels agree within 1e-5 of their largest output."""
    model = qx.load(name).proto()
    feeds = random_feeds(model, 1)
    for found, wanted in zip(in_torch(GraphModule(model), feeds), in_onnxruntime(model, feeds), strict=True):
        assert relative(found, wanted) <= 1e-5


@pytest.mark.parametrize("opset", [18, 19, 20, 21])
@pytest.mark.parametrize("kind", ["transformer", "mixed"])
def test_an_exported_graph_answers_as_in_onnxruntime(kind: str, opset: int) -> None:
    """Graphs exported by torch for opsets 18 to 21, with a free batch, agree within 1e-5 of their largest output."""
    model = exported(kind, opset)
    assert model.opset_import[0].version == opset
    feeds = {model.graph.input[0].name: tokens(3).numpy()} if kind == "transformer" else random_feeds(model, 3)
    for found, wanted in zip(in_torch(GraphModule(model), feeds), in_onnxruntime(model, feeds), strict=True):
        assert relative(found, wanted) <= 1e-5


def test_one_module_takes_several_batch_sizes() -> None:
    """Shapes are found anew when the batch changes, although what is made of them is kept."""
    model = exported("transformer", 20)
    module = GraphModule(model)
    for batch in (1, 4, 1):
        feeds = {model.graph.input[0].name: tokens(batch).numpy()}
        assert relative(in_torch(module, feeds)[0], in_onnxruntime(model, feeds)[0]) <= 1e-5


@pytest.mark.parametrize("kind", ["transformer", "mixed"])
def test_torch_export_can_trace_it(kind: str) -> None:
    """A traced program gives the module's answer: nothing in the graph waits for a value to be known."""
    module = GraphModule(exported(kind, 20)).eval()
    example = tokens(2) if kind == "transformer" else torch.randn(2, 3, 16, 16)
    program = torch.export.export(module, (example,))
    torch.testing.assert_close(program.module()(example), module(example))


def test_torch_export_can_trace_a_quantized_graph() -> None:
    """A QDQ graph is traced too, rounding included, and answers the same in every bit."""
    model = qx.quantize(qx.load("digits_cnn"), "w8a8").path
    module = GraphModule(model).eval()
    example = torch.from_numpy(random_feeds(onnx.load(str(model)), 2)[module.input_names[0]])
    program = torch.export.export(module, (example,))
    assert np.array_equal(program.module()(example)[0].detach().numpy(), module(example)[0].detach().numpy())
