"""Floats of 4 to 8 bits, alone and with scales that blocks share: one file each, read as the folder above is."""

from __future__ import annotations

from qexplorer.core.registry import entries_in

__all__: list[str] = []

ENTRIES = entries_in(__name__, __path__)
