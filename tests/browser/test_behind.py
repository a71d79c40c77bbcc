"""What is behind a comparison, in a real browser: every section draws, its button leads to its picture, and it fits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Fits = Callable[["Page", str], None]
Expect = Callable[..., Any]

WINDOWS = {390: "dark", 1440: "light"}
DRAWN = ("Latency", "Throughput", "Kernels", "Energy", "Hardware use")
ON_DEMAND = (
    ("Why not faster", "Explain"),
    ("Fidelity ladder", "Climb the ladder"),
    ("Saturation", "Emulate"),
    ("Saturation", "Look at the int32 sums"),
)


def compared(page: Page, url: str, settled: Settled) -> None:
    """The digits sample, compared on two backends, the second picked in what stays unfolded."""
    page.goto(f"{url.rstrip('/')}/compare")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)
    page.get_by_test_id("stMain").get_by_text("Backends and samples").click()
    page.get_by_test_id("stMain").get_by_role("button", name="OpenVINO").click()
    settled(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="Results as JSON").wait_for(timeout=180_000)
    settled(page)


def charts(page: Page) -> int:
    """Charts on the page."""
    return page.locator("[data-testid=stVegaLiteChart]").count()


def show(page: Page, name: str, settled: Settled) -> None:
    """Opens the section called ``name``."""
    page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
    settled(page)


def fits_both(page: Page, fits: Fits, name: str) -> None:
    """Nothing has to be scrolled sideways, on a dark phone and in a wide window."""
    for width, scheme in WINDOWS.items():
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 1000})
        fits(page, f"{name} at {width}")


def test_every_section_draws_and_is_not_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, fits: Fits, expect: Expect
) -> None:
    """Sections that need no work show a chart of their own at once; those that do show it after their button. Each fits
    every width."""
    page = new_page()
    compared(page, app_url, settled)
    main = page.get_by_test_id("stMain")
    show(page, "Changed answers", settled)
    page.get_by_text(re.compile("answers? changed: |No answer changed on")).first.wait_for()
    bare = charts(page)
    for name in DRAWN:
        show(page, name, settled)
        page.wait_for_function(
            "n => document.querySelectorAll('[data-testid=stVegaLiteChart]').length > n", arg=bare, timeout=60_000
        )
        expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)
        fits_both(page, fits, name)
        shoot(page, f"behind_{name.replace(' ', '_').lower()}")
    for name, button in ON_DEMAND:
        show(page, name, settled)
        start = main.get_by_role("button", name=button).first
        start.wait_for()
        settled(page)
        before = charts(page)
        start.click()
        page.wait_for_function(
            "n => document.querySelectorAll('[data-testid=stVegaLiteChart]').length > n", arg=before, timeout=180_000
        )
        settled(page)
        expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)
        fits_both(page, fits, name)
        shoot(page, f"behind_{button.replace(' ', '_').lower()}")
    show(page, "Batch and threads", settled)
    main.get_by_role("button", name="Sweep batch and threads").wait_for()
    settled(page)
    fits_both(page, fits, "Batch and threads")
