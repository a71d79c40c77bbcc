"""A package that another one imports for a corner of what it does is loaded when somebody first reaches into it.

``onnx_ir`` imports SymPy for arithmetic on symbolic lengths, which loading a model never asks for: 0.3 s of processor
time, half of what a child that opens a model takes. (``importlib.util.LazyLoader`` does not help: an ``import``
statement looks at the module's ``__spec__``, and that loads it.)
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["load_lazily"]


def load_lazily(package: str) -> None:
    """Has ``package`` loaded at its first use, from here on in this process; nothing happens if it is loaded already.

    For processes with one thread alone: two that reach into it at once might meet it half loaded.
    """
    if package not in sys.modules:
        sys.modules[package] = _StandIn(package)


class _StandIn(ModuleType):
    """Has nothing of its own; asked for anything, it makes way for the package, and has all that this has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # asked by the machinery of imports and by inspect
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        found = importlib.import_module(self.__name__)
        self.__dict__.update(found.__dict__)
        return getattr(found, name)
