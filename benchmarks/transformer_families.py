"""Small transformers as people write them, with random weights: encoders of words, of images, and decoders.

Each is two blocks of 48 channels. They differ in how attention, masks, normalization and GELU are written, because that
decides which nodes an exporter makes of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EXPORTERS", "FAMILIES", "Family", "export", "inputs_of"]

WORDS, LENGTH, WIDTH, HEADS, CLASSES = 200, 16, 48, 4, 5
EXPORTERS = ("script", "dynamo")


class PlainNorm(nn.Module):
    """Layer normalization written out: the nodes that exporters made before there was an operator for it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(width) + 0.5), nn.Parameter(torch.randn(width) * 0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Mean 0, variance 1 along the last axis, then scale and shift."""
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + 1e-5) * self.weight + self.bias


class Attention(nn.Module):
    """Self-attention: scores written out, or PyTorch's ``scaled_dot_product_attention``."""

    def __init__(self, *, fused: bool, causal: bool = False) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.together, self.fused, self.causal = nn.Linear(WIDTH, WIDTH), fused, causal
        self.past: Tensor
        self.register_buffer("past", torch.tril(torch.ones(LENGTH, LENGTH, dtype=torch.bool))[None, None])

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``mask`` is added to the scores."""
        n, length, _ = x.shape
        q, k, v = (
            layer(x).view(n, length, HEADS, WIDTH // HEADS).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if self.fused:
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=self.causal)
        else:
            scores = q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
            if self.causal:
                scores = scores.masked_fill(~self.past[:, :, :length, :length], float("-inf"))
            mixed = (scores if mask is None else scores + mask).softmax(-1) @ v
        found: Tensor = self.together(mixed.transpose(1, 2).reshape(n, length, WIDTH))
        return found


class Block(nn.Module):
    """Attention and two layers with GELU, each with a residual; normalized before (GPT, ViT) or after (BERT)."""

    def __init__(self, norm: Callable[[int], nn.Module], gelu: str, *, fused: bool, causal: bool, after: bool) -> None:
        super().__init__()
        self.attention, self.first, self.second = Attention(fused=fused, causal=causal), norm(WIDTH), norm(WIDTH)
        self.up, self.down, self.gelu, self.after = nn.Linear(WIDTH, 96), nn.Linear(96, WIDTH), gelu, after

    def feed(self, x: Tensor) -> Tensor:
        """The two layers."""
        found: Tensor = self.down(functional.gelu(self.up(x), approximate=self.gelu))
        return found

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """``(n, tokens, width)`` in and out."""
        found: Tensor
        if self.after:
            x = self.first(x + self.attention(x, mask))
            found = self.second(x + self.feed(x))
        else:
            x = x + self.attention(self.first(x), mask)
            found = x + self.feed(self.second(x))
        return found


class Bert(nn.Module):
    """Words with a mask of which are there; classes from the first token."""

    def __init__(self, norm: Callable[[int], nn.Module], gelu: str, *, fused: bool) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.norm = norm(WIDTH)
        self.blocks = nn.ModuleList(Block(norm, gelu, fused=fused, causal=False, after=True) for _ in range(2))
        self.pooler, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of classes."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        x = self.norm(self.words(input_ids) + self.places(places))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for block in self.blocks:
            x = block(x, mask)
        found: Tensor = self.classifier(torch.tanh(self.pooler(x[:, 0])))
        return found


class Vit(nn.Module):
    """Images cut into patches by a convolution, with a token for the class in front."""

    def __init__(self, norm: Callable[[int], nn.Module], gelu: str, *, fused: bool) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, WIDTH, 4, 4), nn.Parameter(torch.randn(1, 1, WIDTH) * 0.1)
        self.places = nn.Parameter(torch.randn(1, 17, WIDTH) * 0.1)
        self.blocks = nn.ModuleList(Block(norm, gelu, fused=fused, causal=False, after=False) for _ in range(2))
        self.norm, self.classifier = norm(WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Scores of classes."""
        x = self.patches(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.classifier(self.norm(x)[:, 0])
        return found


class Gpt(nn.Module):
    """Words in, scores of the next word out, by the same table."""

    def __init__(self, norm: Callable[[int], nn.Module], gelu: str, *, fused: bool) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(Block(norm, gelu, fused=fused, causal=True, after=False) for _ in range(2))
        self.norm, self.head = norm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)
        self.head.weight = self.words.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        """Scores ``(n, tokens, words)``."""
        x = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1], device=input_ids.device))
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.head(self.norm(x))
        return found


