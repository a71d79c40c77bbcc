"""The process of a job: takes an order as data, does the work of its kind, returns the result as data.

What is imported here is little: a crowd of jobs that start at once stand in the line before the first of them reads a
recipe or draws on NumPy, which takes a third of a second of processor time each.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qexplorer.core.disk.at_work import at_work
from qexplorer.core.errors import InputError
from qexplorer.jobs.processes.mark import MARK
from qexplorer.jobs.report import Report
from qexplorer.process.child import Emit
from qexplorer.process.places.taking import beside, turn

if TYPE_CHECKING:
    from qexplorer.jobs.kind import AnyKind

__all__ = ["do_job"]


def do_job(arguments: dict[str, Any], emit: Emit) -> Any:
    """Does what is ordered.

    Args:
        arguments: ``kind`` (its name), ``order`` (as its type is written), ``job`` (the id), ``asked_ns`` (when: its
            place in the line for the machine).
        emit: takes ``progress`` and ``partial`` events.

    Returns:
        The result as its type is written.

    Raises:
        UnknownName: no such kind.
        InputError: the order is not one of that kind, or names what is not there.
    """
    os.environ[MARK] = arguments["job"]  # inherited by all that is started from here, so that cancel finds it
    report: Report[Any] = Report(arguments["job"], emit)
    try:
        report.keep_room()
        asked = turn(report.wait, what=arguments["kind"], asked_ns=arguments["asked_ns"])
        with at_work(arguments["order"]), asked:
            with beside():
                from qexplorer.jobs.coding import encode
                from qexplorer.jobs.kind import JOB_KINDS

                kind = JOB_KINDS.get(arguments["kind"])
                order = _order(kind, arguments["order"])
            report.partial_type = kind.partial
            result = kind.work(order, report)
    finally:
        report.release_room()
        report.flush()
    return encode(kind.result, result)


def _order(kind: AnyKind, value: Any) -> Any:
    from qexplorer.jobs.coding import decode

    try:
        return decode(kind.order, value)
    except ValueError as error:
        told = " ".join(str(error).split())[:300]
        raise InputError(f"the order is not one of the kind '{kind.name}' ({told})", do="start it again") from None
