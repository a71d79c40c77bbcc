"""Where the command line begins, and where every way to end it becomes an exit code.

0 success; 1 the work failed; 2 the input or the command cannot be used; 130 Ctrl-C; 141 nobody reads the output.
"""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType

from qexplorer.cli.apart import INTERRUPTED, goes_apart, run_apart, run_in_turn
from qexplorer.cli.parser import build_parser
from qexplorer.cli.terminal import fail
from qexplorer.core.disk.room import disk_error
from qexplorer.core.errors import Cancelled, QExplorerError

__all__ = ["main"]

NO_READER = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; never raises, never prints a traceback.

    Args:
        arguments: what follows ``qexplorer``; those of the process by default.
    """
    if arguments is None:
        _own_the_process()
    try:
        order = build_parser().parse_args(arguments)
        code = run_apart(sys.argv[1:]) if arguments is None and goes_apart(order) else run_in_turn(order)
        sys.stdout.flush()
    except SystemExit as end:  # argparse after --help, --version and usage errors
        return end.code if isinstance(end.code, int) else 1
    except (KeyboardInterrupt, Cancelled):
        fail("interrupted; nothing half-written was left behind")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return NO_READER
    except QExplorerError as error:
        fail(error.sentence)
        return error.exit_code
    except OSError as error:
        return _refused_by_disk(error)
    except Exception as error:  # the boundary: a person gets a sentence, never a traceback
        return _unexpected(error)
    return code


def _refused_by_disk(error: OSError) -> int:
    told = disk_error(error)
    if told is None:
        return _unexpected(error)
    fail(told.sentence)
    return told.exit_code


def _unexpected(error: Exception) -> int:
    """One line for a fault of this program; the traceback only for who asks for it."""
    if os.environ.get("QEXPLORER_DEBUG"):
        raise error
    from qexplorer.process.unforeseen import unforeseen

    fail(f"{unforeseen(error).sentence}; set QEXPLORER_DEBUG=1 to see where")
    return 1


def _own_the_process() -> None:
    """Stops warnings from mixing with the output, and lets ``kill`` end children as Ctrl-C does."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # children too
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
