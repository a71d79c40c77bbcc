"""Opens hostile files one after another, as the children of the program do, and tells what came of each.

``python -m tests.hostile.worker FOLDER [MODULE ...]`` says "ready", then reads a path a line and writes a JSON object a
line. It works in FOLDER, where a bait lies that nothing may open; what Python opens outside of what a case may touch is
told too.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from qexplorer.core.errors import QExplorerError

__all__ = ["opened_outside", "verdict_on"]

_ROOTS = tuple(
    {
        sys.prefix,
        sys.base_prefix,
        str(Path(__file__).parents[2]),
        "/proc",
        "/sys",
        "/dev",
        "/usr",
        "/lib",
        "/etc/os-release",
        *(each for each in sys.path if os.path.isabs(each)),  # noqa: PTH117
    }
)
_WATCHED = ("open", "os.listdir", "os.scandir", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system")
_seen: list[str] = []


def verdict_on(path: Path) -> dict[str, Any]:
    """What the program says of one file: ``outcome`` (loads, one sentence, fault), ``says``, ``seconds``."""
    out = path.parent / "out"
    out.mkdir()
    began = time.perf_counter()
    outcome, says = "loads", ""
    try:
        _open(path, out)
    except QExplorerError as error:
        outcome, says = "one sentence", error.sentence
    except MemoryError:
        outcome, says = "one sentence", "more memory than it may use"
    except Exception as error:  # what the program did not foresee
        outcome, says = "fault", f"{type(error).__name__}: {error}"
    return {"outcome": outcome, "says": says, "seconds": time.perf_counter() - began}


def _open(path: Path, out: Path) -> None:
    if path.suffix == ".onnx":
        from qexplorer.load.child import load_file

        arguments = {
            "path": str(path),
            "out": str(out / "n.onnx"),
            "name": "m",
            "where": "m",
            "folder": str(path.parent),
        }
        load_file(arguments, lambda _: None)
    elif path.suffix in (".safetensors", ".pt", ".json"):
        from tests.hostile.weights import fit

        fit(path)
    else:
        from qexplorer.load.datasets.child import read_file
        from qexplorer.load.datasets.untrusted import load_kept

        read_file({"path": str(path), "target": str(out / "arrays")}, lambda _: None)
        load_kept(out / "arrays")


def opened_outside(allowed: Path) -> list[str]:
    """What was opened, listed, connected or started since the last call, besides the program's own and ``allowed``."""
    found = [each for each in _seen if not each.startswith((str(allowed), os.environ["QEXPLORER_WORKSPACE"]))]
    _seen.clear()
    return found


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _WATCHED:
        what = arguments[0] if arguments else ""
        if isinstance(what, int):
            return
        text = os.path.abspath(os.fsdecode(what)) if isinstance(what, str | bytes | os.PathLike) else f"{event} {what}"  # noqa: PTH100
        if not text.startswith(_ROOTS):
            _seen.append(text)


def main(folder: Path, *modules: str) -> None:
    """Works until its input ends; ``modules`` are imported first."""
    from qexplorer.load.safety.limits import loading_limits
    from qexplorer.process.limits import Limits, apply_limits

    apply_limits(Limits(memory_bytes=loading_limits(10**7).memory_bytes))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    os.chdir(folder)
    os.environ["QEXPLORER_WORKSPACE"] = str(folder.parent / "workspace")
    bait = folder / "secret.bin"
    bait.write_bytes(b"0123456789abcdef")
    old = time.time() - 10**6
    tempfile.gettempdir()  # looks for a folder to write to, the first time
    for name in modules:
        importlib.import_module(name)
    answers.write("ready\n")
    answers.flush()
    sys.addaudithook(_hook)
    for line in sys.stdin:
        path = Path(line.strip())
        os.utime(bait, (old, old + 9))
        opened_outside(path.parent)
        found = verdict_on(path)
        found["outside"] = opened_outside(path.parent)
        if bait.stat().st_atime > old + 1:
            found["outside"].append(f"{bait} was read")
        with contextlib.suppress(BrokenPipeError):
            answers.write(json.dumps(found) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), *sys.argv[2:])
