"""The backends that the contract tests run on."""

from __future__ import annotations

from qexplorer.run.registry import BACKENDS

__all__ = ["HERE"]

HERE = [each for each in BACKENDS if each.availability().available]
