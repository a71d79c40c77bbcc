"""Brings a throw-away plug-in at run time, as a file in a folder that is joined to the one where its kind lives."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.registry import Registry

__all__ = ["bring"]

ROOT = Path(__file__).resolve().parents[2]


def bring(monkeypatch: pytest.MonkeyPatch, registry: Registry[Any], name: str, source: str, folder: Path) -> None:
    """Makes the module ``name`` with this ``source`` part of the registry's home, here and in every child process.

    The registry reads its home anew; all of it is undone with ``monkeypatch``.
    """
    assert registry.home is not None
    plugins, start = folder / f"plugins-{name}", folder / "start"
    plugins.mkdir()
    start.mkdir(exist_ok=True)
    (plugins / f"{name}.py").write_text(source)
    joins = f"import {registry.home} as home\nhome.__path__.append({str(plugins)!r})\n"
    with (start / "sitecustomize.py").open("a") as file:  # a test may bring several
        file.write(joins)
    before = os.environ.get("PYTHONPATH")
    paths = (str(start), str(ROOT), *((before,) if before else ()))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    home = import_module(registry.home)
    monkeypatch.setattr(home, "__path__", [*home.__path__, str(plugins)])
    monkeypatch.setattr(registry, "_entries", {})
    monkeypatch.setattr(registry, "_read", False)
    monkeypatch.setitem(sys.modules, f"{registry.home}.{name}", None)
    monkeypatch.delitem(sys.modules, f"{registry.home}.{name}")
