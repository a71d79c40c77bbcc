"""Converting for LiteRT in this process: its converter takes seconds to load, and a child would load it every time."""

from __future__ import annotations

from pathlib import Path

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


def session_of(path: Path) -> LiteRtSession:
    """A session, with its own type."""
    session = LiteRt().load(path, SessionOptions())
    assert isinstance(session, LiteRtSession)
    return session


def file_of(session: LiteRtSession) -> bytes:
    """The file that was converted first."""
    return next(iter(session._files.values())).path.read_bytes()
