"""``qexplorer doctor``: the machine, the backends and the power meters, each with how to get it."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer.cli.terminal import print_facts, print_json, print_table, say
from qexplorer.measure.machine import describe_machine
from qexplorer.measure.power import METERS
from qexplorer.report.words import bytes_text
from qexplorer.run.registry import BACKENDS

__all__ = ["diagnosis", "run"]


def run(order: argparse.Namespace) -> int:
    """Looks at this machine."""
    found = diagnosis()
    if order.json:
        print_json(found)
        return 0
    print_facts(
        {k.replace("_", " "): bytes_text(v) if k == "memory_bytes" else _text(v) for k, v in found["machine"].items()}
    )
    for kind, title in (("backends", "backend"), ("power", "power meter")):
        say()
        rows = [(e["name"], "yes" if e["available"] else "no", e["reason"], e.get("enable")) for e in found[kind]]
        print_table((title, "available", "why", "enable with"), rows)
    return 0


def diagnosis() -> dict[str, Any]:
    """What ``doctor --json`` prints."""
    return {
        "machine": describe_machine().to_json(),
        "backends": [_backend(backend) for backend in BACKENDS],
        "power": [_meter(meter) for meter in METERS],
    }


def _text(value: Any) -> str | None:
    """A fact about the machine for a person; None if there is nothing to say."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)


def _backend(backend: Any) -> dict[str, Any]:
    state = backend.availability()
    return {"name": backend.name, "available": state.available, "reason": state.reason, "enable": state.enable}


def _meter(meter: Any) -> dict[str, Any]:
    state = meter.availability()
    return {"name": meter.name, "available": state.available, "reason": state.reason}
