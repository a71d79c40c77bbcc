"""The folder where models, statistics, quantized files, jobs and runs are kept.

On a shared host there is one for each person, in the folder ``people`` of the host's: who asks, is looked up.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qexplorer.core.disk.room import told_of_disk

__all__ = [
    "PEOPLE",
    "VISITOR",
    "digest_json",
    "host_workspace",
    "is_someones",
    "sha256_bytes",
    "sha256_file",
    "share",
    "workspace",
    "workspace_variables",
]

PEOPLE = "people"
VISITOR = "visitor-"
"""What the folder of somebody begins with who did not sign in."""

_OWN, _HOST = "QEXPLORER_WORKSPACE", "QEXPLORER_HOST_WORKSPACE"
_WHO: Callable[[], str | None] = lambda: None  # noqa: E731 - replaced by share()


def workspace(*parts: str) -> Path:
    """The workspace folder, or a folder in it; created when missing, readable by its owner alone.

    ``QEXPLORER_WORKSPACE`` names it; without that it is ``qexplorer`` in the user's data folder
    (``XDG_DATA_HOME`` or ``~/.local/share``; ``LOCALAPPDATA`` on Windows). On a shared host it is the workspace of the
    person who asks.

    Raises:
        InputError: it is not there and cannot be made.
    """
    person = _WHO()
    return _in(_named(), *parts) if person is None else _in(_named(), PEOPLE, person, *parts)


def host_workspace(*parts: str) -> Path:
    """The same, but on a shared host that of the host: what belongs to no person, and what everybody may use."""
    named = os.environ.get(_HOST)
    return _in(Path(named) if named else _named(), *parts)


def is_someones() -> bool:
    """Whether the workspace is that of one of several people on a shared host."""
    return workspace() != host_workspace()


def share(who: Callable[[], str | None]) -> None:
    """From here on everybody who asks has a workspace of their own.

    Args:
        who: name of the person who asks, good for a folder; None for the server itself.
    """
    global _WHO
    _WHO = who


def workspace_variables() -> dict[str, str]:
    """Environment variables by which a child process finds the workspaces that are this caller's."""
    return {_OWN: str(workspace()), _HOST: str(host_workspace())}


def _named() -> Path:
    named = os.environ.get(_OWN)
    return Path(named).expanduser() if named else _data_home() / "qexplorer"


def _in(folder: Path, *parts: str) -> Path:
    if (wanted := folder.joinpath(*parts)).is_dir():  # as nearly always, and pages ask dozens of times each
        return wanted
    with told_of_disk(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for part in parts:  # one by one: the mode is that of the last folder alone
            folder /= part
            folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _data_home() -> Path:
    named = os.environ.get("XDG_DATA_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(named) if named else Path.home() / ".local" / "share"


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_json(value: Any) -> str:
    """SHA-256 of ``value`` as canonical JSON (sorted keys, no spaces)."""
    return sha256_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode())
