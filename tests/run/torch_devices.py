"""The PyTorch integer backends that can be used here: exactness is asked of each."""

from __future__ import annotations

import pytest

from qexplorer.run.torch_integer import TORCH, TORCH_CUDA

__all__ = ["each_device"]

_HERE = [backend for backend in (TORCH, TORCH_CUDA) if backend.availability().available]
each_device = pytest.mark.parametrize("backend", _HERE, ids=[backend.name for backend in _HERE])
