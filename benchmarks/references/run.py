"""Runs one reference on one job, in whichever Python this is started with.

    python -m benchmarks.references.run NAME FOLDER

Reads the job in FOLDER and writes beside it ``given.onnx`` or ``answers.npz``, and ``version.txt``.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import numpy as np
import onnx

from benchmarks.references.protocol import adapter, read_job


def main(name: str, folder: Path) -> int:
    """0; 3 where the package is missing, with the reason in ``missing.txt``."""
    reference = adapter(name)
    try:
        found = reference.quantized(read_job(folder))
    except ImportError as error:
        (folder / "missing.txt").write_text(str(error).splitlines()[0])
        return 3
    if isinstance(found, onnx.ModelProto):
        onnx.save(found, folder / "given.onnx")
    else:
        np.savez(folder / "answers.npz", *found)
    (folder / "version.txt").write_text(f"{reference.PACKAGE} {importlib.metadata.version(reference.PACKAGE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
