"""Layers that read one stored weight: whatever is chosen for one of them is chosen for all."""

from __future__ import annotations

from collections.abc import Mapping

from qexplorer.quantize.plan_types import Plan
from qexplorer.search.mixing.tables import sharing

__all__ = ["with_whom"]


def with_whom(plan: Plan, tied: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The other layers that read a layer's weight, for those that have some."""
    groups = [names for names in sharing(plan, tied) if len(names) > 1]
    return {name: tuple(other for other in names if other != name) for names in groups for name in names}
