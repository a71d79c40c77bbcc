"""The operators, one idea a file. Importing this package registers them all."""

from qexplorer.torchgraph.kernels import (
    casting,
    elementwise,
    indexing,
    integer,
    quantization,
    rearrange,
    reduce,
    scatter,
    search,
    sequences,
    shapes,
)
from qexplorer.torchgraph.kernels.nn import (
    activation,
    convolution,
    dropout,
    linear,
    normalization,
    padding,
    pooling,
    recurrent,
    resize,
)

__all__ = [
    "activation",
    "casting",
    "convolution",
    "dropout",
    "elementwise",
    "indexing",
    "integer",
    "linear",
    "normalization",
    "padding",
    "pooling",
    "quantization",
    "rearrange",
    "recurrent",
    "reduce",
    "resize",
    "scatter",
    "search",
    "sequences",
    "shapes",
]
