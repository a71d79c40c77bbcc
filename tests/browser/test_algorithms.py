"""Page Better rounding as a person uses it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

NewPage = Callable[..., "Page"]
Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Expect = Callable[..., Any]


def _start(page: Page, url: str, settled: Settled) -> None:
    page.goto(url)
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    page.get_by_role("heading", name="Layers").wait_for()
    settled(page)
    if page.viewport_size and page.viewport_size["width"] < 700:
        page.goto(f"{url}/algorithms{page.evaluate('() => window.location.search')}")
    else:
        page.get_by_test_id("stSidebarNav").get_by_role("link", name="Better rounding").click()
    page.get_by_role("heading", name="Better rounding").wait_for()
    settled(page)


def _view(page: Page, name: str, settled: Settled) -> None:
    page.get_by_role("radio", name=name).click()
    settled(page)


def _drawn(page: Page, key: str) -> None:
    page.locator(f".st-key-chart_{key} svg.marks").first.wait_for(timeout=60_000)


def test_what_changed(app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot, expect: Expect) -> None:
    """An algorithm is added by a click, a job finds what it changed, and a click on a layer draws that layer."""
    page = new_page()
    _start(page, app_url, settled)
    page.get_by_role("button", name="Add Cross-layer equalization").click()
    settled(page)
    page.get_by_role("button", name="Find what changed").click()
    _drawn(page, "effect_gains")
    settled(page)
    layer = page.get_by_role("combobox", name="Layer")
    before = layer.input_value()
    dots = page.locator(".st-key-effect_gains svg.marks g.layer_2_marks path")
    dots.nth(5).wait_for()
    dots.nth(3).click()
    expect(layer).not_to_have_value(before)
    settled(page)
    _drawn(page, "effect_after")
    shoot(page, "algorithms_changed")
    page.set_viewport_size({"width": 1280, "height": 720})
    _in_view(page, "effect_before", "effect_after", "effect_reach")


def test_lessons(app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot) -> None:
    """A layer is looked into once; cells are clicked, columns pushed on, steps taken, and a scale goes its way."""
    page = new_page(1280, 720, "dark")
    _start(page, app_url, settled)
    _view(page, "AdaRound", settled)
    button = page.get_by_role("button", name="Look into this layer")
    cells = page.locator(".st-key-lesson_cells svg.marks")
    button.or_(cells).first.wait_for()
    if button.is_visible():
        button.click()
    _drawn(page, "lesson_cells")
    settled(page)
    before = page.get_by_text("AdaRound chose").inner_text()
    page.locator(".st-key-lesson_cells svg.marks g.layer_3_marks path").nth(30).click()
    page.wait_for_function("old => ![...document.querySelectorAll('p')].some(p => p.innerText === old)", arg=before)
    _in_view(page, "lesson_cells", "lesson_cost")
    shoot(page, "algorithms_adaround_dark")
    _view(page, "GPTQ", settled)
    _drawn(page, "lesson_hessian")
    _in_view(page, "lesson_hessian", "lesson_changes", "lesson_left")
    _view(page, "Straight-through", settled)
    page.get_by_role("button", name="Step").click()
    page.get_by_text("Step 1: weight").wait_for()
    page.get_by_role("button", name="10").click()
    page.get_by_text("Step 11: weight").wait_for()
    settled(page)
    _in_view(page, "lesson_stairs", "lesson_derivative", "lesson_way", "lesson_loss")
    shoot(page, "algorithms_ste_dark")
    _view(page, "LSQ", settled)
    _drawn(page, "lesson_curve")
    _in_view(page, "lesson_slopes", "lesson_curve")
    _view(page, "Channels", settled)
    _drawn(page, "lesson_moving")
    _in_view(page, "lesson_ranges", "lesson_moving")
    shoot(page, "algorithms_channels_dark")


def _in_view(page: Page, *keys: str) -> None:
    """Pictures end above the window's lower edge, without scrolling, once they have followed it."""
    for key in keys:
        page.wait_for_function(
            "of => document.querySelector(of)?.getBoundingClientRect().bottom <= 730",
            arg=f".st-key-chart_{key} svg.marks",
        )


def test_a_phone_needs_no_scrolling_sideways(
    app_url: str, new_page: NewPage, settled: Settled, fits: Callable[[Page, str], None]
) -> None:
    """At 390 pixels every view is as wide as the window."""
    page = new_page(390, 844)
    _start(page, app_url, settled)
    for view, key in (("LSQ", "slopes"), ("AdaRound", "cells"), ("GPTQ", "hessian"), ("Straight-through", "stairs")):
        _view(page, view, settled)
        button, drawn = page.get_by_role("button", name="Look into this layer"), f"lesson_{key}"
        button.or_(page.locator(f".st-key-chart_{drawn} svg.marks")).first.wait_for()
        if button.is_visible():
            button.click()
        _drawn(page, drawn)
        settled(page)
        fits(page, view)
