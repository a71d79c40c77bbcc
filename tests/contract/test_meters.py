"""What every power meter keeps, and that one more is one file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qexplorer.cli import main
from qexplorer.core.errors import UnknownName
from qexplorer.machine.meters.protocol import Meter
from qexplorer.machine.meters.registry import METERS, best_meter
from tests.contract.throw_away import bring
from tests.pages.app import open_app, texts

EVERY = tuple(METERS)


@pytest.mark.parametrize("meter", EVERY, ids=lambda meter: meter.name)
def test_it_counts_or_says_why_not(meter: Meter) -> None:
    """Where it is available its counter never falls, or it is none; where it is not, the reason is given."""
    state = meter.availability()
    assert meter.device in ("cpu", "gpu")
    assert meter.update_s >= 0
    if not state.available:
        assert state.reason
        return
    first, second = meter.read_joules(), meter.read_joules()
    assert (first is None) == (second is None)
    assert first is None or second is None or 0 <= first <= second


def test_an_unknown_name_is_refused() -> None:
    """No meter stands in for a name that is none."""
    with pytest.raises(UnknownName, match="did you mean 'rapl'"):
        METERS.get("rapd")


_SOURCE = '''
from qexplorer.run.protocol import Availability


class Water:
    """Counts one joule a look."""

    name = "water"
    device = "gpu"
    update_s = 0.5
    rank = 5
    joules = 0.0

    def availability(self):
        return Availability(True, "a mill in the cellar")

    def read_joules(self):
        self.joules += 1.0
        return self.joules


ENTRIES = (Water(),)
'''


def test_one_more_meter_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file put into the folder is enough: it measures, in its place, and doctor and page System list it."""
    bring(monkeypatch, METERS, "water_meter", _SOURCE, tmp_path)
    assert METERS.names() == ("rapl", "water", *[name for name in METERS.names() if name not in ("rapl", "water")])
    assert best_meter("gpu").name == "water"
    assert main(["doctor", "--json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["power"]}
    assert found["water"] == {"name": "water", "available": True, "reason": "a mill in the cellar", "enable": None}
    assert "a mill in the cellar" in texts(open_app("pages/system.py"))
