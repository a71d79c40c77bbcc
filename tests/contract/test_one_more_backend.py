"""One more backend is one file: seen by doctor, colours, controls, help, a comparison and its record."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import qexplorer as qx
from qexplorer.cli import main
from qexplorer.core.errors import UnknownName
from qexplorer.core.results import Status
from qexplorer.core.workspace import workspace
from qexplorer.jobs.records import write_json
from qexplorer.machine.description import describe_machine
from qexplorer.report.palette import NEUTRAL, backend_colour
from qexplorer.run.registry import BACKENDS, reference, usable
from tests.contract.throw_away import bring
from tests.pages.app import open_app, texts

_SOURCE = '''
from qexplorer.run.onnxruntime.backend import OnnxRuntimeCpu
from qexplorer.run.protocol import Capabilities, Facts


class Sundial(OnnxRuntimeCpu):
    """ONNX Runtime under another name, which says of itself that it knows no integers."""

    name = "sundial"
    label = "Sundial (roof)"
    capabilities = Capabilities("cpu", frozenset(), frozenset(), simulates=True)
    facts = Facts("#b05a2c", ("pytest",), rank=45)


ENTRIES = (Sundial(),)
'''


@pytest.fixture(autouse=True)
def sundial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend, here and in children."""
    bring(monkeypatch, BACKENDS, "sundial_backend", _SOURCE, tmp_path)


def test_lists_colours_and_versions_know_it(capsys: pytest.CaptureFixture[str]) -> None:
    """It stands in its place; its hue is used; the version of what computes is kept; doctor has it."""
    place = BACKENDS.names().index("sundial")
    assert BACKENDS.names()[place - 1 : place + 2] == ("torch", "sundial", "torch-cuda")
    assert reference().name == "onnxruntime"
    assert backend_colour("sundial") == "#b05a2c"
    assert describe_machine().versions["pytest"] == pytest.__version__
    assert main(["doctor", "--json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["backends"]}
    assert found["sundial"]["label"] == "Sundial (roof)"
    assert found["sundial"]["available"]


def test_it_is_compared_and_recorded() -> None:
    """Children find it too: a comparison on it has float and a recipe, judged and timed."""
    table = qx.compare("tumour_mlp", "w8a8", backends=["sundial"], samples=32)
    assert [(run.recipe, run.backend, run.status) for run in table.runs] == [
        ("float", "sundial", Status.OK),
        ("w8a8", "sundial", Status.OK),
    ]
    assert table.to_json()["machine"]["versions"]["pytest"] == pytest.__version__


def test_the_page_offers_it_and_says_what_runs_in_float() -> None:
    """Page Compare lists it among backends; chosen, the page says that it has no integer kernels."""
    value = {"model": "tumour_mlp", "data": "tumour", "choices": {"compare_backends": ["sundial"]}}
    write_json(workspace("sessions") / "contract-backend.json", value)
    app = open_app("pages/compare.py", session="contract-backend")
    offered = [str(option.content) for pills in app.get("button_group") for option in pills.proto.options]
    assert any("Sundial (roof)" in text for text in offered)
    (told,) = (line for line in texts(app).splitlines() if "will run in float on Sundial" in line)
    assert "no integer kernels for uint8 activations" in told


def test_unknown_names_are_refused() -> None:
    """No backend stands in for a name that is none, and a colour of an unknown one is nobody's."""
    with pytest.raises(UnknownName, match="did you mean 'sundial'"):
        usable("sundail")
    assert backend_colour("sundail") == NEUTRAL


def test_reading_the_folder_imports_no_runtime() -> None:
    """Listing all backends, as every page and child process does, imports none of the heavy packages."""
    heavy = {"torch", "onnx", "onnxruntime", "openvino", "tensorrt", "ai_edge_litert", "litert_torch", "pydantic"}
    code = "import sys\nfrom qexplorer.run.registry import BACKENDS\nBACKENDS.names()\n"
    code += f"print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
