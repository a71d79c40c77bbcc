"""PyTorch's compiler as a backend: the QDQ graph lowered to its int8 kernels, compiled once for each shape."""

from qexplorer.run.torch_inductor.backend import TORCH_INDUCTOR, TorchInductor

__all__ = ["ENTRIES", "TORCH_INDUCTOR", "TorchInductor"]

ENTRIES = (TORCH_INDUCTOR,)