class TorchEncoder(nn.Module):
    """``nn.TransformerEncoder``, or ``nn.MultiheadAttention`` by itself."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.words, self.whole = nn.Embedding(WORDS, WIDTH), whole
        if whole:
            layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 96, dropout=0.0, activation="gelu", batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        else:
            self.attention, self.norm = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True), nn.LayerNorm(WIDTH)
        self.classifier = nn.Linear(WIDTH, CLASSES)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Scores of classes from the mean of all tokens."""
        x = self.words(input_ids)
        x = self.encoder(x) if self.whole else self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        found: Tensor = self.classifier(x.mean(1))
        return found


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of model: how it is made, and what it reads (``words``, ``mask``, ``image``)."""

    make: Callable[[], nn.Module]
    reads: tuple[str, ...]


FAMILIES: dict[str, Family] = {
    "bert": Family(lambda: Bert(nn.LayerNorm, "none", fused=False), ("words", "mask")),
    "bert-sdpa": Family(lambda: Bert(nn.LayerNorm, "tanh", fused=True), ("words", "mask")),
    "bert-plain": Family(lambda: Bert(PlainNorm, "none", fused=False), ("words", "mask")),
    "vit": Family(lambda: Vit(nn.LayerNorm, "none", fused=True), ("image",)),
    "vit-plain": Family(lambda: Vit(PlainNorm, "tanh", fused=False), ("image",)),
    "gpt": Family(lambda: Gpt(nn.LayerNorm, "tanh", fused=False), ("words",)),
    "gpt-sdpa": Family(lambda: Gpt(nn.LayerNorm, "none", fused=True), ("words",)),
    "torch-mha": Family(lambda: TorchEncoder(whole=False), ("words",)),
    "torch-encoder": Family(lambda: TorchEncoder(whole=True), ("words",)),
}
_NAMES = {"words": "input_ids", "mask": "attention_mask", "image": "pixel_values"}


def inputs_of(family: str, n: int, seed: int = 0) -> dict[str, NDArray[Any]]:
    """``n`` random samples: words, masks with padding at the end, images."""
    random = np.random.default_rng(seed)
    lengths = random.integers(LENGTH // 2, LENGTH + 1, (n, 1))
    made: dict[str, NDArray[Any]] = {
        "words": random.integers(0, WORDS, (n, LENGTH)),
        "mask": (np.arange(LENGTH)[None] < lengths).astype(np.int64),
        "image": random.standard_normal((n, 3, 16, 16)).astype(np.float32),
    }
    return {_NAMES[kind]: made[kind] for kind in FAMILIES[family].reads}


def export(family: str, exporter: str, opset: int, path: Path, *, dynamic: bool = True, seed: int = 0) -> Path:
    """Writes a model of ``family`` as ONNX.

    Args:
        family: a key of :data:`FAMILIES`.
        exporter: ``script`` (``dynamo=False``) or ``dynamo``.
        opset: as asked of the exporter.
        path: where to.
        dynamic: whether the batch is free.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    module = FAMILIES[family].make().eval()
    arrays = inputs_of(family, 2 if dynamic else 1)
    example, names = tuple(torch.from_numpy(array) for array in arrays.values()), list(arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if exporter == "dynamo":
            shapes = tuple({0: torch.export.Dim("batch")} for _ in example) if dynamic else None
            torch.onnx.export(
                module,
                example,
                path,
                dynamo=True,
                opset_version=opset,
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
                input_names=names,
                output_names=["scores"],
            )
        else:
            axes = {name: {0: "batch"} for name in (*names, "scores")} if dynamic else None
            torch.onnx.export(
                module,
                example,
                path,
                dynamo=False,
                opset_version=opset,
                input_names=names,
                output_names=["scores"],
                dynamic_axes=axes,
            )
    return path
