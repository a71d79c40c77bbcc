"""What frames every page: who may see it, what is said above it, and what becomes of its errors."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.ui import frame, theme
from qexplorer.ui.serving import paths, people, server, sign_in
from tests.ui.screens import Screen, screen_of


class _App:
    """One run of the app around a page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, embedded: bool = False, **parts: Any) -> None:
        self.did: list[str] = []
        self.screen: Screen = screen_of(monkeypatch, frame)
        self.screen.context = SimpleNamespace(is_embedded=embedded)  # type: ignore[attr-defined]
        self.page: Any = lambda: self.did.append("page" if frame._INSIDE.get() else "page outside")
        for name in ("serve_people", "draw_sign_in", "leave_cookie", "draw_open_warning", "state"):
            monkeypatch.setattr(frame, name, lambda name=name: self.did.append(name))
        monkeypatch.setattr(frame, "needs_sign_in", lambda: parts.get("hidden", False))
        monkeypatch.setattr(frame, "is_shared", lambda: parts.get("shared", False))
        monkeypatch.setattr(frame, "not_kept", lambda: parts.get("unkept"))
        monkeypatch.setattr(frame, "workspace", lambda: "w")
        monkeypatch.setattr(frame, "_start_with", parts.get("start", lambda _: None))
        monkeypatch.setattr(frame, "_navigation", self._navigation)
        monkeypatch.setattr(frame, "show_error", lambda error: self.did.append(str(error)))
        monkeypatch.setattr(frame.theme, "apply", lambda *, embedded: self.did.append(f"theme {embedded}"))
        monkeypatch.setattr(frame.sidebar, "draw_sidebar", lambda: self.did.append("sidebar"))
        monkeypatch.setattr(frame.status_line, "draw", lambda: self.did.append("status"))

    def _navigation(self, *, hidden: bool) -> Any:
        self.did.append(f"hidden {hidden}")
        return SimpleNamespace(title="Compare", run=lambda: self.page())


def test_a_page_stands_in_its_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host of one's own; on a shared one the cookie comes instead of the warning that it is open."""
    begin = ["serve_people", "hidden False", "theme False"]
    end = ["state", "sidebar", "status", "page"]
    app = _App(monkeypatch)
    frame.run_app()
    assert app.did == [*begin, "draw_open_warning", *end]
    assert app.screen.said == ""
    assert not frame._INSIDE.get()
    app = _App(monkeypatch, shared=True, unkept="the disk is full")
    frame.run_app()
    assert app.did == [*begin, "leave_cookie", *end]
    assert app.screen.said.endswith("forgotten when this page is closed: the disk is full.")


def test_what_is_embedded_is_the_page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without sidebar and line of state."""
    app = _App(monkeypatch, embedded=True)
    frame.run_app()
    assert app.did == ["serve_people", "hidden True", "theme True", "draw_open_warning", "state", "page"]


def test_who_has_not_signed_in_sees_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the names of the pages either."""
    app = _App(monkeypatch, hidden=True, shared=True)
    frame.run_app()
    assert app.did == ["serve_people", "hidden True", "theme False", "draw_sign_in"]


def test_without_a_workspace_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """But why."""

    def start(_: Any) -> None:
        raise InputError("no room")

    app = _App(monkeypatch, start=start)
    frame.run_app()
    assert app.did[-2:] == ["draw_open_warning", "no room"]


