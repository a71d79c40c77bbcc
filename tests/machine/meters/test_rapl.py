"""Counters of processor packages, in a folder that stands for Linux's powercap."""

from __future__ import annotations

from pathlib import Path

import pytest

from qexplorer.machine.meters.rapl import RaplMeter
from qexplorer.run.protocol import Availability


def test_rapl_sums_packages_and_not_their_parts(tmp_path: Path) -> None:
    """Two packages of 3 and 4 J are 7 J; neither the core zone inside the first nor its second interface adds to it."""
    again = {"intel-rapl:0:0": 2_000_000, "intel-rapl-mmio:0": 3_000_000}
    for name, value in ({"intel-rapl:0": 3_000_000, "intel-rapl:1": 4_000_000} | again).items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
    meter = RaplMeter(tmp_path)
    assert meter.availability() == Availability(True)
    assert meter.read_joules() == pytest.approx(7.0)


def test_rapl_goes_on_when_its_counter_wraps(tmp_path: Path) -> None:
    """A counter of 10 J that goes from 9 to 1 has counted 2 more."""
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "max_energy_range_uj").write_text("9999999\n")
    (zone / "energy_uj").write_text("9000000\n")
    meter = RaplMeter(tmp_path)
    before = meter.read_joules() or 0
    (zone / "energy_uj").write_text("1000000\n")
    assert (meter.read_joules() or 0) - before == 2.0


def test_rapl_that_only_root_may_read_says_how_to_enable_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter without permission is unavailable, with the command that changes that."""
    (tmp_path / "intel-rapl:0").mkdir()

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "denied")

    monkeypatch.setattr(Path, "read_text", denied)
    state = RaplMeter(tmp_path).availability()
    assert not state.available
    assert "only root" in (state.reason or "")
    assert "chmod a+r" in (state.enable or "")


def test_a_machine_without_counters_says_so(tmp_path: Path) -> None:
    """No powercap zone: unavailable, with a reason and nothing to enable."""
    for root in (tmp_path, tmp_path / "missing"):
        state = RaplMeter(root).availability()
        assert not state.available
        assert "no RAPL counters" in (state.reason or "")


@pytest.mark.parametrize("content", ["", "many", None])
def test_a_counter_that_cannot_be_read_is_no_meter(tmp_path: Path, content: str | None) -> None:
    """Neither one that holds no number nor one that is gone; one of two is enough, and nothing enables it."""
    for name in ("intel-rapl:0", "intel-rapl:1"):
        (tmp_path / name).mkdir()
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("3000000\n")
    if content is not None:
        (tmp_path / "intel-rapl:1" / "energy_uj").write_text(content)
    state = RaplMeter(tmp_path).availability()
    assert (state.available, state.enable) == (False, None)
    assert "cannot be read" in (state.reason or "")


def test_laps_add_up_by_package_and_a_counter_may_stand_at_zero(tmp_path: Path) -> None:
    """Two laps of the one of 10 J, none of the other, which stands still: what was read before never falls."""
    for name, value in (("intel-rapl:0", 0), ("intel-rapl:1", 2_000_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text(f"{value}\n")
        (tmp_path / name / "max_energy_range_uj").write_text("9999999\n")
    meter = RaplMeter(tmp_path)
    found = [meter.read_joules()]
    for value in (9_000_000, 1_000_000, 1_000_000, 500_000):
        (tmp_path / "intel-rapl:0" / "energy_uj").write_text(f"{value}\n")
        found.append(meter.read_joules())
    assert found == pytest.approx([2.0, 11.0, 13.0, 13.0, 22.5])
