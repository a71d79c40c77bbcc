"""Battery and CO2 from a known energy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qexplorer.core.results import Energy
from qexplorer.report.comparison_charts.bars import bars_spec
from qexplorer.report.footprint import Assumptions, battery_info, carbon_info, footprints
from tests.report.comparisons import comparison, float_run, quantized_run

GIVEN = Assumptions(battery_wh=10.0, inferences_per_day=1e6, grid_g_per_kwh=500.0, overhead=1.2)


def measured(value: float, low: float, high: float) -> Energy:
    """An energy from a meter."""
    return Energy(value, (low, high), "measured:rapl", None, 100)


def test_the_numbers_follow_from_the_energy() -> None:
    """36 mJ from 10 Wh: a million inferences, and half of it half as many; a million a day for a year: 4380 kWh."""
    (found,), left_out = footprints([float_run(energy_mj=measured(36.0, 35.0, 37.0))], GIVEN)
    assert not left_out
    assert found.per_charge == pytest.approx(1e6)
    (half,), _ = footprints([float_run(energy_mj=measured(36.0, 35.0, 37.0))], replace(GIVEN, battery_share=0.5))
    assert half.per_charge == pytest.approx(0.5e6)
    assert found.kwh_per_year == pytest.approx(0.036 * 1e6 * 365 * 1.2 / 3.6e6)
    assert found.kg_co2_per_year == pytest.approx(found.kwh_per_year * 0.5)
    assert not found.estimated


def test_intervals_turn_round_with_the_quantity() -> None:
    """More energy is fewer inferences and more CO2; both intervals stay in order and hold the middle."""
    whole = comparison(float_run(energy_mj=measured(36.0, 30.0, 45.0)))
    (battery,) = battery_info(whole, GIVEN).rows
    (carbon,) = carbon_info(whole, GIVEN).rows
    assert battery.value.low == pytest.approx(1e6 * 36 / 45)
    assert battery.value.high == pytest.approx(1e6 * 36 / 30)
    assert carbon.value.low is not None
    assert carbon.value.high is not None
    assert carbon.value.low == pytest.approx(carbon.value.value * 30 / 36)
    assert carbon.value.high == pytest.approx(carbon.value.value * 45 / 36)


def test_an_estimate_stays_one_in_every_picture() -> None:
    """Bars from estimated energies are hatched."""
    whole = comparison()
    for info in (battery_info(whole, GIVEN), carbon_info(whole, GIVEN)):
        assert all(row.value.uncertain for row in info.rows)
        assert "gradient" in str(bars_spec(info))


def test_measured_and_estimated_never_stand_together() -> None:
    """Where one run was measured, an estimated one is left out with the reason."""
    found, left_out = footprints([float_run(energy_mj=measured(36.0, 35.0, 37.0)), quantized_run()], GIVEN)
    assert [item.label for item in found] == ["float"]
    assert "never compared" in left_out[0][1]


def test_a_run_without_energy_is_left_out_with_its_reason() -> None:
    """No number is no bar, and the reason is kept."""
    found, left_out = footprints([float_run(energy_mj=Energy(None, None, "measured:rapl", "drowned"))], GIVEN)
    assert not found
    assert left_out == (("float", "drowned"),)


def test_an_energy_of_zero_is_no_bar_and_an_end_at_zero_no_interval() -> None:
    """Nothing can be divided by it: it is left out with a reason, or drawn without an interval."""
    found, left_out = footprints([float_run(energy_mj=measured(0.0, 0.0, 1.0))], GIVEN)
    assert not found
    assert left_out == (("float", "it took no energy that could be told from zero"),)
    whole = comparison(float_run(energy_mj=measured(36.0, 0.0, 72.0)))
    for info in (battery_info(whole, GIVEN), carbon_info(whole, GIVEN)):
        (row,) = info.rows
        assert (row.value.low, row.value.high) == (None, None)
