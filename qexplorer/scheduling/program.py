"""Which program this is: its own lines, and the packages that compute for it."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qexplorer.core.workspace import sha256_file

__all__ = ["computing_packages", "program_digest"]

_PROGRAM = Path(__file__).resolve().parents[1]
_COMPUTING = ("numpy", "onnx", "onnxruntime", "scipy", "torch")


@cache
def program_digest() -> str:
    """SHA-256 of this program's own modules: another line of code, another digest."""
    found = hashlib.sha256()
    for path in sorted(_PROGRAM.rglob("*.py")):
        found.update(f"{path.relative_to(_PROGRAM).as_posix()} {sha256_file(path)}\n".encode())
    return found.hexdigest()


@cache
def computing_packages() -> tuple[tuple[str, str], ...]:
    """Name and public version of Python (without its patch level) and of each package on which answers depend.

    Builds of one version (``2.13.0+cpu``) count as the same.
    """
    found = [("python", ".".join(platform.python_version_tuple()[:2]))]
    for name in _COMPUTING:
        try:
            found.append((name, version(name).partition("+")[0]))
        except PackageNotFoundError:
            continue
    return tuple(found)
