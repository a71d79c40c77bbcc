"""What a child that ended without a result died of, in one sentence: which signal, sent by whom, and what to do."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

from qexplorer.core.errors import ChildError, ChildMemory, ChildTimeout
from qexplorer.process.details import in_words
from qexplorer.process.unforeseen import NO_MEMORY

__all__ = ["oom_kills", "what_ended"]

_CRASHES = {
    "SIGSEGV": "it touched memory that is not its own",
    "SIGBUS": "it touched memory that is not there",
    "SIGILL": "it met an instruction that this processor does not have",
    "SIGFPE": "it divided by zero",
    "SIGABRT": "a library gave up",
    "SIGTRAP": "a library gave up",
}
_TAIL = 65_536


def what_ended(
    code: int, *, cpu_s: float | None = None, kills_before: int | None = None, stderr: Path | None = None
) -> ChildError:
    """The error of a child that ended by itself, or was ended by somebody who is not its parent.

    Args:
        code: as ``subprocess`` has it: the exit code, or minus the signal.
        cpu_s: the processor time that it was allowed.
        kills_before: what :func:`oom_kills` said when it was started.
        stderr: what it printed, where that was kept.
    """
    if code > 0 and _says_no_memory(stderr):
        return _no_memory()
    if code >= 0:
        do = "start it again; if that repeats, report the model"
        return ChildError(f"the process that did the work ended without a result (exit code {code})", do=do)
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
        if name == "SIGXCPU":
            return ChildTimeout(
                f"the work used more than {cpu_s or 0:.0f} s of processor time and was ended",
                do="give a smaller model or fewer samples",
            )
        if name == "SIGKILL":
            return _killed(kills_before)
        if name in ("SIGABRT", "SIGSEGV", "SIGBUS") and _says_no_memory(stderr):
            return _no_memory()
        if name in _CRASHES:
            kept = f"; its details are in {in_words(stderr)}" if stderr is not None and stderr.stat().st_size else ""
            return ChildError(
                f"the process that did the work crashed ({name}: {_CRASHES[name]}), a fault of a library on this model",
                do=f"try another backend, or leave out what it was at{kept}",
            )
        return ChildError(f"the process that did the work was ended from outside ({name})", do="start it again")
    return ChildError(f"the process that did the work was ended by signal {-code}", do="start it again")


def _no_memory() -> ChildMemory:
    return ChildMemory("the work needs more memory than it may use", do="give a smaller model or fewer samples")


def _killed(before: int | None) -> ChildError:
    now = oom_kills()
    if before is not None and now is not None and now > before:
        return ChildMemory(
            "this machine ran out of memory, and the system ended the process that did the work",
            do="close other programs, or give a smaller model or fewer samples",
        )
    return ChildError("the process that did the work was ended from outside (SIGKILL)", do="start it again")


def _says_no_memory(stderr: Path | None) -> bool:
    if stderr is None:
        return False
    try:
        with stderr.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            said = file.read().decode(errors="replace").lower()
    except OSError:
        return False
    return any(words in said for words in NO_MEMORY)


def oom_kills() -> int | None:
    """Processes that the system ended for want of memory since it began; None where it does not count them."""
    for path, name in (("/sys/fs/cgroup/memory.events", "oom_kill"), ("/proc/vmstat", "oom_kill")):
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text(encoding="ascii").splitlines():
                if line.startswith(f"{name} "):
                    return int(line.split()[1])
    return None
