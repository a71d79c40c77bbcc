"""A small transformer block with outlier channels in what its products read, and what to feed it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from qexplorer.core.dataset import DataSet
from tests.quantize.given_data import given
from tests.quantize.graphs import Builder

__all__ = ["OUTLIERS", "TOKENS", "WIDTH", "block", "decibels", "tokens"]

WIDTH, HEADS, TOKENS = 16, 2, 6
OUTLIERS = {"first_norm": 3, "second_norm": 9, "values": 5}
"""The channel that is large in what each makes."""


def block(size: float = 40.0, *, fused: bool = False, after: bool = False, seed: int = 4) -> onnx.ModelProto:
    """Attention of two heads and two layers with a GELU, each behind a normalization and with a residual.

    Args:
        size: how much larger outlier channels are than the others; the weights that read them are as much smaller, so
            that the block computes the same for every size.
        fused: whether query, key and value come from one product, by a Split.
        after: whether the normalizations' outputs are read by the residual additions too.
        seed: of the weights.
    """
    b = Builder(seed)
    x = b.input("x", ("n", TOKENS, WIDTH))
    h = _norm(b, x, "first_norm", size)
    mixed = _attention(b, h, size, fused=fused)
    x = b.node("Add", mixed, h if after else x, name="residual")
    h = _norm(b, x, "second_norm", size)
    up = b.node("Add", b.node("MatMul", h, _rows(b, 4 * WIDTH, "second_norm", size), name="up"), b.normal(4 * WIDTH))
    down = b.node("MatMul", b.node("Gelu", up, name="gelu"), b.normal(4 * WIDTH, WIDTH), name="down")
    x = b.node("Add", b.node("Add", down, b.normal(WIDTH)), h if after else x)
    b.output(b.node("MatMul", x, b.normal(WIDTH, 5), name="head"), 3)
    return b.model()


def _norm(b: Builder, x: str, name: str, size: float) -> Any:
    gamma, beta = np.ones(WIDTH, np.float32), (b.random.normal(size=WIDTH) * 0.2).astype(np.float32)
    gamma[OUTLIERS[name]] *= size
    beta[OUTLIERS[name]] *= size
    return b.node("LayerNormalization", x, b.constant(gamma), b.constant(beta), axis=-1, name=name)


def _rows(b: Builder, outputs: int, before: str, size: float) -> str:
    weight = (b.random.normal(size=(WIDTH, outputs)) * 0.3).astype(np.float32)
    weight[OUTLIERS[before]] /= size
    return b.constant(weight)


def _attention(b: Builder, h: str, size: float, *, fused: bool) -> str:
    large = np.ones(WIDTH, np.float32)
    large[OUTLIERS["values"]] = size
    weights = [(b.random.normal(size=(WIDTH, WIDTH)) * 0.3).astype(np.float32) for _ in range(3)]
    for weight in weights:
        weight[OUTLIERS["first_norm"]] /= size
    weights[2] *= large
    biases = [(b.random.normal(size=WIDTH) * 0.1).astype(np.float32) for _ in range(3)]
    biases[2] *= large
    if fused:
        total = b.node("MatMul", h, b.constant(np.concatenate(weights, 1)), name="all_three")
        total = b.node("Add", total, b.constant(np.concatenate(biases)))
        parts = b.node("Split", total, b.constant(np.array([WIDTH] * 3, np.int64)), outputs=3, axis=-1, name="parts")
    else:
        names = ("query", "key", "value")
        made = [b.node("MatMul", h, b.constant(w), name=n) for w, n in zip(weights, names, strict=True)]
        parts = [b.node("Add", each, b.constant(bias)) for each, bias in zip(made, biases, strict=True)]
    query, key, value = (_heads(b, each) for each in parts)
    scores = b.node("MatMul", query, b.node("Transpose", key, perm=[0, 1, 3, 2]), name="scores")
    scores = b.node("Softmax", b.node("Mul", scores, b.constant(np.float32(0.35))), axis=-1)
    mixed = b.node("Transpose", b.node("MatMul", scores, value, name="attended"), perm=[0, 2, 1, 3])
    mixed = b.node("Reshape", mixed, b.constant(np.array([0, TOKENS, WIDTH], np.int64)))
    together = (b.random.normal(size=(WIDTH, WIDTH)) * 0.3).astype(np.float32) / large[:, None]
    return str(b.node("Add", b.node("MatMul", mixed, b.constant(together), name="together"), b.normal(WIDTH)))


def _heads(b: Builder, x: str) -> Any:
    apart = b.node("Reshape", x, b.constant(np.array([0, TOKENS, HEADS, WIDTH // HEADS], np.int64)))
    return b.node("Transpose", apart, perm=[0, 2, 1, 3])


def tokens(n: int = 48, seed: int = 2) -> DataSet:
    """Normal numbers to feed it."""
    random = np.random.default_rng(seed)
    return given({"x": random.normal(size=(n, TOKENS, WIDTH)).astype(np.float32)})


def decibels(found: np.ndarray, wanted: np.ndarray) -> float:
    """Power of ``wanted`` over that of the error."""
    error = np.square(found - wanted, dtype=np.float64).mean()
    return float(10 * np.log10(np.square(wanted, dtype=np.float64).mean() / error))
