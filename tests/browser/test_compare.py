"""The whole flow as a person does it, in a real browser: load, look, quantize, compare, take away, come back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest

from qexplorer.core.recipe import Recipe

if TYPE_CHECKING:
    from playwright.sync_api import Download, Page

Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Fits = Callable[["Page", str], None]
Expect = Callable[..., Any]


def start(page: Page, url: str, settled: Settled) -> None:
    """Opens the app and loads the digits sample."""
    page.goto(url)
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    settled(page)


def go(page: Page, name: str, settled: Settled) -> None:
    """Goes to a page by the sidebar, the way a person does: who sees that a busy server lost the click clicks again."""
    from playwright.sync_api import TimeoutError as TooLate

    heading = page.get_by_role("heading", name=name, level=1)
    for patience in (10_000, 20_000):
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        with contextlib.suppress(TooLate):
            heading.wait_for(timeout=patience)
            break
    heading.wait_for()
    settled(page)


def finished(page: Page) -> None:
    """Waits for the results of the running comparison."""
    page.get_by_role("button", name="Results as JSON").wait_for(timeout=120_000)


def saved(page: Page, label: str) -> tuple[Download, bytes]:
    """Presses a download button; the download and its bytes."""
    with page.expect_download() as waiting:
        page.get_by_test_id("stMain").get_by_role("button", name=label, exact=True).click()
    return waiting.value, Path(waiting.value.path()).read_bytes()


def test_the_main_job(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, expect: Expect
) -> None:
    """Load, distributions, quantize, compare, reload in the middle, results, downloads, reload, the record."""
    page = new_page()
    start(page, app_url, settled)
    go(page, "Distributions", settled)
    page.locator("[data-testid=stVegaLiteChart]").first.wait_for()

    go(page, "Quantize", settled)
    page.get_by_test_id("stMain").get_by_text("w8a8-tensor", exact=True).click()
    settled(page)
    page.get_by_role("button", name="Add to comparison").click()
    settled(page)
    shoot(page, "quantize_light")

    go(page, "Compare", settled)
    began = time.monotonic()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_test_id("stMain").get_by_role("button", name="Cancel").wait_for()
    page.reload()  # the job goes on without the page
    page.get_by_test_id("stMain").get_by_text("Comparing").or_(page.get_by_text("Results as JSON")).first.wait_for()
    finished(page)
    print(f"click to all results, a reload between: {time.monotonic() - began:.1f} s")  # noqa: T201 - for a run by hand
    settled(page)
    page.get_by_text("of the weight bytes").first.wait_for()
    page.locator("[data-testid=stVegaLiteChart]").nth(3).wait_for()
    shoot(page, "compare_light")

    check_downloads(page)
    page.reload()
    finished(page)
    expect(page.get_by_role("heading", name="Compared before")).to_have_count(1)


def check_downloads(page: Page) -> None:
    """What was downloaded is what it says: an ONNX model, a recipe, and the same runs as JSON and CSV."""
    name, data = saved(page, "ONNX")
    assert name.suggested_filename == "digits_cnn-w8a8.onnx"
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load_from_string(data).graph.node)
    _, recipe = saved(page, "Recipe")
    assert Recipe.parse(recipe.decode()).digest == Recipe.parse("w8a8").digest
    _, results = saved(page, "Results as JSON")
    runs = json.loads(results)["runs"]
    assert [run["recipe"] for run in runs] == ["float", "w8a8", "w4a8", "w8a8-tensor"]
    _, table = saved(page, "Results as CSV")
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert [row["recipe"] for row in rows] == [run["recipe"] for run in runs]
    assert [float(row["accuracy"]) for row in rows] == [run["accuracy"]["value"] for run in runs]


def test_click_to_results(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, expect: Expect
) -> None:
    """One click gives all results of two recipes, fit to be presented; how long that took is printed, not judged."""
    page = new_page()
    start(page, app_url, settled)
    go(page, "Compare", settled)
    began = time.monotonic()
    page.get_by_role("button", name="Compare", exact=True).click()
    finished(page)
    print(f"click to all results, two recipes: {time.monotonic() - began:.1f} s")  # noqa: T201 - for a run by hand
    settled(page)
    check_present(page, settled, shoot, expect)


def check_present(page: Page, settled: Settled, shoot: Shoot, expect: Expect) -> None:
    """Present shows cards and controls in one window without the sidebar, prints on one sheet, saves a page that stands
    alone, and ends."""
    page.get_by_role("button", name="Present").click()
    page.locator(".qx-wall").wait_for()
    settled(page)
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    for width, height in ((1920, 1080), (1280, 720)):
        page.set_viewport_size({"width": width, "height": height})
        expect(page.get_by_role("button", name="Leave")).to_be_in_viewport(ratio=1)
        settled(page)
        shoot(page, f"present_{width}")
    assert len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format="A4", landscape=True))) == 1  # printed as it stands
    _, saved_page = saved(page, "Save")
    assert saved_page.count(b"<section") >= 2
    page.get_by_role("button", name="Leave").click()
    finished(page)


def test_cancel(app_url: str, new_page: Callable[..., Page], settled: Settled, expect: Expect) -> None:
    """Cancel ends the work, says so, and Compare can be pressed again."""
    page = new_page()
    start(page, app_url, settled)
    go(page, "Compare", settled)
    page.get_by_text("Standard", exact=True).click()
    settled(page)
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_test_id("stMain").get_by_role("button", name="Cancel").click()
    page.get_by_test_id("stMain").get_by_text("Cancelled.").wait_for()
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_enabled()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (800, "light"), (420, "dark")])
def test_nothing_is_cut_off(
    app_url: str, new_page: Callable[..., Page], settled: Settled, shoot: Shoot, fits: Fits, width: int, scheme: str
) -> None:
    """At every width and in both themes the pages fit their window: nothing has to be scrolled sideways."""
    page = new_page(width=width, scheme=scheme)
    start(page, app_url, settled)
    base = page.url.split("?")
    for name in ("quantize", "compare"):
        page.goto(f"{base[0].rstrip('/')}/{name}?{base[1]}")
        settled(page)
        shoot(page, f"{name}_{width}_{scheme}")
        fits(page, name)
