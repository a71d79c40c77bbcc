"""PyTorch backends that execute QDQ graphs with integer arithmetic, and show the sums."""

from qexplorer.run.torch_integer.backend import TORCH, TORCH_CUDA, TorchInteger

__all__ = ["ENTRIES", "TORCH", "TORCH_CUDA", "TorchInteger"]

ENTRIES = (TORCH, TORCH_CUDA)
