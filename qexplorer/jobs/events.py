"""What a job has reported, read on from where the last look ended: a look costs what is new, however long the log is.

The log is appended to by one child. Whoever reads keeps an offset and what was understood up to it, for the jobs looked
at last; a server that starts anew begins at the beginning.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

__all__ = ["EventReader", "Told"]

_CHECKED = 64  # bytes before the offset that must still be what they were, or the file is another one


@dataclass(frozen=True, slots=True)
class Told:
    """What a job has reported so far.

    Attributes:
        progress: the last of each field of its progress.
        partial: what was handed over last before the end; None if nothing.
        ending: the event that ended the work; empty while there is none.
    """

    progress: dict[str, Any] = field(default_factory=dict)
    partial: Any = None
    ending: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _LogPlace:
    """How far a log was read."""

    inode: int
    offset: int = 0
    before: bytes = b""
    told: Told = field(default_factory=Told)


class EventReader:
    """Reads logs of events; safe for several threads.

    Args:
        most: logs whose place is remembered; of others, the one that was not looked at for longest is forgotten.

    Attributes:
        lines_read: lines looked at since the beginning, in all logs.
        bytes_read: bytes of them, and of the checks.
    """

    def __init__(self, most: int = 128) -> None:
        self.lines_read = self.bytes_read = 0
        self._most = most
        self._places: OrderedDict[Path, _LogPlace] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path) -> Told:
        """What the log at ``path`` says up to its last whole line; nothing if there is no log."""
        with self._lock:
            try:
                with path.open("rb") as file:
                    place = self._place(path, file)
                    self._read_on(place, file)
            except OSError:
                return Told()
            return place.told

    def _place(self, path: Path, file: Any) -> _LogPlace:
        """Where to go on; the beginning, if the file is not the one that was read before."""
        inode = os.fstat(file.fileno()).st_ino
        place = self._places.pop(path, None)
        if place is None or place.inode != inode or not self._same(place, file):
            place = _LogPlace(inode)
        self._places[path] = place
        while len(self._places) > self._most:
            self._places.popitem(last=False)
        return place

    def _same(self, place: _LogPlace, file: Any) -> bool:
        file.seek(place.offset - len(place.before))
        found = file.read(len(place.before))
        self.bytes_read += len(found)
        return bool(found == place.before)

    def _read_on(self, place: _LogPlace, file: Any) -> None:
        file.seek(place.offset)
        new = file.read()
        self.bytes_read += len(new)
        whole = new[: new.rfind(b"\n") + 1]  # what follows the last line feed is still being written
        for line in whole.split(b"\n")[:-1]:
            self.lines_read += 1
            place.told = _after(place.told, line)
        place.offset += len(whole)
        place.before = (place.before + whole)[-_CHECKED:]


def _after(told: Told, line: bytes) -> Told:
    """What is known after one more line; a line that is no event says nothing."""
    try:
        event = json.loads(line)
    except ValueError:
        return told
    if not isinstance(event, dict):
        return told
    kind = event.get("event")
    if kind in ("result", "error"):
        return replace(told, ending=event)
    if kind == "partial":
        return replace(told, partial=event.get("value"))
    return replace(told, progress=told.progress | event) if kind == "progress" else told
