"""Which cluster does the tasks of this workspace, where a person chose one."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from qexplorer.core.errors import InputError
from qexplorer.core.files import write_atomically
from qexplorer.core.workspace import is_someones, workspace

__all__ = ["VARIABLE", "choose_cluster", "chosen_cluster", "cluster_address", "on_cluster"]

VARIABLE = "QEXPLORER_SCHEDULER"
"""Environment variable: the address of the cluster that does all sweeps; it goes before what was chosen on page
System. ``off``: this machine does."""

_ADDRESS = re.compile(
    r"(?:(?P<scheme>tcp|tls|ws|wss)://)?(?P<rest>(?:\[[0-9a-fA-F:.%]+\]|[\w.-]+):(?P<port>\d{1,5}))/?"
)


def cluster_address(text: str) -> str:
    """The address that was typed, with its scheme.

    Raises:
        InputError: it is none.
    """
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or not 0 < int(found["port"]) < 2**16:
        allowed = "such as tcp://192.168.1.5:8786 or tls://node.local:8786"
        raise InputError(f"'{text.strip()}' is no address of a Dask scheduler", allowed=allowed)
    return f"{found['scheme'] or 'tcp'}://{found['rest']}"


def chosen_cluster() -> str | None:
    """The address of the cluster; None: this machine does the tasks.

    Raises:
        InputError: the environment names what is no address.
    """
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return None if named.lower() == "off" else cluster_address(named)
    try:
        return cluster_address(json.loads(_path().read_bytes())["address"])
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Has the sweeps of this process and of its children done on a cluster meanwhile.

    Args:
        address: of its scheduler, such as ``tcp://192.168.1.5:8786``; ``off``: this machine does them; None: nothing
            changes.

    Raises:
        InputError: it is no address.
    """
    before = os.environ.get(VARIABLE)
    if address is not None:
        os.environ[VARIABLE] = address if address.strip().lower() == "off" else cluster_address(address)
    try:
        yield
    finally:
        if address is not None:
            os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})


def choose_cluster(address: str | None) -> None:
    """Has sweeps done there from now on; None: by this machine.

    Raises:
        InputError: it is no address, or this is a shared host, where nobody chooses what runs for others.
    """
    if is_someones():
        do = f"ask whoever runs it, who can set {VARIABLE}"
        raise InputError("on a shared host a cluster is not chosen by who visits it", do=do)
    if address is None:
        _path().unlink(missing_ok=True)
    else:
        write_atomically(_path(), json.dumps({"address": cluster_address(address)}).encode())


def _path() -> Path:
    return workspace() / "cluster.json"
