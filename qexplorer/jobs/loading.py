"""Loading what an order names, in the child."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qexplorer.jobs.references import open_data, open_model
from qexplorer.jobs.report import LOADING
from qexplorer.process.places.taking import beside

if TYPE_CHECKING:
    from qexplorer.core.dataset import DataSet
    from qexplorer.core.model import Model
    from qexplorer.jobs.orders import DataOrder, ModelOrder
    from qexplorer.jobs.references import DataRef, ModelRef
    from qexplorer.jobs.report import Report

__all__ = ["load_both", "load_ordered_model", "load_pair"]


def load_ordered_model(order: ModelOrder, report: Report[Any]) -> Model:
    """The model of an order."""
    report.step("loading the model", 0.0)
    return open_model(order.model)


def load_both(order: DataOrder, report: Report[Any]) -> tuple[Model, DataSet]:
    """The model of an order and its data, fitted to it."""
    return load_pair(order.model, order.data, report)


def load_pair(model_ref: ModelRef, data_ref: DataRef, report: Report[Any]) -> tuple[Model, DataSet]:
    """A model and data, fitted to it."""
    report.step("loading the model", 0.0)
    with beside():  # before the first heavy import: jobs that wait are small
        model = open_model(model_ref)
        report.step("loading the data", LOADING / 2)
        from qexplorer.load.datasets.fit import fit_to_model

        fitted = fit_to_model(open_data(data_ref), model)
        report.step("loading the data", LOADING)
    return model, fitted
