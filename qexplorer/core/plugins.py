"""Everything that can be plugged in, and the folder in which entries of each kind live.

The registries stand here, below everything, so that a recipe can be checked and a control drawn without knowing who
implements what; the entries live where their work belongs, and are found by the names of those folders. To add one,
see ``registry.py`` and the protocol of the kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qexplorer.core.registry import Registry

if TYPE_CHECKING:
    from qexplorer.core.plugin_kinds.algorithm import Algorithm
    from qexplorer.core.plugin_kinds.calibrator import Calibrator
    from qexplorer.core.plugin_kinds.metric import Metric
    from qexplorer.core.tasks.protocol import Task

__all__ = ["ALGORITHMS", "CALIBRATORS", "METRICS", "TASKS"]

ALGORITHMS: Registry[Algorithm] = Registry("algorithm", home="qexplorer.quantize.algorithms")
"""What changes codes, grids and constants beyond rounding to nearest."""

CALIBRATORS: Registry[Calibrator[Any]] = Registry("calibrator", home="qexplorer.observe.calibrators")
"""How the range of a grid is chosen."""

METRICS: Registry[Metric] = Registry("metric", home="qexplorer.measure.metrics")
"""How near to right, or to float, answers are; each with its interval and its paired comparison."""

TASKS: Registry[Task] = Registry("task", home="qexplorer.core.tasks")
"""What labels are for, and by which metrics answers are judged."""
