"""What tells one graph's file from another's."""

from __future__ import annotations

from pathlib import Path

from qexplorer.core.files import sha256_once
from qexplorer.core.workspace import digest_json

__all__ = ["file_digest"]


def file_digest(path: Path) -> str:
    """SHA-256 of a model and of the files of external data that it names."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    beside = {
        entry.value for item in model.graph.initializer for entry in item.external_data if entry.key == "location"
    }
    return digest_json([sha256_once(path), *(sha256_once(path.parent / name) for name in sorted(beside))])
