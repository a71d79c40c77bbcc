"""Predictions of a class, collected on this machine without names, so that they can be shown before the answer.

A group is a folder of the host's workspace: one small file an answer, called by a random token of the browser that
gave it, so that nobody answers twice and nobody is known. ``open`` says whether the answer was revealed.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import host_workspace

__all__ = ["Group", "new_group", "open_group"]

_FORM = re.compile(r"[a-z2-9]{6}")
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MOST = 2000  # answers of a group


class Group:
    """The answers of a class to one lesson's question.

    Attributes:
        code: six letters and digits; part of the link that a class is given.
    """

    def __init__(self, code: str) -> None:
        self.code = code

    @property
    def folder(self) -> Path:
        """Where the answers lie."""
        return host_workspace("groups", self.code)

    def answer(self, lesson: str, token: str, choice: int) -> None:
        """Keeps an answer; a second one of the same browser takes the first one's place, until it is revealed.

        Raises:
            InputError: this is no token, the group is full, or the disk refuses.
        """
        if not _TOKEN.fullmatch(token):
            raise InputError("an answer needs a browser's token")
        path = self.folder / f"{lesson}-{token}"
        if self.is_revealed(lesson):
            return
        if not path.exists() and sum(1 for _ in self.folder.iterdir()) >= _MOST:
            raise InputError("this group is full", where=self.code, allowed=f"{_MOST} answers")
        write_atomically(path, str(choice).encode())

    def counts(self, lesson: str, choices: int) -> tuple[int, ...]:
        """How many gave each answer."""
        found = [0] * choices
        for path in self.folder.glob(f"{lesson}-*"):
            try:
                choice = int(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if 0 <= choice < choices:
                found[choice] += 1
        return tuple(found)

    def reveal(self, lesson: str) -> None:
        """From here on everybody sees the answer."""
        write_atomically(self.folder / f"{lesson}.open", b"")

    def is_revealed(self, lesson: str) -> bool:
        """Whether the teacher has revealed the answer."""
        return (self.folder / f"{lesson}.open").exists()


def new_group() -> Group:
    """A group with a code that nobody can guess soon."""
    group = Group("".join(secrets.choice(_LETTERS) for _ in range(6)))
    _ = group.folder
    return group


def open_group(code: str) -> Group:
    """The group of a link.

    Raises:
        InputError: no group has this code.
    """
    if not _FORM.fullmatch(code) or not (host_workspace("groups") / code).is_dir():
        raise InputError("there is no such group on this machine", do="ask for the link again")
    return Group(code)
