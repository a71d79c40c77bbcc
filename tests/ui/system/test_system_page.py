"""What page System says of a machine, a cluster and a workspace with known numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.scheduling.status import ClusterState, ClusterWorker
from qexplorer.ui.system import cluster, disk, panel
from tests.ui.screens import screen_of

MACHINE: dict[str, Any] = {
    "cpu": "A CPU",
    "cores": 2,
    "logical_cpus": 4,
    "memory_bytes": 8_000_000_000,
    "system": "Linux",
}
WORKER = ClusterWorker("tcp://b:1", "b", 2, 4, 8_000_000_000, 7, takes_timings=True, problem=None)
STATE = ClusterState("tcp://a:1", (WORKER, replace(WORKER, address="tcp://b:2")))


@pytest.mark.parametrize(
    ("cores", "words"), [(2, "2 cores, 4 logical processors usable, 8.00 GB"), (None, "4 logical")]
)
def test_a_machine_is_told_in_a_line(cores: int | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cores where nobody knows them."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "outlook", lambda _: "int8 is fast.")
    panel._summary(MACHINE | {"cores": cores})
    assert screen.said.splitlines()[1].startswith(words)
    assert "A CPU" in screen.said
    assert "int8 is fast." in screen.said


FEATURES = [SimpleNamespace(here=here, name=name, what="wide") for here, name in ((True, "avx2"), (False, "amx"))]


@pytest.mark.parametrize("rows", [[], FEATURES])
def test_instructions_are_there_or_not(rows: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Or nobody says so."""
    screen = screen_of(monkeypatch, panel)
    monkeypatch.setattr(panel, "feature_rows", lambda _: rows)
    panel._features(MACHINE)
    assert ("does not say which instructions" in screen.said) is not rows
    marks = [line.split("[")[0] for line in screen.said.splitlines() if line.startswith(":")]
    assert marks == ([":green", ":grey"] if rows else [])


