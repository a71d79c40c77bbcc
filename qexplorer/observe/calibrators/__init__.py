"""Calibrators, one a file: how the range of a grid is chosen from what was observed.

How to add one: write a file here with a class that follows ``qexplorer.core.plugin_kinds.calibrator.Calibrator`` and
ends with ``ENTRIES = (MyCalibrator(),)``. The class holds everything that is known of the calibrator:

1. ``name``, ``title``, ``description`` and ``source``: what is typed, what the app shows, where it is from.
2. ``options``: a pydantic model of what a person may choose; a class derived from ``WithoutOptions`` leaves nothing to
   choose. Recipes, short names, the command line's help and the app's controls follow from it.
3. ``tensor_range`` from a tensor's histogram, and ``row_ranges`` from the values of each channel or block. Both, so
   that no granularity can quietly be somebody else's.
4. ``refuses``: grids that it has no range for, with the reason; ``adds_nothing``: tensors for which it is the default.

Deriving the class from ``Calibrator`` brings the two of the last point. Everything is asked for by name through
``qexplorer.core.plugins.CALIBRATORS``; no other file names it. A page in ``docs/calibrators`` is expected by a test;
``tests/contract/test_calibrators.py`` runs every entry through everything.

Files without ``ENTRIES`` are what several entries share (``spans``), or the longer part of one. Heavy imports (numba)
stay inside functions: this folder is read when a recipe is.
"""

__all__: list[str] = []
