"""The ways to start a cluster that the documentation gives: Dask takes every command line as it is written."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "cluster.compose.yaml").read_text())
KUBERNETES = yaml.safe_load((ROOT / "deploy" / "cluster.kubernetes.yaml").read_text())


def _containers() -> dict[str, dict[str, Any]]:
    return {who: KUBERNETES["spec"][who]["spec"]["containers"][0] for who in ("scheduler", "worker")}


def _commands() -> dict[str, list[str]]:
    """Every command by where it stands."""
    found = {f"compose {name}": service["entrypoint"] for name, service in COMPOSE["services"].items()}
    found |= {f"kubernetes {name}": [*each["command"], *each["args"]] for name, each in _containers().items()}
    page = (ROOT / "docs" / "cluster.md").read_text()
    lines = re.findall(r"^ {4}.*?(dask (?:scheduler|worker)\b[^#\n]*)", page, re.MULTILINE)
    return found | {f"page {number}": shlex.split(line) for number, line in enumerate(lines)}


@pytest.mark.parametrize("where", _commands())
def test_dask_takes_the_command_line(where: str) -> None:
    """Options are those that the installed version has; a worker names its scheduler unless the operator does."""
    from distributed.cli import dask_scheduler, dask_worker

    program, verb, *rest = _commands()[where]
    assert program == "dask"
    command = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}[verb]
    read = command.make_context(f"dask {verb}", list(rest)).params
    if verb == "worker" and not where.startswith("kubernetes"):
        assert re.fullmatch(r"(tcp|tls)://[\w.]+:8786", read["scheduler"])
    if verb == "worker":
        assert read["nthreads"] == 1
    assert (read.get("resources") == "machine=1") == (where == "compose timing" or "--resources" in rest)


def test_the_page_has_commands() -> None:
    """The commands of two laptops and of TLS are among those that are looked at."""
    verbs = [command[1] for where, command in _commands().items() if where.startswith("page")]
    assert verbs.count("scheduler") >= 2
    assert verbs.count("worker") >= 2


def test_the_operator_finds_the_ports_that_it_asks_for() -> None:
    """It names the scheduler by one port, and asks at the other before it takes workers away; both are open."""
    service = KUBERNETES["spec"]["scheduler"]["service"]
    open_ports = {port["name"]: port["containerPort"] for port in _containers()["scheduler"]["ports"]}
    assert open_ports == {port["targetPort"]: port["port"] for port in service["ports"]}
    assert set(open_ports) == {"tcp-comm", "http-dashboard"}
    args = _containers()["scheduler"]["args"]
    assert args[args.index("--port") + 1] == str(open_ports["tcp-comm"])
    assert args[args.index("--dashboard-address") + 1] == f":{open_ports['http-dashboard']}"


def test_workers_of_one_machine_share_workspace_and_line() -> None:
    """Files come once, and who takes timings waits for the others."""
    workers = [COMPOSE["services"][name] for name in ("worker", "timing")]
    assert all(each["volumes"] == ["workspace:/data"] for each in workers)
    assert all(each["environment"]["QEXPLORER_PLACES"].startswith("/data/") for each in workers)
    assert "cpus" not in workers[1]


def test_what_a_thousand_evaluations_cost_follows_from_measured_rates() -> None:
    """Every row of the table has the numbers of the kept benchmark, and the last one is a thousand times each."""
    found = json.loads((ROOT / "benchmarks" / "results" / "cluster.json").read_text())
    page = (ROOT / "docs" / "cluster.md").read_text()
    for name, rate in found["rates"].items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", page, re.MULTILINE)
        sent, first, each, thousand = [float(cell.split()[0]) for cell in row.split("|")[4:8]]
        assert f"| {rate['parameters']:,} |" in row
        assert (sent, first) == (round(rate["sent_bytes"] / 1e6, 2), round(rate["first_s"], 1))
        assert each == round(rate["each_s"], 3)
        assert thousand == round(1000 * rate["each_s"] / 60, 2)
    assert f"({found['scaling']['ratio']:.2f})" in page
