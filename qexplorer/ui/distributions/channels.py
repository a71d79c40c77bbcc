"""The table of a tensor's channels on page Distributions: range, moments, zeros, outliers and error of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from qexplorer.core.model import Model
from qexplorer.jobs.kinds.channels import CHANNELS, ChannelsOrder
from qexplorer.ui.distributions.tensor import SAMPLES
from qexplorer.ui.job_section import JobSection, StartButton
from qexplorer.ui.session import data_reference, fitted_data, model_reference, remembered

if TYPE_CHECKING:
    from qexplorer.observe.collecting.channels import ChannelDetail
    from qexplorer.observe.stats import TensorStats
    from qexplorer.observe.tensor_grid import GridView

__all__ = ["channel_rows", "draw_channel_table"]


def draw_channel_table(model: Model, stats: TensorStats, view: GridView) -> None:
    """Every channel's range, moments and error, on demand; an activation's take one more pass over the data."""
    if not st.toggle("Table of channels", **remembered("channel_table", False)):
        return
    detail = _detail(model, stats)
    if detail is None:
        _offer(stats)
    st.dataframe(channel_rows(stats, view, detail), hide_index=True, placeholder="", height=360)


def channel_rows(stats: TensorStats, view: GridView, detail: ChannelDetail | None) -> dict[str, Any]:
    """The table's columns, one value for each channel."""
    assert stats.channels is not None
    found = stats.channels
    columns: dict[str, Any] = {
        "channel": list(range(len(found.count))),
        "smallest": found.minimum,
        "largest": found.maximum,
        "mean": found.mean,
        "std": found.std,
    }
    if detail is not None:
        from qexplorer.observe.collecting.channels import OUTLIER

        columns |= {
            "kurtosis": detail.kurtosis,
            "zeros": detail.zeros,
            f"beyond {OUTLIER:g} std": detail.outliers,
        }
    return columns | _errors(stats, view, detail)


def _errors(stats: TensorStats, view: GridView, detail: ChannelDetail | None) -> dict[str, Any]:
    """Grid and error of each channel: exact for a weight, from the channels' own histograms for an activation."""
    if view.channels is not None:
        errors = view.channels
        return {
            "grid from": errors.low,
            "grid to": errors.high,
            "SQNR (dB)": errors.sqnr_db,
            "rounding MSE": errors.rounding_mse,
            "clipping MSE": errors.clipping_mse,
        }
    if detail is None or view.grid.axis is not None:
        return {}
    from qexplorer.observe.collecting.channels import errors_of_channels

    splits = errors_of_channels(stats, detail, view.grid)
    return {
        "SQNR (dB)": [split.sqnr_db for split in splits],
        "rounding MSE": [split.rounding_mse for split in splits],
        "clipping MSE": [split.clipping_mse for split in splits],
    }


def _detail(model: Model, stats: TensorStats) -> ChannelDetail | None:
    """What is known of the channels; None for an activation that nobody has looked into yet."""
    if stats.array is not None:
        return _of_weight(model.sha256, stats.name, stats)
    data = fitted_data()
    if data is None:
        return None
    from qexplorer.observe.collecting.channels_store import channels_path

    path = channels_path(model, data, stats.name, SAMPLES)
    return _kept(str(path), path.stat().st_mtime_ns) if path.exists() else None


@st.cache_resource(max_entries=8, show_spinner="Counting channel by channel: usually below a second.")
def _of_weight(sha256: str, name: str, _stats: TensorStats) -> ChannelDetail:  # noqa: ARG001 - the digest is the key
    from qexplorer.observe.collecting.channels import weight_channels

    return weight_channels(_stats)


@st.cache_resource(max_entries=8, show_spinner="Reading what is known of the channels: usually below a second.")
def _kept(path: str, stamp: int) -> ChannelDetail | None:  # noqa: ARG001 - the stamp is part of the key
    from qexplorer.observe.collecting.channels_store import read_channels

    return read_channels(Path(path))


def _offer(stats: TensorStats) -> None:
    """A button that starts the pass, or the pass at work."""
    model, data = model_reference(), data_reference()
    known = model is not None and data is not None
    order = ChannelsOrder(model=model, data=data, tensor=stats.name, samples=SAMPLES) if known else None
    button = StartButton("Look into the channels", ":material/visibility:")
    JobSection(CHANNELS, order, button, intro=_intro).draw()


def _intro() -> None:
    st.caption("Kurtosis, zeros, outliers and error of each channel take one more pass over the data; usually seconds.")
