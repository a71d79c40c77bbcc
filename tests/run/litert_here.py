"""Converting for LiteRT in this process: its converter takes seconds to load, and a child would load it every time."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qexplorer.run.litert import cache
from qexplorer.run.litert.backend import LiteRt
from qexplorer.run.litert.session import LiteRtSession
from qexplorer.run.litert.to_tflite import quiet
from qexplorer.run.protocol import SessionOptions

HERE = LiteRt().availability().available


def keep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads the converter and lets converted files be kept in ``folder``."""
    with quiet():
        import litert_torch  # noqa: F401  (where it is loaded, files are converted)

    def workspace(*parts: str) -> Path:
        found = folder.joinpath(*parts)
        found.mkdir(parents=True, exist_ok=True)
        return found

    monkeypatch.setattr(cache, "workspace", workspace)
    from torch._export import utils
    from torch.export import decomp_utils, exported_program

    for module in (utils, decomp_utils, exported_program):  # each has the name for itself
        monkeypatch.setattr(module, "_collect_all_valid_cia_ops", _decomposable())


@functools.cache
def _decomposable() -> Callable[[], set[Any]]:
    """PyTorch's list of what it can decompose: a conversion makes it four times, in a quarter of the conversion's time.

    It lacks operators that are registered later; none of those decomposes.
    """
    from torch._export.utils import _collect_all_valid_cia_ops

    return functools.cache(_collect_all_valid_cia_ops)


def session_of(path: Path) -> LiteRtSession:
    """A session, with its own type."""
    session = LiteRt().load(path, SessionOptions())
    assert isinstance(session, LiteRtSession)
    return session


def file_of(session: LiteRtSession) -> bytes:
    """The file that was converted first."""
    return next(iter(session._files.values())).path.read_bytes()
