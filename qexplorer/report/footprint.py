"""What the energy of one inference means for a battery and for the climate, from assumptions that can be edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qexplorer.core.words.numbers import about_text
from qexplorer.report.comparison_charts.bars import BarRow, BarsInfo
from qexplorer.report.comparison_charts.values import Value, label_of, made_on, value_of
from qexplorer.report.palette import FLOAT, backend_colour

if TYPE_CHECKING:
    from qexplorer.core.results import Run
    from qexplorer.measure.comparison import Comparison

__all__ = ["DEFAULTS", "Assumptions", "Footprint", "battery_info", "carbon_info", "footprints"]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a footprint rests on besides the measurement.

    Attributes:
        battery_wh: watt-hours of a charge.
        battery_share: share of the charge that inference may use.
        inferences_per_day: how often the model runs, in all.
        grid_g_per_kwh: grams of CO2 for a kilowatt-hour of electricity.
        overhead: energy of the whole installation for one of the machine (PUE); 1 for a device.
    """

    battery_wh: float = 15.0
    battery_share: float = 1.0
    inferences_per_day: float = 1_000_000.0
    grid_g_per_kwh: float = 473.0
    overhead: float = 1.0


DEFAULTS = Assumptions()
"""15 Wh: a phone (about 3,900 mAh at 3.85 V). 473 g/kWh: world average of 2024 (Ember, Global Electricity Review 2025).
One million inferences a day and an overhead of 1 are there to be changed."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one run's energy comes to; all of it is as uncertain as that energy is.

    Attributes:
        label: the run.
        energy_mj: energy of one inference, with its interval and its note.
        per_charge: inferences from one battery charge.
        kwh_per_year: electricity of a year, overhead included.
        kg_co2_per_year: kilograms of CO2 of a year.
        estimated: whether the energy was estimated and not measured.
    """

    label: str
    energy_mj: Value
    per_charge: float
    kwh_per_year: float
    kg_co2_per_year: float
    estimated: bool


def footprints(runs: Sequence[Run], given: Assumptions) -> tuple[tuple[Footprint, ...], tuple[tuple[str, str], ...]]:
    """A footprint for every run with an energy, and the runs without one with the reason.

    Measured and estimated energies never stand side by side: where any run was measured, estimated ones are left out.
    """
    found, left_out = [], []
    for run in runs:
        label = label_of(run, runs)
        value, reason = value_of(run, "energy_mj", runs)
        if value is None or value.value <= 0:
            left_out.append((label, reason or "it took no energy that could be told from zero"))
            continue
        joules = value.value / 1e3
        kwh = joules * given.inferences_per_day * 365 * given.overhead / 3.6e6
        found.append(
            Footprint(
                label=label,
                energy_mj=value,
                per_charge=given.battery_wh * given.battery_share * 3600 / joules,
                kwh_per_year=kwh,
                kg_co2_per_year=kwh * given.grid_g_per_kwh / 1e3,
                estimated=value.note.startswith("estimated"),
            )
        )
    return tuple(found), tuple(left_out)


def battery_info(comparison: Comparison, given: Assumptions) -> BarsInfo:
    """Inferences from one charge, a bar for each run."""
    return _bars(comparison, given, "Inferences from one charge", "inferences", 1)


def carbon_info(comparison: Comparison, given: Assumptions) -> BarsInfo:
    """Kilograms of CO2 a year, a bar for each run."""
    return _bars(comparison, given, "CO2 of a year", "kg CO2 a year", -1)


def _bars(comparison: Comparison, given: Assumptions, title: str, unit: str, power: int) -> BarsInfo:
    """Bars that follow the energy (``power`` 1 in the denominator, -1 in the numerator), intervals included."""
    found, left_out = footprints(comparison.runs, given)
    colours = {label_of(run, comparison.runs): _colour(run) for run in comparison.runs}
    rows = []
    for item in found:
        middle = item.per_charge if power == 1 else item.kg_co2_per_year
        ends = [end for end in (item.energy_mj.low, item.energy_mj.high) if end is not None and end > 0]
        scaled = sorted(middle * (item.energy_mj.value / end) ** power for end in ends)
        low, high = (scaled[0], scaled[1]) if len(scaled) == 2 else (None, None)
        text = about_text(middle) if item.estimated else None
        value = Value(middle, low, high, item.energy_mj.note)
        rows.append(BarRow(item.label, title, value, colours[item.label], text=text))
    return BarsInfo(title, made_on(comparison), unit, (title,), tuple(rows), False, left_out)


def _colour(run: Run) -> str:
    return FLOAT if run.recipe == "float" else backend_colour(run.backend)