@pytest.mark.parametrize(
    ("limit", "words"), [(72.0, "Driver 600.1, at most 72 W"), (None, "Driver 600.1"), (0, "Driver 600.1")]
)
def test_a_gpu_has_its_driver_and_its_limit(limit: float | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit where it is known; without a GPU that is said."""
    screen = screen_of(monkeypatch, panel)
    gpu = {"name": "G", "memory_bytes": 2**34, "driver": "600.1", "power_limit_watts": limit}
    panel._gpus({"gpus": [gpu]})
    assert screen.said.splitlines()[-1] == words
    assert "No NVIDIA GPU" not in screen.said
    panel._gpus({"gpus": []})
    assert "No NVIDIA GPU" in screen.said


def test_backends_that_are_missing_stand_apart_with_the_way_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command where there is one; how many are ready."""
    ready = {"label": "A", "available": True, "reason": None, "enable": None}
    lacking = [
        ready | {"label": "B", "available": False, "reason": "no GPU", "enable": enable} for enable in ("pip b", None)
    ]
    screen = screen_of(monkeypatch, panel)
    panel._backends([ready, *lacking], {"torch": "2", "onnx": "1"})
    assert "Ready: 1 of 3" in screen.said
    assert screen.said.splitlines()[2:5:2] == [
        ":green[:material/check:] **A**",
        ":grey[:material/block:] **B**: no GPU",
    ]
    assert [args for args, _ in screen.of("code")] == [("pip b",)]
    assert "Versions: torch 2, onnx 1" in screen.said


def test_a_cluster_is_told_by_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines are counted once, workers with a problem not at all; that none takes timings is said."""
    screen = screen_of(monkeypatch, cluster)
    cluster._draw(STATE)
    told = "2 workers on 1 machine: 4 tasks beside each other, 4 processors, 8.00 GB of memory; 14 tasks done."
    assert screen.said == told
    rows = screen.of("dataframe")[0][0][0]
    assert [row["Takes timings"] for row in rows] == ["yes", "yes"]
    broken = replace(WORKER, address="tcp://c:1", machine="c", problem="it has another version")
    shy = replace(WORKER, takes_timings=False, threads=1, done=1, cores=1)
    screen = screen_of(monkeypatch, cluster)
    cluster._draw(replace(STATE, workers=(shy, broken)))
    first, second, third = screen.said.splitlines()
    assert first == "1 worker on 1 machine: 1 task beside each other, 1 processor, 8.00 GB of memory; 1 task done."
    assert second == "it has another version"
    assert third.startswith("No worker takes timings")


@pytest.mark.parametrize(("workers", "usable"), [(STATE.workers, True), ((), False), (None, False)])
def test_a_cluster_is_used_where_somebody_works_in_it(
    workers: Any, usable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What keeps it from that is said, and what was found before is gone."""
    errors: list[str] = []
    screen = screen_of(monkeypatch, cluster)
    screen.session_state[cluster._FOUND] = "before"

    def look(address: str) -> ClusterState:
        if workers is None:
            raise InputError("nobody answers", where=address)
        return ClusterState(address, workers)

    monkeypatch.setattr(cluster, "cluster_state", look)
    monkeypatch.setattr(cluster, "show_error", lambda error: errors.append(error.what))
    assert cluster._look("tcp://a:1") is usable
    assert (cluster._FOUND in screen.session_state) is usable
    assert errors == ([] if usable else ["the cluster has no workers" if workers == () else "nobody answers"])


@pytest.mark.parametrize(
    ("shared", "chosen", "fixed", "said", "shown"),
    [
        (True, "tcp://a:1", False, None, False),
        (False, "tcp://a:1", True, "the cluster at tcp", True),
        (False, None, True, "this machine does all sweeps", False),
        (False, "tcp://a:1", False, "", True),
        (False, "tcp://other:1", False, "", False),
    ],
)
def test_who_chose_the_cluster_is_told(
    shared: bool, chosen: str | None, fixed: bool, said: str | None, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever started the app, or sits in front of it; visitors choose nothing. What was found is of that one."""
    screen = screen_of(monkeypatch, cluster)
    screen.session_state[cluster._FOUND] = STATE
    drawn: list[object] = []
    monkeypatch.setattr(cluster, "is_shared", lambda: shared)
    monkeypatch.setattr(cluster, "is_someones", lambda: False)
    monkeypatch.setattr(cluster, "chosen_cluster", lambda: chosen)
    monkeypatch.setenv(cluster.VARIABLE, " x " if fixed else "  ")
    monkeypatch.setattr(cluster, "_choose", lambda _: screen.called("choose", (), {}))
    monkeypatch.setattr(cluster, "_draw", drawn.append)
    cluster.draw_cluster()
    if said is None:
        assert screen.calls == []
        return
    assert said in screen.said
    assert ("is set, by which" in screen.said, len(screen.of("choose"))) == (fixed, int(not fixed))
    assert ("Look" in screen.labels) is (fixed and chosen is not None)
    assert drawn == ([STATE] if shown else [])


@pytest.mark.parametrize(
    ("pressed", "address", "answers", "chosen"),
    [
        ("Leave", "", True, [None]),
        ("Use", "a:1", True, ["tcp://a:1"]),
        ("Use", "a:1", False, []),
        ("Use", "?", True, []),
    ],
)
def test_a_cluster_is_chosen_once_it_answers(
    pressed: str, address: str, answers: bool, chosen: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or left; an address that is none is one sentence."""
    errors: list[object] = []
    done: list[object] = []
    screen = screen_of(monkeypatch, cluster, text_input=address, **{"Use": False, "Leave": False} | {pressed: True})
    screen.answers["Address of its scheduler"] = address

    def address_of(typed: str) -> str:
        if typed == "?":
            raise InputError("no address")
        return f"tcp://{typed}"

    monkeypatch.setattr(cluster, "cluster_address", address_of)
    monkeypatch.setattr(cluster, "_look", lambda _: answers)
    monkeypatch.setattr(cluster, "choose_cluster", done.append)
    monkeypatch.setattr(cluster, "show_error", errors.append)
    cluster._choose("tcp://b:1")
    assert (done, len(screen.of("rerun")), len(errors)) == (chosen, len(chosen), int(address == "?"))


@pytest.mark.parametrize(
    ("held", "limit", "free"),
    [({"models": 3_000, "data": 1_000}, 10_000, 6_000), ({"models": 3_000}, 1_000, 0), ({}, 0, 0)],
)
def test_a_workspace_is_a_bar_as_long_as_its_limit(held: dict[str, int], limit: int, free: int) -> None:
    """Parts and what is free add up to all of it; beyond the limit nothing is free."""
    html = disk.usage_html(held, limit)
    parts = [float(part.split(" ")[0]) for part in html.split("flex:")[1:]]
    assert len(parts) == len(held) + 1
    assert sum(parts) == pytest.approx(1.0 if held else 0.0)
    whole = max(sum(held.values()), limit, 1)
    assert parts[-1] == pytest.approx(free / whole, abs=1e-6)
    assert [
        part == pytest.approx(size / whole, abs=1e-6) for part, size in zip(parts, held.values(), strict=False)
    ] == [
        *(True for _ in held),
    ]
