"""An algorithm that only tests know: what it says of itself, for tests that ask for it or derive one that works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qexplorer.core.plugin_kinds.algorithm import AlgorithmOptions, Needs, Stage
from qexplorer.core.plugin_kinds.decisions import Decides

__all__ = ["MadeUp"]


@dataclass(frozen=True, slots=True)
class MadeUp:
    """It has every fact of an algorithm, and does nothing."""

    name: str
    stage: Any = Stage.PLAN
    needs: Needs = Needs.NOTHING
    decides: Decides = Decides.NOTHING
    title: str = "Made up"
    description: str = "Does nothing."
    source: str = "nowhere"
    options: type[AlgorithmOptions] = AlgorithmOptions
