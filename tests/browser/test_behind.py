"""What is behind a comparison, in a real browser: every section draws, its button leads to its picture, and it fits."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], Path]
Wide = Callable[["Page"], float]

STEADY = """still => {
    const main = document.querySelector('[data-testid=stMain]'), now = performance.now();
    if (main.scrollWidth - main.clientWidth > 1) window.fittedSince = now;
    window.fittedSince ??= now;
    return now - window.fittedSince > still;
}"""
"""Whether the page has fitted its window for so many milliseconds: charts draw once more while they follow it."""
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


def show(page: Page, name: str) -> None:
    """Opens the section called ``name``, and gives the click the time to reach the server."""
    page.get_by_test_id("stButtonGroup").get_by_text(name, exact=True).click()
    page.wait_for_timeout(300)


def fits(page: Page, too_wide: Wide, name: str) -> None:
    """Nothing has to be scrolled sideways, on a dark phone and in a wide window, once the charts have followed."""
    from playwright.sync_api import TimeoutError as TooLate

    for width, scheme in WINDOWS.items():
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": 1000})
        page.evaluate("() => { window.fittedSince = performance.now() }")
        with contextlib.suppress(TooLate):
            page.wait_for_function(STEADY, arg=500)
        assert too_wide(page) <= 1, f"{name} at {width}"


def test_every_section_draws_and_is_not_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, too_wide: Wide
) -> None:
    """Sections that need no work show a chart of their own at once; those that do show it after their button. Each fits
    every width."""
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
        fits(page, too_wide, name)
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
        fits(page, too_wide, name)
        shoot(page, f"behind_{button.replace(' ', '_').lower()}")
    show(page, "Batch and threads")
    main.get_by_role("button", name="Sweep batch and threads").wait_for()
    settled(page)
    fits(page, too_wide, "Batch and threads")