@pytest.mark.parametrize(
    ("error", "said"), [(InputError("it is gone"), "it is gone"), (ZeroDivisionError(), "this page met ")]
)
def test_an_error_of_a_page_is_one_sentence(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the frame is left as after every page."""
    app = _App(monkeypatch)

    def page() -> None:
        raise error

    app.page = page
    frame.run_app()
    assert app.did[-1].startswith(said)
    assert not frame._INSIDE.get()


def test_a_page_that_is_run_alone_starts_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside the frame it is drawn."""
    did: list[str] = []
    monkeypatch.setattr(frame, "run_app", lambda: did.append("app"))
    frame.in_frame(lambda: did.append("page"))
    token = frame._INSIDE.set(True)
    frame.in_frame(lambda: did.append("page"))
    frame._INSIDE.reset(token)
    assert did == ["app", "page"]


@pytest.mark.parametrize(("embedded", "styles"), [(False, ["style.css"]), (True, ["style.css", "projector.css"])])
def test_what_is_embedded_is_drawn_for_a_projector(
    embedded: bool, styles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are there."""
    screen = screen_of(monkeypatch, theme)
    theme.apply(embedded=embedded)
    given = [args[0] for args, named in screen.of("html") if not named]
    assert [path.name for path in given] == styles
    assert all(path.is_file() for path in given)


@pytest.mark.parametrize(
    ("section", "labels"),
    [
        ({"redirect_uri": "x", "client_id": "y"}, [("Sign in", "primary", None)]),
        (
            {"cookie_secret": "x", "a*b": {}, "second": {}},
            [("Sign in with a\\*b", "primary", "a*b"), ("Sign in with second", "secondary", "second")],
        ),
    ],
)
def test_each_provider_has_a_button(
    section: dict[str, Any], labels: list[tuple[str, str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is the thing to do; one without a name is the only one. Without the library there is none."""
    monkeypatch.setattr(sign_in, "get_secrets_auth_section", lambda: section)
    monkeypatch.setattr(sign_in, "is_authlib_installed", lambda: True)
    screen = screen_of(monkeypatch, sign_in, button=True)
    sign_in.draw_sign_in()
    asked = [args[0] for args, _ in screen.of("login")]
    found = [(args[0], named["type"]) for args, named in screen.of("button")]
    assert [(*each, name) for each, name in zip(found, asked, strict=True)] == labels
    monkeypatch.setattr(sign_in, "is_authlib_installed", lambda: False)
    screen = screen_of(monkeypatch, sign_in)
    sign_in.draw_sign_in()
    assert (screen.labels, "pip install 'qexplorer[auth]'" in screen.said) == ([], True)


@pytest.mark.parametrize(("name", "pressed", "out"), [(None, True, 0), ("ann", False, 0), ("ann", True, 1)])
def test_who_signed_in_can_sign_out(name: str | None, pressed: bool, out: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody does there is no button."""
    monkeypatch.setattr(sign_in, "signed_in_as", lambda: name)
    screen = screen_of(monkeypatch, sign_in, button=pressed)
    sign_in.draw_person()
    assert screen.labels == ([] if name is None else ["Sign out ann"])
    assert len(screen.of("logout")) == out


@pytest.mark.parametrize(
    ("shared", "text", "said"),
    [
        (True, "no file /etc/ssl/key.pem here", "no file key.pem here"),
        (True, "/etc: it is a folder", "etc: it is a folder"),
        (True, "'/proc/1/maps', '/etc/a'", "'maps', 'a'"),
        (True, "a/etc/b and /etcetera/c", "a/etc/b and /etcetera/c"),
        (True, "shape 1/2", "shape 1/2"),
        (False, "no file /etc/ssl/key.pem here", "no file /etc/ssl/key.pem here"),
    ],
)
def test_people_of_a_shared_host_read_names_of_files_alone(
    shared: bool, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only looks like a path of the host is left as it is."""
    monkeypatch.setattr(paths, "is_shared", lambda: shared)
    assert paths.without_paths(text) == said


@pytest.mark.parametrize(
    ("kept", "token", "left"),
    [("a" * 43, "a" * 43, False), ("a" * 42, None, True), ("", None, True), ("../" + "a" * 40, None, True)],
)
def test_a_browser_is_known_by_a_cookie_of_the_right_form(
    kept: str, token: str | None, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another is not believed, and a new one is left once."""
    screen = screen_of(monkeypatch, people)
    screen.context = SimpleNamespace(cookies={"qexplorer_visitor": kept})  # type: ignore[attr-defined]
    monkeypatch.setattr(people, "get_script_run_ctx", lambda **_: object())
    monkeypatch.setattr(people, "_has_sign_in", lambda: False)
    people.leave_cookie()
    found = screen.session_state["qexplorer_visitor_token"]
    assert (found == token) is (token is not None)
    assert people._COOKIE_FORM.fullmatch(found)
    assert len(screen.of("html")) == left
    assert not left or f"={found}; Path=/; Max-Age=2592000; SameSite=Strict'" in screen.of("html")[0][0][0]
    folder = people.person()
    assert folder is not None
    assert found not in folder
    monkeypatch.setattr(people, "get_script_run_ctx", lambda **_: None)
    assert people.person() is None


def test_a_person_is_the_same_by_whatever_they_are_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider and its own name for them count; without that, their address."""

    class _User(dict[str, Any]):
        is_logged_in = True

    screen = screen_of(monkeypatch, people)

    def folder(**known: str) -> str:
        screen.user = _User(known)  # type: ignore[attr-defined]
        return people._signed_in()

    first = folder(iss="i", sub="s", email="a@b")
    assert first.startswith("user-")
    assert folder(iss="i", sub="s", email="other") == first
    assert len({first, folder(iss="j", sub="s"), folder(iss="i", sub="t"), folder(iss="i", email="a@b")}) == 4
    assert folder(iss="i", email="a@b") != folder(iss="i", email="c@d")
    _User.is_logged_in = False
    assert folder(iss="i", sub="s") == "nobody"


@pytest.mark.parametrize("started", ["1", ""])
@pytest.mark.parametrize("full", [True, False])
def test_a_server_that_cannot_tidy_serves_all_the_same(
    started: str, full: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with whoever started it by the command, and asks nobody outside before the first connection."""
    did: list[str] = []

    def tidy() -> None:
        if full:
            raise InputError("no room")

    monkeypatch.setenv(server.STARTED, started)
    monkeypatch.setattr(server, "tidy", tidy)
    monkeypatch.setattr(server, "hold_on", lambda *, group: did.append(f"held {group}"))
    monkeypatch.setattr(server, "ask_nobody", lambda: did.append("asks nobody"))
    monkeypatch.setattr(server, "serve_people", lambda: did.append("people"))
    monkeypatch.setattr(server.cli, "main", lambda **_: 3)
    with pytest.raises(SystemExit) as ended:
        server.main()
    assert ended.value.code == 3
    assert did == [*(["held False"] if started else []), "asks nobody", "people"]
    assert ("qexplorer: warning: no room" in capsys.readouterr().err) is full
