"""The PyTorch integer backends: what they are called, what they can do, and whether they are here."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import Availability, Capabilities, Facts, Session, SessionOptions

__all__ = ["TORCH", "TORCH_CUDA", "TorchInteger"]

_HALVES = frozenset({"fp16", "bf16"})
_EIGHT = frozenset(f"{sign}int{bits}" for bits in range(2, 9) for sign in ("", "u"))
_DRIVER_NODES = ("/dev/nvidiactl", "/dev/dxg")  # Linux, and Windows' Linux


@dataclass(frozen=True, slots=True)
class TorchInteger:
    """PyTorch with integer arithmetic of this program's own: exact on every device.

    Attributes:
        name: registered name.
        label: for people.
        device: torch's device, ``cpu`` or ``cuda``.
        facts: what others show and keep of it.
    """

    name: str
    label: str
    device: str
    facts: Facts

    @property
    def capabilities(self) -> Capabilities:
        """All integer formats of at most 8 bits, per tensor or channel; 16-bit floats as they are; simulates."""
        device = "gpu" if self.device == "cuda" else "cpu"
        return Capabilities(device, _EIGHT, _EIGHT, simulates=True, halves=lambda: _HALVES)

    def availability(self) -> Availability:
        """Whether torch is installed, and sees a CUDA device if it is to."""
        if importlib.util.find_spec("torch") is None:
            return Availability(False, "the package torch is not installed", "pip install torch")
        return _cuda() if self.device == "cuda" else Availability(True)

    def import_runtime(self) -> None:
        """Imports torch."""
        import torch  # noqa: F401  (its memory is the runtime's own)

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Compiles the graph in the file at ``path`` into steps.

        Raises:
            BackendError: the file is missing, no model, or holds an operator without a kernel here.
        """
        from qexplorer.run.torch_integer.session import TorchIntegerSession

        state = self.availability()
        if not state.available:
            raise BackendError(state.reason or "not available", where=self.name)
        return TorchIntegerSession(path, options, self.device)


@functools.cache
def _cuda() -> Availability:
    """Asks the driver first, which costs nothing; torch, which takes seconds to import, only where there is one."""
    if not any(Path(node).exists() for node in _DRIVER_NODES):
        return Availability(False, "this machine has no NVIDIA GPU with a driver", None)
    import torch

    if torch.version.cuda is None:
        what = "this build of torch has no CUDA"
        return Availability(False, what, "pip install torch --index-url https://download.pytorch.org/whl/cu130")
    if not torch.cuda.is_available():
        return Availability(False, "torch finds no usable CUDA device (torch.cuda.is_available() is False)", None)
    return Availability(True)


_CPU, _GPU = (Facts(hue, ("torch",), rank=rank, exact=True) for hue, rank in (("#c07a00", 40), ("#c4694a", 50)))
TORCH = TorchInteger("torch", "PyTorch integer", "cpu", _CPU)
TORCH_CUDA = TorchInteger("torch-cuda", "PyTorch integer (CUDA)", "cuda", _GPU)
