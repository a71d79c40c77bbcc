"""The cluster on page System: which one does sweeps, who works in it, and what is wrong with it."""

from __future__ import annotations

import os

import streamlit as st

from qexplorer.core.errors import InputError, QExplorerError
from qexplorer.core.foreign.media import in_table
from qexplorer.core.workspace import is_someones
from qexplorer.report.words import bytes_text
from qexplorer.scheduling.chosen import VARIABLE, choose_cluster, chosen_cluster, cluster_address
from qexplorer.scheduling.status import ClusterState, cluster_state
from qexplorer.ui.serving.people import is_shared
from qexplorer.ui.session import as_plain, show_error

__all__ = ["draw_cluster"]

_WHAT = (
    "Sweeps are independent tasks, which this machine does in child processes. A Dask cluster does them on other "
    "machines: layers of a sensitivity, remedies of a repair, mixes and recipes of a search, networks, and the answers "
    "of a comparison, whose times are all taken on one machine. `docs/cluster.md` says how to start one on two laptops."
)
_TRUST = "Whoever runs that scheduler can run programs on this machine and on the workers: name one of your own."
_FOUND = "cluster_found"


def draw_cluster() -> None:
    """Draws the section; not for visitors of a shared host, who choose nothing that runs for others."""
    if is_shared() or is_someones():
        return
    st.header("Cluster")
    st.caption(_WHAT)
    try:
        chosen, fixed = chosen_cluster(), _named_outside()
    except QExplorerError as error:
        show_error(error)
        return
    if fixed:
        does = f"the cluster at {chosen} does" if chosen else "this machine does"
        st.caption(as_plain(f"{VARIABLE} is set, by which {does} all sweeps."))
        if chosen and st.button("Look", key="cluster_look"):
            _look(chosen)
    else:
        _choose(chosen)
    found = st.session_state.get(_FOUND)
    if isinstance(found, ClusterState) and found.address == chosen:
        _draw(found)


def _named_outside() -> bool:
    return bool(os.environ.get(VARIABLE, "").strip())


def _choose(chosen: str | None) -> None:
    with st.form("cluster_address", border=False):
        left, use, away, _ = st.columns([4, 1, 1, 1], vertical_alignment="bottom")
        typed = left.text_input(
            "Address of its scheduler", value=chosen or "", placeholder="tcp://192.168.1.5:8786", help=_TRUST
        )
        wanted = use.form_submit_button("Use", width="stretch")
        unwanted = away.form_submit_button("Leave", width="stretch", disabled=chosen is None)
    if unwanted:
        choose_cluster(None)
        st.session_state.pop(_FOUND, None)
        st.rerun()
    if wanted:
        try:
            address = cluster_address(typed)
        except InputError as error:
            show_error(error)
            return
        if _look(address):
            choose_cluster(address)
            st.rerun()


def _look(address: str) -> bool:
    """Asks the cluster; whether it can be used."""
    st.session_state.pop(_FOUND, None)
    try:
        with st.spinner("Asking the cluster who works in it: a few seconds."):
            found = cluster_state(address)
    except QExplorerError as error:
        show_error(error)
        return False
    if not found.workers:
        do = f"start some with 'dask worker {address} --nthreads 1 --nworkers 2'"
        show_error(InputError("the cluster has no workers", where=address, do=do))
        return False
    st.session_state[_FOUND] = found
    return True


def _draw(found: ClusterState) -> None:
    good = [worker for worker in found.workers if worker.problem is None]
    threads, done = sum(worker.threads for worker in good), sum(worker.done for worker in good)
    machines = {worker.machine: worker for worker in good}
    memory = bytes_text(sum(worker.memory_bytes for worker in machines.values()))
    cores = sum(worker.cores for worker in machines.values())
    st.markdown(
        as_plain(
            f"{_count(len(good), 'worker')} on {_count(len(machines), 'machine')}: {_count(threads, 'task')} beside "
            f"each other, {_count(cores, 'processor')}, {memory} of memory; {_count(done, 'task')} done."
        )
    )
    for worker in found.workers:
        if worker.problem is not None:
            st.warning(as_plain(worker.problem), icon=":material/block:")
    rows = [
        {
            "Worker": worker.address,
            "Machine": worker.machine,
            "Tasks at once": worker.threads,
            "Processors": worker.cores,
            "Memory": bytes_text(worker.memory_bytes),
            "Tasks done": worker.done,
            "Takes timings": "yes" if worker.takes_timings else "no",
        }
        for worker in found.workers
    ]
    st.dataframe(in_table(rows), hide_index=True)
    if not any(worker.takes_timings for worker in good):
        st.caption("No worker takes timings: start one of each machine with `--resources machine=1`.")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
