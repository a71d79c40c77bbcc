"""Which cluster is chosen: the environment goes first, a shared host's visitors choose none."""

from __future__ import annotations

import pytest

from qexplorer.core.errors import InputError
from qexplorer.core.workspace import share, workspace
from qexplorer.scheduling.chosen import VARIABLE, choose_cluster, chosen_cluster, cluster_address


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("192.168.1.5:8786", "tcp://192.168.1.5:8786"),
        (" tls://node.local:8786/ ", "tls://node.local:8786"),
        ("tcp://[fe80::1]:8786", "tcp://[fe80::1]:8786"),
    ],
)
def test_an_address_is_taken_with_or_without_its_scheme(typed: str, wanted: str) -> None:
    """What ``dask scheduler`` prints is taken, and so is a host with a port."""
    assert cluster_address(typed) == wanted


@pytest.mark.parametrize(
    "typed", ["", "node", "inproc://1/2", "http://node:8786", "tcp://node:8786; rm", "node:99999", "node:0"]
)
def test_other_texts_are_no_address(typed: str) -> None:
    """Nothing but a host and a port behind a known scheme is handed to distributed."""
    with pytest.raises(InputError):
        cluster_address(typed)


def test_the_choice_is_kept_and_the_environment_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice holds until it is taken back; ``off`` and an address in the environment override it."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen_cluster() is None
    choose_cluster("node:1")
    assert chosen_cluster() == "tcp://node:1"
    monkeypatch.setenv(VARIABLE, "off")
    assert chosen_cluster() is None
    monkeypatch.setenv(VARIABLE, "tls://other:2")
    assert chosen_cluster() == "tls://other:2"
    monkeypatch.delenv(VARIABLE)
    choose_cluster(None)
    assert chosen_cluster() is None
    (workspace() / "cluster.json").write_text("[]")
    assert chosen_cluster() is None


def test_visitors_of_a_shared_host_choose_none() -> None:
    """A person on a shared host cannot have this program connect anywhere."""
    share(lambda: "somebody")
    try:
        with pytest.raises(InputError, match="shared host"):
            choose_cluster("node:1")
    finally:
        share(lambda: None)
