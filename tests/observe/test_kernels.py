"""Compiled loops: where they are kept, and that warming them up leaves nothing to compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from qexplorer.observe import grid_kernels, kernels
from qexplorer.observe.warm import warm

ROOT = Path(__file__).parent.parent.parent


def _loops() -> dict[str, Any]:
    named = {**vars(kernels), **vars(grid_kernels)}
    return {name: value for name, value in named.items() if isinstance(value, numba.core.registry.CPUDispatcher)}


def test_warming_up_compiles_every_loop_for_one_set_of_types() -> None:
    """A loop without a signature would be compiled in front of a user; two signatures would be compiled twice."""
    warm()
    public = [name for name in _loops() if not name.startswith("_")]
    assert len(public) >= 9
    assert {name: len(_loops()[name].signatures) for name in public} == dict.fromkeys(public, 1)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="folders cannot be made read-only this way")
def test_a_read_only_package_keeps_its_compiled_loops_in_the_workspace(tmp_path: Path) -> None:
    """Where the package's folder cannot be written, the cache is a folder of the workspace."""
    code = (
        "import os; real = os.access\n"
        "os.access = lambda path, mode, **k: False if mode == os.W_OK else real(path, mode, **k)\n"
        "import numba, qexplorer.observe.kernels\n"
        "print(numba.config.CACHE_DIR)\n"
    )
    environment = {**os.environ, "QEXPLORER_WORKSPACE": str(tmp_path), "PYTHONPATH": str(ROOT)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == str(tmp_path / "numba")
