"""One handle for all channels or blocks: what the browser says of any share is what quantization with it costs."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from qexplorer.core.formats import get_format
from qexplorer.core.formats.uniform import UniformFormat
from qexplorer.core.grid import Granularity
from qexplorer.core.plugin_kinds.calibrator_choice import options_among
from qexplorer.observe.editing.ratio_bins import ratio_bins
from qexplorer.observe.stats import TensorStats
from qexplorer.observe.tensor_grid import GridView, grid_view
from qexplorer.observe.weights import array_stats
from qexplorer.ui.grid_editor.bundle import javascript
from qexplorer.ui.grid_editor.ratio import RatioView, ratio_data

if TYPE_CHECKING:
    from playwright.sync_api import Page

NewPage = Callable[..., "Page"]
SHARES = (0.2, 0.45, 0.55, 0.65, 0.75, 0.85, 0.93, 1.0)
CASES = (
    ("int8", True, "channel"),
    ("int8", False, "channel"),
    ("int4", True, "channel"),
    ("int4", False, "block"),
    ("int3 of either sign", True, "channel"),
    ("nf4", True, "block"),
    ("mxfp4", True, "block"),
    ("mxfp6", True, "channel"),
    ("nvfp4", True, "block"),
)
FEW = (
    ("int8", True, "channel"),
    ("int8", False, "channel"),
    ("fp8_e4m3", True, "channel"),
    ("fp8_e5m2", True, "block"),
    ("mxfp4", True, "block"),
)
JUDGE = """async ([code, cases, shares]) => {
  const { readRatio } = await import(`data:text/javascript;base64,${code}`);
  return cases.map((given) => {
    const { error } = readRatio(given);
    return shares.map(error).map(({ rounding, clipping, clipped, sqnr }) => [rounding + clipping, clipped, sqnr]);
  });
}"""


def _weight(*shape: int) -> TensorStats:
    """Channels of unlike width and centre; the last block of each is shorter."""
    rng = np.random.default_rng(5)
    width, centre = rng.uniform(0.5, 2.0, (shape[0], 1)), rng.uniform(-0.5, 0.5, (shape[0], 1))
    return array_stats("w", (width * (rng.standard_t(8, shape) + centre)).astype(np.float32), 0)


def _view(stats: TensorStats, name: str, symmetric: bool, what: str, share: float) -> GridView:
    order: dict[str, Any] = {"granularity": Granularity(what), "symmetric": symmetric, "block": 32}
    return grid_view(
        stats, format=_format(name), calibrator="ratio", options=options_among("ratio", {"ratio": share}), **order
    )


def _format(name: str) -> Any:
    chosen = get_format(name.split()[0])
    if not name.endswith("sign"):
        return chosen
    assert isinstance(chosen, UniformFormat)
    return chosen.of_either_sign()


@pytest.mark.parametrize(("shape", "cases"), [((512, 3000), CASES), ((16, 200), FEW)], ids=["many", "few"])
def test_the_browser_judges_all_channels_at_once(
    new_page: NewPage, shape: tuple[int, int], cases: tuple[tuple[str, bool, str], ...]
) -> None:
    """At the best share its error is within 0.1 % of the exact one, value by value, with every kind of scale and of
    many values as of few; signal to error is Python's there, and so is what is clipped."""
    stats, data, wanted = _weight(*shape), [], []
    for name, symmetric, what in cases:
        views = [_view(stats, name, symmetric, what, share) for share in SHARES]
        grid, error = views[-1].grid, views[-1].error
        assert grid.axis is not None
        bins = ratio_bins(stats, _format(name), symmetric=symmetric, axis=grid.axis, block=grid.block)
        assert bins is not None
        view = RatioView(bins, _format(name), symmetric, what, 1.0, None, error.signal_power, error.n)
        data.append(ratio_data(view))
        wanted.append(views)
    code = base64.b64encode(javascript("ratio.js").encode()).decode()
    found = new_page().evaluate(JUDGE, [code, data, list(SHARES)])
    for case, views, got in zip(cases, wanted, found, strict=True):
        errors = [each.error for each in views]
        best = min(range(len(errors)), key=lambda i: errors[i].mse)
        mse, clipped, sqnr = got[best]
        assert mse == pytest.approx(errors[best].mse, rel=1e-3), case
        assert sqnr == pytest.approx(errors[best].sqnr_db, abs=0.005), case
        assert [each[0] for each in got] == pytest.approx([each.mse for each in errors], rel=0.01), case
        if best < len(SHARES) - 1:  # at share 1 float32's own rounding is counted as clipped
            assert clipped == pytest.approx(errors[best].clipped_fraction, rel=0.01), case


def test_one_handle_moves_all_channels(
    app_url: str, new_page: NewPage, settled: Callable[[Page], None], expect: Callable[..., Any]
) -> None:
    """A drag becomes the calibrator `ratio`, which stands in the address and can be taken into a recipe; where nothing
    can be dragged, a sentence stands in the handle's place."""
    page = new_page(width=1280, height=720)
    page.goto(f"{app_url}/distributions?model=tumour_mlp&bits=4&scale=channel")
    page.locator(".qx-said", has_text="drag to give all the same share").wait_for()
    settled(page)
    box = page.locator(".qx-high").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=5)
    page.mouse.up()
    page.wait_for_url("**ratio=0.*")
    page.wait_for_timeout(50)
    page.locator(".qx-said:not(.qx-late)").wait_for()
    expect(page.locator(".qx-grid-line")).to_contain_text("Clip ratio 0.")
    expect(page.locator(".qx-said")).to_contain_text(page.locator(".qx-sqnr").inner_text())
    page.goto(f"{app_url}/distributions?model=tumour_mlp&numbers=codebook&scale=channel")
    page.get_by_text("No share to drag: learned levels").wait_for()
    expect(page.locator(".qx-high")).to_be_hidden()
