"""Names of classes: in a model's metadata, in a list beside it, and which number a name has there.

Nothing says what a class is called but a convention of each exporter: Ultralytics writes ``names`` as a Python dict,
Hugging Face ``id2label`` as JSON, others ``classes`` or ``labels`` as a list. What cannot be read is no list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from qexplorer.core.foreign.texts import Bounds, TooMuch, read_json, read_literal, text_in

__all__ = ["LIST_FILES", "matched", "names_beside", "names_in_file", "names_in_metadata", "names_in_text"]

LIST_FILES = ("classes.txt", "labels.txt", "class_names.txt")
"""Lists of names, one a line, in the model's order: in a folder or .zip of class folders, or beside a model."""

_KEYS = ("names", "classes", "class_names", "labels", "id2label", "class_labels", "label_names", "categories")
_MAX_NAMES, _MAX_NAME = 100_000, 120
_BOUNDS = Bounds(size_bytes=2**20, depth=1, values=2 * _MAX_NAMES)


def names_in_metadata(found: Mapping[str, str]) -> tuple[str, ...]:
    """The names of all classes in a file's metadata, by class number; empty if it has none."""
    lower = {key.lower(): value for key, value in found.items()}
    return next((names for key in _KEYS if (names := names_in_text(lower.get(key, "")))), ())


def names_in_text(text: str) -> tuple[str, ...]:
    """Names from JSON, from a Python list or dict, or one a line (or parted by commas); empty if it is none of them."""
    text = text.strip().lstrip("\ufeff")
    if not text or len(text) > _BOUNDS.size_bytes:
        return ()
    if text[0] in "[{(":
        for read in (read_json, read_literal):
            try:
                return _listed(read(text, _BOUNDS))
            except (ValueError, TypeError):
                continue
        return ()
    lines = [line.strip() for line in text.splitlines()]
    return _clean(lines if len(lines) > 1 else text.split(","))


def names_in_file(path: Path) -> tuple[str, ...]:
    """The names in a list; empty if it is none.

    Raises:
        OSError, UnicodeDecodeError, TooMuch: it cannot be read, is not text, is larger than a megabyte.
    """
    return names_in_text(text_in(path, _BOUNDS))


def names_beside(model: Path) -> tuple[str, ...]:
    """The names in a list beside a model's file: called as the model is, or one of :data:`LIST_FILES`."""
    own = [f"{model.stem}{ending}" for ending in (".txt", ".classes.txt", ".labels.txt", "_classes.txt", "_labels.txt")]
    for name in (*own, *LIST_FILES):
        path = model.parent / name
        try:
            return names_in_file(path)
        except (OSError, UnicodeDecodeError, TooMuch):
            continue
    return ()


def matched(names: Sequence[str], known: Sequence[str]) -> tuple[int, ...] | None:
    """For each of ``names`` its place among ``known``; None if one is not there, or two are at one place.

    As they are written first; then without regard to case, spaces, hyphens and underscores.
    """
    for form in (str, _plain):
        places = {form(name): place for place, name in reversed(list(enumerate(known)))}
        found = [places.get(form(name)) for name in names]
        sure = tuple(place for place in found if place is not None)
        if len(sure) == len(names) == len(set(sure)):
            return sure
    return None


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


def _listed(value: object) -> tuple[str, ...]:
    """The names in a list, or in a mapping of numbers to names or of names to numbers, in the numbers' order."""
    if isinstance(value, dict):
        numbers = [str(key) for key in value]
        if not all(number.isdecimal() for number in numbers):
            value = {number: name for name, number in value.items()}
        pairs = sorted((int(number), name) for number, name in value.items())
        if [number for number, _ in pairs] != list(range(len(pairs))):
            return ()
        value = [name for _, name in pairs]
    return _clean(value) if isinstance(value, list | tuple) else ()


def _clean(names: Iterable[object]) -> tuple[str, ...]:
    """Printable and short; nothing unless all are texts (or numbers) that differ, and at least two."""
    raw = [name for name in names if name != ""]
    if not 2 <= len(raw) <= _MAX_NAMES or not all(isinstance(name, str | int) for name in raw):
        return ()
    found = tuple("".join(c for c in str(name).strip() if c.isprintable())[:_MAX_NAME] for name in raw)
    return found if len(set(found)) == len(found) and all(found) else ()
