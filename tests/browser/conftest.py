"""A real server with a workspace of its own, and a real headless Chromium: tests that use the app as a person does.

Without Chromium these tests are skipped with the reason; where ``CI`` is set they fail instead, so that nobody
believes they ran.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, LocatorAssertions, Page

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
PATIENCE_MS = 60_000
"""How long anything may take to come: on a busy machine the first page alone takes half a minute."""
TALK = """(() => {
    const talk = window.qxTalk = { asked: performance.now(), answered: 0 };
    window.WebSocket = class extends WebSocket {
        constructor(...where) {
            super(...where);
            this.addEventListener("message", () => { talk.answered = performance.now(); });
        }
        send(message) {
            talk.asked = performance.now();
            super.send(message);
        }
    };
})()"""
"""Notes when the page last said something to the server, and when it last heard from it."""
SETTLED = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
    && !document.querySelector('[data-testid=stSkeleton]') && !document.querySelector('[data-stale=true]')
    && window.qxTalk.answered > window.qxTalk.asked"""
FITTED = """still => {
    const main = document.querySelector('[data-testid=stMain]'), now = performance.now();
    if (!main || main.scrollWidth - main.clientWidth > 1) window.fittedSince = now;
    window.fittedSince ??= now;
    return now - window.fittedSince > still;
}"""
"""Whether the page has fitted its window for so many milliseconds: charts draw once more while they follow it."""
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder carries the mark ``browser``."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(900):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310  # our own server
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def app_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server of :func:`app_url` keeps everything."""
    return tmp_path_factory.mktemp("app") / "workspace"


@pytest.fixture(scope="session")
def app_url(app_workspace: Path) -> Iterator[str]:
    """The address of a server that runs app.py with a workspace of its own; one for the whole session."""
    log = app_workspace.parent / "server.log"
    port = _free_port()
    environment = os.environ | {"QEXPLORER_WORKSPACE": str(app_workspace)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium: the machine's own, or the one that Playwright installed."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        _without("Playwright is not installed (pip install -e .[test])")
    own = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path=own, args=FLAGS)
        except Error as error:
            _without(f"Chromium does not start: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


def _without(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages in fresh browser contexts: ``new_page(width=1440, height=1000, scheme="light")``."""
    contexts = []

    def opened(width: int = 1440, height: int = 1000, scheme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(TALK)
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def settled() -> Callable[[Page], None]:
    """Waits until the server has nothing more to draw: it has answered the last click, no script runs,
    no element is stale or a skeleton; a moment later too, because what was drawn last may ask for more."""

    def wait(page: Page) -> None:
        page.wait_for_selector("[data-testid='stAppViewContainer']")
        page.wait_for_function(SETTLED)
        page.wait_for_timeout(150)
        page.wait_for_function(SETTLED)

    return wait


@pytest.fixture
def fits() -> Callable[[Page, str], None]:
    """Waits until nothing of the page has to be scrolled sideways, nor a moment later."""

    def wait(page: Page, name: str) -> None:
        from playwright.sync_api import TimeoutError as TooLate

        page.evaluate("() => { window.fittedSince = performance.now() }")
        try:
            page.wait_for_function(FITTED, arg=400)
        except TooLate:
            width, window = page.locator("[data-testid=stMain]").evaluate("e => [e.scrollWidth, e.clientWidth]")
            pytest.fail(f"{name}: {width} pixels wide in a window of {window}")

    return wait


@pytest.fixture(scope="session")
def expect() -> Callable[[Locator], LocatorAssertions]:
    """Playwright's assertions: each waits until it holds, as long as a busy machine may take."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE_MS)
    return expect


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Keeps a screenshot of the whole page in ``tests/browser/screenshots`` (not committed) for a person to look at;
    where ``CI`` is set nobody does, and none is made.

    The window is made as tall as the content for it, because the page scrolls inside its window.
    """

    def keep(page: Page, name: str) -> None:
        if os.environ.get("CI"):
            return
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        size = page.viewport_size or {"width": 1440, "height": 1000}
        content = page.evaluate("() => document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
        page.set_viewport_size({"width": size["width"], "height": max(size["height"], min(int(content), 6000))})
        page.wait_for_timeout(400)  # charts follow the window
        page.screenshot(path=path)
        page.set_viewport_size(size)

    return keep
