"""Page Mixed precision in a real browser: the best mix is found, and opens on page Quantize."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_the_best_mix_is_found_and_taken_as_the_recipe(
    app_url: str,
    new_page: Callable[..., Page],
    settled: Callable[[Page], None],
    shoot: Callable[[Page, str], None],
    fits: Callable[[Page, str], None],
) -> None:
    """It is drawn within a narrow window, stands on page Quantize, and is still found when one comes back."""
    page = new_page(width=390, height=844, scheme="dark")
    page.goto(f"{app_url.rstrip('/')}/mix")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    page.get_by_role("button", name="Find the best mix").click()
    take = page.get_by_role("button", name="Take it as the recipe")
    take.wait_for(timeout=90_000)
    settled(page)
    shoot(page, "mix_390_dark")
    fits(page, "mix")
    found = page.url
    take.click()
    page.wait_for_url("**/quantize?*")
    settled(page)
    page.locator("[data-testid=stMain] p:visible", has_text="w8a8 mixed:").first.wait_for()
    page.goto(found)
    take.wait_for()


def test_a_joint_search_draws_as_it_goes_and_its_recipe_opens_in_compare(
    app_url: str,
    new_page: Callable[..., Page],
    settled: Callable[[Page], None],
    shoot: Callable[[Page, str], None],
    fits: Callable[[Page, str], None],
) -> None:
    """Trials are on the page before the end; the picked recipe of the front stands on page Compare."""
    page = new_page(width=390, height=844, scheme="dark")
    page.goto(f"{app_url.rstrip('/')}/joint")
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    trials = page.get_by_label("Recipes to try")
    trials.fill("14")
    trials.press("Enter")
    page.get_by_role("button", name="Search jointly").click()
    page.locator("p", has_text="on the front").first.wait_for(timeout=90_000)
    add = page.get_by_role("button", name="Add it to Compare")
    add.wait_for(timeout=90_000)
    settled(page)
    shoot(page, "joint_390_dark")
    fits(page, "joint")
    add.click()
    page.wait_for_url("**/compare?*")
