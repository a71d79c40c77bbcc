"""Pages Model and Distributions as a person uses them, in a real browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from playwright.sync_api import Page

NewPage = Callable[..., "Page"]
Settled = Callable[["Page"], None]
Shoot = Callable[["Page", str], None]
Fits = Callable[["Page", str], None]
Expect = Callable[..., Any]


CONTRAST = """scheme => {
    const light = (of, what) => {
        const colour = getComputedStyle(document.querySelector(of))[what].match(/\\d+/g);
        return colour.slice(0, 3).reduce((sum, each) => sum + Number(each), 0);
    };
    const more = light("[data-testid=stApp]", "backgroundColor") - light("h1", "color");
    return (scheme === "light" ? more : -more) > 400;
}"""
"""Whether a heading stands out from the background, darker in light and lighter in dark."""


def _start(page: Page, url: str, settled: Settled) -> None:
    page.goto(url)
    settled(page)
    page.get_by_role("button", name="Start with the digits sample").click()
    page.get_by_role("heading", name="Layers").wait_for()
    settled(page)


def _distributions(page: Page, settled: Settled) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Distributions").click()
    page.locator(".qx-grid-line").wait_for()
    settled(page)


def _bits(page: Page, wanted: int, settled: Settled) -> None:
    """Moves the slider as the arrow keys do."""
    slider = page.get_by_role("slider", name="Bits")
    for _ in range(8):
        now = int(slider.get_attribute("aria-valuetext") or 0)
        if now == wanted:
            break
        slider.focus()
        page.keyboard.press("ArrowLeft" if now > wanted else "ArrowRight")
        settled(page)
    page.get_by_text(f"int{wanted} per").first.wait_for()
    settled(page)


def _own_model(folder: Path) -> Path:
    """A small model that no sample covers: two inputs, a convolution, opset 13, batch fixed at 1."""
    rng = np.random.default_rng(3)
    weight = numpy_helper.from_array(rng.standard_normal((5, 2, 3, 3)).astype(np.float32), "kernel")
    nodes = [
        helper.make_node("Conv", ["picture", "kernel"], ["maps"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["maps", "offset"], ["shifted"], name="shift"),
        helper.make_node("Sin", ["shifted"], ["answer"], name="wave"),
    ]
    graph = helper.make_graph(
        nodes,
        "own",
        [
            helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 2, 8, 8]),
            helper.make_tensor_value_info("offset", TensorProto.FLOAT, [1, 5, 8, 8]),
        ],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [1, 5, 8, 8])],
        [weight],
    )
    path = folder / "own.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def test_levels_follow_the_bits(
    app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot, expect: Expect
) -> None:
    """As many levels are drawn as the grid has, between two clip lines."""
    page = new_page()
    _start(page, app_url, settled)
    shoot(page, "model")
    _distributions(page, settled)
    page.get_by_text(": 255 levels").wait_for()
    shoot(page, "distributions_int8")
    for bits, levels in ((4, 15), (2, 3)):
        _bits(page, bits, settled)
        page.get_by_text(f": {levels} levels").wait_for()
    expect(page.get_by_role("slider", name="clip line")).to_have_count(2)
    shoot(page, "distributions_int2")


def test_click_on_a_channel(app_url: str, new_page: NewPage, settled: Settled, expect: Expect) -> None:
    """A click on a channel's range draws that channel's values above."""
    page = new_page()
    _start(page, app_url, settled)
    _distributions(page, settled)
    page.locator(".st-key-channels svg.marks g.layer_0_marks path").nth(7).click()
    page.get_by_text("Channel 7.").wait_for()
    expect(page.get_by_label("Channel", exact=True)).to_have_value("7")


def test_activations(app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot, expect: Expect) -> None:
    """Activations are observed by a job that the button starts, and then drawn without another click."""
    page = new_page(scheme="dark")
    _start(page, app_url, settled)
    _distributions(page, settled)
    page.get_by_role("radio", name="Activations").click()
    button = page.get_by_role("button", name="Observe 512 samples")
    histogram = page.get_by_text("uint8 per tensor")
    button.or_(histogram).first.wait_for()
    if button.is_visible():
        button.click()
    histogram.wait_for(timeout=60_000)
    settled(page)
    expect(page.get_by_role("slider", name="clip line")).to_have_count(2)
    shoot(page, "distributions_activations_dark")


def test_reload_and_two_sessions(app_url: str, new_page: NewPage, settled: Settled) -> None:
    """A reload finds the model and the bits as they were; another session starts empty."""
    page = new_page()
    _start(page, app_url, settled)
    _distributions(page, settled)
    _bits(page, 5, settled)
    page.wait_for_url("**s=*")
    page.reload()
    page.get_by_text("int5 per tensor").wait_for()
    other = new_page()
    other.goto(app_url)
    settled(other)
    other.get_by_role("button", name="Start with the digits sample").wait_for()
    other.wait_for_url("**s=*")
    assert other.url.split("s=")[1] != page.url.split("s=")[1]


def test_upload(
    app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot, expect: Expect, tmp_path: Path
) -> None:
    """Text renamed .onnx gets one sentence and changes nothing; a model of one's own is taken, with data in .npz."""
    page = new_page()
    page.goto(app_url)
    settled(page)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_text("this is text")
    uploader = page.locator(".st-key-upload_model input[type=file]")
    uploader.set_input_files(wrong)
    alert = page.get_by_test_id("stAlert")
    expect(alert).to_contain_text("wrong.onnx")
    assert "Traceback" not in page.content()
    shoot(page, "upload_error")

    uploader.set_input_files(_own_model(tmp_path))
    page.get_by_role("heading", name="own", exact=True).wait_for()
    settled(page)
    page.get_by_role("radio", name="Cannot be quantized").click()
    settled(page)
    data = tmp_path / "mine.npz"
    rng = np.random.default_rng(0)
    np.savez(data, picture=rng.random((24, 2, 8, 8), np.float32), offset=rng.random((24, 5, 8, 8), np.float32))
    page.locator(".st-key-upload_data input[type=file]").set_input_files(data)
    page.get_by_text("no labels").first.wait_for()
    settled(page)
    expect(alert).to_have_count(0)
    shoot(page, "model_own")
    _distributions(page, settled)
    chosen = page.locator(".st-key-keep-tensor_weight").locator("input").first
    expect(chosen).to_have_value(re.compile("conv · Conv · 5"))


