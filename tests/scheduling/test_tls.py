"""A cluster that answers only who has a certificate of its authority."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qexplorer.core.errors import InputError
from qexplorer.scheduling import dask_scheduler, on_worker
from qexplorer.scheduling.dask_scheduler import connected, told_apart

_TLS = "distributed.comm.tls"
_MADE = """
req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem
req -newkey rsa:2048 -nodes -subj /CN=cluster -keyout key.pem -out request.pem
x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -out cert.pem
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    """Of Dask, as the environment variables on the page make them."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    for line in _MADE.split("\n")[1:-1]:
        subprocess.run([openssl, *line.split()], cwd=tmp_path, check=True, capture_output=True)
    named = {"ca-file": "ca.pem"}
    for who in ("scheduler", "worker", "client"):
        named |= {f"{who}.cert": "cert.pem", f"{who}.key": "key.pem"}
    found: dict[str, Any] = {f"{_TLS}.{name}": str(tmp_path / file) for name, file in named.items()}
    return found | {"distributed.comm.require-encryption": True}


@pytest.fixture
def address(settings: dict[str, Any]) -> Iterator[str]:
    """A scheduler with a worker, in threads of this process."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set(settings),
        LocalCluster(n_workers=1, processes=False, protocol="tls", host="127.0.0.1", dashboard_address=":0") as started,
    ):
        yield started.scheduler_address


def test_who_has_a_certificate_is_answered(
    address: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is taken as it is printed; without a certificate it is said what is lacking, and nothing is told."""
    import dask

    assert address.startswith("tls://")
    with dask.config.set(settings), connected(address) as client:
        (about,) = client.run(on_worker.about).items()
        assert told_apart(dict([about])) is None
    monkeypatch.setattr(dask_scheduler, "_ANSWER_S", 2)
    nothing = dict.fromkeys(settings)
    lacking = r"no Dask scheduler answers .*name authority, certificate and key"
    with dask.config.set(nothing), pytest.raises(InputError, match=lacking):
        connected(address)
