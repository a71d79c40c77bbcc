"""``qexplorer doctor``: the machine, the backends and the power meters, each with how to get it."""

from __future__ import annotations

import argparse
from typing import Any

from qexplorer.cli.terminal import print_facts, print_json, print_table, say
from qexplorer.report.system import diagnosis, gpu_text, outlook
from qexplorer.report.words import bytes_text

__all__ = ["run"]


def run(order: argparse.Namespace) -> int:
    """Looks at this machine."""
    found = diagnosis()
    if order.json:
        print_json(found)
        return 0
    machine = found["machine"]
    print_facts({name.replace("_", " "): _text(name, value) for name, value in machine.items()})
    say(outlook(machine))
    for kind, title in (("backends", "backend"), ("power", "power meter")):
        say()
        rows = [(e["name"], "yes" if e["available"] else "no", e["reason"], e["enable"]) for e in found[kind]]
        print_table((title, "available", "why", "enable with"), rows)
    return 0


def _text(name: str, value: Any) -> str | None:
    """A fact about the machine for a person; None if there is nothing to say."""
    if name == "memory_bytes":
        return bytes_text(value)
    if name == "gpus":
        return "; ".join(gpu_text(gpu) for gpu in value) or "no NVIDIA GPU that its driver shows"
    if isinstance(value, dict):
        return ", ".join(f"{package} {version}" for package, version in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or None
    return None if value is None else str(value)
