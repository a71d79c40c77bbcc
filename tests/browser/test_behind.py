"""What is behind a comparison, in a real browser: every section draws, and its button leads to its picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], Path]
Wide = Callable[["Page"], float]

DRAWN = ("Latency", "Throughput", "Kernels", "Energy", "Hardware use")
ON_DEMAND = (
    ("Why not faster", "Explain"),
    ("Fidelity ladder", "Climb the ladder"),
    ("Saturation", "Emulate"),
    ("Saturation", "Look at the int32 sums"),
)


def compared(page: Page, url: str, settled: Settled) -> None:
    """The digits sample, compared on three backends, picked one after the other in what stays unfolded."""
    page.goto(f"{url.rstrip('/')}/compare")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)
    page.get_by_test_id("stMain").get_by_text("Backends and samples").click()
    for backend in ("OpenVINO", "PyTorch integer"):
        page.get_by_test_id("stMain").get_by_role("button", name=backend).click()
        settled(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="Results as JSON").wait_for(timeout=180_000)
    settled(page)


def charts(page: Page) -> int:
    """Charts on the page."""
    return page.locator("[data-testid=stVegaLiteChart]").count()


def show(page: Page, name: str) -> None:
    """Opens the section called ``name``, and gives the click the time to reach the server."""
    page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
    page.wait_for_timeout(300)


def test_every_section_draws(app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot) -> None:
    """Sections that need no work show a chart of their own at once; those that do show it after their button."""
    page = new_page()
    compared(page, app_url, settled)
    main = page.get_by_test_id("stMain")
    show(page, "Changed answers")
    page.get_by_text(re.compile("answers? changed: |No answer changed on")).first.wait_for()  # the click has arrived
    settled(page)
    bare = charts(page)
    for name in DRAWN:
        show(page, name)
        settled(page)
        page.wait_for_function(
            "n => document.querySelectorAll('[data-testid=stVegaLiteChart]').length > n", arg=bare, timeout=60_000
        )
        assert page.locator("[data-testid=stAlertContentError]").count() == 0, name
        shoot(page, f"behind_{name.replace(' ', '_').lower()}")
    for name, button in ON_DEMAND:
        show(page, name)
        start = main.get_by_role("button", name=button).first
        start.wait_for()
        settled(page)
        before = charts(page)
        start.click()
        page.wait_for_function(
            "n => document.querySelectorAll('[data-testid=stVegaLiteChart]').length > n", arg=before, timeout=180_000
        )
        settled(page)
        assert page.locator("[data-testid=stAlertContentError]").count() == 0, name
        shoot(page, f"behind_{button.replace(' ', '_').lower()}")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (420, "light")])
def test_sections_are_not_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, too_wide: Wide, width: int, scheme: str
) -> None:
    """At every width and in both themes nothing has to be scrolled sideways."""
    page = new_page(width=width, scheme=scheme)
    page.goto(f"{app_url.rstrip('/')}/compare")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="Results as JSON").wait_for(timeout=180_000)
    for name in (*DRAWN, *(name for name, _ in ON_DEMAND), "Batch and threads"):
        show(page, name)
        settled(page)
        assert too_wide(page) <= 1, name
    shoot(page, f"behind_{width}_{scheme}")
