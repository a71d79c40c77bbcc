"""One root error, drawn as a tree.

    QExplorerError
    ├── InputError            something a person gave cannot be used (exit code 2)
    │   ├── ModelError        a file that is not a model this program can take
    │   ├── DataError         a data set that cannot be read, or does not fit the model
    │   ├── RecipeError       a recipe that cannot be read or asks for what does not exist
    │   └── UnknownName       a name that no registry holds
    ├── BackendError          a backend is missing, or gave up
    ├── ChildError            a child process ended without a result
    │   ├── ChildTimeout      ... because its time ran out
    │   └── ChildMemory       ... because its memory ran out
    └── Cancelled             a person asked for the work to stop

Every message is one sentence for a person: what happened, where, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from qexplorer.core.foreign.media import printable, shortened

__all__ = [
    "BackendError",
    "Cancelled",
    "ChildError",
    "ChildMemory",
    "ChildTimeout",
    "DataError",
    "InputError",
    "ModelError",
    "QExplorerError",
    "RecipeError",
    "UnknownName",
    "error_from_json",
]


_MOST = 1000


class QExplorerError(Exception):
    """Root of every error this program raises on purpose.

    What a file holds may stand in it: its parts are one printable line each, of which both ends are kept if it is long.


    Args:
        what: what happened, without a full stop.
        where: the file, tensor, layer or field it happened in.
        allowed: what would have been accepted.
        do: what to do next.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: str | None = None, allowed: str | None = None, do: str | None = None
    ) -> None:
        self.what = _part(" ".join(what.split()))
        self.where, self.allowed, self.do = (part and _part(part) for part in (where, allowed, do))
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The whole message on one line."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        if self.do:
            text += f"; {self.do}"
        return " ".join(text.split())

    def to_json(self) -> dict[str, str | None]:
        """The error as data, so that it can cross a process boundary."""
        return {
            "type": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "allowed": self.allowed,
            "do": self.do,
        }


def _part(text: str) -> str:
    return printable(shortened(text, _MOST))


class InputError(QExplorerError):
    """Something a person gave cannot be used."""

    exit_code = 2


class ModelError(InputError):
    """A file that is not a model this program can take."""


class DataError(InputError):
    """A data set that cannot be read, or that does not fit the model."""


class RecipeError(InputError):
    """A recipe that cannot be read, or that asks for what does not exist."""


class UnknownName(InputError):
    """A name that no registry holds; the message offers the nearest ones."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownName:
        """Builds the error for ``name``, listing what is ``known``."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        do = f"did you mean '{near[0]}'?" if near else None
        return cls(f"there is no {kind} called '{name}'", allowed=", ".join(names), do=do)


class BackendError(QExplorerError):
    """A backend is missing, or gave up."""


class ChildError(QExplorerError):
    """A child process ended without a result."""


class ChildTimeout(ChildError):
    """A child process was ended because its time ran out."""


class ChildMemory(ChildError):
    """A child process was ended because its memory ran out."""


class Cancelled(QExplorerError):
    """A person asked for the work to stop."""


def _tree(cls: type[QExplorerError]) -> dict[str, type[QExplorerError]]:
    found = {cls.__name__: cls}
    for sub in cls.__subclasses__():
        found |= _tree(sub)
    return found


def error_from_json(value: dict[str, str | None]) -> QExplorerError:
    """Rebuilds an error that :meth:`QExplorerError.to_json` wrote; unknown types become the root."""
    cls = _tree(QExplorerError).get(value.get("type") or "", QExplorerError)
    return cls(
        value.get("what") or "the work failed without saying why",
        where=value.get("where"),
        allowed=value.get("allowed"),
        do=value.get("do"),
    )
