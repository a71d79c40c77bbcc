"""The grid editor in a real browser: its arithmetic is Python's, and it is dragged, clicked, keyed and shared."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import UniformFormat, has_signs, symmetric_ends
from qexplorer.core.grid import dequantize, grid_from_range, quantize
from qexplorer.observe.collecting.accumulate import histogram_of
from qexplorer.observe.error import error_from_histogram
from qexplorer.ui.grid_editor.bundle import javascript
from qexplorer.ui.grid_editor.formats import format_data
from qexplorer.ui.grid_editor.payload import EditorView, editor_data
from qexplorer.ui.grid_editor.state import EditorState

if TYPE_CHECKING:
    from playwright.sync_api import Page

NewPage = Callable[..., "Page"]
Expect = Callable[..., Any]
KINDS = (
    ("int8", True),
    ("int4", True),
    ("int2", True),
    ("uint8", False),
    ("uint4", False),
    ("nf4", True),
    ("mxfp4", True),
    ("int4", True),
    ("int3", True),
)
SIGNED = 7
"""From here on scales are of either sign."""

SHARES = np.geomspace(0.02, 1.0, 40)

JUDGE = """async ([code, cases]) => {
  const { errorOf, fitGrid, readBins, trace } = await import(`data:text/javascript;base64,${code}`);
  return cases.map(({ bins, format, ranges, values }) => {
    const read = readBins(bins);
    const errors = ranges.map(([low, high]) => {
      const { rounding, clipping, clipped } = errorOf(read, fitGrid(format, low, high));
      return [rounding, clipping, clipped];
    });
    const grid = fitGrid(format, ...ranges[ranges.length - 1]);
    return { errors, scale: grid.scale, zero: grid.zero, traced: values.map((x) => trace(grid, x)) };
  });
}"""


def _tensor(rng: np.random.Generator, k: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A tensor of a kind of its own: heavy or light tails, one-sided or not, now and then with zeros or outliers."""
    n = int(rng.integers(500, 60_000))
    values = rng.standard_t(rng.uniform(1.5, 30), n) * rng.lognormal(0, 3)
    values += rng.choice([0.0, 0.5]) * values.std()
    if k % 3 == 0:
        values = np.maximum(values, 0)
    if k % 5 == 0:
        values[: n // 200] *= 20
    return values.astype(np.float32)


def test_the_browser_judges_and_counts_as_python_does(new_page: NewPage) -> None:
    """On random histograms its error is within 0.1 % of the exact integral at the optimum, in each of nine formats;
    scale, zero point, code and value back of any value are Python's to the last bit."""
    rng, cases, wanted = np.random.default_rng(16), [], []
    for k in range(54):
        values, (name, symmetric) = _tensor(rng, k) * (-1) ** (k // len(KINDS)), KINDS[k % len(KINDS)]
        histogram, chosen = histogram_of(values), get_format(name)
        if k % len(KINDS) >= SIGNED:
            assert isinstance(chosen, UniformFormat)
            chosen = chosen.of_either_sign()
        low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
        if symmetric:
            low, high = symmetric_ends(chosen, low, high)
        ranges = [(float(s * low), float(s * high)) for s in SHARES]
        grids = [grid_from_range(*ends, chosen, symmetric=symmetric) for ends in ranges]
        some = np.concatenate([rng.choice(values, 20), [0.0, 3 * low, 3 * high], grids[-1].levels()[:9] * 0.5])
        some = some.astype(np.float32)
        view = EditorView("", histogram, chosen, symmetric, ranges[-1])
        bins = editor_data(view, EditorState(0, ranges[-1]))["bins"]
        shape = format_data(chosen, symmetric=symmetric)
        cases.append({"bins": bins, "format": shape, "ranges": ranges, "values": some.tolist()})
        wanted.append((histogram, grids, some))
    page = new_page()
    code = base64.b64encode(javascript("numbers.js").encode()).decode()
    found = page.evaluate(JUDGE, [code, cases])
    for (histogram, grids, some), got in zip(wanted, found, strict=True):
        errors = [error_from_histogram(histogram, grid) for grid in grids]
        best = min(range(len(errors)), key=lambda i: errors[i].mse)
        rounding, clipping, clipped = got["errors"][best]
        assert rounding + clipping == pytest.approx(errors[best].mse, rel=1e-3)
        assert clipped == pytest.approx(errors[best].clipped_fraction, rel=0.01, abs=1e-4)
        last = grids[-1]
        assert (got["scale"], got["zero"]) == (float(last.scale), int(last.zero_point))
        codes = quantize(some, last)
        in_file = last.with_signs(codes)[0] if has_signs(last.format) else codes
        assert [each["code"] for each in got["traced"]] == in_file.tolist()
        assert [each["back"] for each in got["traced"]] == dequantize(codes, last).tolist()


STEPS = """async ([code, format, ends, values]) => {
  const { fitGrid } = await import(`data:text/javascript;base64,${code[0]}`);
  const { stepsOf } = await import(`data:text/javascript;base64,${code[1]}`);
  return values.map((x) => stepsOf(fitGrid(format, ...ends), x).lines);
}"""


def test_steps_name_a_power_of_two_and_what_is_clipped(new_page: NewPage) -> None:
    """MXFP4 over [-0.6, 0.6] has the scale 2^-3; a value within goes to the nearest level, one beyond to the last."""
    code = [base64.b64encode(javascript(name).encode()).decode() for name in ("numbers.js", "steps.js")]
    shape = format_data(get_format("mxfp4"), symmetric=True)
    within, beyond = new_page().evaluate(STEPS, [code, shape, [-0.6, 0.6], [0.0873, -1.8]])
    assert within[0] == ["scale", "the power of two 2^\N{MINUS SIGN}3 = 0.125"]
    assert within[2] == ["nearest level", "0.5, which is code 1"]
    assert beyond[2] == [
        "clip to the levels",
        "\N{MINUS SIGN}14.4 is outside \N{MINUS SIGN}6 to 6: \N{MINUS SIGN}6, which is code 15",
    ]


def _said(page: Page) -> str:
    return page.locator(".qx-grid-line").inner_text()


def _answered(page: Page) -> None:
    """Waits until Python's sentence is of the last move."""
    page.wait_for_timeout(50)
    page.locator(".qx-said:not(.qx-late)").wait_for()


def test_dragged_clicked_and_shared(
    app_url: str,
    new_page: NewPage,
    settled: Callable[[Page], None],
    shoot: Callable[[Page, str], None],
    fits: Callable[[Page, str], None],
    expect: Expect,
) -> None:
    """A drag narrows the range and Python follows; a clicked bar is counted through; keys move a handle; and the link
    shows a fresh visitor the same, in the dark, on a projector and on a telephone."""
    page = new_page(width=1280, height=720)
    page.goto(f"{app_url}/distributions?model=tumour_mlp&bits=4")
    page.locator(".qx-said", has_text="Exactly").wait_for()
    settled(page)
    before = _said(page)
    assert "int4 per tensor" in before
    box = page.locator(".qx-high").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 150, y, steps=5)
    line = page.locator(".qx-grid-line")
    expect(page.locator(".qx-late")).to_have_count(1)
    expect(line).to_contain_text("of the values clipped")
    expect(line).not_to_have_text(before, use_inner_text=True)
    page.mouse.up()
    _answered(page)
    expect(line).to_contain_text("By hand")
    picture = page.locator(".qx-plot canvas").first.bounding_box()
    assert picture is not None
    page.mouse.click(picture["x"] + 0.45 * picture["width"], picture["y"] + 120)
    page.locator(".qx-steps li").nth(5).wait_for()
    assert page.locator(".qx-what").all_inner_texts()[:3] == ["divide by the scale", "round", "add the zero point"]
    _answered(page)
    handle = page.get_by_role("slider", name="Upper clip line")
    now = handle.get_attribute("aria-valuenow") or "nan"
    handle.press("ArrowRight")
    expect(handle).not_to_have_attribute("aria-valuenow", now)
    _answered(page)
    assert float(handle.get_attribute("aria-valuenow") or "nan") > float(now)
    settled(page)
    said, link = _said(page), page.url
    shoot(page, "grid_editor_1280")
    query = "&".join(part for part in link.split("?")[1].split("&") if not part.startswith("s="))
    for width, height, scheme, more in ((1024, 768, "dark", ""), (390, 844, "light", "&hide=more,recipe&embed=true")):
        fresh = new_page(width=width, height=height, scheme=scheme)
        fresh.goto(f"{app_url}/distributions?{query}{more}")
        fresh.locator(".qx-said", has_text="Exactly").wait_for()
        settled(fresh)
        expect(fresh.locator(".qx-grid-line")).to_have_text(said, use_inner_text=True)
        expect(fresh.locator(".qx-steps li")).to_have_count(6)
        fits(fresh, f"the editor at {width}")
        expect(fresh.get_by_test_id("stSidebar")).to_have_count(0 if more else 1)
        expect(fresh.get_by_text("Statistics", exact=True)).to_have_count(0 if more else 1)
        shoot(fresh, f"grid_editor_{width}_{scheme}")
