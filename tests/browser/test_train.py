"""Page Train in a real browser: it is watched as it learns, stopped with the best state, and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Fits = Callable[["Page", str], None]


def open_train(page: Page, url: str, settled: Settled) -> None:
    """Opens the page with the digits sample and a recipe that loses much."""
    page.goto(f"{url.rstrip('/')}/quantize")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)
    base, query = page.url.split("?")
    page.goto(f"{base.replace('/quantize', '/train')}?{query}")
    settled(page)


def test_a_training_is_watched_stopped_and_compared(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, expect: Callable[..., Any]
) -> None:
    """Train, five charts come and the curve gets a point; a reload finds it; stopped, it goes into the comparison."""
    page = new_page()
    open_train(page, app_url, settled)
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.fill("200")
    epochs.press("Enter")
    settled(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("of 200; the first curve point comes at its end").wait_for(timeout=90_000)
    page.locator("[data-testid=stVegaLiteChart]").nth(4).wait_for()
    page.get_by_text("of 200, best so far").wait_for(timeout=90_000)
    shoot(page, "train_light")
    page.reload()
    page.get_by_text("of 200, best so far").wait_for(timeout=60_000)
    page.get_by_role("button", name="Stop and keep the best").click()
    page.get_by_text("stopped after epoch").wait_for(timeout=90_000)
    page.get_by_role("button", name="Add to comparison").click()
    page.get_by_role("button", name="In the comparison").wait_for()
    expect(page.get_by_role("button", name="Download ONNX")).to_be_enabled()
    shoot(page, "train_done")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_the_page_is_not_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, fits: Fits, width: int, scheme: str
) -> None:
    """Train fits its window at every width and in both themes."""
    page = new_page(width=width, scheme=scheme)
    open_train(page, app_url, settled)
    shoot(page, f"train_{width}_{scheme}")
    fits(page, "train")
