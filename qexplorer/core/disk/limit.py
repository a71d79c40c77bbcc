"""How large the workspace may become, and what goes when it would be larger: what was not used for longest.

The limit is ``QEXPLORER_WORKSPACE_LIMIT`` (such as ``20 GB``), else what was chosen on page System, else 20 GB or half
of the disk, whichever is less. On a shared host everybody has a limit of their own besides, ``QEXPLORER_PERSON_LIMIT``
or 2 GB. What running work uses, the history of runs and the sessions stay, so the workspace
can be above its limit for as long as the work needs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qexplorer.core.disk.contents import KeptThing, bytes_by_title, children, kept_things
from qexplorer.core.disk.kinds import Going
from qexplorer.core.disk.marks import marks
from qexplorer.core.disk.owners import own_prefix, remove
from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import PEOPLE, host_workspace, is_someones, workspace

__all__ = [
    "LEAST_BYTES",
    "PERSON_VARIABLE",
    "VARIABLE",
    "SizeLimit",
    "Whose",
    "choose_limit",
    "make_room",
    "size_limit",
    "trim",
]

VARIABLE = "QEXPLORER_WORKSPACE_LIMIT"
PERSON_VARIABLE = "QEXPLORER_PERSON_LIMIT"
LEAST_BYTES = 100_000_000
_DEFAULT, _DEFAULT_PERSON = 20 * 10**9, 2 * 10**9
_SETTINGS = "settings.json"
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?b?)", re.IGNORECASE)
_JUST_USED_S = 60.0


class Whose(StrEnum):
    """Who said what the limit is."""

    ENVIRONMENT = "environment"
    CHOSEN = "chosen"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class SizeLimit:
    """The workspace's limit in bytes, and who said so."""

    limit_bytes: int
    whose: Whose


def size_limit() -> SizeLimit:
    """The limit of the workspace of whoever asks. Raises InputError if the environment's is not a size."""
    if not is_someones():
        return _limit_of_host()
    named = os.environ.get(PERSON_VARIABLE)
    if named:
        return SizeLimit(_bytes_of(named, PERSON_VARIABLE), Whose.ENVIRONMENT)
    return SizeLimit(min(_DEFAULT_PERSON, _limit_of_host().limit_bytes), Whose.DEFAULT)


def _limit_of_host() -> SizeLimit:
    named = os.environ.get(VARIABLE)
    if named:
        return SizeLimit(_bytes_of(named, VARIABLE), Whose.ENVIRONMENT)
    home = host_workspace()
    try:
        chosen = int(json.loads((home / _SETTINGS).read_bytes())["limit_bytes"])
        return SizeLimit(max(chosen, LEAST_BYTES), Whose.CHOSEN)
    except (OSError, ValueError, KeyError, TypeError):
        return SizeLimit(min(_DEFAULT, shutil.disk_usage(home).total // 2), Whose.DEFAULT)


def choose_limit(limit_bytes: int) -> None:
    """Keeps a limit of one's own and applies it at once. Raises InputError if it is too small for any work."""
    if limit_bytes < LEAST_BYTES:
        raise InputError("the workspace's limit is too small for any work", allowed="at least 100 MB")
    write_atomically(workspace() / _SETTINGS, json.dumps({"limit_bytes": limit_bytes}).encode())
    trim()


def trim(needed_bytes: int = 0) -> int:
    """Removes what was not used for longest until ``needed_bytes`` more fit; returns how many are still too many.

    On a shared host one's own things go by one's own limit, and everybody's by that of the host.
    """
    home, own = host_workspace(), 0
    if is_someones():
        own = _trim([workspace()], size_limit().limit_bytes - needed_bytes)
    people = children(home / PEOPLE)
    return max(own, _trim([home, *people], _limit_of_host().limit_bytes - needed_bytes))


def _trim(roots: Sequence[Path], most_bytes: int) -> int:
    """Brings the workspace ``roots[0]``, with those others that lie in it, to at most so many bytes."""
    over = sum(bytes_by_title(roots[0]).values()) - most_bytes
    if over > 0:
        found = [(thing, root) for root in roots for thing in _may_go(root)]
        for thing, root in sorted(found, key=lambda pair: pair[0].used):
            _remove(thing, root)
            over -= thing.size_bytes
            if over <= 0:
                break
    return over


def make_room(needed_bytes: int) -> None:
    """Makes room for ``needed_bytes`` more than there are. Raises InputError if what may go is not enough."""
    over, limit = trim(needed_bytes), size_limit().limit_bytes
    if over > 0:
        more = f", and {_text(needed_bytes)} more are needed" if needed_bytes else ""
        held = sum(bytes_by_title(workspace()).values())
        raise InputError(
            f"the workspace is full: {_text(held)} of {_text(limit)} are in use{more}",
            do="wait until running work has ended" + ("" if is_someones() else ", or raise the limit on page System"),
        )


def _may_go(root: Path) -> list[KeptThing]:
    working, now = marks(root), time.time()
    found = []
    for thing in kept_things(root):
        going = thing.kind.going
        idle = going is Going.OLDEST_FIRST or (going is Going.WHEN_IDLE and not working)
        passing = thing.name.startswith(".") or now - thing.used < _JUST_USED_S
        if idle and not passing and not any(mark.uses(thing.name, thing.used) for mark in working):
            found.append(thing)
    return found


def _remove(thing: KeptThing, root: Path) -> None:
    """Takes it away under another name first, so that nobody finds the half of a folder."""
    for path in thing.paths:
        gone = root / thing.kind.folder / f"{own_prefix('gone')}{path.name}"
        try:
            path.rename(gone)
        except OSError:
            continue
        remove(gone)


def _bytes_of(text: str, where: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    size = int(float(found[1]) * _UNITS[_unit(found[2])]) if found else 0
    if size < LEAST_BYTES:
        raise InputError(
            f"'{text}' is no limit of the workspace", where=where, allowed="a size such as 20 GB, from 100 MB"
        )
    return size


def _unit(text: str) -> str:
    return text.lower() if not text or text.lower().endswith("b") else f"{text.lower()}b"


def _text(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 10**9 else f"{size / 1e6:.0f} MB"
