"""The cluster on page System: chosen, looked at, left; refused where it cannot be used."""

from __future__ import annotations

from typing import Any

import pytest

from qexplorer.core.errors import ChildTimeout, InputError
from qexplorer.scheduling.chosen import VARIABLE, chosen_cluster
from qexplorer.scheduling.status import ClusterState, ClusterWorker, cluster_state
from qexplorer.ui.system import cluster as section
from tests.pages.app import open_app, texts

ADDRESS = "tcp://192.168.1.5:8786"


def worker(number: int, **change: Any) -> ClusterWorker:
    """One of four processors and 8 GiB."""
    plain = {"address": f"tcp://192.168.1.5:{number}", "machine": "one", "threads": 1, "cores": 4}
    return ClusterWorker(**{**plain, "memory_bytes": 2**33, "done": 7, "takes_timings": False, **change})


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> ClusterState:
    """Three workers on two machines, one of them of another program."""
    other = worker(3, machine="two", problem="the worker tcp://192.168.1.5:3 has numpy 1.0, and this machine 2.0")
    state = ClusterState(ADDRESS, (worker(1), worker(2), other))
    monkeypatch.setattr(section, "cluster_state", lambda address: ClusterState(address, state.workers))
    monkeypatch.delenv(VARIABLE, raising=False)
    return state


def use(app: Any, typed: str) -> Any:
    """Types an address and presses Use."""
    next(field for field in app.text_input if field.label == "Address of its scheduler").set_value(typed)
    return next(button for button in app.button if button.label == "Use").click().run()


def test_a_cluster_is_chosen_and_shown() -> None:
    """Workers that can be used are counted with their processors and tasks, the others say what is wrong."""
    app = use(open_app("pages/system.py"), "192.168.1.5:8786")
    assert not app.exception
    assert chosen_cluster() == ADDRESS
    said = texts(app)
    wanted = "2 workers on 1 machine: 2 tasks beside each other, 4 processors, 8.59 GB of memory; 14 tasks done"
    assert wanted in said.replace("\\", "")
    assert "has numpy 1.0" in app.warning[0].value
    assert "--resources machine=1" in said
    app = next(button for button in app.button if button.label == "Leave").click().run()
    assert chosen_cluster() is None
    assert "2 workers" not in texts(app)


def test_what_cannot_be_used_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, nobody there, what never answers, no workers: a sentence each, and the choice stays what it was."""

    def refused(address: str) -> ClusterState:
        raise InputError("no Dask scheduler answers there", where=address)

    def slow(*_: object, **__: object) -> None:
        raise ChildTimeout("the work took longer than 45 s and was ended")

    app = use(open_app("pages/system.py"), "nonsense")
    assert "is no address of a Dask scheduler" in app.error[0].value
    monkeypatch.setattr(section, "cluster_state", refused)
    assert "no Dask scheduler answers" in use(app, ADDRESS).error[0].value
    monkeypatch.setattr(section, "cluster_state", cluster_state)
    monkeypatch.setattr("qexplorer.scheduling.status.run_in_child", slow)
    assert "did not answer as a Dask scheduler does" in use(app, ADDRESS).error[0].value
    monkeypatch.setattr(section, "cluster_state", lambda address: ClusterState(address, ()))
    assert "has no workers" in use(app, ADDRESS).error[0].value
    assert chosen_cluster() is None


def test_the_environment_is_told_and_visitors_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the variable is set there is nothing to choose; on a shared host there is no such section."""
    monkeypatch.setenv(VARIABLE, ADDRESS)
    app = open_app("pages/system.py")
    assert f"{VARIABLE} is set, by which the cluster at tcp" in texts(app)
    assert not [button for button in app.button if button.label == "Use"]
    monkeypatch.setattr(section, "is_shared", lambda: True)
    assert "Cluster" not in [header.value for header in open_app("pages/system.py").header]
