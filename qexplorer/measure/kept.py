"""What was found out about a quantized file, kept in the workspace under the digest of what it was found from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qexplorer.core.disk.contents import used
from qexplorer.core.files import read_sealed, write_sealed
from qexplorer.core.workspace import digest_json, workspace

__all__ = ["kept_path", "read_kept", "write_kept"]


def kept_path(kind: str, made_from: Any) -> Path:
    """Where a finding of ``kind`` (a folder's name) is kept, or would be; ``made_from`` is any JSON value."""
    return workspace(kind) / f"{digest_json(made_from)[:32]}.json"


def read_kept(path: Path) -> dict[str, Any] | None:
    """What :func:`write_kept` wrote; None if there is nothing, or nothing that can be read."""
    try:
        value = json.loads(read_sealed(path) or b"")
    except ValueError:
        return None
    used(path)
    return value if isinstance(value, dict) else None


def write_kept(path: Path, value: Mapping[str, Any]) -> None:
    """Writes ``value`` whole or not at all."""
    write_sealed(path, json.dumps(value).encode())
