"""Transformers of random weights with outlier channels, as large language models have them, and samples for them.

A few channels of what each product reads are made many times larger than the others, and the weights that read them as
much smaller, so that the network computes what it did. (In trained networks such channels grow by themselves.)
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from torch import nn

import qexplorer as qx
from benchmarks.transformer_families import FAMILIES, Family, export, inputs_of
from qexplorer.core.dataset import DataSet, Split
from qexplorer.core.model import Model

__all__ = ["outlier_model", "with_outliers"]

CALIBRATION, EVALUATION = 64, 256


def outlier_model(family: str, seed: int = 0, size: float = 30.0) -> tuple[Model, DataSet]:
    """A model of ``transformer_families`` with channels that are ``size`` times the others, and its samples."""
    plain = FAMILIES[family]
    name = f"{family}-outliers"
    FAMILIES[name] = Family(lambda: with_outliers(plain.make(), size), plain.reads)
    with tempfile.TemporaryDirectory() as folder:
        model = qx.load(str(export(name, "dynamo", 18, Path(folder) / f"{name}.onnx", seed=seed)))
    calibration, evaluation = inputs_of(name, CALIBRATION, 1), inputs_of(name, EVALUATION, 2)
    data = DataSet(name, Split(calibration), Split(evaluation), True, (), f"{name}-{seed}-{size}")
    return model, data


def with_outliers(module: nn.Module, size: float = 30.0) -> nn.Module:
    """The module with large channels; the same function."""
    with torch.no_grad():
        for block in module.blocks:  # type: ignore[union-attr]
            attention = block.attention
            _enlarge([block.first], [attention.query, attention.key, attention.value], (3, 17), size, block.after)
            _enlarge([block.second], [block.up], (3, 17), size, block.after)
            _enlarge([attention.value], [attention.together], (5,), size, False)
    return module


def _enlarge(makers: list[nn.Module], readers: list[nn.Linear], at: tuple[int, ...], size: float, read: bool) -> None:
    """Makes channels larger where they are made and their weights smaller; not where a residual reads them too."""
    if read:
        return
    for channel in at:
        for maker in makers:
            maker.weight[channel] *= size  # type: ignore[index, operator]
            maker.bias[channel] *= size  # type: ignore[index, operator]
        for reader in readers:
            reader.weight[:, channel] /= size
