"""What the inductor backend is called, what it can do, and whether it is here."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from qexplorer.core.errors import BackendError
from qexplorer.run.protocol import Availability, Capabilities, Facts, Mode, Preparation, Session, SessionOptions

__all__ = ["TORCH_INDUCTOR", "TorchInductor"]

_CAPABILITIES = Capabilities(
    device="cpu",
    weight_formats=frozenset(f"int{bits}" for bits in range(2, 9)),
    activation_formats=frozenset({"uint8", "int8", *(f"{u}int{bits}" for bits in (2, 3, 5, 6, 7) for u in ("", "u"))}),
    simulates=False,
    halves=lambda: frozenset({"fp16", "bf16"}),
    prepares=Preparation("PyTorch compiles", (10, 20), each_shape=True),
)
_FACTS = Facts("#a97c50", ("torch",), rank=60)
_ENABLE = {"linux": "apt install g++", "darwin": "xcode-select --install"}


@dataclass(frozen=True, slots=True)
class TorchInductor:
    """PyTorch compiled ahead of time for fixed shapes, with int8 kernels of oneDNN."""

    name: str = "torch-inductor"
    label: str = "PyTorch compiled"
    facts: Facts = _FACTS

    @property
    def capabilities(self) -> Capabilities:
        """Symmetric integer weights of at most 8 bits, activations of 8; no simulation."""
        return _CAPABILITIES

    def availability(self) -> Availability:
        """Whether torch is installed and a C++ compiler can be found."""
        if importlib.util.find_spec("torch") is None:
            return Availability(False, "the package torch is not installed", "pip install torch")
        compiler = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
        if shutil.which(compiler) is None:
            what = f"PyTorch compiles with a C++ compiler, and '{compiler}' is not on this machine"
            return Availability(False, what, _ENABLE.get(sys.platform))
        return Availability(True)

    def import_runtime(self) -> None:
        """Imports torch."""
        import torch  # noqa: F401  (its memory is the runtime's own)

    def load(self, path: Path, options: SessionOptions) -> Session:
        """Reads the graph; it is compiled when its first batch comes, for that shape.

        Raises:
            BackendError: no compiler, a file that is missing or no model, or a simulation is asked for.
        """
        from qexplorer.run.torch_inductor.session import TorchInductorSession

        state = self.availability()
        if not state.available:
            raise BackendError(state.reason or "not available", where=self.name)
        if options.mode is Mode.SIMULATED:
            raise BackendError("the compiler fuses quantizers, so it cannot simulate", where=self.name, do="use torch")
        return TorchInductorSession(path, options)


TORCH_INDUCTOR = TorchInductor()
