"""Compiling with PyTorch in this process, once for all tests: a child would load PyTorch for every graph and shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qexplorer.run.torch_inductor import TORCH_INDUCTOR, compiling

HERE = TORCH_INDUCTOR.availability().available


def kept_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole run of tests, also where several processes share it."""
    base = factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "compiled"
    folder.mkdir(exist_ok=True)
    return folder


def keep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiles here and keeps everything in ``folder``; two processes never compile the same."""
    monkeypatch.setattr(compiling, "workspace", lambda *parts: _made(folder.joinpath(*parts)))
    monkeypatch.setattr(compiling, "run_in_child", lambda _, arguments, **__: _compile(arguments))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))  # compiling sets it; this takes it back afterwards
    once = compiling._compile

    def locked(path: Path, shapes: Any, threads: int, target: Path) -> None:
        from filelock import FileLock

        with FileLock(str(target) + ".lock"):
            if not (target / compiling._TOLD).is_file():
                once(path, shapes, threads, target)

    monkeypatch.setattr(compiling, "_compile", locked)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compile(arguments: dict[str, Any]) -> None:
    compiling.compile_in_child(arguments, lambda _: None)
