"""The operators, one idea a file. Importing this package registers them all."""

from qexplorer.torchgraph.kernels import (
    activation,
    convolution,
    elementwise,
    indexing,
    linear,
    normalization,
    pooling,
    quantization,
    reduce,
    shapes,
)

__all__ = [
    "activation",
    "convolution",
    "elementwise",
    "indexing",
    "linear",
    "normalization",
    "pooling",
    "quantization",
    "reduce",
    "shapes",
]
