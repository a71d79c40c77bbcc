"""Everything that can be plugged in, and the folder in which entries of each kind live.

The registries stand here, below everything, so that a recipe can be checked and a control drawn without knowing who
implements what; the entries live where their work belongs, and are found by the names of those folders. To add one,
see ``registry.py`` and the protocol of the kind.
"""

from __future__ import annotations

from qexplorer.core.metric import Metric
from qexplorer.core.registry import Registry
from qexplorer.core.tasks.protocol import Task

__all__ = ["METRICS", "TASKS"]

METRICS: Registry[Metric] = Registry("metric", home="qexplorer.measure.metrics")
TASKS: Registry[Task] = Registry("task", home="qexplorer.core.tasks")
