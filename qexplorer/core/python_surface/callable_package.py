"""Packages that can also be called, because verbs of the public surface bear their names.

``qx.load``, ``qx.quantize`` and ``qx.measure`` are functions of ``qexplorer.api``, and ``qexplorer.load``, ... are
packages. Importing a package binds its name in its parent, so after ``import qexplorer.quantize.plan`` the name
``qx.quantize`` is the package, whatever it was before. Such a package hands a call on to the function.
"""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["CallablePackage", "make_callable"]


class CallablePackage(ModuleType):
    """A package that, when called, calls the function of the same name in ``qexplorer.api``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the verb; its signature and errors are those of the function in ``qexplorer.api``."""
        return self._verb(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._verb)

    @property
    def _verb(self) -> Any:
        return getattr(import_module("qexplorer.api"), self.__name__.rpartition(".")[2])


def make_callable(name: str) -> None:
    """Makes the imported package ``name`` callable; called from its ``__init__`` with ``__name__``."""
    sys.modules[name].__class__ = CallablePackage
