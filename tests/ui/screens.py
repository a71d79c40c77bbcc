"""A page that only remembers what is put on it: for what is said under which condition, without a run of Streamlit."""

from __future__ import annotations

import re
from typing import Any

import pytest

__all__ = ["Screen", "screen_of"]

_SAID = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error", "success")


class _Part:
    """What a call gives back: a container, a column, or a namespace such as ``column_config``."""

    def __init__(self, screen: Screen, name: str) -> None:
        self._screen, self._name = screen, name

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self._screen.called(self._name, args, named)

    def __getattr__(self, name: str) -> _Part:
        return _Part(self._screen, name)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Screen:
    """Stands for the module ``streamlit``.

    Args:
        answers: what a widget of this name, or with this label, gives back; else that of a page that nobody touched.

    Attributes:
        calls: name, values and options of each call, in order.
        session_state: values of widgets by their keys.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.session_state: dict[str, Any] = {}
        self.query_params: dict[str, str] = {}

    def __getattr__(self, name: str) -> _Part:
        return _Part(self, name)

    def called(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Remembers a call, and answers it."""
        self.calls.append((name, args, named))
        for key in (str(args[0]) if args else "", str(named.get("key", "")), name):
            if key in self.answers:
                return self.answers[key]
        if name in ("columns", "tabs"):
            count = args[0] if isinstance(args[0], int) else len(args[0])
            return [_Part(self, "column") for _ in range(count)]
        if name.endswith("button"):
            return False
        return _Part(self, name)

    def of(self, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        """Values and options of the calls of this name."""
        return [(args, named) for each, args, named in self.calls if each == name]

    @property
    def said(self) -> str:
        """Everything that is written, one element a line, without the marks of plain text."""
        lines = "\n".join(str(args[0]) for name, args, _ in self.calls if name in _SAID)
        return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", lines)

    @property
    def labels(self) -> list[str]:
        """What buttons are called."""
        return [re.sub(r"\\", "", str(args[0])) for name, args, _ in self.calls if name.endswith("button")]


def screen_of(monkeypatch: pytest.MonkeyPatch, *modules: Any, **answers: Any) -> Screen:
    """A page on which these modules draw."""
    screen = Screen(**answers)
    for module in modules:
        monkeypatch.setattr(module, "st", screen)
        for name in ("draw_chart", "draw_picture", "draw_runs", "draw_saving", "draw_whole_table"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *args, _name=name, **named: screen.called(_name, args, named))
        if hasattr(module, "remembered"):
            monkeypatch.setattr(module, "remembered", lambda name, default, *_: _kept(screen, name, default))
    return screen


def _kept(screen: Screen, name: str, default: Any) -> dict[str, Any]:
    screen.session_state.setdefault(f"keep:{name}", default)
    return {"key": f"keep:{name}"}
