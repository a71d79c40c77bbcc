"""Page Learn in a real browser: a lesson is dragged and shared, and a class answers from other devices."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NewPage = Callable[..., "Page"]


def test_a_lesson_is_dragged_and_its_address_opens_the_same_view(app_url: str, new_page: NewPage) -> None:
    """A key on a clip line moves the slider and the address; a fresh browser on a phone shows that very state."""
    page = new_page()
    page.goto(f"{app_url}/learn?lesson=rounding_or_clipping&share=60&ask=off&embed=true")
    page.get_by_text("Clipped at 60 % of the range").wait_for()
    handle = page.get_by_role("slider", name=re.compile("high|upper|clip", re.IGNORECASE)).last
    handle.focus()
    handle.press("PageDown")
    page.wait_for_url(lambda url: "share=60" not in url)
    link = re.sub(r"[&?]s=[^&]*", "", page.url.replace("learn?s=", "learn?x="))
    moved = page.get_by_text(re.compile(r"Clipped at (?!60)\d+ % of the range"))
    moved.wait_for()
    said = moved.inner_text()
    phone = new_page(width=390, height=844, scheme="dark")
    phone.goto(link)
    phone.get_by_text(said.split(",")[0]).wait_for()


def test_a_class_answers_and_the_teacher_reveals(app_url: str, new_page: NewPage) -> None:
    """The bars of the teacher's page hold a pupil's answer, and the answer comes to both with Reveal."""
    teacher = new_page(width=1280, height=720)
    teacher.goto(f"{app_url}/learn?lesson=scale_and_zero_point")
    teacher.get_by_text("Before you try").wait_for()
    teacher.get_by_role("button", name="Teach with this").click()
    teacher.get_by_role("button", name="Collect a class's answers").click()
    link = teacher.locator("code", has_text="group=").inner_text()
    pupil = new_page(width=390, height=844)
    pupil.goto(link)
    pupil.get_by_role("button", name="about half").click()
    pupil.get_by_text("Your answer is in").wait_for()
    teacher.keyboard.press("Escape")
    teacher.get_by_text("1 answer of the class").wait_for()
    teacher.get_by_role("button", name="Reveal").click()
    pupil.get_by_text("Right: about half").wait_for()
    sentence = teacher.locator(".st-key-learn_sentence")
    sentence.wait_for()
    teacher.wait_for_function(
        """() => document.querySelector(".st-key-learn_sentence").getBoundingClientRect().bottom < 720"""
    )


def test_without_sidebar_it_is_as_large_on_a_projector_and_dragged_the_same(app_url: str, new_page: NewPage) -> None:
    """At 1920 x 1080 letters are half as large again, nothing lies over another, and clip lines follow the pointer."""
    page = new_page(width=1920, height=1080)
    page.goto(f"{app_url}/learn?lesson=rounding_or_clipping&ask=off&embed=true")
    page.get_by_text("Clipped at 100 % of the range").wait_for()
    page.wait_for_function("getComputedStyle(document.documentElement).fontSize == '22.5px'")
    page.wait_for_function("""() => { const box = (of) => document.querySelector(of)?.getBoundingClientRect() ?? {};
      return box(".st-key-learn_sentence").bottom < 1080
        && box("[data-testid=stVegaLiteChart] svg").right <= box("[data-testid=stSelectbox]").left; }""")
    handle = page.get_by_role("slider", name="Upper clip line")
    start = handle.bounding_box()
    assert start is not None
    x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y, steps=6)
    page.wait_for_function(
        "([handle, wanted]) => Math.abs(handle.getBoundingClientRect().x - wanted) < 20",
        arg=[handle.element_handle(), start["x"] - 120],
    )
    page.mouse.up()
    page.wait_for_url(lambda url: "share=" in url)


def test_a_lesson_goes_by_keyboard_and_a_reload_finds_the_answers(
    app_url: str, new_page: NewPage, expect: Callable[..., Any]
) -> None:
    """Predict, flip a bit, answer at the end: keys reach all of it, bits and charts have names, nothing is lost."""
    page = new_page(width=1280, height=720)
    page.goto(f"{app_url}/learn?lesson=numbers_as_bits&embed=true")
    page.get_by_role("button", name="a smaller number").wait_for()
    _tab_to(page, "a smaller number").press("Enter")
    page.get_by_text("Right: a smaller number").wait_for()
    expect(page.get_by_role("button", name="The next lesson")).to_have_count(1)
    page.locator("[role=graphics-document][aria-label^='Values around it. Each thin line']").wait_for()
    _tab_to(page, "0 bit 3").press("Enter")
    page.get_by_text("As FP8 E4M3 these bits are 20").wait_for()
    page.wait_for_function(f"bit => ({_SAYS})().includes(bit)", arg="1 bit 3")  # the key stays on the bit
    _tab_to(page, "a larger range and coarser steps.").press("Space")
    page.get_by_text("The number of codes stays 256").wait_for()
    page.reload()
    page.get_by_text("Right: a smaller number").wait_for()
    page.get_by_text("The number of codes stays 256").wait_for()
    page.get_by_text("As FP8 E4M3 these bits are 20").wait_for()


_SAYS = """() => { const e = document.activeElement;
  const name = e.labels?.[0]?.innerText || e.getAttribute("aria-label") || e.textContent || "";
  return name.replace(/\\s+/g, " ").trim(); }"""


def _focused(page: Page) -> str:
    return str(page.evaluate(_SAYS))


def _tab_to(page: Page, name: str) -> Locator:
    """Presses Tab until what has the focus is called so."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if _focused(page).endswith(name):
            return page.locator(":focus")
    raise AssertionError(f"Tab does not reach {name}")
