"""Page Live in a real browser: it draws while it runs, follows a change, and ends when the page is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qexplorer.jobs import manager

if TYPE_CHECKING:
    from playwright.sync_api import Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Fits = Callable[["Page", str], None]


def streaming(page: Page) -> None:
    """Waits until both variants have numbers."""
    page.get_by_text("same class for").wait_for(timeout=90_000)


def open_live(page: Page, url: str, settled: Settled) -> None:
    """Opens the page with the digits sample."""
    page.goto(f"{url.rstrip('/')}/live")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)


def test_a_stream_is_drawn_and_followed(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, expect: Callable[..., Any]
) -> None:
    """Start, numbers and six charts come; another pace while it runs; a reload finds the same stream; Stop ends it."""
    page = new_page()
    open_live(page, app_url, settled)
    page.get_by_role("button", name="Start", exact=True).click()
    streaming(page)
    page.locator("[data-testid=stVegaLiteChart]").nth(5).wait_for()
    shoot(page, "live_light")
    page.get_by_text("10 a second").click()
    page.wait_for_timeout(3000)
    streaming(page)
    page.reload()
    streaming(page)
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    page.get_by_text("The stream has ended after").wait_for()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()


def test_it_ends_when_the_page_is_closed(
    app_url: str, app_workspace: Path, new_page: Callable[..., Page], settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose page was closed finds its stream ended by itself, without anybody pressing Stop."""
    page = new_page()
    open_live(page, app_url, settled)
    page.get_by_role("button", name="Start", exact=True).click()
    streaming(page)
    where = page.url
    page.goto("about:blank")
    monkeypatch.setenv("QEXPLORER_WORKSPACE", str(app_workspace))
    for _ in range(240):  # the page counts as closed after 8 s
        if not any(job.id.startswith("live-") for job in manager.running()):
            break
        page.wait_for_timeout(250)
    page.goto(where)
    page.get_by_text("The stream has ended after").wait_for()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (420, "light")])
def test_new_pages_are_not_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, fits: Fits, width: int, scheme: str
) -> None:
    """Live and System fit their window at every width and in both themes."""
    page = new_page(width=width, scheme=scheme)
    open_live(page, app_url, settled)
    base = page.url.split("?")
    for name in ("live", "system"):
        page.goto(f"{base[0].replace('/live', '').rstrip('/')}/{name}?{base[1]}")
        settled(page)
        shoot(page, f"{name}_{width}_{scheme}")
        fits(page, name)
