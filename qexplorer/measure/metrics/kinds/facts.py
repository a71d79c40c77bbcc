"""Facts that most metrics have in common, so that an entry says only what is its own."""

from __future__ import annotations

from qexplorer.core.plugin_kinds.metric import Direction

__all__ = ["MetricFacts", "ShareFacts"]


class MetricFacts:
    """A metric whose value is a number in its own unit, higher being better; entries overwrite what differs."""

    unit: str = ""
    direction: Direction = Direction.HIGHER
    bounds: tuple[float | None, float | None] = (None, None)
    form: str = ".4g"
    clause: str = "{title} {value}{interval} on {n} samples"
    enough: float | None = None
    needs_float: bool = False
    ideal: float | None = None
    undefined: str = "it is not defined on these samples"
    tasks: tuple[str, ...] = ()


class ShareFacts(MetricFacts):
    """A metric whose value is a share: a fraction of 1, shown in per cent."""

    unit = "%"
    bounds = (0.0, 1.0)
    form = ".1f"
