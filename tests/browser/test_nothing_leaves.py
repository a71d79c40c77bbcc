"""With names of a stranger on every page, the browser asks nobody but the app."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.hostile.hostile_names import EVIL, hostile_data, hostile_model

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ("Distributions", "Quantize", "Compare", "Live", "System", "Model")


def test_no_page_fetches_what_a_file_names(
    app_url: str,
    new_page: Callable[..., Page],
    settled: Callable[[Page], None],
    shoot: Callable[[Page, str], None],
    tmp_path: Path,
) -> None:
    """A model, data and a recipe with pictures, links and scripts for names: no request leaves, and no script runs."""
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script("window.x = () => { window.hit = true }")
    page.goto(app_url)
    settled(page)
    page.locator(".st-key-upload_model input[type=file]").set_input_files(hostile_model(tmp_path / "net.onnx"))
    page.get_by_role("heading", name="Layers").wait_for()
    settled(page)
    page.locator(".st-key-upload_data input[type=file]").set_input_files(hostile_data(tmp_path / "points.npz"))
    page.get_by_text("samples to calibrate").wait_for()
    settled(page)
    shoot(page, "hostile_names_model")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"name: {json.dumps(EVIL)}\nweights: {{format: int8}}\n")
    for name in PAGES:
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        page.get_by_role("heading", level=1).first.wait_for()
        settled(page)
        if name == "Quantize":
            with page.expect_response("**/upload_file/**"):
                page.locator("input[type=file]").last.set_input_files(recipe)
            settled(page)
            shoot(page, "hostile_names_quantize")
    outside = {url for url in asked if urlsplit(url).hostname not in (None, "127.0.0.1")}
    assert len(asked) > 20
    assert outside == set()
    assert page.evaluate("window.hit") is None
    found = page.eval_on_selector_all("img[src*='evil'], a[href*='evil']", "all => all.map(each => each.outerHTML)")
    assert found == []