def test_downloads(app_url: str, new_page: NewPage, settled: Settled) -> None:
    """Histogram and channels come as CSV, every value counted, and as pictures, with the settings in them."""
    page = new_page()
    _start(page, app_url, settled)
    _distributions(page, settled)
    _bits(page, 4, settled)
    rows = list(csv.DictReader(_saved(page, "histogram", "CSV").decode().splitlines()))
    assert sum(int(row["count"]) for row in rows) == pytest.approx(36_864, abs=len(rows))
    assert all("int4 per tensor" in row["settings"] for row in rows)
    assert _saved(page, "histogram", "PNG").startswith(b"\x89PNG")
    assert b"int4 per tensor" in _saved(page, "channels", "SVG")


def _saved(page: Page, chart: str, form: str) -> bytes:
    page.locator(f".st-key-save_{chart} button").click()
    with page.expect_download() as waiting:
        page.locator(f".st-key-{form}_{chart} button").click()
    page.keyboard.press("Escape")
    return Path(waiting.value.path()).read_bytes()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (800, "dark"), (420, "light")])
def test_nothing_sticks_out(
    app_url: str, new_page: NewPage, settled: Settled, shoot: Shoot, fits: Fits, width: int, scheme: str
) -> None:
    """At every width and in both themes the pages fit the window and the text stands out from its background."""
    page = new_page(width=width, scheme=scheme)
    page.goto(app_url)
    settled(page)
    shoot(page, f"start_{scheme}_{width}")
    page.get_by_role("button", name="Start with the digits sample").click()
    page.get_by_role("heading", name="Layers").wait_for()
    settled(page)
    shoot(page, f"model_{scheme}_{width}")
    page.goto(page.url.replace("/?", "/distributions?"))
    page.locator(".qx-grid-line").wait_for()
    settled(page)
    shoot(page, f"distributions_{scheme}_{width}")
    fits(page, "distributions")
    page.wait_for_function(CONTRAST, arg=scheme)


def test_on_a_telephone_the_sidebar_leaves_the_page(app_url: str, new_page: NewPage, settled: Settled) -> None:
    """It is closed at first, after a page was chosen in it, and where the browser remembers that it was open."""
    page = new_page(width=390, height=800)
    page.goto(app_url)
    settled(page)
    opener = page.get_by_test_id("stExpandSidebarButton")
    opener.click()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="System").click()
    opener.wait_for()
    opener.click()
    page.reload()
    settled(page)
    opener.wait_for()
