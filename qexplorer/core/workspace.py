"""The folder where models, statistics, quantized files, jobs and runs are kept."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from qexplorer.core.disk.room import told_of_disk

__all__ = ["digest_json", "sha256_bytes", "sha256_file", "workspace"]


def workspace(*parts: str) -> Path:
    """The workspace folder, or a folder in it; created when missing, readable by its owner alone.

    ``QEXPLORER_WORKSPACE`` names it; without that it is ``qexplorer`` in the user's data folder
    (``XDG_DATA_HOME`` or ``~/.local/share``; ``LOCALAPPDATA`` on Windows).

    Raises:
        InputError: it is not there and cannot be made.
    """
    named = os.environ.get("QEXPLORER_WORKSPACE")
    folder = Path(named).expanduser() if named else _data_home() / "qexplorer"
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
